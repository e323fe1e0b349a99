"""What a storage must say, from the log of all writes that were made: the model behind `storage_model`."""

from __future__ import annotations

from typing import Any, NamedTuple

from storage_worlds import value_of

from orlop.storage.interface import ADDED, DELETED, MODIFIED, Event
from orlop.world.clock import ManualClock

FAR = 1_000_000
"""Beyond every revision of a test."""


class Clocks(ManualClock):
    """A wall clock that may jump, beside a monotonic one that never does."""

    def __init__(self) -> None:
        super().__init__()
        self._monotonic = 1000.0

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        super().advance(seconds)
        self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        super().advance(seconds)


class Written(NamedTuple):
    """A write as it must be told; `value` None for a delete; `before`: the revision of the state before."""

    type: str
    key: str
    revision: int
    value: Any
    previous: Any
    origin: bytes


class WriteLog:
    """All writes, in order. `seen`: the newest revision known of, of whatever resource."""

    def __init__(self, clock: Clocks) -> None:
        self.clock = clock
        self.log: list[Written] = []
        self.expires: dict[str, float] = {}
        self.seen = 0

    def state(self, revision: int = FAR) -> dict[str, Written]:
        found: dict[str, Written] = {}
        for one in self.log:
            if one.revision > revision:
                break
            found.pop(one.key, None)
            if one.type != DELETED:
                found[one.key] = one
        return found

    def events(self, prefix: str, since: int) -> list[Written]:
        return [one for one in self.log if one.revision > since and one.key.startswith(prefix)]

    def written(self, key: str, value: Any, revision: int, origin: bytes = b"", ttl: int = 0) -> None:
        """`value` None: a delete."""
        before = self.state().get(key)
        assert revision > self.seen and (value is not None or before is not None)
        previous = None if before is None else before.value
        kind = DELETED if value is None else ADDED if before is None else MODIFIED
        self.log.append(Written(kind, key, revision, previous if value is None else value, previous, origin))
        self.seen = revision
        self.expires.pop(key, None)
        if ttl:
            self.expires[key] = self.clock.now() + ttl

    def told(self, events: list[Event]) -> list[Written]:
        return [
            Written(one.type, one.entry.key, one.revision, value_of(one.entry), value_of(one.previous), one.origin)
            for one in events
        ]

    @staticmethod
    def could_be(asked: tuple[str, str, Any], one: Written) -> bool:
        step, key, value = asked
        if key != one.key or (step == "delete") != (one.type == DELETED):
            return False
        return step == "delete" or (one.value == value and (step != "create" or one.type == ADDED))
