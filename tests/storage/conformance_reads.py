"""Promises of reads of one key, and of what reads never show."""

from __future__ import annotations

import asyncio

import pytest
from promises import caught_up, newest, promise, state, watching, write_elsewhere
from storage_worlds import PREFIX, World, value_of

from orlop.storage.errors import RevisionTooLarge
from orlop.storage.interface import Entry

FAR = 1_000_000


@promise
async def get_shows_what_was_acknowledged(w: World) -> None:
    """The state, nothing for what is not there, and neighbours' keys are not mistaken for it."""
    await w.create("ab", 1)
    await caught_up(w)
    assert value_of(await w.storage.get(PREFIX + "ab")) == 1
    for name in ("a", "abc", "ab/", ""):
        assert await w.storage.get(PREFIX + name) is None


@promise
async def get_at_a_revision_shows_that_moment(w: World) -> None:
    """Before it was created, each of its states, after its end, and at revisions that other writes took."""
    start = w.storage.revision
    moments: list[tuple[int, object]] = [(start, None)]
    moments.append(((await w.create("a", 1)).revision, 1))
    moments.append((await write_elsewhere(w, "x"), 1))
    moments.append(((await w.put("a", 2)).revision, 2))
    moments.append(((await w.create("b", 9)).revision, 2))
    moments.append(((await w.delete("a")).revision, None))
    moments.append(((await w.create("a", 3)).revision, 3))
    moments.append((await write_elsewhere(w, "y"), 3))
    await newest(w)
    for revision, value in moments:
        found = await w.storage.get(PREFIX + "a", revision=revision)
        assert value_of(found) == value
        assert found is None or found.revision <= revision


@promise
async def all_reads_hand_out_the_same_bytes(w: World) -> None:
    """A state is the same by get, list, exact get, exact list, watch and history."""
    start = w.storage.revision
    written = await w.create("a", {"text": "é", "n": [1, 2.5, None]})
    await w.create("b")
    watch = await watching(w, start)
    at = await newest(w)
    await watch.handed(at)
    found: list[Entry | None] = [
        await w.storage.get(PREFIX + "a"),
        await w.storage.get(PREFIX + "a", revision=at),
        await w.storage.get(PREFIX + "a", revision=written.revision),
        (await w.storage.list(PREFIX)).entries[0],
        (await w.storage.list(PREFIX, revision=written.revision)).entries[0],
        watch.seen[0].entry,
        (await w.storage.history(PREFIX, start, 9))[0].entry,
    ]
    for one in found:
        assert one is not None
        assert (one.key, one.revision, one.body) == (written.key, written.revision, written.body)


@promise
async def older_states_are_exact(w: World) -> None:
    """A list or get at any revision shows what was there then, pages included."""
    states: dict[int, dict[str, object]] = {w.storage.revision: {}}

    async def remember() -> None:
        states[await newest(w)] = await state(w)

    for i in range(6):
        await w.create(f"n{i}", i)
        await remember()
        await w.put("n0", 100 + i)
        await remember()
        if i % 2:
            await w.delete(f"n{i}")
            await remember()
        await write_elsewhere(w, f"{i}")
        await remember()
    await w.create("n1", "again")
    await caught_up(w)
    for revision, then in states.items():
        assert await w.state(revision) == then
        for name in ("n0", "n1", "n5"):
            assert value_of(await w.storage.get(PREFIX + name, revision=revision)) == then.get(name)
        page = await w.storage.list(PREFIX, revision=revision, start=PREFIX + "n1", limit=1)
        later = sorted(name for name in then if name >= "n1")
        assert [entry.key.removeprefix(PREFIX) for entry in page.entries] == later[:1]
        assert page.remaining == len(later[1:]) and page.revision == revision


@promise
async def the_future_is_not_readable(w: World) -> None:
    """RevisionTooLarge says what is current."""
    created = await w.create("a")
    current = await newest(w)
    future = created.revision + 1 if w.storage.exclusive else current + FAR
    for read in (w.storage.get(PREFIX + "a", revision=future), w.storage.list(PREFIX, revision=future)):
        with pytest.raises(RevisionTooLarge) as caught:
            await read
        assert caught.value.revision == future and current <= caught.value.current < future
    with pytest.raises(RevisionTooLarge):
        await w.storage.compact(future)


@promise
async def what_is_seen_is_committed(w: World) -> None:
    """While writes are under way, reads and watches show nothing that is not acknowledged in the end, and each list is
    the state at its revision."""
    start = w.storage.revision
    watch = await watching(w, start)
    tasks = [asyncio.ensure_future(w.create(f"n{i:02}")) for i in range(30)]
    pages: list[tuple[int, set[int], set[int]]] = []
    while not all(task.done() for task in tasks):
        page = await w.storage.list(PREFIX)
        seen = {event.revision for event in watch.seen}
        pages.append((page.revision, {entry.revision for entry in page.entries}, seen))
        if w.storage.exclusive:
            assert page.revision == w.storage.revision == len(page.entries) + start
            assert [event.revision for event in watch.seen] == list(range(start + 1, page.revision + 1))
            assert all(task.result().revision <= page.revision for task in tasks if task.done())
        await asyncio.sleep(0)
    written = {task.result().revision for task in tasks}
    for revision, listed, seen in pages:
        assert listed == {one for one in written if one <= revision}
        assert seen <= written and (not seen or seen == {one for one in written if one <= max(seen)})


@promise
async def a_write_is_read_by_its_writer(w: World) -> None:
    """Once acknowledged, by every read that catches up, again and again; its revision is readable."""
    for value in range(10):
        entry = await w.put("a", value)
        await caught_up(w)
        assert value_of(await w.storage.get(PREFIX + "a")) == value
        assert await w.state() == await w.state(entry.revision) == {"a": value}
        assert await w.storage.count(PREFIX) == 1
