"""The objects of a resource that are few and asked for with every write of another: decoded once, and again after they
changed.

Made by `admission_plugins` over the stores' watch caches, so that they are never behind a write that this server
acknowledged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from orlop.api.tree import Tree
from orlop.registry.store import Store
from orlop.storage.interface import Event
from orlop.storage.predicate import EVERYTHING, Predicate

NAMESPACES_KEPT: Final = 4096
"""Namespaces whose objects are kept decoded; at one more all are forgotten."""


class KeptObjects:
    """Nothing is kept before `follow` was called. The trees are shared: whoever asks must not change them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[str, dict[str, Tree]] = {}
        self._following = False

    def follow(self) -> None:
        """Hear of changes from now on; the cache must be started."""
        self._kept.clear()
        self._store.cache.subscribe(EVERYTHING, self._changed, lasting=True)
        self._following = True

    def _changed(self, events: Sequence[Event]) -> None:
        start = len(self._store.prefix)
        for event in events:
            namespace, slash, _ = event.entry.key[start:].partition("/")
            self._kept.pop(namespace if slash else "", None)

    def by_name(self, namespace: str = "") -> Mapping[str, Tree]:
        """Those of a namespace, or all of a resource without namespaces, in order of their names."""
        found = self._kept.get(namespace)
        if found is None:
            entries = self._store.cache.select(Predicate(namespace=namespace)).entries
            found = {tree["metadata"]["name"]: tree for tree in (entry.tree() for entry in entries)}
            if self._following:
                if len(self._kept) >= NAMESPACES_KEPT:
                    self._kept.clear()
                self._kept[namespace] = found
        return found

    def of(self, namespace: str) -> Sequence[Tree]:
        """The objects alone."""
        return tuple(self.by_name(namespace).values())
