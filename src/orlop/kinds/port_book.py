"""Node ports: one bitmap in storage, changed by compare and swap, so that no two replicas give out the same port.

Used by `service_claim` while a service is written and by the repair of services. The bitmap lies beside the objects,
under a key and in a form of upstream's (RangeAllocation). Where it is missing or of another range it is made from the
services there are. Behaviour: kubernetes `pkg/registry/core/service/{allocator/storage,portallocator}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol, TypeVar

import orjson

from orlop.api import base64
from orlop.api.tree import Tree
from orlop.kinds.allocators import PortSet, PortSpan
from orlop.kinds.service_fields import needs_health_port, node_ports
from orlop.storage.interface import Entry, Storage, Write

KEY: Final = "/registry/ranges/servicenodeports"
_NO_METADATA: Final = {"creationTimestamp": None}
"""A body needs something in its metadata; upstream stores none (see `stored_form`)."""
_T = TypeVar("_T")


class PortBook(Protocol):
    span: PortSpan

    async def read(self) -> PortSet:
        """What is taken now; the caller owns it."""

    async def change(self, edit: Callable[[PortSet], _T]) -> _T:
        """Store what `edit` makes of the ports taken, and return what it returns. It may be called again, with newer
        ports, and what it raises ends the change. When it changes nothing, nothing is written."""


class StoredPorts:
    """`services`: all services, to begin from."""

    def __init__(self, storage: Storage, span: PortSpan, services: Callable[[], Iterable[Tree]]) -> None:
        self.span = span
        self._storage, self._services = storage, services

    def _taken(self, current: Entry | None) -> tuple[PortSet, bool]:
        """And whether that is what is stored."""
        if current is not None:
            tree = current.tree()
            try:
                if tree.get("range") == str(self.span):
                    return PortSet(self.span, base64.decode(tree.get("data") or "")), True
            except ValueError:
                pass  # not readable: begin anew
        return PortSet.of(self.span, (port for each in self._services() for port in held_ports(each))), False

    async def read(self) -> PortSet:
        return self._taken(await self._storage.get(KEY))[0]

    async def change(self, edit: Callable[[PortSet], _T]) -> _T:
        result: list[_T] = []

        def update(current: Entry | None) -> Write | None:
            ports, stored = self._taken(current)
            before = ports.data
            result[:] = [edit(ports)]
            return None if stored and ports.data == before else Write(_body(current, ports))

        await self._storage.guaranteed_update(KEY, update)
        return result[0]


def _body(current: Entry | None, ports: PortSet) -> bytes:
    metadata: dict[str, Any] = {} if current is None else current.tree()["metadata"]
    metadata.pop("resourceVersion", None)
    return orjson.dumps({"metadata": metadata or _NO_METADATA, "range": str(ports.span),
                         "data": base64.encode(ports.data)})


def held_ports(service: Tree) -> set[int]:
    """The node ports of a service."""
    spec: Tree = service.get("spec") or {}
    held = set(node_ports(spec))
    if needs_health_port(spec) and spec.get("healthCheckNodePort"):
        held.add(spec["healthCheckNodePort"])
    return held
