"""The namespace controller: empties a namespace that is being deleted, then lets it go.

Follows the namespaces' watch cache; deletes through the stores of all namespaced kinds; removes the finalizer
`kubernetes` through the finalize store when nothing is left. Objects with finalizers of their own, and pods in their
grace period, hold the namespace until they are gone. Behaviour: kube-controller-manager `pkg/controller/namespace`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from orlop.api.errors import APIError
from orlop.api.options import DeleteOptions, ListOptions
from orlop.api.tree import Tree
from orlop.controllers.work_queue import WorkQueue
from orlop.controllers.writer import Writer, admit_all
from orlop.registry.store import Store
from orlop.storage.interface import DELETED, Event
from orlop.storage.predicate import EVERYTHING, Predicate

log = logging.getLogger(__name__)
FINALIZER = "kubernetes"


class NamespaceController:
    """`finalize` is the store of the namespaces' finalize subresource."""

    def __init__(self, writer: Writer, finalize: Store) -> None:
        self._writer, self._finalize = writer, finalize
        self._namespaces = writer.stores[("", "namespaces")]
        self._content = self._namespaced(writer)
        self._queue = WorkQueue("namespace-controller", self._reconcile)

    @staticmethod
    def _namespaced(writer: Writer) -> list[Store]:
        """One store a cache: events have two."""
        by_prefix = {s.prefix: s for s in writer.stores.values() if s.strategy.namespaced}
        return list(by_prefix.values())

    def start(self) -> None:
        for entry in self._namespaces.cache.select(EVERYTHING).entries:
            self._consider(entry.tree())
        self._namespaces.cache.subscribe(EVERYTHING, self._on_events)
        self._queue.start()

    async def stop(self) -> None:
        await self._queue.stop()

    def _on_events(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.type != DELETED:
                self._consider(event.entry.tree())

    def _consider(self, namespace: Tree) -> None:
        if namespace["metadata"].get("deletionTimestamp"):
            self._queue.add(namespace["metadata"]["name"])

    async def _reconcile(self, name: str) -> bool:
        entry = self._namespaces.cache.peek(self._namespaces.prefix + name)
        if entry is None:
            return False
        namespace = entry.tree()
        if not namespace["metadata"].get("deletionTimestamp"):
            return False
        if FINALIZER not in ((namespace.get("spec") or {}).get("finalizers") or ()):
            return False
        await asyncio.gather(*(self._empty(store, name) for store in self._content))
        if any(self._holds(store, name) for store in self._content):
            return True
        await self._let_go(name)
        return False

    @staticmethod
    def _holds(store: Store, namespace: str) -> bool:
        return bool(store.cache.select(Predicate(namespace=namespace), limit=1).entries)

    async def _empty(self, store: Store, namespace: str) -> None:
        if not self._holds(store, namespace):
            return
        ctx = self._writer.context(*store.resource, namespace)
        await store.delete_collection(ctx, admit_all, DeleteOptions(propagation_policy="Background"), ListOptions())

    async def _let_go(self, name: str) -> None:
        def without_finalizer(namespace: Tree) -> bool:
            spec = namespace.setdefault("spec", {})
            left = [f for f in spec.get("finalizers") or () if f != FINALIZER]
            if left:
                spec["finalizers"] = left
            else:
                spec.pop("finalizers", None)
            return True

        try:
            await self._writer.change(self._finalize, "", "namespaces", "", name, without_finalizer)
        except APIError as error:
            if error.code != 404:
                raise
