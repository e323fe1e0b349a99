"""From etcd's events to the contract's: one revision at a time.

Used by `etcd_feed` for what happens and by `etcd_past` for what happened. An event of a write of our own is the one
that its `Flight` holds, with attributes and the entry before, so that nothing is decoded twice.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

from orlop.storage.errors import ReadFailed
from orlop.storage.etcd_flights import Flights
from orlop.storage.etcd_messages import DELETE
from orlop.storage.etcd_values import Values
from orlop.storage.interface import ADDED, DELETED, MODIFIED, Entry, Event, EventType, Revision, restamp

_log: Final = logging.getLogger(__name__)


class Unreadable:
    """An event whose state or previous state is not what a writer of ours or upstream's stores."""

    __slots__ = ("error", "key", "revision")

    def __init__(self, key: str, revision: Revision, error: ReadFailed) -> None:
        self.key, self.revision, self.error = key, revision, error


class Decoder:
    __slots__ = ("_flights", "_values")

    def __init__(self, values: Values, flights: Flights) -> None:
        self._values, self._flights = values, flights

    def decode(self, raw: Sequence[Any]) -> list[Event | Unreadable]:
        """`raw`: whole revisions, in order."""
        found: list[Event | Unreadable] = []
        start, count = 0, len(raw)
        while start < count:
            revision = raw[start].kv.mod_revision
            end = start + 1
            while end < count and raw[end].kv.mod_revision == revision:
                end += 1
            self._one_revision(revision, raw[start:end], found)
            start = end
        return found

    def _one_revision(self, revision: Revision, group: Sequence[Any], found: list[Event | Unreadable]) -> None:
        internal = self._values.internal
        origin, flight = b"", None
        objects = []
        for event in group:
            key = event.kv.key
            if not key.startswith(internal):
                objects.append((key, event))
            elif key == self._values.origin_key:
                number, _, origin = event.kv.value.partition(b" ")
                flight = self._flights.numbered(number)
        for key, event in objects:
            known = flight
            if known is None and not self._flights.origins:
                value = None if event.type == DELETE else event.kv.value
                known = self._flights.alike(key, value, event.prev_kv.mod_revision)
            if known is not None and known.raw_key == key:
                found.append(known.applied(revision))
            else:
                found.append(self._foreign(revision, event, origin))

    def _foreign(self, revision: Revision, event: Any, origin: bytes) -> Event | Unreadable:
        values, kv = self._values, event.kv
        try:
            previous = values.entry(event.prev_kv) if event.prev_kv.mod_revision else None
            if event.type != DELETE:
                kind: EventType = ADDED if kv.create_revision == kv.mod_revision else MODIFIED
                return Event(kind, values.entry(kv), previous, origin)
            if previous is None:
                raise ReadFailed(f"etcd no longer has what {values.contract_key(kv.key)} was before its deletion")
            last = Entry(previous.key, revision, restamp(previous.body, revision), previous.attributes)
            return Event(DELETED, last, previous, origin)
        except ReadFailed as error:
            _log.error("an event of etcd cannot be read: %s", error)
            return Unreadable(values.contract_key(kv.key), revision, error)

