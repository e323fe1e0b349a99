"""The objects of one kind by who controls them, kept up from watch events.

Used by the workload controllers: ReplicaSets by Deployment, Pods by ReplicaSet. What a controller has just written it
may `note` itself, so that its next look does not depend on when events arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from orlop.api.tree import Tree
from orlop.registry.interface import Object
from orlop.registry.store import Store
from orlop.storage.interface import DELETED, Entry, Event
from orlop.storage.predicate import EVERYTHING

_MARK: Final = b'"ownerReferences":['


class Dependents:
    """`kind` of the owners; `on_change` is given the owner as "namespace/name"."""

    def __init__(self, store: Store, kind: str, on_change: Callable[[str], None]) -> None:
        self._store, self._kind, self._on_change = store, kind, on_change
        self._by_owner: dict[str, dict[str, Tree]] = {}
        self._owner_of: dict[str, str] = {}
        """Key to the owner's uid; both are bounded by the stored objects that have an owner of the kind."""

    def start(self) -> None:
        for entry in self._store.cache.select(EVERYTHING).entries:
            self.note(entry)
        self._subscriber = self._store.cache.subscribe(EVERYTHING, self._on_events, lasting=True)

    def stop(self) -> None:
        self._subscriber.cancel()

    def of(self, uid: str) -> list[Tree]:
        return list(self._by_owner.get(uid, {}).values())

    def note(self, stored: Object) -> None:
        if not isinstance(stored, Entry) or _MARK not in stored.body:
            return
        tree = stored.tree()
        owner = self._controller(tree)
        if owner is None:
            return
        known = self._by_owner.setdefault(owner["uid"], {})
        before = known.get(stored.key)
        if before is None or int(before["metadata"]["resourceVersion"]) <= stored.revision:
            known[stored.key] = tree
            self._owner_of[stored.key] = owner["uid"]

    def _controller(self, tree: Tree) -> Tree | None:
        return next((one for one in tree["metadata"].get("ownerReferences") or ()
                     if one.get("controller") and one.get("kind") == self._kind), None)

    def _on_events(self, events: Sequence[Event]) -> None:
        for event in events:
            entry = event.entry
            if _MARK not in entry.body:
                continue
            tree = entry.tree()
            if event.type == DELETED:
                uid = self._owner_of.pop(entry.key, "")
                known = self._by_owner.get(uid, {})
                known.pop(entry.key, None)
                if not known:
                    self._by_owner.pop(uid, None)
            else:
                self.note(entry)
            owner = self._controller(tree)
            if owner is not None:
                self._on_change(f"{tree['metadata'].get('namespace', '')}/{owner['name']}")


def reference(owner: Tree, api_version: str, kind: str) -> Tree:
    """What dependents name their controller by."""
    metadata = owner["metadata"]
    return {"apiVersion": api_version, "kind": kind, "name": metadata["name"], "uid": metadata["uid"],
            "controller": True, "blockOwnerDeletion": True}
