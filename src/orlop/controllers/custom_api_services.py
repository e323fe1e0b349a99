"""An APIService for each group version of custom resources, for as long as it is served.

Follows the custom kinds; makes what is missing, puts right what somebody changed, deletes what is served no longer. One
that somebody made by hand (without the label) is left alone. Behaviour: kube-apiserver
`pkg/controlplane/controller/crdregistration` and kube-aggregator `pkg/controllers/autoregister`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orlop.api.errors import APIError
from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree
from orlop.controllers.custom_source import CustomSource
from orlop.controllers.work_queue import WorkQueue
from orlop.controllers.writer import Writer
from orlop.kinds.catalog import CUSTOM
from orlop.kinds.declaration import Resource
from orlop.registry.store import Store
from orlop.storage.interface import Event
from orlop.storage.predicate import EVERYTHING
from orlop.storage.subscriptions import Subscriber

MANAGER: Final = "kube-apiserver"
_KIND: Final = GroupVersionKind("apiregistration.k8s.io", "v1", "APIService")
_PLURAL: Final = "apiservices"
_LABEL: Final = "kube-aggregator.kubernetes.io/automanaged"


class CustomAPIServices:
    def __init__(self, writer: Writer, custom: CustomSource) -> None:
        self._writer, self._custom = writer, custom
        self._queue = WorkQueue("custom-api-services", self._reconcile)
        self._ours: dict[str, None] = {}
        """Names of services that were wanted at some time; as many as there were group versions."""
        self._served: dict[str, set[str]] = {}
        """What is served in each group version: plurals by the name of the service."""
        self._subscriber: Subscriber | None = None

    @property
    def _store(self) -> Store:
        return self._writer.stores[(_KIND.group, _PLURAL)]

    def start(self) -> None:
        self._custom.follow(self)
        for resource, _ in self._custom.kinds():
            self.added(resource)
        for entry in self._store.cache.select(EVERYTHING).entries:
            service = entry.tree()
            if _is_managed(service) and (service.get("spec") or {}).get("groupPriorityMinimum") == CUSTOM.group:
                self._note_name(service["metadata"]["name"])
        self._subscriber = self._store.cache.subscribe(EVERYTHING, self._on_events, lasting=True)
        self._queue.start()

    async def stop(self) -> None:
        self._custom.leave(self)
        if self._subscriber is not None:
            self._subscriber.cancel()
        await self._queue.stop()

    # --- what is told --------------------------------------------------------------------------------------------

    def added(self, resource: Resource, store: Store | None = None) -> None:
        for version in resource.versions:
            name = f"{version}.{resource.group}"
            self._served.setdefault(name, set()).add(resource.plural)
            self._note_name(name)

    def removed(self, resource: Resource) -> None:
        for version in resource.versions:
            name = f"{version}.{resource.group}"
            left = self._served.get(name, set())
            left.discard(resource.plural)
            if not left:
                self._served.pop(name, None)
            self._note_name(name)

    def _note_name(self, name: str) -> None:
        self._ours[name] = None
        self._queue.add(name)

    def _on_events(self, events: Sequence[Event]) -> None:
        for event in events:
            name = event.entry.key.rpartition("/")[2]
            if name in self._ours:
                self._queue.add(name)

    # --- one service ---------------------------------------------------------------------------------------------

    async def _reconcile(self, name: str) -> bool:
        version, _, group = name.partition(".")
        wanted = name in self._served
        entry = self._store.cache.peek(self._store.prefix + name)
        try:
            if entry is None:
                if wanted:
                    await self._writer.ensure(_KIND, _PLURAL, _service(name, group, version), MANAGER)
            elif _is_managed(entry.tree()):
                await self._keep(name, entry.tree(), _service(name, group, version), wanted)
        except APIError as error:
            if error.code not in (404, 409):
                raise
            return error.code == 409
        return False

    async def _keep(self, name: str, found: Tree, service: Tree, wanted: bool) -> None:
        if not wanted:
            await self._writer.delete(_KIND.group, _PLURAL, "", name)
        elif found.get("spec") != service["spec"]:
            def restore(tree: Tree) -> bool:
                tree["spec"] = service["spec"]
                return True

            await self._writer.change(self._store, _KIND.group, _PLURAL, "", name, restore, manager=MANAGER)


def _is_managed(service: Tree) -> bool:
    return bool((service["metadata"].get("labels") or {}).get(_LABEL) == "true")


def _service(name: str, group: str, version: str) -> Tree:
    return {"metadata": {"name": name, "labels": {_LABEL: "true"}},
            "spec": {"group": group, "version": version, "groupPriorityMinimum": CUSTOM.group,
                     "versionPriority": CUSTOM.version}}
