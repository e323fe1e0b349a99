"""Cluster IPs and node ports around every write of a service.

The Hooks of the services' store (`service`): fill in what the client left out, take addresses and ports from the
`allocators` before the write, give them back after it failed, or after the service is gone. Behaviour: kubernetes
`pkg/registry/core/service/storage/{alloc,storage}.go`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from orlop.api import errors
from orlop.api.context import Context
from orlop.api.errors import APIError
from orlop.api.field import invalid
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.kinds.allocators import Addresses, AllocationError, Claim, Ports
from orlop.kinds.checks import SPEC
from orlop.kinds.service_addresses import CLUSTER_IPS
from orlop.kinds.service_families import keeps_preference, refuse, settle
from orlop.kinds.service_fields import (
    EXTERNAL_NAME,
    LOAD_BALANCER,
    NODE_PORT,
    NONE,
    cluster_ips,
    families,
    needs_health_port,
    needs_node_port,
    node_ports,
    normalize_cluster_ips,
    patch_allocated,
)
from orlop.registry.store import Finish, Hooks
from orlop.storage.interface import Entry

AfterDelete = Callable[[Tree], Awaitable[None]]


class ServiceAllocation(Hooks):
    """`addresses` are the ranges, the default family's first. `after` is what else happens when a service is gone."""

    def __init__(self, addresses: Sequence[Addresses], ports: Ports, after: AfterDelete | None = None) -> None:
        self._addresses = {pool.family: pool for pool in addresses}
        self._available = tuple(pool.family for pool in addresses)
        self._ports, self._after = ports, after

    def restore(self, services: Iterable[Tree]) -> None:
        """Forget everything, then remember what stored services have."""
        self._ports.clear()
        for pool in self._addresses.values():
            pool.clear()
        for service in services:
            spec = service.get("spec") or {}
            for pool, text in self._held(spec):
                pool.remember(text)
            for port in _held_ports(spec):
                self._ports.remember(port)

    def _held(self, spec: Tree) -> list[tuple[Addresses, str]]:
        if spec.get("type") == EXTERNAL_NAME or cluster_ips(spec)[:1] == [NONE]:
            return []
        return [(self._addresses[family], text) for family, text in zip(families(spec), cluster_ips(spec), strict=False)
                if family in self._addresses]

    def begin_create(self, ctx: Context, obj: Tree, dry_run: bool) -> Finish | None:
        name, spec = obj["metadata"].get("name") or "", obj.setdefault("spec", {})
        normalize_cluster_ips(spec, None)
        settle(name, spec, None, self._available)
        claim = Claim(self._ports, dry_run)
        try:
            self._take_addresses(name, spec, claim)
            if needs_node_port(spec):
                _take_ports(name, spec, claim)
            if needs_health_port(spec):
                _take_health_port(spec, claim)
        except APIError:
            claim.finish(False)
            raise
        return claim.finish

    def begin_update(self, ctx: Context, obj: Tree, old: Tree, dry_run: bool) -> Finish | None:
        name, spec = obj["metadata"].get("name") or "", obj.setdefault("spec", {})
        before: Tree = old.get("spec") or {}
        patch_allocated(spec, before)
        normalize_cluster_ips(spec, before)
        settle(name, spec, before, self._available)
        claim = Claim(self._ports, dry_run)
        try:
            self._update_addresses(name, spec, before, claim)
            self._update_ports(name, spec, before, claim)
        except APIError:
            claim.finish(False)
            raise
        return claim.finish

    def after_delete(self, obj: Entry, dry_run: bool) -> Awaitable[None] | None:
        if dry_run:
            return None
        service = obj.tree()
        spec = service.get("spec") or {}
        for pool, text in self._held(spec):
            pool.free(text)
        for port in _held_ports(spec):
            self._ports.free(port)
        return self._after(service) if self._after is not None else None

    def on_release_only(self) -> Hooks:
        """For the status store: an update there may take the last finalizer, and then the service is gone."""
        return _Release(self)

    # --- addresses -----------------------------------------------------------------------------------------------

    def _take_addresses(self, name: str, spec: Tree, claim: Claim) -> None:
        if spec.get("type") == EXTERNAL_NAME or cluster_ips(spec)[:1] == [NONE]:
            return
        listed = list(cluster_ips(spec))
        for index, family in enumerate(families(spec)):
            if index == len(listed):
                listed.append("")
            listed[index] = self._take(name, spec, family, listed[index], claim)
        spec["clusterIPs"], spec["clusterIP"] = listed, listed[0]

    def _take(self, name: str, spec: Tree, family: str, text: str, claim: Claim) -> str:
        try:
            return claim.address(self._addresses[family], text)
        except AllocationError as problem:
            if not text:
                raise errors.internal(f"failed to allocate a serviceIP: {problem}") from None
            refuse(name, [invalid(CLUSTER_IPS, json_value(spec.get("clusterIPs")),
                                  f"failed to allocate IP {text}: {problem}")])
            raise

    def _update_addresses(self, name: str, spec: Tree, before: Tree, claim: Claim) -> None:
        if keeps_preference(spec, before):
            return
        external, was_external = spec.get("type") == EXTERNAL_NAME, before.get("type") == EXTERNAL_NAME
        if was_external and not external:
            self._take_addresses(name, spec, claim)
            return
        if cluster_ips(before)[:1] == [NONE]:
            return
        held = self._held(before)
        if external and not was_external:
            for pool, text in held:
                claim.release_address(pool, text)
        elif len(families(before)) == 1 and len(families(spec)) == 2:
            listed = list(cluster_ips(spec))
            family = families(spec)[1]
            taken = self._take(name, spec, family, listed[1] if len(listed) > 1 else "", claim)
            spec["clusterIPs"] = [*listed[:1], taken]
        elif len(families(before)) == 2 and len(families(spec)) == 1 and len(held) == 2:
            claim.release_address(*held[1])

    # --- ports ---------------------------------------------------------------------------------------------------

    def _update_ports(self, name: str, spec: Tree, before: Tree, claim: Claim) -> None:
        if needs_node_port(spec):
            _update_node_ports(name, spec, before, claim)
        elif needs_node_port(before):
            claim.release_ports(set(node_ports(before)))
        needed, needs = needs_health_port(before), needs_health_port(spec)
        if needs and not needed:
            _take_health_port(spec, claim)
        elif needed and not needs and before.get("healthCheckNodePort"):
            claim.release_ports([before["healthCheckNodePort"]])


