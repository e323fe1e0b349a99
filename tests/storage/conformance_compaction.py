"""Promises of forgetting: what goes, what stays, and who is told."""

from __future__ import annotations

import asyncio

import pytest
from conformance_watches import some_history
from promises import Watching, caught_up, newest, promise, settled, state, watching
from storage_worlds import PREFIX, World, value_of

from orlop.storage.errors import RevisionCompacted
from orlop.storage.interface import DELETED, MODIFIED
from orlop.storage.limits import COMPACTION_SECONDS


@promise
async def compaction_forgets_the_past_alone(w: World) -> None:
    """Below it reads and watches are refused; at it and above everything is as before."""
    expected = await some_history(w)
    last = (await w.put("b/c", 9)).revision
    oldest = expected[2][2]
    at = await newest(w)
    states = {revision: await w.state(revision) for revision in range(oldest, at + 1)}
    await w.storage.compact(oldest)
    assert w.storage.compacted == oldest
    for revision, then in states.items():
        assert await w.state(revision) == then
    for call in (
        w.state(oldest - 1),
        w.storage.get(PREFIX + "a", revision=oldest - 1),
        w.storage.history(PREFIX, oldest - 1, 10),
        w.storage.watch(PREFIX, oldest - 1, Watching()),
    ):
        with pytest.raises(RevisionCompacted) as caught:
            await call
        assert (caught.value.revision, caught.value.oldest) == (oldest - 1, oldest)
    watch = await watching(w, oldest)
    await settled(w, watch)
    assert watch.told() == [*expected[3:], (MODIFIED, PREFIX + "b/c", last)]
    assert (watch.seen[0].type, value_of(watch.seen[0].previous)) == (DELETED, 2)


@promise
async def compaction_never_goes_back(w: World) -> None:
    """It may be repeated, also with older revisions, and leaves the newest state alone."""
    start = w.storage.revision
    expected = await some_history(w)
    at = await newest(w)
    await w.storage.compact(at)
    await w.storage.compact(at)
    await w.storage.compact(start)
    assert w.storage.compacted == at
    assert await state(w) == {"a": 4, "b/c": 3}
    assert (await w.delete("a")).revision > expected[-1][2]


@promise
async def the_newest_state_survives_every_compaction(w: World) -> None:
    """Compacted to the newest revision, it can be read, exactly and in pages, and watched from."""
    await some_history(w)
    at = await newest(w)
    await w.storage.compact(at)
    assert await w.state(at) == {"a": 4, "b/c": 3}
    assert value_of(await w.storage.get(PREFIX + "a", revision=at)) == 4
    page = await w.storage.list(PREFIX, revision=at, limit=1)
    assert [entry.key for entry in page.entries] == [PREFIX + "a"] and page.more
    watch = await watching(w, at)
    deleted = await w.delete("a")
    await settled(w, watch)
    assert watch.told() == [(DELETED, PREFIX + "a", deleted.revision)]
    assert value_of(watch.seen[0].previous) == 4


@promise
async def an_open_watch_outlives_compaction(w: World) -> None:
    """It is told everything that happens after, with the states before, though those were written long ago."""
    created = await w.create("a", 1)
    watch = await watching(w, created.revision)
    for i in range(2, 6):
        await w.put("a", i)
        await w.storage.compact(await newest(w))
    await settled(w, watch)
    assert [(value_of(event.entry), value_of(event.previous)) for event in watch.seen] == [
        (i, i - 1) for i in range(2, 6)
    ]
    assert watch.errors == []


@promise
async def compaction_goes_on_beside_writes(w: World) -> None:
    """Neither loses anything of the other."""
    start = w.storage.revision
    watch = await watching(w, start)
    working = asyncio.gather(*(w.put(f"n{i % 5}", i) for i in range(60)))
    while not working.done():
        await w.storage.compact(w.storage.revision)
        await asyncio.sleep(0)
    await working
    await settled(w, watch)
    assert len(watch.seen) == 60
    last: dict[str, object] = {}
    for event in watch.seen:
        last[event.entry.key.removeprefix(PREFIX)] = value_of(event.entry)
    assert await state(w) == last


@promise
async def deleted_keys_leave_nothing_behind(w: World) -> None:
    """Compacted beyond its deletion, a key is as one that never was; created again it is new."""
    await w.create("a", 1)
    gone = await w.delete("a")
    await w.create("b")
    at = await newest(w)
    await w.storage.compact(at)
    assert await w.storage.get(PREFIX + "a", revision=at) is None
    again = await w.create("a", 2)
    assert again.revision > gone.revision
    await caught_up(w)
    events = await w.storage.history(PREFIX, at, 10)
    assert [(event.type, value_of(event.previous)) for event in events] == [("ADDED", None)]



@promise
async def history_is_kept_for_five_minutes(w: World) -> None:
    """`tick` compacts by the clock, to what was current one interval before."""
    await w.create("a")
    await w.backend.tick()
    revisions = []
    for i in range(3):
        revisions.append((await w.put("a", i + 1)).revision)
        w.clock.advance(COMPACTION_SECONDS)
        await w.backend.tick()
    await caught_up(w)
    assert revisions[0] < w.storage.compacted <= revisions[1] or not w.drives_time
    if w.storage.exclusive:
        assert w.storage.compacted == revisions[1]
    assert await w.state(revisions[1]) == {"a": 2}
