"""Promises of `history`, and of who wrote what."""

from __future__ import annotations

from conformance_watches import some_history
from promises import newest, promise, write_elsewhere
from storage_worlds import PREFIX, World, body, value_of, write

from orlop.storage.interface import ADDED, DELETED, MODIFIED


@promise
async def history_is_the_newest_events(w: World) -> None:
    """At most so many, in order, above a revision, with the states before."""
    start = w.storage.revision
    expected = await some_history(w)
    for since in range(start, await newest(w) + 1):
        for most in (0, 1, 2, 100):
            events = await w.storage.history(PREFIX, since, most)
            told = [(event.type, event.entry.key, event.revision) for event in events]
            wanted = [one for one in expected if one[2] > since]
            assert told == (wanted[-most:] if most else [])
    newest_two = await w.storage.history(PREFIX, start, 2)
    assert (newest_two[0].type, value_of(newest_two[0].previous)) == (DELETED, 2)


@promise
async def history_of_one_object_is_its_own(w: World) -> None:
    """Under a longer prefix nothing else shows."""
    start = w.storage.revision
    for value in range(3):
        await w.put("a/x", value)
        await w.put("ab/x", value)
        await w.put("a/xx", value)
    await write_elsewhere(w, "y")
    await newest(w)
    events = await w.storage.history(PREFIX + "a/", start, 100)
    assert [event.entry.key for event in events] == [PREFIX + "a/x", PREFIX + "a/xx"] * 3
    assert await w.storage.history(PREFIX + "none/", start, 100) == []


@promise
async def the_writer_is_kept_with_the_write(w: World) -> None:
    """`origin`, byte for byte, for creates, updates and deletes; empty where none was given."""
    start = w.storage.revision
    key = PREFIX + "a"
    await w.storage.create(key, body("a", 1), origin=b'[1,"alice",""]')
    await w.storage.guaranteed_update(key, lambda _: write("a", 2), origin=b"\x00\xff bob")
    await w.storage.guaranteed_update(key, lambda _: write("a", 3))
    await w.storage.delete(key, origin=b"carol")
    await newest(w)
    for source in (w.storage, w.backend):
        events = await source.history(PREFIX, start, 10)
        assert [(event.type, event.origin) for event in events] == [
            (ADDED, b'[1,"alice",""]'),
            (MODIFIED, b"\x00\xff bob"),
            (MODIFIED, b""),
            (DELETED, b"carol"),
        ]


@promise
async def who_changed_nothing_is_not_in_history(w: World) -> None:
    """An update without a change leaves the note of the one who wrote."""
    start = w.storage.revision
    await w.storage.create(PREFIX + "a", body("a", 1), origin=b"alice")
    await w.storage.guaranteed_update(PREFIX + "a", lambda _: write("a", 1), origin=b"bob")
    await newest(w)
    assert [event.origin for event in await w.storage.history(PREFIX, start, 10)] == [b"alice"]
