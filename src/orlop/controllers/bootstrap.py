"""The objects of a fresh server: namespaces, RBAC policy, priority classes, flow control, API services, the range of
service addresses and the `kubernetes` service.

`server.run` calls `bootstrap` once the caches are loaded and before the server says it is ready. What exists is left
as it is. The static part is packaged data (`data/bootstrap-1.36.json.gz`, dumped from a fresh kube-apiserver);
behaviour: kube-apiserver `pkg/controlplane` and `pkg/registry/rbac/rest`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import orjson

from orlop import data
from orlop.api.errors import APIError
from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree
from orlop.controllers.writer import Writer
from orlop.kinds.address_book import DEFAULT_RANGE, GROUP, RANGES, ranges_of
from orlop.registry.store import Store

log = logging.getLogger(__name__)

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
_RBAC = "rbac.authorization.k8s.io"
_FLOW = "flowcontrol.apiserver.k8s.io"
_STATIC: Mapping[str, GroupVersionKind] = {
    "clusterroles": GroupVersionKind(_RBAC, "v1", "ClusterRole"),
    "clusterrolebindings": GroupVersionKind(_RBAC, "v1", "ClusterRoleBinding"),
    "roles": GroupVersionKind(_RBAC, "v1", "Role"),
    "rolebindings": GroupVersionKind(_RBAC, "v1", "RoleBinding"),
    "priorityclasses": GroupVersionKind("scheduling.k8s.io", "v1", "PriorityClass"),
    "prioritylevelconfigurations": GroupVersionKind(_FLOW, "v1", "PriorityLevelConfiguration"),
    "flowschemas": GroupVersionKind(_FLOW, "v1", "FlowSchema"),
    "apiservices": GroupVersionKind("apiregistration.k8s.io", "v1", "APIService"),
}
_METADATA = ("name", "namespace", "labels", "annotations")
_NAMESPACE = GroupVersionKind("", "v1", "Namespace")


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where clients in a cluster would find this server: its own address and port, and its service's IP."""

    address: str
    port: int
    service_ip: str


def first_service_ip(cidr: str) -> str:
    """The first address of the (first) service range, which is the `kubernetes` service's."""
    return str(ipaddress.ip_network(cidr.partition(",")[0], strict=False)[1])


def static_object(source: Tree) -> Tree:
    """A dumped object as a manifest: metadata put back where it belongs, status left out."""
    obj: Tree = {"metadata": {name: source[name] for name in _METADATA if name in source}}
    obj |= {name: value for name, value in source.items() if name not in (*_METADATA, "status")}
    return obj


