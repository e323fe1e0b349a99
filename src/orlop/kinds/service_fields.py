"""What the members of a service mean together: which it needs, and what is made of those a client left out.

Called by `service_allocation` and `service` around every write. Behaviour: kubernetes
`pkg/registry/core/service/strategy.go`, `storage/storage.go` (normalizeClusterIPs, patchAllocatedValues) and
`pkg/api/service`.
"""

from __future__ import annotations

from typing import Any, Final

from orlop.api.tree import Tree

NONE: Final = "None"
CLUSTER_IP: Final = "ClusterIP"
NODE_PORT: Final = "NodePort"
LOAD_BALANCER: Final = "LoadBalancer"
EXTERNAL_NAME: Final = "ExternalName"


def needs_cluster_ip(spec: Tree) -> bool:
    return spec.get("type") != EXTERNAL_NAME


def needs_node_port(spec: Tree) -> bool:
    return spec.get("type") in (NODE_PORT, LOAD_BALANCER)


def allocates_node_ports(spec: Tree) -> bool:
    """Whether ports without a node port get one."""
    if spec.get("type") == LOAD_BALANCER:
        return spec.get("allocateLoadBalancerNodePorts") is not False
    return spec.get("type") == NODE_PORT


def needs_health_port(spec: Tree) -> bool:
    return spec.get("type") == LOAD_BALANCER and spec.get("externalTrafficPolicy") == "Local"


def is_external(spec: Tree) -> bool:
    """Whether traffic comes in from outside the cluster."""
    kind = spec.get("type")
    return kind in (NODE_PORT, LOAD_BALANCER) or (kind == CLUSTER_IP and bool(spec.get("externalIPs")))


def is_headless(spec: Tree) -> bool:
    return spec.get("clusterIPs") == [NONE]


def node_ports(spec: Tree) -> list[int]:
    return [port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")]


def cluster_ips(spec: Tree) -> list[str]:
    listed: list[str] = spec.get("clusterIPs") or []
    return listed


def families(spec: Tree) -> list[str]:
    listed: list[str] = spec.get("ipFamilies") or []
    return listed


def put(spec: Tree, name: str, value: Any) -> None:
    """Set a member, or take it out when there is nothing in it."""
    if value:
        spec[name] = value
    else:
        spec.pop(name, None)


def normalize_cluster_ips(new: Tree, old: Tree | None) -> None:
    """clusterIP and clusterIPs say the same: old clients know only the first."""
    single, listed = new.get("clusterIP") or "", cluster_ips(new)
    if old is None:
        if single and not listed:
            new["clusterIPs"] = [single]
        return
    before, listed_before = old.get("clusterIP") or "", cluster_ips(old)
    if listed_before and not listed and before == single:
        new["clusterIPs"] = listed = list(listed_before)
    if before != single and listed == listed_before:
        put(new, "clusterIPs", [single] if single else [])


def patch_allocated(new: Tree, old: Tree) -> None:
    """What was allocated stays when a client sends its own file again."""
    if needs_cluster_ip(old) and needs_cluster_ip(new):
        if not new.get("clusterIP"):
            put(new, "clusterIP", old.get("clusterIP"))
        if not new.get("clusterIPs"):
            put(new, "clusterIPs", list(cluster_ips(old)))
    if allocates_node_ports(old) and allocates_node_ports(new):
        _patch_node_ports(new, old)
    if needs_health_port(old) and needs_health_port(new) and not new.get("healthCheckNodePort"):
        put(new, "healthCheckNodePort", old.get("healthCheckNodePort"))


def _patch_node_ports(new: Tree, old: Tree) -> None:
    """By name, unless the port is in use for another."""
    used = set(node_ports(old)) & set(node_ports(new))
    known = {port.get("name") or "": port.get("nodePort") for port in old.get("ports") or ()}
    for port in new.get("ports") or ():
        if not port.get("nodePort"):
            before = known.get(port.get("name") or "")
            if before and before not in used:
                port["nodePort"] = before


def drop_unneeded(new: Tree, old: Tree) -> None:
    """A change of type takes along what the new type has no use for, as long as the client did not touch it."""
    if needs_cluster_ip(old) and not needs_cluster_ip(new):
        if _same(new, old, "clusterIP") and _same(new, old, "clusterIPs"):
            new.pop("clusterIP", None)
            new.pop("clusterIPs", None)
        for name in ("ipFamilies", "ipFamilyPolicy"):
            if _same(new, old, name):
                new.pop(name, None)
    if needs_node_port(old) and not needs_node_port(new) and set(node_ports(new)) <= set(node_ports(old)):
        for port in new.get("ports") or ():
            port.pop("nodePort", None)
    if needs_health_port(old) and not needs_health_port(new) and _same(new, old, "healthCheckNodePort"):
        new.pop("healthCheckNodePort", None)
    if old.get("type") == LOAD_BALANCER and new.get("type") != LOAD_BALANCER:
        for name in ("allocateLoadBalancerNodePorts", "loadBalancerClass"):
            if name in new and _same(new, old, name):
                del new[name]
    if is_external(old) and not is_external(new) and _same(new, old, "externalTrafficPolicy"):
        new.pop("externalTrafficPolicy", None)


def _same(new: Tree, old: Tree, name: str) -> bool:
    return (new.get(name) or None) == (old.get(name) or None)
