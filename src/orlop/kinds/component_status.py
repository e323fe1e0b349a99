"""ComponentStatuses: health of the storage, asked at the moment of the request and stored nowhere.

Made by `makers`. A cluster's scheduler and controllers are not part of this server: like a kube-apiserver that cannot
reach them it says so. Behaviour: kubernetes `pkg/registry/core/componentstatus`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from orlop.api import errors
from orlop.api.context import Context
from orlop.api.options import GetOptions, ListOptions
from orlop.api.tree import Tree
from orlop.kinds.declaration import Resource
from orlop.kinds.rooms import RestOptions, Rooms
from orlop.registry.interface import ListResult

_ETCD: Final = "etcd-0"
_REFUSED: Final = 'Get "https://127.0.0.1:{port}/healthz": dial tcp 127.0.0.1:{port}: connect: connection refused'
_PORTS: Final = {"controller-manager": 10257, "scheduler": 10259}


class ComponentStatuses:
    """`ready` says "" or why the storage takes no writes."""

    def __init__(self, ready: Callable[[], str]) -> None:
        self._ready = ready

    def get(self, ctx: Context, name: str, options: GetOptions) -> Tree:
        if name != _ETCD and name not in _PORTS:
            raise errors.unknown(f"Component not found: {name}")
        return self._status(name)

    def list(self, ctx: Context, options: ListOptions) -> ListResult:
        found = []
        for name in sorted((*_PORTS, _ETCD)):
            status = self._status(name)
            if _wanted(status, options):
                found.append(status)
        return ListResult(found, 0)

    def _status(self, name: str) -> Tree:
        if name == _ETCD:
            problem = self._ready()
            return _component(name, not problem, problem or "ok")
        return _component(name, False, _REFUSED.format(port=_PORTS[name]))


def _wanted(status: Tree, options: ListOptions) -> bool:
    name = status["metadata"]["name"]
    return options.labels.matches({}) and options.fields.matches({"metadata.name": name, "metadata.namespace": ""})


def _component(name: str, healthy: bool, message: str) -> Tree:
    condition = {"type": "Healthy", "status": "True" if healthy else "False", "message": message}
    return {"metadata": {"name": name}, "conditions": [condition]}


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    ready: Callable[[], str] = options.settings.get("storage_ready") or _always_ready
    return {"": ComponentStatuses(ready)}


def _always_ready() -> str:
    return ""
