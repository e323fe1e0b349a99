"""The watch cache: what the synchronous reads show, and who is told of which events."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from storage_worlds import attributes_of, body, value_of, write

from orlop.api import fields, labels
from orlop.storage.errors import Closed, RevisionCompacted, RevisionTooLarge
from orlop.storage.interface import ADDED, DELETED, MODIFIED, Attributes, Entry, Event
from orlop.storage.limits import COMPACTION_SECONDS, EVENT_OVERHEAD, CacheLimits
from orlop.storage.memory import MemoryStorage
from orlop.storage.predicate import EVERYTHING, Predicate, Scope
from orlop.storage.subscriptions import Judge, Subscriber
from orlop.storage.watch_cache import WatchCache
from orlop.world.clock import ManualClock

PODS = "/registry/pods/"

Scenario = Callable[[WatchCache, MemoryStorage], Awaitable[None]]


def play(scenario: Scenario, limits: CacheLimits | None = None, *, namespaced: bool = True, clock: Any = None) -> None:
    async def playing() -> None:
        storage = MemoryStorage(clock)
        await storage.start()
        cache = WatchCache(storage, PODS, attributes_of, limits or CacheLimits(), clock, namespaced=namespaced)
        await cache.start()
        await scenario(cache, storage)
        cache.check_invariants()
        storage.check_invariants()
        await cache.close()
        await storage.close()

    asyncio.run(playing())


async def put(cache: WatchCache, name: str, value: Any = 0, **its_labels: str) -> None:
    await cache.guaranteed_update(PODS + name, lambda _: write(name, value, **its_labels))


def names(entries: Sequence[Any]) -> list[str]:
    return [entry.key.removeprefix(PODS) for entry in entries]


def by_labels(text: str, **more: Any) -> Predicate:
    return Predicate(labels=labels.parse(text), **more)


def by_fields(text: str, **more: Any) -> Predicate:
    return Predicate(fields=fields.parse(text), **more)


def told(events: Sequence[Event]) -> list[tuple[str, str, int]]:
    return [(event.type, event.entry.key.removeprefix(PODS), event.revision) for event in events]


async def _four_pods(cache: WatchCache) -> None:
    await put(cache, "a/x", 1, app="web", tier="front")
    await put(cache, "a/y", 2, app="db")
    await put(cache, "a-b/x", 1, app="web")
    await put(cache, "b/z", 3)


SELECTIONS: list[tuple[Predicate, list[str]]] = [
    (EVERYTHING, ["a-b/x", "a/x", "a/y", "b/z"]),
    (Predicate(namespace="a"), ["a/x", "a/y"]),
    (Predicate(namespace="none"), []),
    (Predicate(namespace="a", name="x"), ["a/x"]),
    (Predicate(name="x"), ["a-b/x", "a/x"]),
    (Predicate(name="none"), []),
    (by_labels("app=web"), ["a-b/x", "a/x"]),
    (by_labels("app=web", namespace="a"), ["a/x"]),
    (by_labels("app in (web,db)"), ["a-b/x", "a/x", "a/y"]),
    (by_labels("app=web,tier=front"), ["a/x"]),
    (by_labels("app=none"), []),
    (by_labels("app!=web"), ["a/y", "b/z"]),
    (by_labels("!app"), ["b/z"]),
    (by_labels("app"), ["a-b/x", "a/x", "a/y"]),
    (Predicate(labels=labels.NOTHING), []),
    (by_fields("value=1"), ["a-b/x", "a/x"]),
    (by_fields("value!=1"), ["a/y", "b/z"]),
    (by_fields("absent="), ["a-b/x", "a/x", "a/y", "b/z"]),
    (by_fields("value=1,metadata.namespace=a"), ["a/x"]),
    (by_fields("metadata.name=x"), ["a-b/x", "a/x"]),
    (by_fields("metadata.name=x,metadata.namespace=a"), ["a/x"]),
    (by_fields("metadata.name=x", namespace="a"), ["a/x"]),
    (by_fields("metadata.name=x", name="y"), []),
    (by_fields("metadata.name!=x"), ["a/y", "b/z"]),
    (by_fields("metadata.namespace!=a"), ["a-b/x", "b/z"]),
    (by_fields("metadata.name="), []),
    (by_fields("metadata.namespace="), []),
    (Predicate("a", "", labels.parse("app"), fields.parse("value!=2")), ["a/x"]),
]


@pytest.mark.parametrize(("predicate", "expected"), SELECTIONS, ids=lambda one: str(one))
def test_select(predicate: Predicate, expected: list[str]) -> None:
    """What matches, in byte order of keys; the same at an older revision and from the storage's log."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        await _four_pods(cache)
        page = cache.select(predicate)
        assert names(page.entries) == expected and page.revision == 5
        await put(cache, "a/x", 9, other="labels")
        await cache.delete(PODS + "a/y")
        await put(cache, "a/new", 1, app="web", tier="front")
        assert names(cache.select(predicate, revision=5).entries) == expected
        cache._state.window.drop_through(7)
        with pytest.raises(RevisionCompacted):
            cache.select(predicate, revision=5)
        past = await cache.recall(predicate, revision=5)
        assert names(past.entries) == expected and past.revision == 5

    play(scenario)


