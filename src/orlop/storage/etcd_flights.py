"""Writes on their way to etcd, recognised when they come back in the watch.

Filled by `etcd_writer`, asked by `etcd_decoder`. Every transaction of ours also writes the origin key, with the
flight's number before the origin: so the watch tells which event is which write, also when etcd's answer was lost, and
who wrote what other replicas wrote. Without origins a flight is known by its key and value.
"""

from __future__ import annotations

import secrets

from orlop.storage.interface import DELETED, Attributes, Entry, Event, EventType, Revision, restamp, stamp


class Flight:
    """`value`: what etcd shall store, None for a deletion. `body`: its body, unstamped. `base`: the state that it
    replaces. `event`: set when it was seen to be applied."""

    __slots__ = ("attributes", "base", "body", "event", "key", "kind", "number", "origin", "raw_key", "value")

    def __init__(
        self,
        kind: EventType,
        key: str,
        raw_key: bytes,
        body: bytes,
        value: bytes | None,
        base: Entry | None,
        attributes: Attributes | None,
        origin: bytes,
    ) -> None:
        self.kind, self.key, self.raw_key, self.body, self.value = kind, key, raw_key, body, value
        self.base, self.attributes, self.origin = base, attributes, origin
        self.number = b""
        self.event: Event | None = None

    def applied(self, revision: Revision) -> Event:
        """It took `revision`. One event, whoever learns of it first: the answer or the watch."""
        if self.event is None or self.event.revision != revision:
            if self.kind == DELETED and self.base is not None:
                body = restamp(self.base.body, revision)
            else:
                body = stamp(self.body, revision)
            entry = Entry(self.key, revision, body, self.attributes)
            self.event = Event(self.kind, entry, self.base, self.origin)
        return self.event


class Flights:
    """As many as there are writes under way."""

    __slots__ = ("_by_key", "_by_number", "_count", "_name", "origins")

    def __init__(self, origins: bool) -> None:
        self.origins = origins
        self._name, self._count = secrets.token_hex(6).encode(), 0
        self._by_number: dict[bytes, Flight] = {}
        self._by_key: dict[bytes, Flight] = {}

    def depart(self, flight: Flight) -> None:
        self._count += 1
        if self.origins:
            flight.number = b"%b.%x" % (self._name, self._count)
            self._by_number[flight.number] = flight
        else:
            self._by_key[flight.raw_key] = flight

    def arrive(self, flight: Flight) -> None:
        """It is known what became of it, or nobody cares any more."""
        if self.origins:
            self._by_number.pop(flight.number, None)
        elif self._by_key.get(flight.raw_key) is flight:
            del self._by_key[flight.raw_key]

    def numbered(self, number: bytes) -> Flight | None:
        """Ours, if it is: no other event has its number."""
        return self._by_number.pop(number, None)

    def alike(self, raw_key: bytes, value: bytes | None, base: Revision) -> Flight | None:
        """The flight that, as far as can be told, wrote this. (Another replica's very same change of the very same
        state has the same effect; which of the two it was makes no difference to anybody.)"""
        flight = self._by_key.get(raw_key)
        if flight is None or flight.value != value:
            return None
        return flight if base == (0 if flight.base is None else flight.base.revision) else None
