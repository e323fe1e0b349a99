"""The watch cache of a custom kind as watchers of one version see it: the same events, their objects converted.

Handed out by `store` where objects are not shown as they are stored; has the calls that `endpoints.watch` and
`endpoints.broadcast` make of a cache. Where converting takes time, events wait in order for their turn, and `revision`
does not pass what waits, so that no bookmark does.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Final

from orlop.api.errors import APIError
from orlop.kinds.custom.window import Untimely, Window
from orlop.storage.errors import Closed
from orlop.storage.interface import Entry, Event, Revision
from orlop.storage.predicate import Predicate
from orlop.storage.selection import Slices
from orlop.storage.subscriptions import OnBroken, OnEvents, Subscriber
from orlop.storage.watch_cache import WatchCache

log = logging.getLogger(__name__)

WAITING: Final = 10_000
"""Events that may wait for their conversion, for each subscription; with more of them the watch ends, and its client
begins anew."""


class VersionFeed:
    def __init__(self, cache: WatchCache, window: Window) -> None:
        self._cache, self._window = cache, window
        self._converting: dict[_Converting, None] = {}

    @property
    def revision(self) -> Revision:
        return min((queue.passed for queue in self._converting), default=self._cache.revision)

    @property
    def compacted(self) -> Revision:
        return self._cache.compacted

    def event(self, event: Event) -> Event | None:
        """An event with its objects converted, None where that takes time."""
        shown = self._window.now(event.entry)
        previous = event.previous
        before = None if previous is None else self._window.now(previous)
        if shown is None or (previous is not None and before is None):
            return None
        return Event(event.type, shown, before, event.origin)

    async def event_later(self, event: Event) -> Event:
        entries = [event.entry] if event.previous is None else [event.entry, event.previous]
        shown = await self._window.later(entries)
        return Event(event.type, shown[0], shown[1] if event.previous is not None else None, event.origin)

    def events_since(self, predicate: Predicate, revision: Revision) -> list[Event]:
        return [self._at_once(event) for event in self._cache.events_since(predicate, revision)]

    def _at_once(self, event: Event) -> Event:
        """An event of the past. A watch that begins with one that cannot be converted at once ends, to begin anew."""
        shown = self.event(event)
        if shown is None:
            raise Closed("an object is not converted yet")
        return shown

    async def recall_events(self, predicate: Predicate, revision: Revision) -> list[Event]:
        return [await self.event_later(event) for event in await self._cache.recall_events(predicate, revision)]

    async def wait_for(self, revision: Revision, timeout: float) -> None:
        await self._cache.wait_for(revision, timeout)

    def slices(self, predicate: Predicate, *, revision: Revision = 0, start: str = "") -> VersionSlices:
        return VersionSlices(self._cache.slices(predicate, revision=revision, start=start), self._window)

    def subscribe(self, predicate: Predicate, on_events: OnEvents, *, after: Revision = 0,
                  on_broken: OnBroken | None = None, lasting: bool = False) -> Subscriber:
        queue = _Converting(self, on_events, self._cache.revision)
        queue.subscriber = self._cache.subscribe(predicate, queue.on_events, after=after, lasting=lasting,
                                                 on_broken=queue.broken(on_broken))
        return queue.subscriber

    def waits(self, queue: _Converting, waits: bool) -> None:
        if waits:
            self._converting[queue] = None
        else:
            self._converting.pop(queue, None)


class VersionSlices:
    """Entries of a frozen state, converted. A watch whose version takes time has them converted before it begins; one
    that came in between ends it (its client begins anew)."""

    def __init__(self, slices: Slices, window: Window) -> None:
        self._slices, self._window = slices, window
        self.revision = slices.revision

    @property
    def finished(self) -> bool:
        return self._slices.finished

    def turn(self, limit: int = 0) -> list[Entry]:
        return [self._shown(entry) for entry in self._slices.turn(limit)]

    def _shown(self, entry: Entry) -> Entry:
        shown = self._window.now(entry)
        if shown is None:
            raise Untimely(entry)
        return shown

    def close(self) -> None:
        self._slices.close()


class _Converting:
    """One subscription. `passed`: what its watchers were told of."""

    def __init__(self, feed: VersionFeed, on_events: OnEvents, passed: Revision) -> None:
        self._feed, self._on_events, self.passed = feed, on_events, passed
        self._waiting: deque[Event] = deque()
        self._task: asyncio.Task[None] | None = None
        self._on_broken: OnBroken | None = None
        self.subscriber: Subscriber | None = None

    def on_events(self, events: Sequence[Event]) -> None:
        if not self._waiting:
            shown = [self._feed.event(event) for event in events]
            if all(event is not None for event in shown):
                self._on_events([event for event in shown if event is not None])
                return
            self.passed = events[0].revision - 1
            self._feed.waits(self, True)
            self._task = asyncio.get_running_loop().create_task(self._convert())
        self._waiting += events
        if len(self._waiting) > WAITING:
            self._break(Closed("conversion falls behind"))

    async def _convert(self) -> None:
        try:
            while self._waiting:
                shown = await self._feed.event_later(self._waiting[0])
                self._on_events([shown])
                self.passed = self._waiting.popleft().revision
        except APIError as error:
            log.warning("a watch ends, because its objects cannot be converted: %s", error.message)
            self._break(Closed(error.message))
        finally:
            self._feed.waits(self, False)

    def broken(self, on_broken: OnBroken | None) -> OnBroken:
        self._on_broken = on_broken
        return self._break

    def _break(self, error: Exception) -> None:
        self._waiting.clear()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        if self.subscriber is not None:
            self.subscriber.cancel()
        if self._on_broken is not None:
            self._on_broken(error)
