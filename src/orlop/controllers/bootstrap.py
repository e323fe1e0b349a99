"""The objects of a fresh server: namespaces, RBAC policy, priority classes, flow control, API services, the range of
service addresses and the `kubernetes` service.

`server.run` calls `bootstrap` once the caches are loaded and before the server says it is ready. What exists is put
right as far as upstream does that at start: roles and bindings get what they lack (`bootstrap_roles`), flow control
follows ours unless somebody changed it (`flow_configuration`), API services of ours get our spec. The static part is
packaged (`bootstrap_objects`). Behaviour: kube-apiserver `pkg/controlplane`, `pkg/registry/{rbac,scheduling}/rest`,
kube-aggregator `pkg/controllers/autoregister`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from orlop.api.errors import APIError
from orlop.api.gvk import GroupVersionKind
from orlop.api.options import DeleteOptions, Preconditions
from orlop.api.tree import Tree
from orlop.controllers.bootstrap_objects import packaged
from orlop.controllers.bootstrap_roles import REVISIONS, leads_elsewhere
from orlop.controllers.condition_writer import ConditionWriter
from orlop.controllers.flow_configuration import FlowConfiguration
from orlop.controllers.flow_schema_status import SCHEMAS, FlowSchemaStatusController
from orlop.controllers.writer import Writer
from orlop.kinds.address_book import DEFAULT_RANGE, GROUP, RANGES, ranges_of
from orlop.registry.store import Store

log = logging.getLogger(__name__)

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")
_RBAC = "rbac.authorization.k8s.io"
_FLOW = "flowcontrol.apiserver.k8s.io"
_API_SERVICES = "apiservices"
MANAGER = "kube-apiserver"
"""Who owns the fields of what is made here."""
RANGE_MANAGER = "kubernetes-service-cidr-controller"
_STATIC: Mapping[str, GroupVersionKind] = {
    "clusterroles": GroupVersionKind(_RBAC, "v1", "ClusterRole"),
    "clusterrolebindings": GroupVersionKind(_RBAC, "v1", "ClusterRoleBinding"),
    "roles": GroupVersionKind(_RBAC, "v1", "Role"),
    "rolebindings": GroupVersionKind(_RBAC, "v1", "RoleBinding"),
    "priorityclasses": GroupVersionKind("scheduling.k8s.io", "v1", "PriorityClass"),
    _API_SERVICES: GroupVersionKind("apiregistration.k8s.io", "v1", "APIService"),
}
_NAMESPACE = GroupVersionKind("", "v1", "Namespace")
_CONFIG_MAP = GroupVersionKind("", "v1", "ConfigMap")
_RANGE = GroupVersionKind(GROUP, "v1", "ServiceCIDR")
_AUTOMANAGED = "kube-aggregator.kubernetes.io/automanaged"
_TRACKING = "kube-apiserver-legacy-service-account-token-tracking"
"""Since when the use of tokens in secrets is noted."""
_AUTHENTICATION = "extension-apiserver-authentication"
_CLIENT_CA = "client-ca-file"


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where clients in a cluster would find this server: its own address and port, and its service's IP."""

    address: str
    port: int
    service_ip: str


def first_service_ip(cidr: str) -> str:
    """The first address of the (first) service range, which is the `kubernetes` service's."""
    return str(ipaddress.ip_network(cidr.partition(",")[0], strict=False)[1])


def host_address(version: int) -> str:
    """The address under which others reach this machine, "" when there is none: that of the default route. Nothing is
    sent."""
    family, elsewhere = (socket.AF_INET, "198.51.100.1") if version == 4 else (socket.AF_INET6, "2001:db8::1")
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as prober:
            prober.connect((elsewhere, 9))
            found: str = prober.getsockname()[0]
    except OSError:
        return ""
    return "" if ipaddress.ip_address(found).is_loopback else found