@pytest.mark.parametrize(("predicate", "expected"), SELECTIONS, ids=lambda one: str(one))
def test_pages_of_a_selection(predicate: Predicate, expected: list[str]) -> None:
    """One at a time they show the same; `remaining` is counted without selectors alone."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        await _four_pods(cache)
        found: list[str] = []
        start = ""
        while True:
            page = cache.select(predicate, start=start, limit=1)
            found += names(page.entries)
            if not page.more:
                break
            counted = not (predicate.has_selectors or predicate.name)
            assert page.remaining == (len(expected) - len(found) if counted else -1)
            start = page.entries[-1].key + "\0"
        assert found == expected and page.remaining == 0

    play(scenario)


def test_more_counts_keys_that_do_not_match() -> None:
    """As kube-apiserver: a full page with keys behind it goes on, though none of them may match."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        await _four_pods(cache)
        assert cache.select(by_labels("tier=front"), limit=1).more
        assert not cache.select(by_labels("tier=front", namespace="a-b"), limit=1).more
        assert not cache.select(by_fields("value=3"), limit=1).more

    play(scenario)


def test_cluster_scoped_keys_have_no_namespace() -> None:
    """A namespace matches nothing; metadata.namespace is empty."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        await put(cache, "n1", 1)
        await put(cache, "n2", 2)
        for predicate, expected in (
            (EVERYTHING, ["n1", "n2"]),
            (Predicate(name="n1"), ["n1"]),
            (Predicate(namespace="n1"), []),
            (by_fields("metadata.name=n2"), ["n2"]),
            (by_fields("metadata.namespace=x"), []),
            (by_fields("metadata.namespace!=x"), ["n1", "n2"]),
        ):
            assert names(cache.select(predicate).entries) == expected
            assert names([e.entry for e in cache.events_since(predicate, 1)]) == expected

    play(scenario, namespaced=False)


def test_attributes_are_computed_when_needed() -> None:
    """Never at load, never for selectors on names, once per entry for others, and not for what writers
    bring."""
    decoded: list[str] = []

    def counting(tree: dict[str, Any]) -> Attributes:
        decoded.append(tree["metadata"]["name"])
        return attributes_of(tree)

    async def scenario() -> None:
        storage = MemoryStorage()
        await storage.start()
        for name in ("a/x", "a/y"):
            await storage.create(PODS + name, body(name, 1, app="web"))
        await storage.create(PODS + "a/z", body("a/z", 1, app="web"), Attributes({"app": "web"}, {"value": "1"}))
        cache = WatchCache(storage, PODS, counting)
        await cache.start()
        cache.select(EVERYTHING)
        cache.select(by_fields("metadata.name=x"))
        assert decoded == []
        assert len(cache.select(by_labels("app=web")).entries) == 3
        assert sorted(decoded) == ["a/x", "a/y"]
        cache.select(by_fields("value=1"))
        cache.select(by_labels("app!=web"))
        assert len(decoded) == 2
        await cache.close()

    asyncio.run(scenario())


def test_indexes_are_bounded_and_kept_up() -> None:
    """The one used longest ago goes; those that stay follow every event."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        await _four_pods(cache)
        for _ in range(2):
            for text in ("app=web", "tier=front", "app=db"):
                cache.select(by_labels(text))
                cache.check_invariants()
            assert names(cache.select(by_fields("value=3")).entries) == ["b/z"]
        assert len(cache._state.indexes) == 2
        await put(cache, "b/z", 4, app="db")
        await put(cache, "a/x", 3)
        await cache.delete(PODS + "a-b/x")
        await put(cache, "c/new", 3, app="db")
        cache.check_invariants()
        assert names(cache.select(by_labels("app=db")).entries) == ["a/y", "b/z", "c/new"]
        assert names(cache.select(by_fields("value=3")).entries) == ["a/x", "c/new"]

    play(scenario, CacheLimits(indexes=2))


