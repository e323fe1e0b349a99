"""Promises of how watches end, report progress, and leave one another alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from promises import Watching, newest, promise, settled, watching, write_elsewhere
from storage_worlds import PREFIX, World

from orlop.storage.errors import Closed
from orlop.storage.interface import Event


class Faulty(Watching):
    def events(self, batch: Sequence[Event]) -> None:
        super().events(batch)
        raise ZeroDivisionError("faulty")


class Leaving(Watching):
    """Cancels `victim` (itself, when there is none) as soon as it is told anything."""

    victim: Watching | None = None

    def events(self, batch: Sequence[Event]) -> None:
        super().events(batch)
        (self.victim or self).subscription.cancel()


@promise
async def a_cancelled_watch_is_silent(w: World) -> None:
    """Also when it is cancelled twice, and the others go on."""
    start = w.storage.revision
    one, other = await watching(w, start), await watching(w, start)
    await w.create("a")
    await settled(w, one)
    one.subscription.cancel()
    one.subscription.cancel()
    await w.create("b")
    await settled(w, other)
    assert (len(one.seen), len(other.seen)) == (1, 2)
    assert one.errors == []


@promise
async def a_watch_may_end_within_its_call(w: World) -> None:
    """By itself or by another's hand; nobody who was cancelled is called again."""
    start = w.storage.revision
    leaving, victim, other = await watching(w, start, sink=Leaving()), Watching(), await watching(w, start)
    killer = Leaving()
    killer.victim = victim
    await watching(w, start, sink=killer)
    await watching(w, start, sink=victim)
    await w.create("a")
    await settled(w, other)
    seen = len(victim.seen)
    assert len(leaving.seen) == 1 and seen <= 1
    await w.create("b")
    await settled(w, other, killer)
    assert (len(leaving.seen), len(victim.seen), len(killer.seen), len(other.seen)) == (1, seen, 2, 2)
    assert leaving.errors == victim.errors == []


@promise
async def a_sink_that_raises_is_ended_alone(w: World) -> None:
    """It is told that its watch is broken; no write and no other watcher suffers."""
    start = w.storage.revision
    faulty, other = await watching(w, start, sink=Faulty()), await watching(w, start)
    await w.create("a")
    await w.create("b")
    await settled(w, other)
    await faulty.become(lambda: bool(faulty.errors))
    assert (sum(faulty.calls[:1]), len(other.seen)) == (faulty.calls[0], 2) and len(faulty.calls) == 1
    assert [type(error) for error in faulty.errors] == [ZeroDivisionError]


@promise
async def a_sink_that_raises_at_the_past_is_ended_too(w: World) -> None:
    """Events from before the watch are no different."""
    start = w.storage.revision
    await w.create("a")
    await newest(w)
    faulty = await watching(w, start, sink=Faulty())
    await faulty.become(lambda: bool(faulty.errors))
    await w.create("b")
    other = await watching(w, start)
    await settled(w, other)
    assert len(faulty.calls) == 1 and len(faulty.errors) == 1


@promise
async def a_caller_that_gives_up_its_watch_is_not_called(w: World) -> None:
    """Cancelled while the watch is opened, it either has it or never hears of it."""
    start = w.storage.revision
    await w.create("a")
    for turns in range(4):
        sink = Watching()
        task = asyncio.ensure_future(w.storage.watch(PREFIX, start, sink))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        try:
            (await task).cancel()
        except asyncio.CancelledError:
            pass
        seen = len(sink.seen)
        await w.put("a", turns + 10)
        other = await watching(w, start)
        await settled(w, other)
        assert len(sink.seen) == seen and not sink.errors


@promise
async def progress_is_reported_after_its_events(w: World) -> None:
    """At once when reached already; never below what was asked for, never before an event of that or an older
    revision; of other resources' writes, too."""
    watch = await watching(w, w.storage.revision)
    for name in "abc":
        created = await w.create(name)
        await watch.handed(created.revision)
        assert watch.seen[-1].revision == created.revision <= watch.reached[-1]
    await watch.handed(created.revision)
    elsewhere = await write_elsewhere(w, "x")
    await watch.handed(elsewhere)
    watch.subscription.progress_at(elsewhere + 2)
    before = len(watch.reached)
    await watch.handed(elsewhere)
    assert all(at < elsewhere + 2 for at in watch.reached[before:]) or not w.storage.exclusive
    await w.create("d")
    last = await w.create("e")
    await watch.become(lambda: max(watch.reached) >= elsewhere + 2)
    await watch.handed(last.revision)
    assert watch.reached == sorted(watch.reached)
    reached = len(watch.reached)
    watch.subscription.progress_at(last.revision + 1)
    watch.subscription.cancel()
    other = await watching(w, last.revision)
    await w.create("f")
    await settled(w, other)
    assert len(watch.reached) == reached


@promise
async def progress_is_reported_once_where_nobody_else_writes(w: World) -> None:
    """With the very commit that reaches it, after its events; asked for several revisions, at each."""
    if not w.storage.exclusive:
        return
    watch = await watching(w, 1)
    ask, reached = watch.subscription.progress_at, watch.reached
    await w.create("a")
    ask(2)
    assert reached == [2]
    ask(4)
    await w.create("b")
    assert reached == [2]
    await w.create("c")
    await w.create("d")
    assert reached == [2, 4]
    for revision in (7, 6, 8):
        ask(revision)
    await w.create("e")
    await w.create("f")
    assert reached == [2, 4, 6, 7]
    await write_elsewhere(w, "x")
    assert reached == [2, 4, 6, 7, 8]
    ask(8)
    assert reached == [2, 4, 6, 7, 8, 8]


@promise
async def many_watches_hold_nobody_up(w: World) -> None:
    """Fifty that keep what they are told and one more: each is told everything, in order."""
    start = w.storage.revision
    watches = [await watching(w, start) for _ in range(51)]
    revisions = [(await w.create(f"n{i}")).revision for i in range(22)]
    await settled(w, *watches)
    for watch in watches:
        assert [event.revision for event in watch.seen] == revisions


@promise
async def closing_ends_the_watches(w: World) -> None:
    """They are told, and later calls raise Closed."""
    watch = await watching(w, w.storage.revision)
    await w.storage.close()
    assert [type(error) for error in watch.errors] == [Closed]
    assert w.storage.ready() != ""
    calls = (
        w.create("a"),
        w.put("a", 1),
        w.delete("a"),
        w.state(),
        w.storage.get(PREFIX + "a"),
        w.storage.count(PREFIX),
        w.storage.history(PREFIX, w.storage.compacted, 1),
        w.storage.compact(1),
        w.storage.watch(PREFIX, w.storage.revision, Watching()),
    )
    for call in calls:
        with pytest.raises(Closed):
            await call
    await w.storage.close()
