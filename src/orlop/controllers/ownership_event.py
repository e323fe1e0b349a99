"""The warning that an owner reference leads out of its namespace.

Written by `garbage_collector` for an object that names an owner which is there, but in a namespace where references
do not reach. Once for each reference. Reason, message and form: kube-controller-manager
`pkg/controller/garbagecollector/graph_builder.go` reportInvalidNamespaceOwnerRef and client-go `tools/record`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from orlop.api import names
from orlop.api.errors import APIError
from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree
from orlop.controllers.ownership_kinds import OwnedKind
from orlop.controllers.writer import Writer
from orlop.registry import times
from orlop.storage.predicate import EVERYTHING

REMEMBERED: Final = 500
"""References of which it is known whether they lead elsewhere. Beyond it the oldest are looked up anew, and told anew
if they do."""

_EVENT: Final = GroupVersionKind("", "v1", "Event")
_SOURCE: Final = "garbage-collector-controller"
K = TypeVar("K")
V = TypeVar("V")


class InvalidOwners:
    """`now`: seconds since 1970."""

    def __init__(self, writer: Writer, now: Callable[[], float]) -> None:
        self._writer, self._now = writer, now
        self._elsewhere: dict[tuple[str, str, str], bool] = {}
        self._told: dict[tuple[str, str], None] = {}

    async def check(self, kind: OwnedKind, key: str, uid: str, reference: Tree, owner: OwnedKind) -> None:
        """Tell of the `reference` of the object at `key` if its owner lives in another namespace, under the name it
        has in the reference."""
        told = (uid, reference.get("uid") or "")
        if told in self._told or not self._is_elsewhere(owner, kind.split(key)[0], reference):
            return
        _keep(self._told, told, None)
        namespace, name = kind.split(key)
        try:
            await self._writer.create(_EVENT, "events", self._event(kind, namespace, name, uid, reference))
        except APIError as problem:
            if problem.code not in (404, 409):
                del self._told[told]
                raise

    def _is_elsewhere(self, owner: OwnedKind, namespace: str, reference: Tree) -> bool:
        if not owner.namespaced:
            return False
        name, uid = reference.get("name") or "", reference.get("uid") or ""
        asked = (namespace, owner.key(namespace, name), uid)
        found = self._elsewhere.get(asked)
        if found is None:
            found = any(self._is_there(owner, other, name, uid) for other in self._namespaces() if other != namespace)
            _keep(self._elsewhere, asked, found)
        return found

    def _namespaces(self) -> list[str]:
        entries = self._writer.stores[("", "namespaces")].cache.select(EVERYTHING).entries
        return [entry.key.rpartition("/")[2] for entry in entries]

    @staticmethod
    def _is_there(owner: OwnedKind, namespace: str, name: str, uid: str) -> bool:
        entry = owner.store.cache.peek(owner.key(namespace, name))
        return entry is not None and bool(entry.tree()["metadata"].get("uid") == uid)

    def _event(self, kind: OwnedKind, namespace: str, name: str, uid: str, reference: Tree) -> Tree:
        now = self._now()
        suffix = f".{int(now * 1e9):x}"
        stamp = times.text(now)
        shown = (f"[{reference.get('apiVersion')}/{reference.get('kind')}, namespace: {namespace}, "
                 f"name: {reference.get('name')}, uid: {reference.get('uid')}]")
        return {
            "metadata": {"name": uid + suffix if names.name_is_dns_subdomain(name + suffix, False) else name + suffix,
                         "namespace": namespace or "default"},
            "involvedObject": {"kind": kind.kind, "namespace": namespace, "name": name, "uid": uid,
                               "apiVersion": kind.api_version} if namespace else
                              {"kind": kind.kind, "name": name, "uid": uid, "apiVersion": kind.api_version},
            "reason": "OwnerRefInvalidNamespace",
            "message": f'ownerRef {shown} does not exist in namespace "{namespace}"',
            "source": {"component": _SOURCE}, "firstTimestamp": stamp, "lastTimestamp": stamp, "count": 1,
            "type": "Warning", "reportingComponent": _SOURCE, "reportingInstance": ""}


def _keep(memory: dict[K, V], key: K, value: V) -> None:
    while len(memory) >= REMEMBERED:
        del memory[next(iter(memory))]
    memory[key] = value
