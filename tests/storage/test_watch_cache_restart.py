"""A storage that breaks its watch off: who stays, what reads show meanwhile, and what is told once it is back."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from storage_worlds import attributes_of, body, value_of, write

from orlop.api import labels
from orlop.storage.errors import Closed, ReadFailed, RevisionCompacted
from orlop.storage.interface import ADDED, DELETED, MODIFIED, Event, Page
from orlop.storage.limits import RESTART_FIRST, RESTART_MOST
from orlop.storage.memory import MemoryStorage
from orlop.storage.predicate import EVERYTHING, Predicate
from orlop.storage.watch_cache import WatchCache
from orlop.world.clock import ManualClock

PODS = "/registry/pods/"
LOST = RevisionCompacted(3, 7)


class Shared(MemoryStorage):
    """A storage where others write too: its watches can break, and it can be away."""

    exclusive = False
    away = False
    lists = 0

    async def list(self, prefix: str, **options: Any) -> Page:
        self.lists += 1
        if self.away:
            raise ReadFailed("nobody answers")
        await asyncio.sleep(0)
        return await super().list(prefix, **options)

    def break_off(self) -> None:
        self._dispatch.end(LOST)


Scenario = Callable[[WatchCache, Shared, ManualClock], Awaitable[None]]


def play(scenario: Scenario) -> None:
    async def playing() -> None:
        clock = ManualClock()
        storage = Shared(clock)
        await storage.start()
        for name in ("a/x", "a/y", "b/z"):
            await storage.create(PODS + name, body(name, 1, app="web"))
        cache = WatchCache(storage, PODS, attributes_of, clock=clock)
        await cache.start()
        await scenario(cache, storage, clock)
        cache.check_invariants()
        await cache.close()
        await storage.close()

    asyncio.run(playing())


def told(events: Sequence[Event]) -> list[tuple[str, str, int]]:
    return [(event.type, event.entry.key.removeprefix(PODS), event.entry.revision) for event in events]


async def _meanwhile(storage: Shared) -> None:
    """What happens while nobody listens: revisions 5 to 9."""
    await storage.delete(PODS + "a/x")
    await storage.guaranteed_update(PODS + "a/y", lambda _: write("a/y", 2, app="db"))
    await storage.create(PODS + "a-b/new", body("new", 1, app="web"))
    await storage.create(PODS + "c/gone", body("gone", 1))
    await storage.delete(PODS + "c/gone")


def test_who_lasts_is_told_the_difference() -> None:
    """In order of key, with the new entries; what is gone carries the new state's revision and shows its last content.
    Then events go on; clients' watches ended."""

    async def scenario(cache: WatchCache, storage: Shared, clock: ManualClock) -> None:
        heard: list[Event] = []
        ended: list[Exception] = []
        lasting = cache.subscribe(EVERYTHING, heard.extend, on_broken=ended.append, lasting=True)
        client = cache.subscribe(EVERYTHING, lambda events: None, on_broken=ended.append)
        storage.break_off()
        assert ended == [LOST] and lasting.active and not client.active
        await _meanwhile(storage)
        assert heard == []
        await cache.start()
        assert told(heard) == [(ADDED, "a-b/new", 7), (DELETED, "a/x", 9), (MODIFIED, "a/y", 6)]
        assert [event.revision for event in heard] == [7, 9, 6]
        assert heard[0].entry is cache.peek(PODS + "a-b/new") and heard[0].previous is None
        assert value_of(heard[1].entry) == 1 and heard[1].previous is not None
        assert [value_of(event.previous) for event in heard[1:]] == [1, 1]
        heard.clear()
        await storage.create(PODS + "d/next", body("next"))
        assert told(heard) == [(ADDED, "d/next", 10)]

    play(scenario)


def test_the_difference_as_a_predicate_sees_it() -> None:
    """Entering its labels is ADDED, leaving them is DELETED, and what it never saw is not mentioned."""

    async def scenario(cache: WatchCache, storage: Shared, clock: ManualClock) -> None:
        heard: list[Event] = []
        cache.subscribe(Predicate(labels=labels.parse("app=web")), heard.extend, lasting=True)
        storage.break_off()
        await _meanwhile(storage)
        await cache.start()
        assert told(heard) == [(ADDED, "a-b/new", 7), (DELETED, "a/x", 9), (DELETED, "a/y", 6)]

    play(scenario)


