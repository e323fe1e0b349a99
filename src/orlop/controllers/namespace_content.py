"""What every namespace has: the `default` service account and the `kube-root-ca.crt` config map.

Follows namespaces, service accounts and config maps; makes what is missing, also again after somebody deleted it, and
puts the certificate right when it was changed. Behaviour: kube-controller-manager `pkg/controller/serviceaccount`
and `pkg/controller/certificates/rootcacertpublisher`.
"""

from __future__ import annotations

from collections.abc import Sequence

from orlop.api.errors import APIError
from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree
from orlop.controllers.work_queue import WorkQueue
from orlop.controllers.writer import Writer
from orlop.storage.interface import DELETED, Event
from orlop.storage.predicate import EVERYTHING

ACCOUNT = "default"
CONFIG_MAP = "kube-root-ca.crt"
_CERTIFICATE = "ca.crt"
_ACCOUNT_KIND = GroupVersionKind("", "v1", "ServiceAccount")
_MAP_KIND = GroupVersionKind("", "v1", "ConfigMap")
_DESCRIPTION = ("Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such "
                "as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across "
                "distributions of Kubernetes clusters.")


class NamespaceContentController:
    """`certificate` is the CA in PEM; "" leaves the config map out. `accounts` False leaves the account out."""

    def __init__(self, writer: Writer, certificate: str, accounts: bool) -> None:
        self._writer, self._certificate, self._accounts = writer, certificate, accounts
        self._namespaces = writer.stores[("", "namespaces")]
        self._queue = WorkQueue("namespace-content", self._reconcile)

    def start(self) -> None:
        for entry in self._namespaces.cache.select(EVERYTHING).entries:
            self._queue.add(entry.key.rpartition("/")[2])
        stores = self._writer.stores
        self._subscribers = [self._namespaces.cache.subscribe(EVERYTHING, self._on_namespaces, lasting=True)]
        if self._accounts:
            accounts = stores[("", "serviceaccounts")].cache
            self._subscribers.append(accounts.subscribe(EVERYTHING, self._on_accounts, lasting=True))
        if self._certificate:
            maps = stores[("", "configmaps")].cache
            self._subscribers.append(maps.subscribe(EVERYTHING, self._on_maps, lasting=True))
        self._queue.start()

    async def stop(self) -> None:
        for subscriber in self._subscribers:
            subscriber.cancel()
        await self._queue.stop()

    def _on_namespaces(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.type != DELETED:
                self._queue.add(event.entry.key.rpartition("/")[2])

    def _on_accounts(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.type == DELETED and event.entry.key.endswith("/" + ACCOUNT):
                self._queue.add(event.entry.key.split("/")[-2])

    def _on_maps(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.entry.key.endswith("/" + CONFIG_MAP):
                self._queue.add(event.entry.key.split("/")[-2])

    def _lives(self, name: str) -> bool:
        """Asked right before each write: what is written after a namespace was emptied would stay behind."""
        entry = self._namespaces.cache.peek(self._namespaces.prefix + name)
        return entry is not None and not entry.tree()["metadata"].get("deletionTimestamp")

    async def _reconcile(self, name: str) -> bool:
        try:
            if self._accounts and self._lives(name):
                await self._writer.ensure(_ACCOUNT_KIND, "serviceaccounts",
                                          {"metadata": {"name": ACCOUNT, "namespace": name}})
            if self._certificate and self._lives(name):
                await self._publish(name)
        except APIError as error:
            if error.code not in (403, 404):
                raise
        return False

    async def _publish(self, namespace: str) -> None:
        existing = self._writer.peek("", "configmaps", namespace, CONFIG_MAP)
        data = {_CERTIFICATE: self._certificate}
        if existing is None:
            await self._writer.ensure(_MAP_KIND, "configmaps", {
                "metadata": {"name": CONFIG_MAP, "namespace": namespace,
                             "annotations": {"kubernetes.io/description": _DESCRIPTION}}, "data": data})
            return
        if existing.tree().get("data") == data:
            return

        def restore(tree: Tree) -> bool:
            tree["data"] = data
            return True

        store = self._writer.stores[("", "configmaps")]
        await self._writer.change(store, "", "configmaps", namespace, CONFIG_MAP, restore)
