"""Services: strategies of the main and the status store, and what a client is warned of.

Made by `makers`; around every write `service_allocation` hands out addresses and ports. Behaviour: kubernetes
`pkg/registry/core/service`, `pkg/api/service/warnings.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from orlop.api import addresses, names
from orlop.api.context import Context, RequestInfo
from orlop.api.errors import APIError
from orlop.api.options import DeleteOptions
from orlop.api.tree import Tree
from orlop.kinds import catalog
from orlop.kinds.address_book import ADDRESSES, GROUP, RANGES, AddressBook, Register, StoredRegister
from orlop.kinds.allocators import PortSpan
from orlop.kinds.checks import SPEC, Errors
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import MainStrategy, StatusStrategy
from orlop.kinds.ip_address import IPAddressStrategy
from orlop.kinds.port_book import StoredPorts
from orlop.kinds.rooms import RestOptions, Rooms, form, prefix, store
from orlop.kinds.service_allocation import ServiceAllocation
from orlop.kinds.service_fields import (
    CLUSTER_IP,
    EXTERNAL_NAME,
    LOAD_BALANCER,
    NONE,
    cluster_ips,
    drop_unneeded,
)
from orlop.kinds.service_rules import balancer_status, service_changes, service_rules
from orlop.registry.store import Store
from orlop.registry.strategy import Strategy
from orlop.storage.predicate import EVERYTHING

CLUSTER_IP_RANGE: Final = "10.0.0.0/24"
NODE_PORT_RANGE: Final = "30000-32767"
_TOPOLOGY_HINTS: Final = "service.kubernetes.io/topology-aware-hints"
_TOPOLOGY_MODE: Final = "service.kubernetes.io/topology-mode"


class ServiceStrategy(MainStrategy):
    allow_create_on_update = True
    returns_deleted_object = True
    repeats_metadata_rules = ("change",)

    def check_name(self, name: str, prefix: bool) -> Sequence[str]:
        return names.name_is_dns_label(name, prefix)

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        super().prepare_for_update(ctx, obj, old)
        spec = obj["spec"]
        drop_unneeded(spec, old.get("spec") or {})
        if spec.get("type") != LOAD_BALANCER and ((obj.get("status") or {}).get("loadBalancer") or {}):
            obj["status"] = {**obj["status"], "loadBalancer": {}}

    def canonicalize(self, obj: Tree) -> None:
        spec = obj["spec"]
        if spec.get("type") == EXTERNAL_NAME:
            spec.pop("internalTrafficPolicy", None)

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        return service_rules(obj)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        return service_changes(obj, old) + service_rules(obj)

    def warnings_on_create(self, ctx: Context, obj: Tree) -> Sequence[str]:
        return warnings(obj)

    def warnings_on_update(self, ctx: Context, obj: Tree, old: Tree) -> Sequence[str]:
        return warnings(obj)


class ServiceStatusStrategy(StatusStrategy):
    repeats_metadata_rules = ("change",)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        return balancer_status(obj)


def warnings(service: Tree) -> Sequence[str]:
    spec: Tree = service.get("spec") or {}
    found: list[str] = []
    if _TOPOLOGY_HINTS in (service["metadata"].get("annotations") or ()):
        found.append(f"annotation {_TOPOLOGY_HINTS} is deprecated, please use {_TOPOLOGY_MODE} instead")
    kind, external = spec.get("type"), spec.get("externalIPs") or ()
    if spec.get("clusterIP") not in (None, "", NONE):
        for index, text in enumerate(cluster_ips(spec)):
            found += addresses.ip_warnings(SPEC.child("clusterIPs").index(index), text)
    if kind == CLUSTER_IP and spec.get("clusterIP") == NONE:
        if spec.get("loadBalancerIP"):
            found.append("spec.loadBalancerIP is ignored for headless services")
        if external:
            found.append("spec.externalIPs is ignored for headless services")
        if spec.get("sessionAffinity") != NONE:
            found.append("spec.SessionAffinity is ignored for headless services")
    for index, text in enumerate(external):
        found += addresses.ip_warnings(SPEC.child("externalIPs").index(index), text)
    if external and kind != EXTERNAL_NAME and not (kind == CLUSTER_IP and spec.get("clusterIP") == NONE):
        found.append("spec.externalIPs is deprecated and may no longer be implemented in some clusters")
    if spec.get("loadBalancerIP"):
        found += addresses.ip_warnings(SPEC.child("loadBalancerIP"), spec["loadBalancerIP"])
    for index, text in enumerate(spec.get("loadBalancerSourceRanges") or ()):
        found += addresses.cidr_warnings(SPEC.child("loadBalancerSourceRanges").index(index), text)
    if kind == EXTERNAL_NAME and external:
        found.append('spec.externalIPs is ignored when spec.type is "ExternalName"')
    if kind != EXTERNAL_NAME and spec.get("externalName"):
        found.append('spec.externalName is ignored when spec.type is not "ExternalName"')
    if spec.get("trafficDistribution") == "PreferClose":
        found.append('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"')
    return found


def allocation(options: RestOptions, services: Callable[[], Iterable[Tree]],
               register: Register | None = None) -> ServiceAllocation:
    """The allocation of the configured ranges; with the service goes the Endpoints of its name. `services`: all there
    are. `register` stands for the IPAddress objects where there are none."""
    configured = str(options.settings.get("service_cluster_ip_range") or CLUSTER_IP_RANGE).split(",")
    span = PortSpan(str(options.settings.get("service_node_port_range") or NODE_PORT_RANGE))
    entropy = options.outside.entropy
    if options.storage is None:
        raise ValueError("services need a storage to note their ports in")

    async def delete_endpoints(service: Tree) -> None:
        endpoints: Store | None = options.stores.get(("", "endpoints"))
        if endpoints is None:
            return
        metadata = service["metadata"]
        ctx = Context(info=RequestInfo("delete", "", "api", "", "v1", metadata["namespace"], "endpoints", "",
                                       metadata["name"]), namespace=metadata["namespace"])
        try:
            await endpoints.delete(ctx, metadata["name"], lambda obj, old: None, DeleteOptions())
        except APIError as problem:
            if problem.code != 404:
                raise

    ranges = None if register is not None else options.cache(_networking(RANGES))
    book = AddressBook(configured, register or StoredRegister(_addresses(options)), ranges, entropy)
    return ServiceAllocation(book, StoredPorts(options.storage, span, services), entropy, delete_endpoints)


def _networking(plural: str) -> Resource:
    found = catalog.resource(GROUP, plural)
    assert found is not None
    return found


def _addresses(options: RestOptions) -> Store:
    """The store of the IPAddress objects, also where an older minor does not serve them."""
    resource = _networking(ADDRESSES)
    made = Store(resource.group_resource, options.cache(resource), prefix(resource),
                 IPAddressStrategy(form(resource, options)), options.outside)
    return options.stores.setdefault(resource.group_resource, made)


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    shape = form(resource, options)
    cache = options.cache(resource)
    hooks = allocation(options, lambda: (entry.tree() for entry in cache.select(EVERYTHING).entries))
    made = store(resource, options, ServiceStrategy(shape), hooks)
    status: Strategy = ServiceStatusStrategy(shape)
    rooms: dict[str, Any] = {"": made, "status": made.with_strategy(status, hooks.on_release_only())}
    return rooms
