"""EndpointSlices and Endpoints of Services that select pods.

Follows Services and pods; plans are in `endpoint_plan`. Plays the part of kubernetes `pkg/controller/endpointslice` and
`pkg/controller/endpoint`; knows IPv4 only, and no topology.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orlop.api.errors import APIError
from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree
from orlop.controllers.work_queue import WorkQueue
from orlop.controllers.workloads import endpoint_plan
from orlop.controllers.workloads.dependents import Dependents
from orlop.controllers.writer import Writer
from orlop.storage.interface import DELETED, Event
from orlop.storage.predicate import EVERYTHING, Predicate

_GROUP: Final = "discovery.k8s.io"
_SLICES: Final = "endpointslices"
_SLICE: Final = GroupVersionKind(_GROUP, "v1", "EndpointSlice")
_ENDPOINTS: Final = GroupVersionKind("", "v1", "Endpoints")
_MANAGED: Final = {"endpoints.kubernetes.io/managed-by": "endpoint-controller"}
GATHER: Final = 0.1
"""Seconds in which changes of pods are gathered into one write."""


class EndpointSliceController:
    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._services, self._pods = writer.stores[("", "services")], writer.stores[("", "pods")]
        self._slice_store = writer.stores[(_GROUP, _SLICES)]
        self._queue = WorkQueue("endpoint-slices", self._reconcile, workers=4)
        self._slices = Dependents(self._slice_store, "Service", self._soon)
        self._selectors: dict[str, dict[str, dict[str, str]]] = {}
        """By namespace and service; bounded by the stored Services."""

    def start(self) -> None:
        self._slices.start()
        for entry in self._services.cache.select(EVERYTHING).entries:
            self._note(entry.key, entry.tree())
        self._subscribers = [self._services.cache.subscribe(EVERYTHING, self._on_services, lasting=True),
                             self._pods.cache.subscribe(EVERYTHING, self._on_pods, lasting=True)]
        self._queue.start()

    async def stop(self) -> None:
        for subscriber in self._subscribers:
            subscriber.cancel()
        self._slices.stop()
        await self._queue.stop()

    def _soon(self, key: str) -> None:
        self._queue.add_later(key, GATHER)

    def _note(self, key: str, service: Tree | None) -> None:
        namespace, _, name = key[len(self._services.prefix):].partition("/")
        if service is None or not service["spec"].get("selector"):
            self._selectors.get(namespace, {}).pop(name, None)
        else:
            self._selectors.setdefault(namespace, {})[name] = service["spec"]["selector"]
            self._queue.add(f"{namespace}/{name}")

    def _on_services(self, events: Sequence[Event]) -> None:
        for event in events:
            self._note(event.entry.key, None if event.type == DELETED else event.entry.tree())
            if event.type == DELETED:
                self._queue.add(event.entry.key[len(self._services.prefix):])

    def _on_pods(self, events: Sequence[Event]) -> None:
        for event in events:
            namespace = event.entry.key[len(self._pods.prefix):].partition("/")[0]
            known = self._selectors.get(namespace)
            if not known:
                continue
            states = [state.tree()["metadata"].get("labels") or {} for state in (event.entry, event.previous) if state]
            for name, selector in known.items():
                if any(selector.items() <= labels.items() for labels in states):
                    self._soon(f"{namespace}/{name}")

    # --- one service ---------------------------------------------------------------------------------------------

    async def _reconcile(self, key: str) -> bool:
        namespace, _, name = key.partition("/")
        entry = self._services.cache.peek(self._services.prefix + key)
        try:
            if entry is None:
                await self._remove("", "endpoints", namespace, name)  # slices go with their owner
                return False
            service = entry.tree()
            if service["metadata"].get("deletionTimestamp") or not service["spec"].get("selector"):
                return False
            page = self._pods.cache.select(Predicate(namespace=namespace))
            pods = [pod for one in page.entries if endpoint_plan.is_behind(service, pod := one.tree())]
            groups = endpoint_plan.grouped(service, pods)
            await self._write_slices(service, endpoint_plan.slices(service, groups))
            await self._write_endpoints(service, endpoint_plan.subsets(service, groups))
        except APIError as error:
            if error.code not in (403, 404, 409):
                raise
            return error.code == 409
        return False

    async def _remove(self, group: str, plural: str, namespace: str, name: str) -> None:
        if self._writer.peek(group, plural, namespace, name) is not None:
            await self._writer.delete(group, plural, namespace, name)

    async def _write_slices(self, service: Tree, wanted: list[Tree]) -> None:
        metadata = service["metadata"]
        stored = {one["metadata"]["name"]: one for one in self._slices.of(metadata["uid"])}
        for one in wanted:
            known = stored.pop(one["metadata"]["name"], None)
            if known is None:
                self._slices.note(await self._writer.create(_SLICE, _SLICES, one))
            elif endpoint_plan.differs(known, one, ("endpoints",)):
                await self._change(_GROUP, _SLICES, one, "endpoints")
        for name in stored:
            await self._remove(_GROUP, _SLICES, metadata["namespace"], name)

    async def _write_endpoints(self, service: Tree, subsets: list[Tree]) -> None:
        metadata = service["metadata"]
        wanted: Tree = {"metadata": {"name": metadata["name"], "namespace": metadata["namespace"],
                                     "labels": {**(metadata.get("labels") or {}), **_MANAGED}}, "subsets": subsets}
        known = self._writer.peek("", "endpoints", metadata["namespace"], metadata["name"])
        if known is None:
            await self._writer.create(_ENDPOINTS, "endpoints", wanted)
        elif endpoint_plan.differs(known.tree(), wanted, ("subsets",)):
            await self._change("", "endpoints", wanted, "subsets")

    async def _change(self, group: str, plural: str, wanted: Tree, member: str) -> None:
        def change(tree: Tree) -> bool:
            tree[member] = wanted[member]
            return True

        metadata = wanted["metadata"]
        stored = await self._writer.change(self._writer.stores[(group, plural)], group, plural, metadata["namespace"],
                                           metadata["name"], change)
        if plural == _SLICES:
            self._slices.note(stored)
