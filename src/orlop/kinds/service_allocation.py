"""Cluster IPs and node ports around every write of a service.

The Hooks of the services' store (`service`): fill in what the client left out, claim addresses and ports before the
write, give them back after it failed, or after the service is gone (`service_claim`). All of it waits for storage,
where replicas settle who has what. Behaviour: kubernetes `pkg/registry/core/service/storage/{alloc,storage}.go`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from orlop.api import errors
from orlop.api.context import Context
from orlop.api.field import invalid
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.kinds.address_book import AddressBook, Owner
from orlop.kinds.allocators import AllocationError
from orlop.kinds.checks import SPEC
from orlop.kinds.port_book import PortBook, held_ports
from orlop.kinds.service_addresses import CLUSTER_IPS
from orlop.kinds.service_claim import Claim, Ports, give_back
from orlop.kinds.service_families import keeps_preference, refuse, settle
from orlop.kinds.service_fields import (
    EXTERNAL_NAME,
    NONE,
    allocates_node_ports,
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
from orlop.world.entropy import Entropy

AfterDelete = Callable[[Tree], Awaitable[None]]


class ServiceAllocation(Hooks):
    """`after` is what else happens when a service is gone."""

    def __init__(self, addresses: AddressBook, ports: PortBook, entropy: Entropy,
                 after: AfterDelete | None = None) -> None:
        self.addresses, self.ports = addresses, ports
        self._entropy, self._after = entropy, after

    def _claim(self, ctx: Context, obj: Tree, dry_run: bool) -> Claim:
        owner = Owner(ctx.namespace, obj["metadata"].get("name") or "")
        return Claim(self.addresses, self.ports, self._entropy, owner, dry_run)

    async def begin_create(self, ctx: Context, obj: Tree, dry_run: bool) -> Finish:
        name, spec = obj["metadata"].get("name") or "", obj.setdefault("spec", {})
        normalize_cluster_ips(spec, None)
        settle(name, spec, None, self.addresses.families)
        claim = self._claim(ctx, obj, dry_run)

        def plan(spec: Tree, ports: Ports) -> None:
            if needs_node_port(spec):
                _take_ports(name, spec, ports)
            if needs_health_port(spec):
                _take_health_port(spec, ports)

        try:
            await self._take_addresses(name, spec, claim)
            await claim.ports(spec, plan)
        except Exception:
            await claim.finish(False)
            raise
        return claim.finish

    async def begin_update(self, ctx: Context, obj: Tree, old: Tree, dry_run: bool) -> Finish:
        name, spec = obj["metadata"].get("name") or "", obj.setdefault("spec", {})
        before: Tree = old.get("spec") or {}
        patch_allocated(spec, before)
        normalize_cluster_ips(spec, before)
        settle(name, spec, before, self.addresses.families)
        claim = self._claim(ctx, obj, dry_run)
        try:
            await self._update_addresses(name, spec, before, claim)
            await claim.ports(spec, lambda spec, ports: _update_ports(name, spec, before, ports))
        except Exception:
            await claim.finish(False)
            raise
        return claim.finish

    def after_delete(self, obj: Entry, dry_run: bool) -> Awaitable[None] | None:
        return None if dry_run else self._release(obj.tree())

    async def _release(self, service: Tree) -> None:
        metadata = service["metadata"]
        owner = Owner(metadata.get("namespace") or "", metadata["name"])
        held = [text for _, text in held_addresses(service.get("spec") or {})]
        if self._after is not None:
            await self._after(service)
        await give_back(self.addresses, self.ports, owner, held, held_ports(service))

    def on_release_only(self) -> Hooks:
        """For the status store: an update there may take the last finalizer, and then the service is gone."""
        return _Release(self)

    # --- addresses -----------------------------------------------------------------------------------------------

    async def _take_addresses(self, name: str, spec: Tree, claim: Claim) -> None:
        if spec.get("type") == EXTERNAL_NAME or cluster_ips(spec)[:1] == [NONE]:
            return
        listed = list(cluster_ips(spec))
        for index, family in enumerate(families(spec)):
            if index == len(listed):
                listed.append("")
            listed[index] = await self._take(name, spec, family, listed[index], claim)
        spec["clusterIPs"], spec["clusterIP"] = listed, listed[0]

    async def _take(self, name: str, spec: Tree, family: str, text: str, claim: Claim) -> str:
        try:
            return await claim.address(family, text)
        except AllocationError as problem:
            if not text:
                raise errors.internal(f"failed to allocate a serviceIP: {problem}") from None
            refuse(name, [invalid(CLUSTER_IPS, json_value(spec.get("clusterIPs")),
                                  f"failed to allocate IP {text}: {problem}")])
            raise

    async def _update_addresses(self, name: str, spec: Tree, before: Tree, claim: Claim) -> None:
        if keeps_preference(spec, before):
            return
        external, was_external = spec.get("type") == EXTERNAL_NAME, before.get("type") == EXTERNAL_NAME
        if was_external and not external:
            await self._take_addresses(name, spec, claim)
            return
        if cluster_ips(before)[:1] == [NONE]:
            return
        held = held_addresses(before)
        if external and not was_external:
            for _, text in held:
                claim.release_address(text)
        elif len(families(before)) == 1 and len(families(spec)) == 2:
            listed = list(cluster_ips(spec))
            family = families(spec)[1]
            taken = await self._take(name, spec, family, listed[1] if len(listed) > 1 else "", claim)
            spec["clusterIPs"] = [*listed[:1], taken]
        elif len(families(before)) == 2 and len(families(spec)) == 1 and len(held) == 2:
            claim.release_address(held[1][1])


class _Release(Hooks):
    def __init__(self, allocation: ServiceAllocation) -> None:
        self._allocation = allocation

    def after_delete(self, obj: Entry, dry_run: bool) -> Awaitable[None] | None:
        return self._allocation.after_delete(obj, dry_run)


def held_addresses(spec: Tree) -> list[tuple[str, str]]:
    """The addresses of a service with their families."""
    if spec.get("type") == EXTERNAL_NAME or cluster_ips(spec)[:1] == [NONE]:
        return []
    return [(family, text) for family, text in zip(families(spec), cluster_ips(spec), strict=False) if text]


def _update_ports(name: str, spec: Tree, before: Tree, ports: Ports) -> None:
    if needs_node_port(spec):
        _update_node_ports(name, spec, before, ports)
    elif needs_node_port(before):
        ports.release(set(node_ports(before)))
    needed, needs = needs_health_port(before), needs_health_port(spec)
    if needs and not needed:
        _take_health_port(spec, ports)
    elif needed and not needs and before.get("healthCheckNodePort"):
        ports.release([before["healthCheckNodePort"]])


def _take_port(name: str, index: int, port: int, taker: Ports) -> None:
    try:
        taker.take(port)
    except AllocationError as problem:
        refuse(name, [invalid(SPEC.child("ports").index(index).child("nodePort"), port, str(problem))])


def _take_any_port(taker: Ports) -> int:
    try:
        return taker.take_any()
    except AllocationError as problem:
        raise errors.internal(f"failed to allocate a nodePort: {problem}") from None


def _take_ports(name: str, spec: Tree, taker: Ports) -> None:
    """The same port under several protocols gets one node port."""
    given: dict[int, int] = {}
    ports = spec.get("ports") or ()
    for index, port in enumerate(ports):
        number, wanted = port.get("port") or 0, port.get("nodePort") or 0
        if not wanted and not allocates_node_ports(spec):
            continue
        before = given.get(number)
        if before is None:
            asked = next((p["nodePort"] for p in ports if (p.get("port") or 0) == number and p.get("nodePort")), 0)
            if asked:
                _take_port(name, index, asked, taker)
            given[number] = port["nodePort"] = asked or _take_any_port(taker)
        elif not wanted:
            port["nodePort"] = before
        elif wanted != before:
            _take_port(name, index, wanted, taker)


def _update_node_ports(name: str, spec: Tree, before: Tree, taker: Ports) -> None:
    held, taken = set(node_ports(before)) if needs_node_port(before) else set(), set()
    seen: set[tuple[str, int]] = set()
    for index, port in enumerate(spec.get("ports") or ()):
        wanted = port.get("nodePort") or 0
        if not wanted and not allocates_node_ports(spec):
            continue
        if not wanted:
            port["nodePort"] = wanted = _take_any_port(taker)
        elif wanted not in held and wanted not in taken:
            _take_port(name, index, wanted, taker)
            taken.add(wanted)
        key = (port.get("protocol") or "", wanted)
        if key in seen:
            raise errors.unknown(f"duplicate nodePort: {{{key[0]} {key[1]}}}")
        seen.add(key)
    taker.release(held.difference(node_ports(spec)))


def _take_health_port(spec: Tree, taker: Ports) -> None:
    wanted = spec.get("healthCheckNodePort") or 0
    try:
        if wanted:
            taker.take(wanted)
        else:
            spec["healthCheckNodePort"] = taker.take_any()
    except AllocationError as problem:
        what = f"requested HealthCheck NodePort {wanted}" if wanted else "a HealthCheck NodePort 0"
        raise errors.internal(f"failed to allocate {what}: {problem}") from None
