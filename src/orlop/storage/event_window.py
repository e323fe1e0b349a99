"""A bounded run of the newest events, complete from a known revision on.

Filled by `watch_cache` (one resource) and by `memory` (all keys); answers "what happened since R" and "what
was there at R". Pure. Plays the part of apiserver `storage/cacher/watch_cache_history.go`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from orlop.storage.errors import RevisionCompacted
from orlop.storage.interface import Entry, Event, Revision
from orlop.storage.limits import EVENT_OVERHEAD


class EventWindow:
    """All events with revisions above `floor`, in order. Adding beyond a limit drops the oldest and raises
    `floor`."""

    __slots__ = ("_events", "bytes", "floor", "max_bytes", "max_events")

    def __init__(self, floor: Revision, max_events: int, max_bytes: int) -> None:
        self.floor, self.max_events, self.max_bytes = floor, max_events, max_bytes
        self.bytes = 0
        self._events: deque[Event] = deque()

    def __len__(self) -> int:
        return len(self._events)

    def append(self, event: Event) -> None:
        self._events.append(event)
        self.bytes += len(event.entry.body) + EVENT_OVERHEAD
        if self.bytes > self.max_bytes or len(self._events) > self.max_events:
            self._shrink()

    def extend(self, events: Iterable[Event]) -> None:
        for event in events:
            self.append(event)

    def _shrink(self) -> None:
        while self._events and (self.bytes > self.max_bytes or len(self._events) > self.max_events):
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        event = self._events.popleft()
        self.bytes -= len(event.entry.body) + EVENT_OVERHEAD
        self.floor = event.revision

    def drop_through(self, revision: Revision) -> None:
        """Forget the events up to `revision`."""
        while self._events and self._events[0].revision <= revision:
            self._drop_oldest()
        self.floor = max(self.floor, revision)

    def since(self, revision: Revision, prefix: str = "") -> list[Event]:
        """The events above `revision` with keys under `prefix`, oldest first; costs as much as they are many.
        Raises RevisionCompacted."""
        if revision < self.floor:
            raise RevisionCompacted(revision, self.floor)
        found: list[Event] = []
        for event in reversed(self._events):
            if event.revision <= revision:
                break
            if event.entry.key.startswith(prefix):
                found.append(event)
        found.reverse()
        return found

    def rewind(self, revision: Revision, prefix: str = "") -> dict[str, Entry | None]:
        """What the keys written above `revision` held at `revision` (None: nothing): the first event after it
        knows. Raises RevisionCompacted."""
        if revision < self.floor:
            raise RevisionCompacted(revision, self.floor)
        states: dict[str, Entry | None] = {}
        for event in reversed(self._events):
            if event.revision <= revision:
                break
            key = event.entry.key
            if key.startswith(prefix):
                states[key] = event.previous
        return states

    def check_invariants(self) -> None:
        last = self.floor
        size = 0
        for event in self._events:
            # Equal where another program's transaction wrote several keys (etcd).
            assert event.revision >= last, f"{event} after {last}"
            last = event.revision
            size += len(event.entry.body) + EVENT_OVERHEAD
        assert size == self.bytes
        assert len(self._events) <= self.max_events and size <= self.max_bytes
