"""Promises of `guaranteed_update`: from the newest state, and nobody between."""

from __future__ import annotations

import asyncio

import pytest
from promises import log, names, newest, promise, settled, state, watching
from storage_worlds import PREFIX, World, value_of, write

from orlop.storage.errors import KeyExists, KeyNotFound
from orlop.storage.interface import ADDED, DELETED, MODIFIED, Entry, Update, Write


class Conflict(Exception):
    """What an update function raises that wanted another revision."""


@promise
async def update_is_shown_the_newest_state(w: World) -> None:
    """And may create a key that is absent."""
    start = w.storage.revision
    seen: list[object] = []

    def update(entry: Entry | None) -> Write:
        seen.append(value_of(entry))
        return write("a", (value_of(entry) or 0) + 1)

    for _ in range(3):
        await w.storage.guaranteed_update(PREFIX + "a", update)
    assert seen[-1] == 2 and seen[0] is None and await state(w) == {"a": 3}
    assert [event.type for event in (await log(w, start)).seen] == [ADDED, MODIFIED, MODIFIED]


@promise
async def update_after_a_delete_starts_from_nothing(w: World) -> None:
    """And makes a new object."""
    await w.create("a", 1)
    gone = await w.delete("a")
    seen: list[Entry | None] = []

    def update(entry: Entry | None) -> Write:
        seen.append(entry)
        return write("a", 2)

    made = await w.storage.guaranteed_update(PREFIX + "a", update)
    assert seen[-1] is None and made.revision > gone.revision


@promise
async def what_changes_nothing_takes_no_revision(w: World) -> None:
    """An update to None, or to the very same bytes, returns the current entry and writes nothing."""
    first = await w.create("a", 7)
    watch = await watching(w, first.revision)
    assert (await w.storage.guaranteed_update(PREFIX + "a", lambda _: None)).revision == first.revision
    same = await w.put("a", 7)
    assert (same.body, same.revision) == (first.body, first.revision)
    await settled(w, watch)
    assert watch.seen == []
    if w.storage.exclusive:
        assert w.storage.revision == first.revision


@promise
async def update_of_an_absent_key_to_nothing_is_not_found(w: World) -> None:
    """KeyNotFound, because there is no current entry to return."""
    with pytest.raises(KeyNotFound) as caught:
        await w.storage.guaranteed_update(PREFIX + "a", lambda _: None)
    assert caught.value.key == PREFIX + "a" and await names(w) == []


@promise
async def what_an_update_raises_reaches_the_caller(w: World) -> None:
    """Unchanged, and nothing is written; for a key that is there and one that is not."""
    created = await w.create("a", 1)
    error = ZeroDivisionError("no")

    def refuse(_: Entry | None) -> Write:
        raise error

    async def refuse_later(_: Entry | None) -> Write:
        await asyncio.sleep(0)
        raise error

    for name in "ab":
        for update in (refuse, refuse_later):
            with pytest.raises(ZeroDivisionError) as caught:
                await w.storage.guaranteed_update(PREFIX + name, update)
            assert caught.value is error
    assert await state(w) == {"a": 1} and (await log(w, created.revision)).seen == []


@promise
async def no_update_is_lost(w: World) -> None:
    """Of many concurrent increments, with and without a pause between reading and writing, each counts."""
    created = await w.create("a", 0)

    def increment(entry: Entry | None) -> Write:
        return write("a", value_of(entry) + 1)

    async def increment_later(entry: Entry | None) -> Write:
        await asyncio.sleep(0)
        return increment(entry)

    updates: list[Update] = [increment, increment_later] * 8
    await asyncio.gather(*(w.storage.guaranteed_update(PREFIX + "a", update) for update in updates))
    assert await state(w) == {"a": 16}
    assert [value_of(event.entry) for event in (await log(w, created.revision)).seen] == list(range(1, 17))


@promise
async def of_updates_upon_one_revision_one_wins(w: World) -> None:
    """The others are shown what the winner wrote, and their refusal reaches them."""
    created = await w.create("a", 0)

    def upon(value: int) -> Update:
        def update(entry: Entry | None) -> Write:
            if entry is None or entry.revision != created.revision:
                raise Conflict
            return write("a", value)

        return update

    updates = (w.storage.guaranteed_update(PREFIX + "a", upon(i)) for i in range(1, 7))
    tried = await asyncio.gather(*updates, return_exceptions=True)
    assert sorted(type(one).__name__ for one in tried) == [*["Conflict"] * 5, "Entry"]
    assert len((await log(w, created.revision)).seen) == 1


@promise
async def what_came_between_is_shown(w: World) -> None:
    """An update that took its time is called again when its object was changed, or deleted, meanwhile."""
    for name, between in (("a", w.put("a", 2)), ("b", w.delete("b"))):
        await w.create(name, 1)
        begun, go = asyncio.Event(), asyncio.Event()
        seen: list[object] = []

        async def update(
            entry: Entry | None, name: str = name, seen: list[object] = seen, begun: asyncio.Event = begun,
            go: asyncio.Event = go,
        ) -> Write:
            seen.append(value_of(entry))
            begun.set()
            await go.wait()
            return write(name, 10 + (value_of(entry) or 0))

        task = asyncio.ensure_future(w.storage.guaranteed_update(PREFIX + name, update))
        await begun.wait()
        await between
        go.set()
        assert value_of(await task) == (12 if name == "a" else 10)
        assert (seen[0], seen[-1]) == (1, 2 if name == "a" else None)


@promise
async def an_update_raised_upon_an_old_state_may_be_raised(w: World) -> None:
    """What a slow update raises reaches the caller also when the object was changed meanwhile: it decides."""
    await w.create("a", 1)
    begun, go = asyncio.Event(), asyncio.Event()

    async def update(entry: Entry | None) -> Write:
        begun.set()
        await go.wait()
        raise Conflict

    task = asyncio.ensure_future(w.storage.guaranteed_update(PREFIX + "a", update))
    await begun.wait()
    await w.put("a", 2)
    go.set()
    with pytest.raises(Conflict):
        await task
    assert await state(w) == {"a": 2}


@promise
async def writes_of_one_key_may_follow_without_waiting(w: World) -> None:
    """Create, update, delete and create again, all under way at once: some order of them happened, each upon the one
    before; where nobody else writes, the order in which they were called."""
    start = w.storage.revision
    calls = (w.create("a", 1), w.put("a", 2), w.delete("a"), w.create("a", 3), w.put("a", 4))
    results = await asyncio.gather(*calls, return_exceptions=True)
    events = (await log(w, start)).seen
    assert all(isinstance(one, Entry | KeyExists | KeyNotFound) for one in results), results
    written = sorted({one.revision for one in results if isinstance(one, Entry)})
    assert [event.revision for event in events] == written
    there: object = None
    for event in events:
        assert value_of(event.previous) == there and (event.type == ADDED) == (there is None)
        there = None if event.type == DELETED else value_of(event.entry)
    assert await state(w) == ({} if there is None else {"a": there})
    if w.storage.exclusive:
        assert [event.type for event in events] == [ADDED, MODIFIED, DELETED, ADDED, MODIFIED]


@promise
async def a_tree_is_its_callers_own(w: World) -> None:
    """What an update function does to the tree that it was shown changes nothing that others see."""
    await w.create("a", 1)

    def spoil(entry: Entry | None) -> None:
        assert entry is not None
        tree = entry.tree()
        tree["value"] = 99
        tree["metadata"].clear()

    await w.storage.guaranteed_update(PREFIX + "a", spoil)
    await newest(w)
    assert await state(w) == {"a": 1}