class Bootstrap:
    """`statuses` are the status stores of the kinds whose bootstrap objects have a status."""

    def __init__(self, writer: Writer, statuses: Mapping[str, Store], now: Callable[[], str]) -> None:
        self._writer, self._statuses, self._now = writer, statuses, now

    async def namespaces(self) -> None:
        await asyncio.gather(*(self._writer.ensure(_NAMESPACE, "namespaces", {"metadata": {"name": name}})
                               for name in NAMESPACES))

    async def policy(self) -> None:
        """Everything that is the same on every server."""
        await self.namespaces()
        objects: dict[str, list[Tree]] = orjson.loads(data.load("bootstrap-1.36.json.gz"))
        await asyncio.gather(*(self._ensure(plural, source) for plural, kind in _STATIC.items()
                               if (kind.group, plural) in self._writer.stores for source in objects[plural]))

    async def _ensure(self, plural: str, source: Tree) -> None:
        kind = _STATIC[plural]
        created = await self._writer.ensure(kind, plural, static_object(source))
        status = source.get("status")
        if not created or not status or plural not in self._statuses:
            return
        for condition in status.get("conditions", ()):
            condition["lastTransitionTime"] = self._now()

        def change(obj: Tree) -> bool:
            obj["status"] = status
            return True

        await self._writer.change(self._statuses[plural], kind.group, plural, "", source["name"], change)

    async def service_ranges(self, cidr: str) -> None:
        """The ServiceCIDR of the configured ranges, and that it is ready; before any service is made. One that is there
        stays as it is, but that a second range may be added to the first."""
        if (GROUP, RANGES) not in self._writer.stores:
            return  # an older minor: the allocation goes by the configured ranges
        wanted = [str(ipaddress.ip_network(text.strip(), strict=False)) for text in cidr.split(",")]
        await self._writer.ensure(GroupVersionKind(GROUP, "v1", "ServiceCIDR"), RANGES,
                                  {"metadata": {"name": DEFAULT_RANGE}, "spec": {"cidrs": wanted}})
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": self._now(), "reason": "",
                 "message": "Kubernetes default Service CIDR is ready"}

        def widen(stored: Tree) -> bool:
            if len(wanted) == 1 or ranges_of(stored) != wanted[:1]:
                return False
            stored["spec"]["cidrs"] = wanted
            return True

        def report(stored: Tree) -> bool:
            if stored["metadata"].get("deletionTimestamp") or ranges_of(stored) != wanted:
                return False
            status: Tree = stored.setdefault("status", {})
            known = [each["status"] for each in status.get("conditions") or [] if each.get("type") == "Ready"]
            if known and known[0] != "Unknown":
                return False
            status["conditions"] = [ready]
            return True

        store = self._writer.stores[(GROUP, RANGES)]
        await self._writer.change(store, GROUP, RANGES, "", DEFAULT_RANGE, widen)
        await self._writer.change(self._statuses[RANGES], GROUP, RANGES, "", DEFAULT_RANGE, report)

    async def service(self, addresses: Addresses) -> None:
        """The `kubernetes` service. A cluster whose ranges are others than the configured ones does without."""
        ports = [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": addresses.port}]
        service = {
            "metadata": {"name": "kubernetes", "namespace": "default",
                         "labels": {"component": "apiserver", "provider": "kubernetes"}},
            "spec": {"clusterIP": addresses.service_ip, "clusterIPs": [addresses.service_ip],
                     "ipFamilies": [_family(addresses.service_ip)], "ipFamilyPolicy": "SingleStack", "ports": ports,
                     "sessionAffinity": "None", "type": "ClusterIP"}}
        try:
            await self._writer.ensure(GroupVersionKind("", "v1", "Service"), "services", service)
        except APIError as problem:
            if problem.code != 422:
                raise
            log.error("the kubernetes service cannot be made: %s", problem)

    async def endpoints(self, port: int, addresses: Sequence[str]) -> None:
        """Where the `kubernetes` service leads, put right at every start. Loopback addresses may not be there: a server
        bound to one is not published."""
        addresses = [address for address in addresses if not ipaddress.ip_address(address).is_loopback]
        if not addresses:
            return
        ports = [{"name": "https", "port": port, "protocol": "TCP"}]
        await self._place(GroupVersionKind("", "v1", "Endpoints"), "endpoints",
                          {"endpointslice.kubernetes.io/skip-mirror": "true"},
                          {"subsets": [{"addresses": [{"ip": address} for address in addresses], "ports": ports}]})
        await self._place(GroupVersionKind("discovery.k8s.io", "v1", "EndpointSlice"), "endpointslices",
                          {"kubernetes.io/service-name": "kubernetes"},
                          {"addressType": _family(addresses[0]), "ports": ports, "endpoints": [
                              {"addresses": [address], "conditions": {"ready": True}} for address in addresses]})

    async def _place(self, kind: GroupVersionKind, plural: str, labels: Tree, content: Tree) -> None:
        obj = {"metadata": {"name": "kubernetes", "namespace": "default", "labels": labels}, **content}
        if await self._writer.ensure(kind, plural, obj):
            return

        def change(stored: Tree) -> bool:
            stored |= content
            return True

        store = self._writer.stores[(kind.group, plural)]
        await self._writer.change(store, kind.group, plural, "default", "kubernetes", change)

    async def authentication(self, client_ca: str) -> None:
        """What extension servers need to verify callers."""
        await self._writer.ensure(GroupVersionKind("", "v1", "ConfigMap"), "configmaps", {
            "metadata": {"name": "extension-apiserver-authentication", "namespace": "kube-system"},
            "data": {"client-ca-file": client_ca}})


def _family(address: str) -> str:
    return f"IPv{ipaddress.ip_address(address).version}"