class Bootstrap:
    """`statuses` are the status stores of the kinds whose bootstrap objects have a status."""

    def __init__(self, writer: Writer, statuses: Mapping[str, Store], now: Callable[[], str]) -> None:
        self._writer, self._statuses, self._now = writer, statuses, now

    async def namespaces(self) -> None:
        await asyncio.gather(*(self._writer.ensure(_NAMESPACE, "namespaces", {"metadata": {"name": name}}, MANAGER)
                               for name in NAMESPACES))

    async def policy(self) -> None:
        """Everything that is the same on every server."""
        await self.namespaces()
        objects = packaged()
        await asyncio.gather(*(self._ensure(plural, obj) for plural, kind in _STATIC.items()
                               if (kind.group, plural) in self._writer.stores for obj in objects[plural]))
        await self._writer.ensure(_CONFIG_MAP, "configmaps", {
            "metadata": {"name": _TRACKING, "namespace": "kube-system"}, "data": {"since": self._now()[:10]}}, MANAGER)
        if (_FLOW, SCHEMAS) in self._writer.stores:
            await FlowConfiguration(self._writer, objects).ensure()
            await self._judge_schemas([obj["metadata"]["name"] for obj in objects[SCHEMAS]])

    async def _judge_schemas(self, names: Sequence[str]) -> None:
        """So that their conditions are there from the first answer on."""
        judge = FlowSchemaStatusController(self._writer, self._statuses[SCHEMAS])
        await asyncio.gather(*(judge.report(name) for name in names))

    async def _ensure(self, plural: str, obj: Tree) -> None:
        kind, metadata = _STATIC[plural], obj["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        stored = self._writer.peek(kind.group, plural, namespace, name)
        if stored is not None and "roleRef" in obj and leads_elsewhere(stored.tree(), obj):
            options = DeleteOptions(preconditions=Preconditions(stored.tree()["metadata"]["uid"]))
            await _unless_overtaken(self._writer.delete(kind.group, plural, namespace, name, options))
            stored = None
        if stored is None:
            await self._writer.ensure(kind, plural, obj, MANAGER)
            return
        revise = _revise_service if plural == _API_SERVICES else REVISIONS.get(plural)
        if revise is not None and revise(stored.tree(), obj):
            store = self._writer.stores[(kind.group, plural)]
            await _unless_overtaken(self._writer.change(
                store, kind.group, plural, namespace, name, lambda tree: revise(tree, obj), manager=MANAGER))

    async def service_ranges(self, cidr: str) -> None:
        """The ServiceCIDR of the configured ranges, and that it is ready; before any service is made. One that is there
        stays as it is, but that a second range may be added to the first."""
        if (GROUP, RANGES) not in self._writer.stores:
            return  # an older minor: the allocation goes by the configured ranges
        wanted = [str(ipaddress.ip_network(text.strip(), strict=False)) for text in cidr.split(",")]
        await self._writer.ensure(_RANGE, RANGES, {"metadata": {"name": DEFAULT_RANGE}, "spec": {"cidrs": wanted}},
                                  MANAGER)

        def widen(stored: Tree) -> bool:
            if len(wanted) == 1 or ranges_of(stored) != wanted[:1]:
                return False
            stored["spec"]["cidrs"] = wanted
            return True

        store = self._writer.stores[(GROUP, RANGES)]
        await self._writer.change(store, GROUP, RANGES, "", DEFAULT_RANGE, widen, manager=MANAGER)
        entry = self._writer.peek(GROUP, RANGES, "", DEFAULT_RANGE)
        if entry is not None and _awaits_word(entry.tree(), wanted):
            conditions = ConditionWriter(self._writer, self._statuses[RANGES], _RANGE, RANGES, RANGE_MANAGER)
            await conditions.write(DEFAULT_RANGE, {
                "type": "Ready", "status": "True", "message": "Kubernetes default Service CIDR is ready",
                "lastTransitionTime": self._now()})

    async def service(self, addresses: Addresses) -> None:
        """The `kubernetes` service. A cluster whose ranges are others than the configured ones does without. A server
        that nobody can connect to leaves one that is there as it is."""
        ports = [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": addresses.port or 443}]
        service = {
            "metadata": {"name": "kubernetes", "namespace": "default",
                         "labels": {"component": "apiserver", "provider": "kubernetes"}},
            "spec": {"clusterIP": addresses.service_ip, "ipFamilyPolicy": "SingleStack", "ports": ports,
                     "sessionAffinity": "None", "type": "ClusterIP"}}
        try:
            made = await self._writer.ensure(GroupVersionKind("", "v1", "Service"), "services", service, MANAGER)
            if not made and addresses.port:
                await self._lead_to(ports)
        except APIError as problem:
            if problem.code != 422:
                raise
            log.error("the kubernetes service cannot be made: %s", problem)

    async def _lead_to(self, ports: list[Tree]) -> None:
        """The ports of the service that is there, and that it is of the type that needs no more."""

        def change(stored: Tree) -> bool:
            spec = stored["spec"]
            if spec.get("type") == "ClusterIP" and spec.get("ports") == ports:
                return False
            spec["type"], spec["ports"] = "ClusterIP", ports
            return True

        store = self._writer.stores[("", "services")]
        await self._writer.change(store, "", "services", "default", "kubernetes", change, manager=MANAGER)

    async def endpoints(self, port: int, addresses: Sequence[str]) -> None:
        """Where the `kubernetes` service leads, put right at every start. Loopback addresses may not be there: a server
        bound to one is published under the machine's own address, if that has any; one without a port is not."""
        found = dict.fromkeys(published(address) for address in addresses)
        addresses = [address for address in found if address]
        if not addresses or not port:
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
        if await self._writer.ensure(kind, plural, obj, MANAGER):
            return

        def change(stored: Tree) -> bool:
            if all(stored.get(name) == value for name, value in content.items()):
                return False
            stored |= content
            return True

        store = self._writer.stores[(kind.group, plural)]
        await self._writer.change(store, kind.group, plural, "default", "kubernetes", change, manager=MANAGER)

    async def authentication(self, client_ca: str) -> None:
        """What extension servers need to verify callers: all authorities there ever were, ours among them."""
        made = {"metadata": {"name": _AUTHENTICATION, "namespace": "kube-system"}, "data": {_CLIENT_CA: client_ca}}
        if await self._writer.ensure(_CONFIG_MAP, "configmaps", made, MANAGER):
            return

        def change(stored: Tree) -> bool:
            content: Tree = stored.get("data") or {}
            if client_ca in content.get(_CLIENT_CA, ""):
                return False
            stored["data"] = {**content, _CLIENT_CA: content.get(_CLIENT_CA, "") + client_ca}
            return True

        await self._writer.change(self._writer.stores[("", "configmaps")], "", "configmaps", "kube-system",
                                  _AUTHENTICATION, change, manager=MANAGER)


async def _unless_overtaken(write: Awaitable[object]) -> None:
    """Servers that share a storage start side by side: what one changed or took away is the other's no more."""
    try:
        await write
    except APIError as problem:
        if problem.code not in (404, 409):
            raise


def published(address: str) -> str:
    """The address under which a server bound to `address` is to be reached by others; "" when by none."""
    bound = ipaddress.ip_address(address)
    return host_address(bound.version) if bound.is_loopback else address


def _revise_service(stored: Tree, ours: Tree) -> bool:
    """An API service that is still marked as ours gets our spec."""
    if not (stored["metadata"].get("labels") or {}).get(_AUTOMANAGED) or stored.get("spec") == ours["spec"]:
        return False
    stored["spec"] = ours["spec"]
    return True


def _awaits_word(stored: Tree, wanted: list[str]) -> bool:
    """Whether nobody has said yet if the default range is ready."""
    if stored["metadata"].get("deletionTimestamp") or ranges_of(stored) != wanted:
        return False
    conditions = (stored.get("status") or {}).get("conditions") or []
    known = [each["status"] for each in conditions if each.get("type") == "Ready"]
    return not known or known[0] == "Unknown"


def _family(address: str) -> str:
    return f"IPv{ipaddress.ip_address(address).version}"
