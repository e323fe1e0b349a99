"""A watch cache over each backend against a model: the list of all states there ever were.

Hypothesis plays any order of writes, reads at any revision, watches, compactions and restarts; after every
step the invariants of all parts are checked.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from storage_worlds import attributes_of, body, value_of

from orlop.api import fields, labels
from orlop.storage.errors import KeyExists, KeyNotFound, RevisionCompacted, RevisionTooLarge
from orlop.storage.interface import ADDED, DELETED, MODIFIED, Event, Write
from orlop.storage.limits import CacheLimits
from orlop.storage.memory import MemoryStorage
from orlop.storage.predicate import EVERYTHING, Predicate
from orlop.storage.sqlite import SqliteStorage
from orlop.storage.watch_cache import WatchCache
from orlop.world.clock import ManualClock

T = TypeVar("T")
PODS = "/registry/pods/"
LIFETIME = 100

KEYS = st.sampled_from([PODS + name for name in ("a/x", "a/y", "a-b/x", "b/x", "b/z")])
VALUES = st.integers(0, 2)
APPS = st.sampled_from(["", "web", "db"])
PREDICATES = st.sampled_from(
    [
        EVERYTHING,
        Predicate(namespace="a"),
        Predicate("b", "x"),
        Predicate(labels=labels.parse("app=web")),
        Predicate(namespace="a", labels=labels.parse("app in (web,db)")),
        Predicate(labels=labels.parse("!app")),
        Predicate(fields=fields.parse("value=1")),
        Predicate(fields=fields.parse("metadata.name=x,value!=1")),
        Predicate("a", "", labels.parse("app=db"), fields.parse("value=2")),
    ]
)

Object = tuple[int, str]  # value and app
State = dict[str, Object]


def matches(predicate: Predicate, key: str, one: Object | None) -> bool:
    """What `Predicate.matches` should say, from its selectors as they were given."""
    if one is None:
        return False
    namespace, name = key.removeprefix(PODS).split("/")
    wanted_namespace, wanted_name, by_labels, by_fields = predicate.key
    its_labels = {"app": one[1]} if one[1] else {}
    its_fields = {"metadata.name": name, "metadata.namespace": namespace, "value": str(one[0])}
    return (
        wanted_namespace in ("", namespace)
        and wanted_name in ("", name)
        and (by_labels is None or by_labels.matches(its_labels))
        and (by_fields is None or by_fields.matches(its_fields))
    )


class CacheMachine(RuleBasedStateMachine):
    persistent = False

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.directory = Path(tempfile.mkdtemp(prefix="orlop-model-"))
        self.clock = ManualClock()
        self.states: list[State] = [{}, {}]  # by revision
        self.expires: dict[str, float] = {}
        self.compacted = 0
        self.heard: list[tuple[Predicate, State, list[Event]]] = []
        self.open()

    def open(self) -> None:
        self.storage: Any = SqliteStorage(self.directory, self.clock) if self.persistent else MemoryStorage(self.clock)
        self.do(self.storage.start())
        self.open_cache()

    def open_cache(self) -> None:
        limits = CacheLimits(window_events=6, start_revisions=4, indexes=2)
        self.cache = WatchCache(self.storage, PODS, attributes_of, limits, self.clock)
        self.do(self.cache.start())
        self.heard = []

    def do(self, call: Awaitable[T]) -> T:
        async def calling() -> T:
            return await call

        return self.loop.run_until_complete(calling())

    def teardown(self) -> None:
        self.do(self.cache.close())
        self.do(self.storage.close())
        self.loop.close()
        shutil.rmtree(self.directory)

    @property
    def now(self) -> int:
        return len(self.states) - 1

    def written(self, key: str, one: Object | None, ttl: int = 0) -> None:
        state = dict(self.states[-1])
        state.pop(key, None)
        self.expires.pop(key, None)
        if one is not None:
            state[key] = one
        if ttl:
            self.expires[key] = self.clock.now() + ttl
        self.states.append(state)

    def wanted(self, key: str, one: Object, ttl: int) -> Write:
        return Write(body(key, one[0], **({"app": one[1]} if one[1] else {})), None, ttl)

    # writes

    @rule(key=KEYS, value=VALUES, app=APPS, ttl=st.sampled_from([0, 0, LIFETIME]))
    def create(self, key: str, value: int, app: str, ttl: int) -> None:
        wanted = self.wanted(key, (value, app), ttl)
        call = self.cache.create(key, wanted.body, ttl=ttl)
        if key in self.states[-1]:
            with pytest.raises(KeyExists):
                self.do(call)
        else:
            self.do(call)
            self.written(key, (value, app), ttl)

    @rule(key=KEYS, value=VALUES, app=APPS, ttl=st.sampled_from([0, 0, LIFETIME]))
    def update(self, key: str, value: int, app: str, ttl: int) -> None:
        entry = self.do(self.cache.guaranteed_update(key, lambda _: self.wanted(key, (value, app), ttl)))
        if self.states[-1].get(key) != (value, app):
            self.written(key, (value, app), ttl)
        assert value_of(entry) == value

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        if key in self.states[-1]:
            self.do(self.cache.delete(key))
            self.written(key, None)
        else:
            with pytest.raises(KeyNotFound):
                self.do(self.cache.delete(key))

    @rule(number=st.integers(1, 3))
    def write_elsewhere(self, number: int) -> None:
        for _ in range(number):
            self.do(self.storage.create(f"/registry/x/n{self.now}", body("n")))
            self.states.append(self.states[-1])

    @rule(key=st.lists(KEYS, min_size=2, max_size=5, unique=True), value=VALUES)
    def create_at_once(self, key: list[str], value: int) -> None:
        absent = [one for one in key if one not in self.states[-1]]

        async def all_of_them() -> None:
            await asyncio.gather(*(self.cache.create(one, body(one, value)) for one in absent))

        self.do(all_of_them())
        for one in absent:
            self.written(one, (value, ""))

    # time

    @rule()
    def time_passes(self) -> None:
        self.clock.advance(LIFETIME)
        self.do(self.storage.tick())
        self.do(self.cache.tick())
        due = sorted((at, key) for key, at in self.expires.items() if at <= self.clock.now())
        gone = {event.entry.key for event in self.do(self.storage.history(PODS, self.now, 99))}
        assert gone == {key for _, key in due}
        for event in self.do(self.storage.history(PODS, self.now, 99)):
            self.written(event.entry.key, None)
        self.compacted = self.storage.compacted

    @rule(back=st.integers(0, 8))
    def compact(self, back: int) -> None:
        revision = max(1, self.now - back)
        self.do(self.cache.compact(revision))
        self.compacted = max(self.compacted, revision)

    @rule()
    def restart_cache(self) -> None:
        self.do(self.cache.close())
        self.open_cache()

    # reads and watches

    @rule(predicate=PREDICATES, back=st.integers(-1, 12), start=st.just("") | KEYS, limit=st.integers(0, 3))
    def select(self, predicate: Predicate, back: int, start: str, limit: int) -> None:
        revision = max(1, self.now - back)
        call = self.cache.recall(predicate, revision=revision, start=start, limit=limit)
        if revision > self.now:
            with pytest.raises(RevisionTooLarge):
                self.do(call)
            return
        if revision < self.compacted:
            with pytest.raises(RevisionCompacted):
                self.do(call)
            return
        page = self.do(call)
        state = self.states[revision]
        found = [(key, state[key]) for key in sorted(state) if key >= start and matches(predicate, key, state[key])]
        wanted = found[:limit] if limit else found
        shown = [(entry.key, (value_of(entry), self.app(entry))) for entry in page.entries]
        assert shown == wanted and page.revision == revision
        assert page.more or len(found) == len(wanted), "some are missing and the page does not say so"

    def app(self, entry: Any) -> str:
        return str(entry.tree()["metadata"]["labels"].get("app", ""))

    def shown(self, predicate: Predicate, since: int) -> list[tuple[str, str, int, Object]]:
        """The events that `predicate` should see."""
        found = []
        for revision in range(since + 1, self.now + 1):
            before, later = self.states[revision - 1], self.states[revision]
            for key in before.keys() | later.keys():
                old, new = before.get(key), later.get(key)
                was, is_now = matches(predicate, key, old), matches(predicate, key, new)
                if old is new or not (was or is_now):
                    continue
                kind = DELETED if not is_now else MODIFIED if was else ADDED
                content = new if is_now else old
                assert content is not None
                found.append((kind, key, revision, content))
        return found

    def told(self, events: list[Event]) -> list[tuple[str, str, int, Object]]:
        return [
            (event.type, event.entry.key, event.revision, (value_of(event.entry), self.app(event.entry)))
            for event in events
        ]

    @rule(predicate=PREDICATES, back=st.integers(0, 12))
    def events_since(self, predicate: Predicate, back: int) -> None:
        since = max(1, self.now - back)
        call = self.cache.recall_events(predicate, since)
        if since < self.compacted:
            with pytest.raises(RevisionCompacted):
                self.do(call)
        else:
            assert self.told(self.do(call)) == self.shown(predicate, since)

    @rule(predicate=PREDICATES)
    def subscribe(self, predicate: Predicate) -> None:
        events: list[Event] = []
        self.cache.subscribe(predicate, events.extend)
        state = {key: one for key, one in self.states[-1].items() if matches(predicate, key, one)}
        self.heard.append((predicate, state, events))

    @invariant()
    def watchers_know_the_state(self) -> None:
        """What a watcher made of its events is what a list would show."""
        for predicate, state, events in self.heard:
            for event in events:
                if event.type == DELETED:
                    del state[event.entry.key]
                else:
                    assert (event.type == ADDED) == (event.entry.key not in state)
                    state[event.entry.key] = (value_of(event.entry), self.app(event.entry))
            events.clear()
            assert state == {key: one for key, one in self.states[-1].items() if matches(predicate, key, one)}

    @invariant()
    def all_parts_are_in_order(self) -> None:
        assert self.cache.revision == self.storage.revision == self.now
        self.cache.check_invariants()
        self.storage.check_invariants()


class SqliteCacheMachine(CacheMachine):
    persistent = True

    @rule()
    def restart(self) -> None:
        self.do(self.cache.close())
        self.do(self.storage.close())
        self.open()


def test_cache_over_memory() -> None:
    """The model holds over the memory backend."""
    run_state_machine_as_test(CacheMachine, settings=settings(max_examples=60, stateful_step_count=40, deadline=None))


def test_cache_over_sqlite() -> None:
    """The model holds over SQLite, restarts included."""
    run_state_machine_as_test(
        SqliteCacheMachine, settings=settings(max_examples=15, stateful_step_count=40, deadline=None)
    )
