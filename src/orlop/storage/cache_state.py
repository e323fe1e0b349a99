"""What a watch cache holds in memory of one resource: the newest entries, the events that led there, the indexes over
them, and the frozen states that are being read.

Made by `watch_cache` each time it has loaded, and replaced as a whole when it loads again: whoever reads a frozen
state then goes on with that of the old one. Knows nothing of the storage, nor of watchers. Pure, but for indexes that
grow in the background (`label_index`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from orlop.storage.event_window import EventWindow
from orlop.storage.frozen import Frozen
from orlop.storage.interface import DELETED, Entry, Event, Page, Revision
from orlop.storage.keyspace import Keyspace
from orlop.storage.label_index import AttributesOfEntry, Indexes
from orlop.storage.limits import KEY_SLICE, CacheLimits
from orlop.storage.predicate import Predicate, Scope
from orlop.storage.selection import Selection, Slices
from orlop.storage.snapshot import Snapshot


class CacheState:
    """Empty at first: `load`, then `remember`, then `apply` every later event."""

    __slots__ = ("_frozen", "indexes", "scope", "selection", "space", "window")

    def __init__(self, scope: Scope, attributes: AttributesOfEntry, limits: CacheLimits) -> None:
        self.scope, self.space = scope, Keyspace()
        self.window = EventWindow(0, limits.window_events, limits.window_bytes)
        self.indexes = Indexes(self.space, attributes, limits.indexes)
        self.selection = Selection(scope, self.indexes, attributes)
        self._frozen: dict[Frozen, None] = {}

    async def load(self, entries: Sequence[Entry]) -> None:
        """Take up all entries (in order of key), a slice in each turn of the loop."""
        for start in range(0, len(entries), KEY_SLICE):
            self.space.extend(entries[start : start + KEY_SLICE])
            await asyncio.sleep(0)

    def remember(self, past: Sequence[Event], floor: Revision) -> None:
        """The events that led here, complete from `floor` on."""
        self.window.floor = floor
        self.window.extend(map(self._shared, past))

    def _shared(self, event: Event) -> Event:
        """The event holding the very entry that the keyspace holds, so that its body is in memory once."""
        entry = self.space.entries.get(event.entry.key)
        if entry is not None and entry.revision == event.revision and event.type != DELETED:
            return Event(event.type, entry, event.previous, event.origin)
        return event

    def apply(self, batch: Sequence[Event]) -> None:
        space, window, indexes, frozen = self.space, self.window, self.indexes, self._frozen
        for event in batch:
            for reader in frozen:
                reader.note(event)
            if event.type == DELETED:
                space.remove(event.entry.key)
            else:
                space.put(event.entry)
            window.append(event)
            indexes.apply(event)

    def freeze(self, predicate: Predicate, changed: dict[str, Entry | None], shown: Revision, start: str) -> Slices:
        """`changed` is what the keys written since `shown` held then."""
        frozen = Frozen(self.space, changed)
        self._frozen[frozen] = None
        return Slices(self.selection, self.scope, frozen, predicate, shown, start, self._thaw)

    def _thaw(self, frozen: Frozen) -> None:
        self._frozen.pop(frozen, None)

    def close(self) -> None:
        """Nothing more is applied."""
        self.indexes.close()
        self._frozen.clear()

    def check_invariants(self) -> None:
        for part in (self.space, self.window, self.indexes):
            part.check_invariants()
        prefix = self.scope.prefix
        assert all(key.startswith(prefix) for key in self.space.entries)
        states = self.window.rewind(self.window.floor, prefix)
        for event in self.window.since(self.window.floor):
            states[event.entry.key] = None if event.type == DELETED else event.entry
        for key, newest in states.items():
            assert self.space.entries.get(key) is newest, f"window and keyspace differ at {key}"


async def gathered(slices: Slices, predicate: Predicate, limit: int) -> Page:
    """A page read in slices, a turn of the loop for each."""
    found: list[Entry] = []
    while not slices.finished and (not limit or len(found) < limit):
        found += slices.turn(limit - len(found) if limit else 0)
        await asyncio.sleep(0)
    if not limit or len(found) < limit:
        return Page(found, slices.revision)
    more, remaining = slices.rest()
    if predicate.has_selectors or predicate.name:
        remaining = -1 if more else 0
    return Page(found, slices.revision, more, remaining)


def past_page(scope: Scope, attributes: AttributesOfEntry, entries: Sequence[Entry], predicate: Predicate,
              revision: Revision, start: str, limit: int) -> Page:  # fmt: skip
    """A page of a state that only the storage's log had: `entries` is all of it."""
    past = Snapshot(Keyspace(entries), {})
    return Selection(scope, None, attributes).page(past, predicate, revision, start, limit)
