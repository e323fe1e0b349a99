"""Defaults of the core group, pods and templates excepted.

Applied by the compiled walk (`schema.compile_defaults`) to every body that names the type. Behaviour: kubernetes
`pkg/apis/core/v1/defaults.go`, and what `conversion.go` there does to Secrets and Nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from orlop.api.tree import Tree
from orlop.kinds.defaults.pod import round_amounts
from orlop.kinds.secret import take_string_data
from orlop.kinds.service_fields import is_external

AFFINITY_SECONDS: Final = 10800
_CLAIMED_PORTS: Final = (0, "")


def default(tree: Tree, name: str, value: object) -> None:
    """Set a member that is absent, null or empty text."""
    if tree.get(name) in (None, ""):
        tree[name] = value


def _namespace(namespace: Tree) -> None:
    metadata = namespace.get("metadata") or {}
    if metadata.get("name"):
        labels = metadata.get("labels")
        if labels is None:
            labels = metadata["labels"] = {}
        labels["kubernetes.io/metadata.name"] = metadata["name"]
    status = namespace.get("status")
    if status is None:
        status = namespace["status"] = {}
    default(status, "phase", "Active")


def _secret(secret: Tree) -> None:
    take_string_data(secret)
    default(secret, "type", "Opaque")


def _service(service: Tree) -> None:
    spec = service.get("spec")
    if spec is None:
        spec = service["spec"] = {}
    default(spec, "sessionAffinity", "None")
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        client = (spec.get("sessionAffinityConfig") or {}).get("clientIP")
        if client is None or client.get("timeoutSeconds") is None:
            spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": AFFINITY_SECONDS}}
    default(spec, "type", "ClusterIP")
    for port in spec.get("ports") or ():
        default(port, "protocol", "TCP")
        if port.get("targetPort") in (None, *_CLAIMED_PORTS):
            port["targetPort"] = port.get("port") or 0
    kind = spec["type"]
    if is_external(spec):
        default(spec, "externalTrafficPolicy", "Cluster")
    if spec.get("internalTrafficPolicy") is None and kind in ("NodePort", "LoadBalancer", "ClusterIP"):
        spec["internalTrafficPolicy"] = "Cluster"
    if kind == "LoadBalancer":
        _balanced(service, spec)


def _balanced(service: Tree, spec: Tree) -> None:
    if spec.get("allocateLoadBalancerNodePorts") is None:
        spec["allocateLoadBalancerNodePorts"] = True
    for point in ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ():
        if point.get("ip") and point.get("ipMode") is None:
            point["ipMode"] = "VIP"


def _endpoints(endpoints: Tree) -> None:
    for subset in endpoints.get("subsets") or ():
        for port in subset.get("ports") or ():
            default(port, "protocol", "TCP")


def _limit_range_item(item: Tree) -> None:
    if item.get("type") == "Container":
        limits: Tree = {**(item.get("max") or {}), **(item.get("default") or {})}
        requests: Tree = {**(item.get("min") or {}), **limits, **(item.get("defaultRequest") or {})}
        for name, amounts in (("default", limits), ("defaultRequest", requests)):
            if amounts:
                item[name] = amounts
    for name in ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio"):
        round_amounts(item.get(name))


def _resource_quota(quota: Tree) -> None:
    round_amounts((quota.get("spec") or {}).get("hard"))
    status = quota.get("status") or {}
    round_amounts(status.get("hard"))
    round_amounts(status.get("used"))


def _node(node: Tree) -> None:
    spec = node.get("spec")
    if spec:
        first, listed = spec.get("podCIDR"), spec.get("podCIDRs")
        if first and (not listed or listed[0] != first):  # what older clients know of wins
            spec["podCIDRs"] = [first]
        elif listed and not first and listed[0]:
            spec["podCIDR"] = listed[0]
    status = node.get("status")
    if status:
        round_amounts(status.get("capacity"))
        if status.get("allocatable") is None and status.get("capacity") is not None:
            status["allocatable"] = dict(status["capacity"])
        else:
            round_amounts(status.get("allocatable"))


def _claim(claim: Tree) -> None:
    status = claim.get("status")
    if status is None:
        status = claim["status"] = {}
    default(status, "phase", "Pending")
    round_amounts(status.get("capacity"))
    round_amounts(status.get("allocatedResources"))
    spec = claim.get("spec")
    if spec is None:
        spec = claim["spec"] = {}
    if spec.get("volumeMode") is None:
        spec["volumeMode"] = "Filesystem"
    resources = spec.get("resources")
    if resources:
        round_amounts(resources.get("limits"))
        round_amounts(resources.get("requests"))


_SOURCES: Final[Mapping[str, Mapping[str, object]]] = {
    "rbd": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    "iscsi": {"iscsiInterface": "default"},
    "scaleIO": {"storageMode": "ThinProvisioned", "fsType": "xfs"},
}
_DISK: Final[Mapping[str, object]] = {"cachingMode": "ReadWrite", "kind": "Shared", "fsType": "ext4", "readOnly": False}


def _volume(volume: Tree) -> None:
    status = volume.get("status")
    if status is None:
        status = volume["status"] = {}
    default(status, "phase", "Pending")
    spec = volume.get("spec")
    if spec is None:
        spec = volume["spec"] = {}
    default(spec, "persistentVolumeReclaimPolicy", "Retain")
    if spec.get("volumeMode") is None:
        spec["volumeMode"] = "Filesystem"
    round_amounts(spec.get("capacity"))
    host = spec.get("hostPath")
    if host is not None and host.get("type") is None:
        host["type"] = ""
    for name, values in _SOURCES.items():
        source = spec.get(name)
        if source is not None:
            for member, value in values.items():
                default(source, member, value)
    disk = spec.get("azureDisk")
    if disk is not None:
        for member, value in _DISK.items():
            if disk.get(member) is None:
                disk[member] = value


DEFAULTERS: Final[Mapping[str, Callable[[Tree], None]]] = {
    "io.k8s.api.core.v1.Endpoints": _endpoints,
    "io.k8s.api.core.v1.LimitRangeItem": _limit_range_item,
    "io.k8s.api.core.v1.Namespace": _namespace,
    "io.k8s.api.core.v1.Node": _node,
    "io.k8s.api.core.v1.PersistentVolume": _volume,
    "io.k8s.api.core.v1.PersistentVolumeClaim": _claim,
    "io.k8s.api.core.v1.ResourceQuota": _resource_quota,
    "io.k8s.api.core.v1.Secret": _secret,
    "io.k8s.api.core.v1.Service": _service,
}