def test_a_selection_looks_at_what_the_index_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many entries only those with the value are judged: a LIST costs what it returns."""
    judged: list[str] = []
    real = Predicate.matches

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        for i in range(100):
            await put(cache, f"a/n{i}", i, app=f"app{i % 50}")

        def judge(predicate: Predicate, entry: Entry, scope: Scope) -> bool:
            judged.append(entry.key)
            return real(predicate, entry, scope)

        monkeypatch.setattr(Predicate, "matches", judge)
        for predicate in (by_labels("app=app7"), by_fields("value=7"), by_fields("metadata.name=n7")):
            judged.clear()
            found = cache.select(predicate).entries
            assert names(found)[-1] == "a/n7" and len(judged) == len(found)

    play(scenario)


# watching


def test_events_as_a_predicate_sees_them() -> None:
    """Entering is ADDED, leaving is DELETED with the old content at the new revision, staying is MODIFIED;
    live and from the window alike."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        predicate = by_labels("app=web")
        live: list[Event] = []
        cache.subscribe(predicate, live.extend)
        await put(cache, "a/x", 1)
        await put(cache, "a/x", 2, app="web")
        await put(cache, "a/x", 3, app="web", more="labels")
        await put(cache, "a/x", 4, app="db")
        await put(cache, "a/x", 5, app="db", more="labels")
        await cache.delete(PODS + "a/x")
        await put(cache, "a/x", 6, app="web")
        await cache.delete(PODS + "a/x")
        expected = [
            (ADDED, "a/x", 3),
            (MODIFIED, "a/x", 4),
            (DELETED, "a/x", 5),
            (ADDED, "a/x", 8),
            (DELETED, "a/x", 9),
        ]
        past = cache.events_since(predicate, 1)
        assert told(live) == expected == told(past)
        assert [value_of(event.entry) for event in live] == [2, 3, 3, 6, 6]
        assert live[2].entry is past[2].entry, "one content for all, so that it is encoded once"
        assert told(cache.events_since(predicate, 4)) == expected[2:]
        assert told(await cache.recall_events(predicate, 4)) == expected[2:]

    play(scenario)


def test_each_group_hears_of_its_own() -> None:
    """Groups by name, namespace, field and everything are told what `select` would have shown to change."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        heard: list[tuple[Predicate, list[Event]]] = []
        for predicate, _ in SELECTIONS:
            events: list[Event] = []
            cache.subscribe(predicate, events.extend)
            heard.append((predicate, events))
        cache.check_invariants()
        await _four_pods(cache)
        await put(cache, "a/x", 3, app="db")
        await put(cache, "b/z", 1, app="web")
        await cache.delete(PODS + "a/y")
        for predicate, events in heard:
            state: dict[str, Any] = {}
            for event in events:
                assert (event.type == ADDED) == (event.entry.key not in state)
                if event.type == DELETED:
                    del state[event.entry.key]
                else:
                    state[event.entry.key] = event.entry
            assert list(map(state.get, sorted(state))) == list(cache.select(predicate).entries), predicate
            assert told(events) == told(cache.events_since(predicate, 1)), predicate

    play(scenario)


def test_events_cost_nothing_for_groups_that_name_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many groups by name, namespace, field and label only those that the event can concern are asked."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        for i in range(50):
            narrow = (Predicate("a", f"n{i}"), Predicate(f"ns{i}"), by_fields(f"value={i}"), by_labels(f"app=app{i}"))
            for predicate in narrow:
                cache.subscribe(predicate, lambda events: None)
        asked: list[Predicate] = []
        real = cache._judge.show

        def show(_: Judge, event: Event, predicate: Predicate) -> Event | None:
            asked.append(predicate)
            return real(event, predicate)

        monkeypatch.setattr(Judge, "show", show)
        await put(cache, "a/n7", 9, app="app3")
        concerned = (Predicate("a", "n7"), by_fields("value=9"), by_labels("app=app3"))
        assert [predicate.key for predicate in asked] == [predicate.key for predicate in concerned]

    play(scenario)


def test_equal_predicates_share_one_judgement() -> None:
    """Both are handed the very same events; the group goes with its last member."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        one: list[Event] = []
        other: list[Event] = []
        first = cache.subscribe(by_labels("app=web"), one.extend)
        second = cache.subscribe(by_labels("app=web"), other.extend)
        assert len(cache._subscriptions._groups) == 1
        await put(cache, "a/x", 1, app="web")
        assert one and one[0] is other[0]
        first.cancel()
        first.cancel()
        await put(cache, "a/y", 1, app="web")
        assert (len(one), len(other)) == (1, 2)
        second.cancel()
        assert len(cache._subscriptions._groups) == 0 == len(cache._subscriptions)

    play(scenario)