def test_reads_while_the_storage_is_away() -> None:
    """Those from inside show the state last known; whoever needs the newest, writes or watches is refused."""

    async def scenario(cache: WatchCache, storage: Shared, clock: ManualClock) -> None:
        storage.break_off()
        await _meanwhile(storage)
        assert cache.peek(PODS + "a/x") is not None
        assert len(cache.select(EVERYTHING).entries) == 3 == len((await cache.gather(EVERYTHING)).entries)
        assert cache.select(EVERYTHING).revision == 4 == cache.revision
        assert "lost its storage" in cache.ready()
        for refused in (cache.catch_up(1.0), cache.get(PODS + "a/x"), cache.create(PODS + "a/n", body("n")),
                        cache.list(PODS), cache.wait_for(99, 1.0)):  # fmt: skip
            with pytest.raises(Closed):
                await refused
        with pytest.raises(Closed):
            cache.subscribe(EVERYTHING, lambda events: None)
        with pytest.raises(Closed):
            cache.events_since(EVERYTHING, 4)
        heard: list[Event] = []
        cache.subscribe(EVERYTHING, heard.extend, lasting=True)
        await cache.start()
        assert len(heard) == 3 and cache.ready() == ""
        assert cache.select(EVERYTHING).revision == 9

    play(scenario)


def test_the_new_state_comes_in_one_step() -> None:
    """At every turn of the loop while the cache loads, reads show the old state whole or the new one whole."""

    async def scenario(cache: WatchCache, storage: Shared, clock: ManualClock) -> None:
        old = [e.key for e in cache.select(EVERYTHING).entries]
        storage.break_off()
        await _meanwhile(storage)
        new = [e.key for e in (await storage.list(PODS)).entries]
        starting = asyncio.ensure_future(cache.start())
        shown: list[tuple[int, list[str]]] = []
        while not starting.done():
            page = cache.select(EVERYTHING)
            shown.append((page.revision, [e.key for e in page.entries]))
            await asyncio.sleep(0)
        assert set(map(str, shown)) <= {str((4, old)), str((9, new))} and shown[0] == (4, old)
        assert cache.select(EVERYTHING).revision == 9

    play(scenario)


def test_a_frozen_state_outlives_a_restart() -> None:
    """A long list that began before shows what it began with."""

    async def scenario(cache: WatchCache, storage: Shared, clock: ManualClock) -> None:
        expected = list(cache.select(EVERYTHING).entries)
        slices = cache.slices(EVERYTHING)
        storage.break_off()
        await _meanwhile(storage)
        await cache.start()
        await storage.delete(PODS + "b/z")
        assert slices.turn() == expected and slices.finished

    play(scenario)


def test_ticks_start_again_with_longer_and_longer_pauses() -> None:
    """At once, then after a pause that doubles up to the longest; until it succeeds."""

    async def scenario(cache: WatchCache, storage: Shared, clock: ManualClock) -> None:
        heard: list[Event] = []
        cache.subscribe(EVERYTHING, heard.extend, lasting=True)
        storage.away = True
        storage.break_off()
        storage.lists = 0
        tried_at: list[float] = []
        for second in range(200):
            before = storage.lists
            await cache.tick()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            if storage.lists > before:
                tried_at.append(second)
            clock.advance(1.0)
        pauses = [b - a for a, b in pairwise(tried_at)]
        assert tried_at[0] == 0 and pauses[:5] == [RESTART_FIRST * 2**n for n in range(5)]
        assert set(pauses[5:]) == {RESTART_MOST} and heard == []
        assert "nobody answers" in cache.ready()
        storage.away = False
        await storage.create(PODS + "a/n", body("n"))
        clock.advance(RESTART_MOST)
        await cache.tick()
        for _ in range(20):
            await asyncio.sleep(0)
        assert cache.ready() == "" and told(heard) == [(ADDED, "a/n", 5)]

    play(scenario)


