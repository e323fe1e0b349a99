"""The watch cache: one resource in memory, as bytes, kept up by a watch; serves get, list and watch.

Made by `registry` for every resource, over a backend; asked by `registry` and, on hot paths, by `endpoints`
through the synchronous methods (`peek`, `select`, `events_since`, `subscribe`). Hands writes on to the
backend together with what it knows of the key, and passes the backend's conformance suite itself. Listing is
in `selection`, watchers are in `subscriptions`, the past in `event_window`. Plays the part of apiserver
`storage/cacher`.

A backend that is `exclusive` hands events over in the very call that makes them visible, so that the cache is
never behind it; of others `wait_for` waits for the news. Whoever is told of events must not read *other*
caches from within that call: they may not have heard of the same commit yet.

A backend may break its watch off (an etcd that was away for long). Clients' watches end then, reads from inside
(`peek`, `select`) go on with the state last known, and those who follow for ever (`lasting`) stay: a restart,
which `tick` tries by itself, tells them the difference.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from orlop.storage.cache_life import CacheLife
from orlop.storage.cache_state import gathered, past_page
from orlop.storage.errors import RevisionCompacted, RevisionTooLarge
from orlop.storage.interface import (
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
)
from orlop.storage.keyspace import after
from orlop.storage.predicate import Predicate
from orlop.storage.selection import Slices
from orlop.storage.snapshot import Snapshot
from orlop.storage.subscriptions import OnBroken, OnEvents, Subscriber

_ALL: Final = 1 << 62


class WatchCache(CacheLife):
    """`Storage` for the keys under `prefix`, and the reads and watches of one resource."""

    async def newest(self) -> Revision:
        return await self._storage.newest()

    async def catch_up(self, timeout: float) -> None:
        """Return when reads show every write that anybody was told of before this call: what a read that names no
        revision waits for where the storage is not `exclusive`; where it is, that is at once. Raises ReadFailed,
        and RevisionTooLarge after `timeout` seconds. Closed while the storage's watch is broken: nobody can tell
        then what is newest."""
        self._require_open()
        newest = await self._storage.newest()
        self._require_open()
        await self.wait_for(newest, timeout)

    # --- synchronous reads and watches

    @property
    def compacted(self) -> Revision:
        return self._storage.compacted

    def peek(self, key: str) -> Entry | None:
        """The newest committed state of a key."""
        return self._entries.get(key)

    def select(self, predicate: Predicate, *, revision: Revision = 0, start: str = "", limit: int = 0) -> Page:
        """The entries that `predicate` wants, from the full key `start` on, at most `limit`, at an exact
        revision (0: the newest known). Raises RevisionCompacted (beyond the window: `recall` looks further) and
        RevisionTooLarge. Takes its time for what `is_long`."""
        self._require_loaded()
        snapshot = self._at(revision, self.scope.prefix)
        return self._state.selection.page(snapshot, predicate, revision or self.revision, start, limit)

    def select_short(
        self, predicate: Predicate, *, revision: Revision = 0, start: str = "", limit: int = 0
    ) -> Page | None:
        """As `select`; None for what is long and to be gathered."""
        self._require_loaded()
        state, snapshot = self._state, self._at(revision, self.scope.prefix)
        return state.selection.short_page(state.space, snapshot, predicate, revision or self.revision, start, limit)

    def is_long(self, predicate: Predicate, start: str = "", limit: int = 0) -> bool:
        """Whether `select` would hold up the loop: clients' requests are to `gather` then."""
        return self._state.selection.is_long(self._state.space, predicate, start, limit)

    def slices(self, predicate: Predicate, *, revision: Revision = 0, start: str = "") -> Slices:
        """As `select`, to be read a turn of the loop at a time; shows the state of now, whatever is written meanwhile.
        Raises what `select` raises."""
        self._require_loaded()
        changed = self._changed_since(revision, self.scope.prefix)
        return self._state.freeze(predicate, changed, revision or self.revision, start)

    async def gather(self, predicate: Predicate, *, revision: Revision = 0, start: str = "", limit: int = 0) -> Page:
        """As `select`, without holding up the loop, and looking into the storage's log for revisions beyond the
        window."""
        try:
            slices = self.slices(predicate, revision=revision, start=start)
        except RevisionCompacted:
            return await self.recall(predicate, revision=revision, start=start, limit=limit)
        try:
            return await gathered(slices, predicate, limit)
        finally:
            slices.close()

    def _changed_since(self, revision: Revision, prefix: str) -> dict[str, Entry | None]:
        """What the keys written since held at `revision`."""
        current = self.revision
        if revision == 0 or revision == current:
            return {}
        if revision > current:
            raise RevisionTooLarge(revision, current)
        self._require_kept(revision)
        return self._state.window.rewind(revision, prefix)

    def _at(self, revision: Revision, prefix: str) -> Snapshot:
        return Snapshot(self._state.space, self._changed_since(revision, prefix))

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
        return past_page(self.scope, self.attributes, page.entries, predicate, revision, start, limit)

    def events_since(self, predicate: Predicate, revision: Revision) -> list[Event]:
        """What a watcher with `predicate` was shown since `revision`. Raises RevisionCompacted (beyond the
        window: `recall_events` looks further)."""
        self._require_open()
        self._require_kept(revision)
        low = predicate.range(self.scope).low
        return self._shown(self._state.window.since(revision, low), predicate)

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
        if revision >= self._state.window.floor:
            return self._state.window.since(revision, prefix)
        older = list(await self._storage.history(prefix, revision, _ALL))
        known = max(revision, older[-1].revision if older else 0, self._state.window.floor)
        return older + self._state.window.since(known, prefix)

    def subscribe(
        self,
        predicate: Predicate,
        on_events: OnEvents,
        *,
        after: Revision = 0,
        on_broken: OnBroken | None = None,
        lasting: bool = False,
    ) -> Subscriber:
        """Call `on_events` with every run of events from now on (above `after`, when that is in the future).
        It must not block; when it raises it is ended. `on_broken` is told when the cache ends the watch.

        `lasting` is for those inside that follow for ever: they stay when the storage breaks off, and are told what
        changed once it is back, in order of key (so revisions are not in order then)."""
        if lasting:
            self._require_loaded()
        else:
            self._require_open()
        return self._subscriptions.add(predicate, on_events, on_broken, after, lasting)

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
        if since < self._state.window.floor:
            return await self._storage.history(prefix, since, most)
        return self._state.window.since(since, prefix)[-most:] if most else []

    async def watch(self, prefix: str, revision: Revision, sink: Sink) -> Subscription:
        self._require_open()
        past = await self._past(prefix, revision)
        registration = self._dispatch.add(prefix, sink, max(revision, self._seen))
        self._dispatch.catch_up(registration, past)
        return registration

    async def count(self, prefix: str) -> int:
        self._require_open()
        return len(self) if prefix == self.scope.prefix else self._state.space.keys.count(prefix, after(prefix))

    async def compact(self, revision: Revision) -> None:
        self._require_open()
        await self._storage.compact(revision)
        self._state.window.drop_through(revision)