class _Release(Hooks):
    def __init__(self, allocation: ServiceAllocation) -> None:
        self._allocation = allocation

    def after_delete(self, obj: Entry, dry_run: bool) -> Awaitable[None] | None:
        return self._allocation.after_delete(obj, dry_run)


def _held_ports(spec: Tree) -> set[int]:
    held = set(node_ports(spec))
    if needs_health_port(spec) and spec.get("healthCheckNodePort"):
        held.add(spec["healthCheckNodePort"])
    return held


def _allocates(spec: Tree) -> bool:
    """Whether ports without a node port get one."""
    if spec.get("type") == LOAD_BALANCER:
        return bool(spec.get("allocateLoadBalancerNodePorts", True))
    return spec.get("type") == NODE_PORT


def _take_port(name: str, index: int, port: int, claim: Claim) -> None:
    try:
        claim.port(port)
    except AllocationError as problem:
        refuse(name, [invalid(SPEC.child("ports").index(index).child("nodePort"), port, str(problem))])


def _take_any_port(claim: Claim) -> int:
    try:
        return claim.any_port()
    except AllocationError as problem:
        raise errors.internal(f"failed to allocate a nodePort: {problem}") from None


def _take_ports(name: str, spec: Tree, claim: Claim) -> None:
    """The same port under several protocols gets one node port."""
    given: dict[int, int] = {}
    ports = spec.get("ports") or ()
    for index, port in enumerate(ports):
        number, wanted = port.get("port") or 0, port.get("nodePort") or 0
        if not wanted and not _allocates(spec):
            continue
        before = given.get(number)
        if before is None:
            asked = next((p["nodePort"] for p in ports if (p.get("port") or 0) == number and p.get("nodePort")), 0)
            if asked:
                _take_port(name, index, asked, claim)
            given[number] = port["nodePort"] = asked or _take_any_port(claim)
        elif not wanted:
            port["nodePort"] = before
        elif wanted != before:
            _take_port(name, index, wanted, claim)


def _update_node_ports(name: str, spec: Tree, before: Tree, claim: Claim) -> None:
    held, taken = set(node_ports(before)) if needs_node_port(before) else set(), set()
    seen: set[tuple[str, int]] = set()
    for index, port in enumerate(spec.get("ports") or ()):
        wanted = port.get("nodePort") or 0
        if not wanted and not _allocates(spec):
            continue
        if not wanted:
            port["nodePort"] = wanted = _take_any_port(claim)
        elif wanted not in held and wanted not in taken:
            _take_port(name, index, wanted, claim)
            taken.add(wanted)
        key = (port.get("protocol") or "", wanted)
        if key in seen:
            raise errors.unknown(f"duplicate nodePort: {{{key[0]} {key[1]}}}")
        seen.add(key)
    claim.release_ports(held.difference(node_ports(spec)))


def _take_health_port(spec: Tree, claim: Claim) -> None:
    wanted = spec.get("healthCheckNodePort") or 0
    try:
        if wanted:
            claim.port(wanted)
        else:
            spec["healthCheckNodePort"] = claim.any_port()
    except AllocationError as problem:
        what = f"requested HealthCheck NodePort {wanted}" if wanted else "a HealthCheck NodePort 0"
        raise errors.internal(f"failed to allocate {what}: {problem}") from None