def test_a_subscriber_may_cancel_within_its_callback() -> None:
    """Itself or another; nobody cancelled is called again."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        calls: list[str] = []
        subscribers: dict[str, Subscriber] = {}

        def on_events(name: str, victim: str) -> Callable[[Sequence[Event]], None]:
            def called(_: Sequence[Event]) -> None:
                calls.append(name)
                subscribers[victim].cancel()

            return called

        for name, victim in (("a", "b"), ("b", "b"), ("c", "c")):
            subscribers[name] = cache.subscribe(EVERYTHING, on_events(name, victim))
        await put(cache, "a/x")
        await put(cache, "a/y")
        assert calls == ["a", "c", "a"]

    play(scenario)


def test_a_subscriber_that_raises_is_ended_alone() -> None:
    """It is told; the write and the others go on."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        def faulty(_: Sequence[Event]) -> None:
            raise ZeroDivisionError

        heard: list[Event] = []
        errors: list[Exception] = []
        subscriber = cache.subscribe(EVERYTHING, faulty, on_broken=errors.append)
        cache.subscribe(EVERYTHING, heard.extend)
        await put(cache, "a/x")
        await put(cache, "a/y")
        assert len(heard) == 2 and not subscriber.active
        assert [type(error) for error in errors] == [ZeroDivisionError]

    play(scenario)


def test_a_subscription_from_the_future_is_silent_until_then() -> None:
    """`after` holds back what is not newer."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        heard: list[Event] = []
        cache.subscribe(EVERYTHING, heard.extend, after=3)
        for name in ("a/x", "a/y", "a/z"):
            await put(cache, name)
        assert told(heard) == [(ADDED, "a/z", 4)]

    play(scenario)


def test_the_window_is_bounded() -> None:
    """By number and by bytes; it says from where it is complete, and older events come from the storage."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        for i in range(10):
            await put(cache, "a/x", i)
        assert told(cache.events_since(EVERYTHING, 8)) == [(MODIFIED, "a/x", r) for r in (9, 10, 11)]
        with pytest.raises(RevisionCompacted) as caught:
            cache.events_since(EVERYTHING, 7)
        assert (caught.value.revision, caught.value.oldest) == (7, 8)
        assert [event.revision for event in await cache.recall_events(EVERYTHING, 2)] == list(range(3, 12))

    size = len(body("a/x")) + len('"resourceVersion":"10",') + EVENT_OVERHEAD
    play(scenario, CacheLimits(window_events=3))
    play(scenario, CacheLimits(window_bytes=3 * size + 10))


