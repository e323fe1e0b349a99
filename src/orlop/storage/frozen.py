"""A keyspace as it was at one moment, read a slice at a time while writes go on.

Made by `watch_cache` for lists too long for one turn of the loop and for the initial events of watches. Copy on
write: the cache tells it of every event (`note`), and it remembers what the key held before, so that nothing
is copied beforehand. What it remembers is bounded by the keys that are written while it is read. Pure.
"""

from __future__ import annotations

from orlop.storage.interface import Entry, Event
from orlop.storage.keyspace import Keyspace
from orlop.storage.snapshot import Snapshot


class Frozen:
    """`changed`: what the keys written since the moment held then (see `Snapshot`)."""

    __slots__ = ("_changed", "_space", "passed")

    def __init__(self, space: Keyspace, changed: dict[str, Entry | None]) -> None:
        self._space, self._changed = space, changed
        self.passed = ""
        """What is below this key was read and needs remembering no more."""

    def note(self, event: Event) -> None:
        key = event.entry.key
        if key >= self.passed and key not in self._changed:
            self._changed[key] = event.previous

    @property
    def size(self) -> int:
        """About how many keys there are."""
        return len(self._space)

    def snapshot(self) -> Snapshot:
        """The moment's state, to be read in this turn of the loop."""
        return Snapshot(self._space, self._changed)
