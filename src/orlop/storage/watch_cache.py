"""The watch cache: one resource in memory, as bytes, kept up by a watch; serves get, list and watch.

Made by `registry` for every resource, over a backend; asked by `registry` and, on hot paths, by `endpoints`
through the synchronous methods (`peek`, `select`, `events_since`, `subscribe`). Hands writes on to the
backend together with what it knows of the key, and passes the backend's conformance suite itself. Listing is
in `selection`, watchers are in `subscriptions`, the past in `event_window`. Plays the part of apiserver
`storage/cacher`.

A backend that is `exclusive` hands events over in the very call that makes them visible, so that the cache is
never behind it; of others `wait_for` waits for the news. Whoever is told of events must not read *other*
caches from within that call: they may not have heard of the same commit yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from orlop.storage.compaction import CompactionSchedule
from orlop.storage.dispatch import Dispatch
from orlop.storage.errors import Closed, RevisionCompacted, RevisionTooLarge
from orlop.storage.event_window import EventWindow
from orlop.storage.interface import (
    DELETED,
    UNKNOWN,
    Attributes,
    AttributesOf,
    Entry,
    Event,
    Known,
    Page,
    Revision,
    Sink,
    Storage,
    Subscription,
    Update,
)
from orlop.storage.keyspace import Keyspace, after
from orlop.storage.label_index import Indexes
from orlop.storage.limits import CacheLimits
from orlop.storage.predicate import Predicate, Scope
from orlop.storage.selection import Selection
from orlop.storage.snapshot import Snapshot
from orlop.storage.subscriptions import Judge, OnBroken, OnEvents, Subscriber, Subscriptions
from orlop.world.clock import Clock, SystemClock

_LIMITS: Final = CacheLimits()
_ALL: Final = 1 << 62


class WatchCache:
    """`Storage` for the keys under `prefix`, and the reads and watches of one resource."""

    def __init__(
        self,
        storage: Storage,
        prefix: str,
        attributes_of: AttributesOf,
        limits: CacheLimits = _LIMITS,
        clock: Clock | None = None,
        *,
        namespaced: bool = True,
    ) -> None:
        self.exclusive = storage.exclusive
        self.scope = Scope(prefix, namespaced)
        self._storage, self._attributes_of, self._limits = storage, attributes_of, limits
        self._clock: Clock = clock or SystemClock()
        self._waiters: dict[asyncio.Future[None], Revision] = {}
        self._source: Subscription | None = None
        self._judge = Judge(self.scope, self.attributes)
        self._subscriptions = Subscriptions(self.scope, self._judge)
        self._load([], 0, 0)

    def _load(self, entries: Sequence[Entry], floor: Revision, revision: Revision) -> None:
        self._space = Keyspace(entries)
        self._window = EventWindow(floor, self._limits.window_events, self._limits.window_bytes)
        self._dispatch = Dispatch(revision, self._ask)
        self._indexes = Indexes(self._space.entries, self.attributes, self._limits.indexes)
        self._selection = Selection(self.scope, self._indexes, self.attributes)
        self._schedule = CompactionSchedule()
        self._seen = revision

    # --- life

    async def start(self) -> None:
        """Read what is there and what happened lately, then follow. May be called again after the watch
        broke."""
        prefix = self.scope.prefix
        page = await self._storage.list(prefix)
        since = max(self._storage.compacted, page.revision - self._limits.start_revisions, 0)
        most = self._limits.window_events
        past = [event for event in await self._storage.history(prefix, since, most) if event.revision <= page.revision]
        floor = since if len(past) < most else past[0].revision - 1
        self._load(page.entries, floor, page.revision)
        self._window.extend(map(self._shared, past))
        self._source = await self._storage.watch(prefix, page.revision, self)

    def _shared(self, event: Event) -> Event:
        """The event holding the very entry that the keyspace holds, so that its body is in memory once."""
        entry = self._space.entries.get(event.entry.key)
        if entry is not None and entry.revision == event.revision and event.type != DELETED:
            return Event(event.type, entry, event.previous, event.origin)
        return event

    async def close(self) -> None:
        """End all watches. The storage stays open: it is shared."""
        if self._source is not None:
            self._source.cancel()
            self._end(Closed("the watch cache is closed"))

    def _end(self, error: Exception) -> None:
        self._source = None
        self._subscriptions.end(error)
        self._dispatch.end(error)
        for future in self._waiters:
            if not future.done():
                future.set_exception(error)

    def ready(self) -> str:
        if self._source is None:
            return f"the watch cache of {self.scope.prefix} is not started"
        return self._storage.ready()

    async def newest(self) -> Revision:
        return await self._storage.newest()

    async def catch_up(self, timeout: float) -> None:
        """Return when reads show every write that anybody was told of before this call: what a read that names no
        revision waits for where the storage is not `exclusive`. Raises ReadFailed, and RevisionTooLarge after
        `timeout` seconds."""
        await self.wait_for(await self._storage.newest(), timeout)

    def _require_open(self) -> None:
        if self._source is None:
            raise Closed(f"the watch cache of {self.scope.prefix} is not started")

    # --- the sink of the storage's watch

    def events(self, batch: Sequence[Event]) -> None:
        space, window = self._space, self._window
        for event in batch:
            if event.type == DELETED:
                space.remove(event.entry.key)
            else:
                space.put(event.entry)
            window.append(event)
            self._indexes.apply(event)
        self._seen = batch[-1].revision
        self._subscriptions.deliver(batch)
        self._dispatch.publish(batch, self._seen)
        if self._waiters:
            self._wake()

    def progress(self, revision: Revision) -> None:
        self._seen = max(self._seen, revision)
        self._dispatch.advance(self._seen)
        self._wake()

    def _ask(self, revision: Revision) -> None:
        """Hear of `revision` also when it is another resource's."""
        if self._source is not None:
            self._source.progress_at(revision)

    def broken(self, error: Exception) -> None:
        """The storage's watch ended: so do all that hang on it. `start` again to go on."""
        self._end(error)

    def _wake(self) -> None:
        shown = self.revision
        for future, revision in self._waiters.items():
            if revision <= shown and not future.done():
                future.set_result(None)

    # --- synchronous reads and watches

    @property
    def revision(self) -> Revision:
        """What reads show: every event up to it has been applied."""
        return self._storage.revision if self.exclusive else self._seen

    @property
    def compacted(self) -> Revision:
        return self._storage.compacted

    def __len__(self) -> int:
        return len(self._space)

    def attributes(self, entry: Entry) -> Attributes:
        """What selectors see of an entry; decoded at the first need."""
        found = entry.attributes
        if found is None:
            found = entry.attributes = self._attributes_of(entry.tree())
        return found

    def peek(self, key: str) -> Entry | None:
        """The newest committed state of a key."""
        return self._space.entries.get(key)

    def select(self, predicate: Predicate, *, revision: Revision = 0, start: str = "", limit: int = 0) -> Page:
        """The entries that `predicate` wants, from the full key `start` on, at most `limit`, at an exact
        revision (0: the newest). Raises RevisionCompacted (beyond the window: `recall` looks further) and
        RevisionTooLarge."""
        self._require_open()
        snapshot = self._at(revision, self.scope.prefix)
        return self._selection.page(snapshot, predicate, revision or self.revision, start, limit)

    def _at(self, revision: Revision, prefix: str) -> Snapshot:
        current = self.revision
        if revision == 0 or revision == current:
            return Snapshot(self._space, {})
        if revision > current:
            raise RevisionTooLarge(revision, current)
        self._require_kept(revision)
        return Snapshot(self._space, self._window.rewind(revision, prefix))

    def _require_kept(self, revision: Revision) -> None:
        if revision < self._storage.compacted:
            raise RevisionCompacted(revision, self._storage.compacted)

    async def recall(self, predicate: Predicate, *, revision: Revision, start: str = "", limit: int = 0) -> Page:
        """As `select`, but looks into the storage's log for revisions beyond the window."""
        try:
            return self.select(predicate, revision=revision, start=start, limit=limit)
        except RevisionCompacted:
            self._require_kept(revision)
        low = predicate.range(self.scope).low or self.scope.prefix
        page = await self._storage.list(low[: low.rfind("/") + 1], revision=revision)
        past = Snapshot(Keyspace(page.entries), {})
        selection = Selection(self.scope, None, self.attributes)
        return selection.page(past, predicate, revision, start, limit)

    def events_since(self, predicate: Predicate, revision: Revision) -> list[Event]:
        """What a watcher with `predicate` was shown since `revision`. Raises RevisionCompacted (beyond the
        window: `recall_events` looks further)."""
        self._require_open()
        self._require_kept(revision)
        low = predicate.range(self.scope).low
        return self._shown(self._window.since(revision, low), predicate)

    def _shown(self, events: Sequence[Event], predicate: Predicate) -> list[Event]:
        judged = (self._judge.show(event, predicate) for event in events)
        return [event for event in judged if event is not None]

    async def recall_events(self, predicate: Predicate, revision: Revision) -> list[Event]:
        """As `events_since`, but looks into the storage's log for what is beyond the window. Up to date when
        it returns: subscribe without waiting in between."""
        self._require_open()
        low = predicate.range(self.scope).low or self.scope.prefix
        return self._shown(await self._past(low[: low.rfind("/") + 1], revision), predicate)

    async def _past(self, prefix: str, revision: Revision) -> list[Event]:
        self._require_kept(revision)
        if revision >= self._window.floor:
            return self._window.since(revision, prefix)
        older = list(await self._storage.history(prefix, revision, _ALL))
        known = max(revision, older[-1].revision if older else 0, self._window.floor)
        return older + self._window.since(known, prefix)

    def subscribe(
        self,
        predicate: Predicate,
        on_events: OnEvents,
        *,
        after: Revision = 0,
        on_broken: OnBroken | None = None,
    ) -> Subscriber:
        """Call `on_events` with every run of events from now on (above `after`, when that is in the future).
        It must not block; when it raises it is ended. `on_broken` is told when the cache ends the watch."""
        self._require_open()
        return self._subscriptions.add(predicate, on_events, on_broken, after)

    async def wait_for(self, revision: Revision, timeout: float) -> None:
        """Return when reads show `revision`. Raises RevisionTooLarge after `timeout` seconds."""
        if revision <= self.revision:
            return
        self._require_open()
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters[future] = revision
        try:
            self._ask(revision)
            await asyncio.wait_for(future, timeout)
        except TimeoutError:
            raise RevisionTooLarge(revision, self.revision) from None
        finally:
            del self._waiters[future]

    # --- Storage: writes with knowledge, reads from memory

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
        return await self._storage.create(key, body, attributes, ttl=ttl, known=self.peek(key), origin=origin)

    async def guaranteed_update(
        self, key: str, update: Update, *, known: Known = UNKNOWN, origin: bytes = b""
    ) -> Entry:
        self._require_open()
        return await self._storage.guaranteed_update(key, update, known=self.peek(key), origin=origin)

    async def delete(
        self, key: str, check: Callable[[Entry], None] | None = None, *, known: Known = UNKNOWN, origin: bytes = b""
    ) -> Entry:
        self._require_open()
        return await self._storage.delete(key, check, known=self.peek(key), origin=origin)

    async def get(self, key: str, *, revision: Revision = 0) -> Entry | None:
        self._require_open()
        try:
            return self._at(revision, key).get(key)
        except RevisionCompacted:
            return await self._storage.get(key, revision=revision)

    async def list(self, prefix: str, *, revision: Revision = 0, start: str = "", limit: int = 0) -> Page:
        self._require_open()
        try:
            part = self._at(revision, prefix).take(max(prefix, start), after(prefix), limit)
        except RevisionCompacted:
            return await self._storage.list(prefix, revision=revision, start=start, limit=limit)
        return Page(part.entries, revision or self.revision, part.more, part.remaining)

    async def history(self, prefix: str, since: Revision, most: int) -> Sequence[Event]:
        self._require_open()
        self._require_kept(since)
        if since < self._window.floor:
            return await self._storage.history(prefix, since, most)
        return self._window.since(since, prefix)[-most:] if most else []

    async def watch(self, prefix: str, revision: Revision, sink: Sink) -> Subscription:
        self._require_open()
        past = await self._past(prefix, revision)
        registration = self._dispatch.add(prefix, sink, max(revision, self._seen))
        self._dispatch.catch_up(registration, past)
        return registration

    async def count(self, prefix: str) -> int:
        self._require_open()
        return self._space.keys.count(prefix, after(prefix))

    async def compact(self, revision: Revision) -> None:
        self._require_open()
        await self._storage.compact(revision)
        self._window.drop_through(revision)

    async def tick(self) -> None:
        """Let go of events older than five to ten minutes. (The storage's own `tick` is its owner's
        business.)"""
        target = self._schedule.due(self._clock.monotonic(), self._seen)
        if target:
            self._window.drop_through(target)

    def check_invariants(self) -> None:
        for part in (self._space, self._window, self._indexes, self._subscriptions, self._dispatch):
            part.check_invariants()
        assert self._seen <= self.revision or not self.exclusive
        prefix = self.scope.prefix
        assert all(key.startswith(prefix) for key in self._space.entries)
        states = self._window.rewind(self._window.floor, prefix)
        for event in self._window.since(self._window.floor):
            states[event.entry.key] = None if event.type == DELETED else event.entry
        for key, newest in states.items():
            assert self._space.entries.get(key) is newest, f"window and keyspace differ at {key}"
