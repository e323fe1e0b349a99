"""Which kinds there are for owner references: from apiVersion and kind to the store, from a key to its kind.

Made by `garbage_collector` of the served resources. Events are left out: nothing owns them, and they own nothing.
Behaviour: kube-controller-manager `pkg/controller/garbagecollector/operations.go` apiResource.
"""

from __future__ import annotations

from dataclasses import dataclass

from orlop.api.tree import Tree
from orlop.controllers.ownership_graph import UNKNOWN, Place
from orlop.registry.store import Store


@dataclass(frozen=True, slots=True, eq=False)
class OwnedKind:
    """A stored kind; `api_version` is the preferred one."""

    group: str
    plural: str
    kind: str
    api_version: str
    store: Store

    @property
    def namespaced(self) -> bool:
        return self.store.strategy.namespaced

    def split(self, key: str) -> tuple[str, str]:
        """Namespace and name."""
        return self.store.cache.scope.split(key)

    def key(self, namespace: str, name: str) -> str:
        return f"{self.store.prefix}{namespace}/{name}" if self.namespaced else self.store.prefix + name


class OwnedKinds:
    def __init__(self) -> None:
        self._by_version: dict[tuple[str, str], OwnedKind] = {}
        self._by_prefix: dict[str, OwnedKind] = {}

    def add(self, kind: OwnedKind, versions: tuple[str, ...]) -> None:
        """`versions` as apiVersion has them."""
        self._by_prefix[kind.store.prefix] = kind
        for version in versions:
            self._by_version[(version, kind.kind)] = kind

    def remove(self, prefix: str) -> None:
        """Forget a kind that is served no longer."""
        kind = self._by_prefix.pop(prefix, None)
        for name in [name for name, known in self._by_version.items() if known is kind]:
            del self._by_version[name]

    def named(self, reference: Tree) -> OwnedKind | None:
        return self._by_version.get((reference.get("apiVersion") or "", reference.get("kind") or ""))

    def of(self, key: str) -> OwnedKind | None:
        """Whose key it is: prefixes have two or three parts. None: of a kind that is served no longer."""
        end = key.find("/", 1)
        while (end := key.find("/", end + 1)) > 0:
            found = self._by_prefix.get(key[: end + 1])
            if found is not None:
                return found
        return None

    def place(self, reference: Tree, namespace: str) -> Place | None:
        """Where the owner is that an object in `namespace` ("": of the cluster) names. None: an object of the cluster
        cannot name one that has a namespace. Unknown kinds have places that nothing is stored at."""
        kind, name, uid = self.named(reference), reference.get("name") or "", reference.get("uid") or ""
        if kind is None:
            return Place(f"{unknown(reference.get('apiVersion') or '', reference.get('kind') or '')}{namespace}/{name}",
                         uid)
        if kind.namespaced and not namespace:
            return None
        return Place(kind.key(namespace, name), uid)


def unknown(api_version: str, kind: str) -> str:
    """How the keys of owners of an unknown kind begin."""
    return f"{UNKNOWN}{api_version}|{kind}|"
