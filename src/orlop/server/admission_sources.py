"""What admission plugins ask of the stores: objects kept decoded, namespaces and nodes as the caches have them, quotas
to be changed, rights.

Made by `admission_plugins`, which hands its parts to the plugins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from orlop.admission.owner_references import Owner, Right
from orlop.admission.quota_evaluators import Evaluators
from orlop.admission.quota_reservations import Reservations
from orlop.admission.resource_quota import QuotaParts
from orlop.api.context import SYSTEM_USER, Context, RequestInfo, User
from orlop.api.gvk import GroupKind, GroupVersionKind
from orlop.api.options import CreateOptions
from orlop.api.tree import Tree
from orlop.auth.interface import Attributes, Authorizer
from orlop.registry.store import Store
from orlop.server.kept_objects import KeptObjects
from orlop.server.quota_status import Fields, QuotaStatus
from orlop.storage.interface import Entry
from orlop.storage.predicate import Predicate

Stores = Mapping[tuple[str, str], Store]


class AdmissionSources:
    """Of the stores that every server has; `follow` starts when the caches have."""

    def __init__(self, stores: Stores, authorizer: Authorizer, quota_fields: Fields | None = None) -> None:
        self._stores, self._authorizer = stores, authorizer
        self.namespaces, self._nodes, self._pods = (stores[("", name)] for name in ("namespaces", "nodes", "pods"))
        self.accounts = KeptObjects(stores[("", "serviceaccounts")])
        self.ranges = KeptObjects(stores[("", "limitranges")])
        self.quotas = KeptObjects(stores[("", "resourcequotas")])
        self.priorities = KeptObjects(stores[("scheduling.k8s.io", "priorityclasses")])
        self.storage = KeptObjects(stores[("storage.k8s.io", "storageclasses")])
        self.runtimes = KeptObjects(stores[("node.k8s.io", "runtimeclasses")])
        self.ingress = KeptObjects(stores[("networking.k8s.io", "ingressclasses")])
        devices = stores.get(("resource.k8s.io", "deviceclasses"))
        self._devices = None if devices is None else KeptObjects(devices)
        self.quota_status = QuotaStatus(stores[("", "resourcequotas")], quota_fields)
        self.quota_parts = QuotaParts(Evaluators(self.quota_status.now, self._device_classes),
                                      Reservations(_loop_time))

    def follow(self) -> None:
        for kept in (self.accounts, self.ranges, self.quotas, self.priorities, self.storage, self.runtimes,
                     self.ingress, self._devices):
            if kept is not None:
                kept.follow()

    def _device_classes(self) -> Mapping[str, Tree]:
        return {} if self._devices is None else self._devices.by_name()

    # --- namespaces ----------------------------------------------------------------------------------------------

    def namespace(self, name: str) -> Entry | None:
        return self.namespaces.cache.peek(self.namespaces.prefix + name)

    def has_namespace(self, name: str) -> bool:
        return self.namespace(name) is not None

    def phase(self, namespace: Entry) -> str:
        return self.namespaces.cache.attributes(namespace).fields.get("status.phase", "")

    def labels(self, namespace: Entry) -> Mapping[str, str]:
        return self.namespaces.cache.attributes(namespace).labels

    def annotations(self, name: str) -> Mapping[str, str]:
        entry = self.namespace(name)
        return {} if entry is None else entry.tree()["metadata"].get("annotations") or {}

    async def make_namespace(self, name: str) -> None:
        """Raises APIError, 409 when it exists."""
        info = RequestInfo("create", "", "api", "", "v1", "", "namespaces")
        ctx = Context(SYSTEM_USER, info, "", "kube-apiserver")
        await self.namespaces.create(ctx, "", {"metadata": {"name": name}}, _admit, CreateOptions())

    # --- pods and nodes ------------------------------------------------------------------------------------------

    def pods(self, namespace: str) -> Iterable[Tree]:
        return (entry.tree() for entry in self._pods.cache.select(Predicate(namespace=namespace)).entries)

    def _node(self, name: str) -> Entry | None:
        return self._nodes.cache.peek(self._nodes.prefix + name)

    def node(self, name: str) -> Tree | None:
        entry = self._node(name)
        return None if entry is None else entry.tree()

    def node_labels(self, name: str) -> Mapping[str, str] | None:
        entry = self._node(name)
        return None if entry is None else self._nodes.cache.attributes(entry).labels

    # --- kinds and rights ----------------------------------------------------------------------------------------

    def owner(self, kind: GroupVersionKind) -> Owner | None:
        wanted = GroupKind(kind.group, kind.kind)
        return next((Owner(store.resource.resource, store.strategy.namespaced) for store in self._stores.values()
                     if store.strategy.kind == wanted), None)

    def ask(self, user: User, right: Right) -> tuple[bool, str]:
        verb, group, version, resource, subresource, namespace, name = right
        decision = self._authorizer.authorize(
            Attributes(user, verb, group, version, resource, subresource, namespace, name))
        return decision.allowed, decision.reason

    def may_sign(self, user: User, verb: str, signer: str) -> bool:
        question = Attributes(user, verb, "certificates.k8s.io", "*", "signers", name=signer)
        return self._authorizer.authorize(question).allowed


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


def _admit(new: Tree, old: Tree | None) -> None:
    """Nothing is asked about what the server does itself."""
