"""The keys of one store on their way into a work queue: all of them at the start, then each that changes.

Controllers whose queue holds keys of the kind they look after have one; where a change means something else, they
follow the watch cache themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orlop.registry.store import Store
from orlop.storage.interface import DELETED, Event
from orlop.storage.predicate import EVERYTHING


class KeyFeed:
    """`add` gets keys below the store's prefix ("namespace/name" or "name"), not those of what is gone."""

    def __init__(self, store: Store, add: Callable[[str], None]) -> None:
        self._store, self._add = store, add

    def start(self) -> None:
        self.add_all()
        self._subscriber = self._store.cache.subscribe(EVERYTHING, self._on_events, lasting=True)

    def stop(self) -> None:
        self._subscriber.cancel()

    def add_all(self) -> None:
        for entry in self._store.cache.select(EVERYTHING).entries:
            self._add(entry.key[len(self._store.prefix):])

    def _on_events(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.type != DELETED:
                self._add(event.entry.key[len(self._store.prefix):])
