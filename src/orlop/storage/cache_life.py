"""The life of a watch cache: loading, following the storage's watch, ending, and starting again.

The lower half of `watch_cache.WatchCache`, which adds what is asked of it. Here is what keeps the state in memory
current (`cache_state`), tells watchers (`subscriptions`, `dispatch`), and outlives a storage that breaks its watch
off: clients' watches end then, those who follow for ever (`lasting`) stay, and once the cache has loaded again they
are told the difference (`resynchronisation`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Final

from orlop.storage.cache_state import CacheState
from orlop.storage.collector import collector_at_rest
from orlop.storage.compaction import CompactionSchedule
from orlop.storage.dispatch import Dispatch
from orlop.storage.errors import Closed, ReadFailed
from orlop.storage.interface import Attributes, AttributesOf, Entry, Event, Revision, Storage, Subscription
from orlop.storage.keyspace import Keyspace
from orlop.storage.limits import CATCH_UP, SHARED_ATTRIBUTES, CacheLimits
from orlop.storage.predicate import Scope
from orlop.storage.restart import Restart
from orlop.storage.resynchronisation import differences
from orlop.storage.subscriptions import Judge, Subscriptions
from orlop.world.clock import Clock, SystemClock

_LIMITS: Final = CacheLimits()
_log: Final = logging.getLogger(__name__)


class CacheLife:
    """The sink of one watch of the storage's."""

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
        self._failure: Exception | None = None
        """Why the storage's watch ended, when it did so by itself."""
        self._loaded = False
        """Something can be shown, though it need not be the newest."""
        self._shared: dict[tuple[str | None, ...], Attributes] = {}
        self._starting = asyncio.Lock()
        self._restart = Restart(f"the watch cache of {prefix}")
        self._judge = Judge(self.scope, self.attributes)
        self._subscriptions = Subscriptions(self.scope, self._judge)
        self._show(self._new_state(), 0)

    def _new_state(self) -> CacheState:
        return CacheState(self.scope, self.attributes, self._limits)

    def _show(self, state: CacheState, revision: Revision) -> None:
        """From now on reads show this."""
        self._state, self._entries = state, state.space.entries
        self._dispatch = Dispatch(revision, self._ask)
        self._schedule = CompactionSchedule()
        self._seen = revision

    # --- life

    async def start(self) -> None:
        """Read what is there and what happened lately, then follow. May be called again after the watch broke: the new
        state takes the old one's place in one step, and lasting subscribers are told the difference."""
        async with self._starting:
            if self._source is not None:
                return
            try:
                with nullcontext() if self._loaded else collector_at_rest():
                    state, revision = await self._read()
                old = self._state
                old.close()
                self._show(state, revision)
                await self._tell_changes(old.space, revision)
                self._source = await self._follow(revision)
            except BaseException as error:
                if self._loaded and isinstance(error, Exception):
                    self._failure = error
                raise
            self._loaded = True
            self._restart.succeeded()

    async def _follow(self, revision: Revision) -> Subscription:
        self._failure = None
        source = await self._storage.watch(self.scope.prefix, revision, self)
        if self._failure is not None:
            raise self._failure
        return source

    async def _read(self) -> tuple[CacheState, Revision]:
        prefix = self.scope.prefix
        page = await self._storage.list(prefix)
        past, floor = await self._read_past(page.revision)
        state = self._new_state()
        await state.load(page.entries)
        state.remember(past, floor)
        return state, page.revision

    async def _read_past(self, revision: Revision) -> tuple[list[Event], Revision]:
        """What happened lately, and from when on that is all (where others write, a transaction's events share one
        revision, and the oldest may lack some of its own). A past that can no longer be read (encrypted with a key
        that was taken away) is as good as forgotten: what is there now was read."""
        since = max(self._storage.compacted, revision - self._limits.start_revisions, 0)
        most = self._limits.window_events
        try:
            events = await self._storage.history(self.scope.prefix, since, most)
        except ReadFailed as error:
            _log.warning("%s: the past cannot be read, watches begin now: %s", self.scope.prefix, error)
            return [], revision
        past = [event for event in events if event.revision <= revision]
        return past, since if len(past) < most else past[0].revision - self.exclusive

    async def _tell_changes(self, old: Keyspace, revision: Revision) -> None:
        if not self._subscriptions.any_lasting:
            return
        for events in differences(old, self._state.space, revision):
            for start in range(0, len(events), CATCH_UP):
                self._subscriptions.deliver(events[start : start + CATCH_UP])
                await asyncio.sleep(0)

    async def close(self) -> None:
        """End all watches. The storage stays open: it is shared."""
        await self._restart.cancel()
        if self._loaded:
            if self._source is not None:
                self._source.cancel()
            self._failure, self._loaded = None, False
            self._end(Closed("the watch cache is closed"), lasting=True)
            self._state.close()

    def _end(self, error: Exception, *, lasting: bool) -> None:
        self._source = None
        self._subscriptions.end(error, lasting=lasting)
        self._dispatch.end(error)
        for future in self._waiters:
            if not future.done():
                future.set_exception(error)

    def ready(self) -> str:
        if self._failure is not None:
            return f"the watch cache of {self.scope.prefix} lost its storage: {self._failure}"
        if self._source is None:
            return f"the watch cache of {self.scope.prefix} is not started"
        return self._storage.ready()

    def _require_open(self) -> None:
        if self._source is None:
            raise Closed(self.ready())

    def _require_loaded(self) -> None:
        if not self._loaded:
            self._require_open()

    @property
    def revision(self) -> Revision:
        """What reads show: every event up to it has been applied."""
        return self._storage.revision if self.exclusive else self._seen

    def __len__(self) -> int:
        return len(self._entries)

    def attributes(self, entry: Entry) -> Attributes:
        """What selectors see of an entry; decoded at the first need."""
        found = entry.attributes
        if found is None:
            found = entry.attributes = self._sharing(self._attributes_of(entry.tree()))
        return found

    def _sharing(self, found: Attributes) -> Attributes:
        """The same attributes as `found`; one for all entries that have these, for there are often very many."""
        labels, fields = found
        key = (*labels, *labels.values(), None, *fields, *fields.values())
        if len(self._shared) >= SHARED_ATTRIBUTES:
            self._shared.clear()
        return self._shared.setdefault(key, found)

    # --- the sink of the storage's watch

    def events(self, batch: Sequence[Event]) -> None:
        self._state.apply(batch)
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
        """The storage's watch ended: so do all that hang on it, but for those who last. `start` again to go on."""
        self._failure = error
        self._end(error, lasting=False)

    def _wake(self) -> None:
        shown = self.revision
        for future, revision in self._waiters.items():
            if revision <= shown and not future.done():
                future.set_result(None)

    # --- housekeeping

    async def tick(self) -> None:
        """Let go of events older than five to ten minutes; begin to start again after the storage broke off. (The
        storage's own `tick` is its owner's business.)"""
        if self._failure is not None:
            self._restart.begin(self._clock.monotonic(), self.start)
            return
        target = self._schedule.due(self._clock.monotonic(), self._seen)
        if target:
            self._state.window.drop_through(target)

    def check_invariants(self) -> None:
        for part in (self._state, self._subscriptions, self._dispatch):
            part.check_invariants()
        assert self._seen <= self.revision or not self.exclusive
