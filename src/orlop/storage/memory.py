"""The memory backend: a keyspace, a bounded run of events, no thread and no file.

Opened by `server` for tests and embedding, called through `watch_cache`; hands events to `dispatch`. A write
is committed the moment it is made: what SQLite does over many loop turns happens here within one call.
Nothing survives the process. The contract is in `interface`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from orlop.storage.compaction import CompactionSchedule
from orlop.storage.dispatch import Dispatch
from orlop.storage.errors import Closed, KeyExists, KeyNotFound, RevisionTooLarge
from orlop.storage.event_window import EventWindow
from orlop.storage.expiry import Expiring, ExpiryQueue
from orlop.storage.interface import (
    ADDED,
    DELETED,
    MODIFIED,
    UNKNOWN,
    Attributes,
    Entry,
    Event,
    Known,
    Page,
    Revision,
    Sink,
    Subscription,
    Update,
    Write,
    restamp,
    stamp,
)
from orlop.storage.keyspace import Keyspace, after
from orlop.storage.limits import COMPACTION_SECONDS, EXPIRY_BATCH, MEMORY_BYTES, MEMORY_EVENTS
from orlop.storage.restoration import Entries, State, events, plan
from orlop.storage.snapshot import Snapshot
from orlop.world.clock import Clock, SystemClock

_EMPTY: Final = State(1, {}, {})


class MemoryStorage:
    """`Storage` in memory. It begins with `state`, whose past it does not know."""

    exclusive = True

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        max_events: int = MEMORY_EVENTS,
        max_bytes: int = MEMORY_BYTES,
        state: State = _EMPTY,
        compaction_interval: float = COMPACTION_SECONDS,
    ) -> None:
        """`compaction_interval` in seconds, 0: history ends by its size alone."""
        self._clock: Clock = clock or SystemClock()
        self._revision: Revision = state.revision
        self._space = Keyspace(state.entries.values())
        self._window = EventWindow(0 if state is _EMPTY else state.revision, max_events, max_bytes)
        self._dispatch = Dispatch(self._revision)
        self._expiry = ExpiryQueue(
            [Expiring(at, state.entries[key].revision, key) for key, at in state.expires.items()]
        )
        self._schedule = CompactionSchedule(compaction_interval) if compaction_interval else None
        self._open = False

    async def start(self) -> None:
        self._open = True

    async def close(self) -> None:
        if self._open:
            self._open = False
            self._dispatch.end(Closed())

    @property
    def revision(self) -> Revision:
        return self._revision

    @property
    def compacted(self) -> Revision:
        return self._window.floor

    async def newest(self) -> Revision:
        self._require_open()
        return self._revision

    def ready(self) -> str:
        return "" if self._open else "the storage is closed"

    async def create(
        self,
        key: str,
        body: bytes,
        attributes: Attributes | None = None,
        *,
        ttl: int = 0,
        known: Known = UNKNOWN,
        origin: bytes = b"",
    ) -> Entry:
        self._require_open()
        if key in self._space.entries:
            raise KeyExists(key)
        return self._store(key, Write(body, attributes, ttl), None, origin)

    async def guaranteed_update(
        self, key: str, update: Update, *, known: Known = UNKNOWN, origin: bytes = b""
    ) -> Entry:
        while True:
            self._require_open()
            newest = self._space.entries.get(key)
            wanted = update(newest)
            if isinstance(wanted, Awaitable):
                wanted = await wanted
                self._require_open()
                if self._space.entries.get(key) is not newest:
                    continue
            if newest is None:
                if wanted is None:
                    raise KeyNotFound(key)
            elif wanted is None or stamp(wanted.body, newest.revision) == newest.body:
                return newest
            return self._store(key, wanted, newest, origin)

    async def delete(
        self, key: str, check: Callable[[Entry], None] | None = None, *, known: Known = UNKNOWN, origin: bytes = b""
    ) -> Entry:
        self._require_open()
        newest = self._space.entries.get(key)
        if newest is None:
            raise KeyNotFound(key)
        if check is not None:
            check(newest)
        return self._remove(newest, origin)

    def _store(self, key: str, write: Write, previous: Entry | None, origin: bytes) -> Entry:
        revision = self._revision + 1
        entry = Entry(key, revision, stamp(write.body, revision), write.attributes)
        self._space.put(entry)
        if write.ttl:
            self._expiry.push(self._clock.now() + write.ttl, revision, key)
        self._publish(Event(ADDED if previous is None else MODIFIED, entry, previous, origin))
        return entry

    def _remove(self, previous: Entry, origin: bytes = b"") -> Entry:
        revision = self._revision + 1
        last = Entry(previous.key, revision, restamp(previous.body, revision), previous.attributes)
        self._space.remove(previous.key)
        self._publish(Event(DELETED, last, previous, origin))
        return last

    def _publish(self, event: Event) -> None:
        self._revision = event.revision
        self._window.append(event)
        self._dispatch.publish((event,), event.revision)

    async def state(self, known: Entries) -> State:
        self._require_open()
        entries = dict(self._space.entries)
        return State(self._revision, entries, self._expiry.of(entries))

    async def restore(self, state: State, known: Entries, origin: bytes = b"") -> Revision:
        self._require_open()
        steps = plan(state, self._space.entries, self._expiry.of(self._space.entries))
        batch = events(steps, self._revision, origin)
        for step, event in zip(steps, batch, strict=True):
            self._window.append(event)
            if event.type == DELETED:
                self._space.remove(event.entry.key)
                continue
            self._space.put(event.entry)
            if step.expires is not None:
                self._expiry.push(step.expires, event.revision, event.entry.key)
        if batch:
            self._revision = batch[-1].revision
            self._dispatch.publish(batch, self._revision)
        return self._revision

    async def get(self, key: str, *, revision: Revision = 0) -> Entry | None:
        self._require_open()
        return self._at(revision, key).get(key)

    async def list(self, prefix: str, *, revision: Revision = 0, start: str = "", limit: int = 0) -> Page:
        self._require_open()
        part = self._at(revision, prefix).take(max(prefix, start), after(prefix), limit)
        return Page(part.entries, revision or self._revision, part.more, part.remaining)

    def _at(self, revision: Revision, prefix: str) -> Snapshot:
        if revision == 0 or revision == self._revision:
            return Snapshot(self._space, {})
        if revision > self._revision:
            raise RevisionTooLarge(revision, self._revision)
        return Snapshot(self._space, self._window.rewind(revision, prefix))

    async def history(self, prefix: str, since: Revision, most: int) -> Sequence[Event]:
        self._require_open()
        events = self._window.since(since, prefix)
        return events[-most:] if most else []

    async def watch(self, prefix: str, revision: Revision, sink: Sink) -> Subscription:
        self._require_open()
        past = self._window.since(revision, prefix)
        registration = self._dispatch.add(prefix, sink, max(revision, self._revision))
        self._dispatch.catch_up(registration, past)
        return registration

    async def count(self, prefix: str) -> int:
        self._require_open()
        return self._space.keys.count(prefix, after(prefix))

    async def compact(self, revision: Revision) -> None:
        self._require_open()
        if revision > self._revision:
            raise RevisionTooLarge(revision, self._revision)
        self._window.drop_through(revision)

    async def tick(self) -> None:
        self._require_open()
        for expiring in self._expiry.due(self._clock.now(), EXPIRY_BATCH):
            entry = self._space.entries.get(expiring.key)
            if entry is not None and entry.revision == expiring.revision:
                self._remove(entry)
        if self._schedule is not None:
            target = self._schedule.due(self._clock.monotonic(), self._revision)
            if target:
                self._window.drop_through(target)

    def _require_open(self) -> None:
        if not self._open:
            raise Closed

    def check_invariants(self) -> None:
        self._space.check_invariants()
        self._window.check_invariants()
        self._dispatch.check_invariants()
        assert self._dispatch.revision == self._revision
        assert all(entry.revision <= self._revision for entry in self._space.entries.values())
