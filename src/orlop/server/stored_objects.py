"""What authentication and authorization read of stored objects: RBAC's roles and bindings, and the objects that
service-account tokens are bound to. Answers come from the watch caches, so they are never behind an acknowledged
write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from orlop.api.tree import Tree
from orlop.auth.service_accounts import BoundObject
from orlop.registry import times
from orlop.registry.store import Store
from orlop.storage.predicate import EVERYTHING, Predicate

_RBAC: Final = "rbac.authorization.k8s.io"
_KINDS: Final = ("clusterroles", "clusterrolebindings", "roles", "rolebindings")
Stores = Mapping[tuple[str, str], Store]


class StoredRoles:
    """`auth.rules.RuleSource` over the stores."""

    def __init__(self, stores: Stores) -> None:
        self._stores = {kind: stores[(_RBAC, kind)] for kind in _KINDS}
        self._version = 0

    def follow(self) -> None:
        """Count changes from now on; the caches must be started."""
        for store in self._stores.values():
            store.cache.subscribe(EVERYTHING, self._changed, lasting=True)

    def _changed(self, events: object) -> None:
        self._version += 1

    def version(self) -> int:
        return self._version

    def cluster_role(self, name: str) -> Tree | None:
        return self._get("clusterroles", name)

    def role(self, namespace: str, name: str) -> Tree | None:
        return self._get("roles", f"{namespace}/{name}")

    def _get(self, kind: str, path: str) -> Tree | None:
        store = self._stores[kind]
        entry = store.cache.peek(store.prefix + path)
        return entry.tree() if entry is not None else None

    def cluster_role_bindings(self) -> Sequence[Tree]:
        return [e.tree() for e in self._stores["clusterrolebindings"].cache.select(EVERYTHING).entries]

    def role_bindings(self, namespace: str) -> Sequence[Tree]:
        found = self._stores["rolebindings"].cache.select(Predicate(namespace=namespace))
        return [e.tree() for e in found.entries]


class StoredObjects:
    """`auth.service_accounts.BoundObjects` over the stores."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    def find(self, resource: str, namespace: str, name: str) -> BoundObject | None:
        store = self._stores[("", resource)]
        entry = store.cache.peek(f"{store.prefix}{namespace}/{name}" if namespace else store.prefix + name)
        if entry is None:
            return None
        metadata = entry.tree()["metadata"]
        deleted = metadata.get("deletionTimestamp")
        return BoundObject(metadata["uid"], times.seconds(deleted) if deleted else None)