def test_closing_ends_those_who_last_too() -> None:
    """And a restart under way."""

    async def scenario(cache: WatchCache, storage: Shared, clock: ManualClock) -> None:
        ended: list[Exception] = []
        cache.subscribe(EVERYTHING, lambda events: None, on_broken=ended.append, lasting=True)
        storage.break_off()
        await cache.tick()
        await cache.close()
        assert [type(error) for error in ended] == [Closed]
        with pytest.raises(Closed):
            cache.select(EVERYTHING)
        await cache.start()

    play(scenario)


def test_a_watch_that_breaks_while_it_begins() -> None:
    """Is no start: the cache says so, and tries again."""

    async def scenario(cache: WatchCache, storage: Shared, clock: ManualClock) -> None:
        storage.break_off()
        real = storage.watch

        async def breaking(prefix: str, revision: int, sink: Any) -> Any:
            subscription = await real(prefix, revision, sink)
            storage.break_off()
            return subscription

        storage.watch = breaking  # type: ignore[method-assign]
        with pytest.raises(RevisionCompacted):
            await cache.start()
        assert "lost its storage" in cache.ready()
        storage.watch = real  # type: ignore[method-assign]
        await cache.start()
        assert cache.ready() == ""

    play(scenario)


Write = tuple[str, int, int]
_writes = st.lists(st.tuples(st.sampled_from("pd"), st.integers(0, 9), st.integers(0, 3)), max_size=30)


@settings(max_examples=60, deadline=None)
@given(_writes, _writes, _writes)
def test_followers_arrive_at_the_state(before: list[Write], meanwhile: list[Write], after: list[Write]) -> None:
    """Whatever happened: who applies all events it was told has what the cache shows, for every predicate."""

    async def scenario(cache: WatchCache, storage: Shared, clock: ManualClock) -> None:
        predicates = (EVERYTHING, Predicate(namespace="a"), Predicate(labels=labels.parse("app=app1")))
        states: list[dict[str, int]] = []
        for predicate in predicates:
            state = {entry.key: entry.revision for entry in cache.select(predicate).entries}
            states.append(state)

            def follow(events: Sequence[Event], state: dict[str, int] = state) -> None:
                for event in events:
                    if event.type == DELETED:
                        del state[event.entry.key]
                    else:
                        assert (event.type == ADDED) == (event.entry.key not in state)
                        state[event.entry.key] = event.entry.revision

            cache.subscribe(predicate, follow, lasting=True)
        await _apply(storage, before)
        storage.break_off()
        await _apply(storage, meanwhile)
        await cache.start()
        await _apply(storage, after)
        for predicate, state in zip(predicates, states, strict=True):
            assert state == {entry.key: entry.revision for entry in cache.select(predicate).entries}

    play(scenario)


async def _apply(storage: Shared, writes: list[Write]) -> None:
    for what, number, value in writes:
        key = f"{PODS}{'ab'[number % 2]}/n{number}"
        if what == "p":
            await storage.guaranteed_update(key, lambda _, v=value: write("n", v, app=f"app{v}"))  # type: ignore[misc]
        elif await storage.get(key) is not None:
            await storage.delete(key)


def test_the_collector_rests_while_a_cache_loads() -> None:
    """The first time, when nobody else is at work; it is back after it, also when loading failed."""

    async def playing() -> None:
        seen: list[bool] = []

        class Looking(Shared):
            async def list(self, prefix: str, **options: Any) -> Page:
                seen.append(gc.isenabled())
                return await super().list(prefix, **options)

        storage = Looking()
        await storage.start()
        caches = [WatchCache(storage, f"/registry/{name}/", attributes_of) for name in "abc"]
        storage.away = True
        with pytest.raises(ReadFailed):
            await caches[0].start()
        assert gc.isenabled()
        storage.away = False
        await asyncio.gather(*(cache.start() for cache in caches))
        assert seen == [False] * 4 and gc.isenabled()
        storage.break_off()
        await caches[0].start()
        assert seen.pop()
        for cache in caches:
            await cache.close()

    asyncio.run(playing())