def test_what_the_storage_compacted_is_gone() -> None:
    """Though the window still has it: older states and events are refused alike, whoever serves them."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        for i in range(5):
            await put(cache, "a/x", i)
        await storage.compact(4)
        assert len(cache.events_since(EVERYTHING, 4)) == 2
        for read in (cache.recall(EVERYTHING, revision=3), cache.recall_events(EVERYTHING, 3)):
            with pytest.raises(RevisionCompacted) as caught:
                await read
            assert (caught.value.revision, caught.value.oldest) == (3, 4)
        with pytest.raises(RevisionCompacted):
            cache.select(EVERYTHING, revision=3)
        with pytest.raises(RevisionCompacted):
            cache.events_since(EVERYTHING, 3)

    play(scenario)


def test_old_events_are_freed_by_the_clock() -> None:
    """A quiet resource does not hold its last events for ever."""
    clock = ManualClock()

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        await cache.tick()
        await put(cache, "a/x")
        for _ in range(2):
            clock.advance(COMPACTION_SECONDS)
            await cache.tick()
        assert len(cache._state.window) == 0
        assert cache.events_since(EVERYTHING, 2) == []
        with pytest.raises(RevisionCompacted):
            cache.events_since(EVERYTHING, 1)

    play(scenario, clock=clock)


def test_a_starting_cache_looks_back_a_bounded_way() -> None:
    """As far as it was told, and no further than the storage was compacted; it knows how far."""

    async def scenario(_: WatchCache, storage: MemoryStorage) -> None:
        for i in range(10):
            await storage.create(f"{PODS}a/n{i}", body("n"))
            await storage.create(f"/registry/x/n{i}", body("n"))
        for compacted, limits, floor in (
            (0, CacheLimits(), 0),
            (0, CacheLimits(start_revisions=6), 15),
            (0, CacheLimits(window_events=4), 13),
            (5, CacheLimits(), 5),
        ):
            await storage.compact(compacted)
            cache = WatchCache(storage, PODS, attributes_of, limits)
            await cache.start()
            cache.check_invariants()
            assert cache._state.window.floor == floor
            assert [e.revision for e in cache.events_since(EVERYTHING, floor)] == [
                revision for revision in range(2, 22, 2) if revision > floor
            ]
            await cache.close()

    play(scenario)


def test_reads_show_the_storage_revision() -> None:
    """Also when the newest writes were of other resources."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        await put(cache, "a/x")
        await storage.create("/registry/x/y", body("y"))
        page = cache.select(EVERYTHING)
        assert (cache.revision, page.revision, len(page.entries)) == (3, 3, 1)
        with pytest.raises(RevisionTooLarge):
            cache.select(EVERYTHING, revision=4)

    play(scenario)


def test_waiting_for_a_revision() -> None:
    """Returns as soon as reads show it, whoever wrote it; gives up in time."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        await cache.wait_for(1, 0)
        waiting = [asyncio.ensure_future(cache.wait_for(revision, 60)) for revision in (2, 3, 3)]
        await asyncio.sleep(0)
        await put(cache, "a/x")
        await waiting[0]
        assert not waiting[1].done()
        await storage.create("/registry/x/y", body("y"))
        await asyncio.gather(*waiting)
        with pytest.raises(RevisionTooLarge) as caught:
            await cache.wait_for(9, 0)
        assert (caught.value.revision, caught.value.current) == (9, 3)
        assert not cache._waiters

    play(scenario)


def test_closing_ends_everything() -> None:
    """Subscribers and waiters are told; the storage stays open; reads are refused."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        errors: list[Exception] = []
        cache.subscribe(EVERYTHING, lambda events: None, on_broken=errors.append)
        waiting = asyncio.ensure_future(cache.wait_for(9, 60))
        await asyncio.sleep(0)
        await cache.close()
        with pytest.raises(Closed):
            await waiting
        assert [type(error) for error in errors] == [Closed]
        assert "not started" in cache.ready() and storage.ready() == ""
        with pytest.raises(Closed):
            cache.select(EVERYTHING)
        with pytest.raises(Closed):
            cache.events_since(EVERYTHING, 1)
        await storage.create(PODS + "a/x", body("x"))
        await cache.start()
        assert names(cache.select(EVERYTHING).entries) == ["a/x"]

    play(scenario)


def test_a_broken_source_breaks_the_watchers() -> None:
    """They are told to watch again; after another start the cache shows what is there."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        errors: list[Exception] = []
        cache.subscribe(EVERYTHING, lambda events: None, on_broken=errors.append)
        storage._dispatch.end(RuntimeError("the connection is gone"))
        assert [str(error) for error in errors] == ["the connection is gone"]
        await storage.create(PODS + "a/x", body("x"))
        await cache.start()
        assert names(cache.select(EVERYTHING).entries) == ["a/x"]

    play(scenario)


def test_entries_hold_bytes_alone() -> None:
    """No decoded object is retained; an entry has no dict."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        await put(cache, "a/x", 1, app="web")
        cache.select(by_labels("app=web"))
        entry = cache.peek(PODS + "a/x")
        assert entry is not None and not hasattr(entry, "__dict__")
        assert entry.attributes == Attributes({"app": "web"}, {"value": "1"})
        assert entry.memo is None and type(entry.body) is bytes

    play(scenario)
