"""Promises of `newest`: what a read has to wait for, and what others write.

The ones about others need a `rival` (another storage over the same data) and say nothing of storages without.
"""

from __future__ import annotations

import asyncio

import pytest
from promises import caught_up, newest, promise, settled, state, watching, write_elsewhere
from storage_worlds import PREFIX, World, body, value_of, write

from orlop.storage.errors import KeyExists, KeyNotFound
from orlop.storage.interface import Entry, Write


@promise
async def newest_is_not_older_than_anything_acknowledged(w: World) -> None:
    """Of any resource; it never goes back; where nobody else writes it is `revision`."""
    last = await w.storage.newest()
    for i in range(10):
        written = await write_elsewhere(w, f"x{i}") if i % 2 else (await w.put("a", i)).revision
        now = await w.storage.newest()
        assert now >= written > last
        last = now
    if w.storage.exclusive:
        assert last == w.storage.revision


@promise
async def reads_that_catch_up_show_everything(w: World) -> None:
    """Also while others write, and when only other resources are written."""
    working = asyncio.gather(*(w.put(f"n{i}", i) for i in range(20)))
    mine = await w.create("mine", 1)
    await caught_up(w)
    page = await w.storage.list(PREFIX)
    assert page.revision >= mine.revision and PREFIX + "mine" in {entry.key for entry in page.entries}
    await working
    elsewhere = await write_elsewhere(w, "x")
    await caught_up(w)
    assert (await w.storage.list(PREFIX)).revision >= elsewhere
    assert len(await w.storage.history(PREFIX, page.revision, 100)) == 21 - len(page.entries)


@promise
async def what_others_write_is_seen(w: World) -> None:
    """By reads that catch up and by watches, as one's own."""
    if w.rival is None:
        return
    watch = await watching(w, w.storage.revision)
    created = await w.rival.create(PREFIX + "a", body("a", 1))
    assert await w.storage.newest() >= created.revision
    assert await state(w) == {"a": 1}
    await w.rival.guaranteed_update(PREFIX + "a", lambda _: write("a", 2))
    await caught_up(w)
    assert value_of(await w.storage.get(PREFIX + "a")) == 2
    await w.rival.delete(PREFIX + "a")
    assert await state(w) == {}
    await settled(w, watch)
    assert [value_of(event.entry) for event in watch.seen] == [1, 2, 2]


@promise
async def wrong_knowledge_is_found_out(w: World) -> None:
    """A hint that another's write made stale is verified before anything is answered: creates, updates and deletes
    are shown the newest state, and checks that refused an old one are asked again."""
    if w.storage.exclusive:
        return
    key = PREFIX + "a"
    old = await w.backend.create(key, body("a", 1), known=None)
    with pytest.raises(KeyExists):
        await w.backend.create(key, body("a", 9), known=None)
    await w.put("a", 2)
    entry = await w.backend.guaranteed_update(key, lambda seen: write("a", value_of(seen) + 10), known=old)
    assert value_of(entry) == 12

    def must_be_new(seen: Entry | None) -> Write:
        if value_of(seen) != 12:
            raise PermissionError("old")
        return write("a", 13)

    assert value_of(await w.backend.guaranteed_update(key, must_be_new, known=old)) == 13
    same = await w.backend.guaranteed_update(key, lambda _: write("a", 1), known=old)
    assert value_of(same) == 1 and same.revision > old.revision, "equal to the hint, not to what is there"
    current = await w.put("a", 14)

    def check(seen: Entry) -> None:
        if value_of(seen) != 14:
            raise PermissionError("old")

    gone = await w.backend.delete(key, check, known=old)
    assert gone.revision > current.revision and value_of(gone) == 14
    with pytest.raises(KeyNotFound):
        await w.backend.delete(key, known=current)
    again = await w.backend.guaranteed_update(
        key, lambda seen: write("a", 0 if seen is None else 99), known=current
    )
    assert value_of(again) == 0
    await w.delete("a")
    with pytest.raises(KeyNotFound):
        await w.backend.guaranteed_update(key, lambda _: None, known=again)
    assert value_of(await w.backend.create(key, body("a", 5), known=again)) == 5


@promise
async def no_update_of_two_writers_is_lost(w: World) -> None:
    """Increments through two storages at once: each counts."""
    if w.rival is None:
        return
    await w.create("a", 0)
    start = await newest(w)

    async def increment(entry: Entry | None) -> Write:
        await asyncio.sleep(0)
        return write("a", value_of(entry) + 1)

    both = [w.storage, w.rival] * 5
    await asyncio.gather(*(one.guaranteed_update(PREFIX + "a", increment) for one in both))
    assert await state(w) == {"a": 10}
    events = await w.storage.history(PREFIX, start, 100)
    assert [value_of(event.entry) for event in events] == list(range(1, 11))
