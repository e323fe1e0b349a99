"""Which pods are behind a Service, and how its EndpointSlices and Endpoints say so: plans, pure.

Used by `endpoint_slice`. Behaviour: kubernetes `staging/src/k8s.io/endpointslice` (utils.go, reconciler.go),
`pkg/controller/endpoint/endpoints_controller.go`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Final

import orjson

from orlop.api.tree import Tree
from orlop.controllers.workloads.dependents import reference
from orlop.controllers.workloads.rollout import template_hash

PER_SLICE: Final = 100
MANAGER: Final = "endpointslice-controller.k8s.io"
_SERVICE: Final = "kubernetes.io/service-name"
_MANAGED: Final = "endpointslice.kubernetes.io/managed-by"

Grouped = dict[bytes, list[Tree]]
"""Pods by the ports that a Service has with them, as JSON."""


def is_behind(service: Tree, pod: Tree) -> bool:
    """Selected, with an address that can be an endpoint, and not over."""
    selector, status = service["spec"].get("selector") or {}, pod.get("status") or {}
    labels = pod["metadata"].get("labels") or {}
    if not selector or not selector.items() <= labels.items() or status.get("phase") in ("Succeeded", "Failed"):
        return False
    address: str = status.get("podIP") or ""
    return bool(address) and not ipaddress.ip_address(address).is_loopback


def grouped(service: Tree, pods: Iterable[Tree]) -> Grouped:
    found: Grouped = {}
    for pod in pods:
        ports = [port for one in service["spec"].get("ports") or () if (port := _port(one, pod)) is not None]
        found.setdefault(orjson.dumps(ports), []).append(pod)
    return found


def _port(wanted: Tree, pod: Tree) -> Tree | None:
    target = wanted.get("targetPort") or wanted["port"]
    protocol = wanted.get("protocol") or "TCP"
    if isinstance(target, str):
        target = next((port["containerPort"] for container in pod["spec"]["containers"]
                       for port in container.get("ports") or ()
                       if port.get("name") == target and (port.get("protocol") or "TCP") == protocol), None)
    if target is None:
        return None
    found: Tree = {"name": wanted.get("name") or "", "port": target, "protocol": protocol}
    if wanted.get("appProtocol"):
        found["appProtocol"] = wanted["appProtocol"]
    return found


def is_ready(pod: Tree) -> bool:
    return any(c.get("type") == "Ready" and c.get("status") == "True"
               for c in (pod.get("status") or {}).get("conditions") or ())


def _target(pod: Tree) -> Tree:
    metadata = pod["metadata"]
    return {"kind": "Pod", "namespace": metadata["namespace"], "name": metadata["name"], "uid": metadata["uid"]}


def slices(service: Tree, groups: Grouped) -> list[Tree]:
    metadata = service["metadata"]
    made: list[Tree] = []
    for ports, pods in sorted(groups.items()):
        ordered = sorted(pods, key=lambda pod: str(pod["metadata"]["name"]))
        for start in range(0, len(ordered), PER_SLICE):
            suffix = template_hash({"uid": metadata["uid"], "ports": ports.decode()}, start)[:5]
            made.append({
                "metadata": {"name": f"{metadata['name']}-{suffix}", "namespace": metadata["namespace"],
                             "labels": {**(metadata.get("labels") or {}), _SERVICE: metadata["name"],
                                        _MANAGED: MANAGER},
                             "ownerReferences": [reference(service, "v1", "Service")]},
                "addressType": "IPv4", "ports": orjson.loads(ports),
                "endpoints": [_endpoint(service, pod) for pod in ordered[start:start + PER_SLICE]]})
    return made


def _endpoint(service: Tree, pod: Tree) -> Tree:
    ready, leaving = is_ready(pod), bool(pod["metadata"].get("deletionTimestamp"))
    shown = bool(service["spec"].get("publishNotReadyAddresses")) or (ready and not leaving)
    found: Tree = {"addresses": [pod["status"]["podIP"]], "targetRef": _target(pod),
                   "conditions": {"ready": shown, "serving": ready, "terminating": leaving}}
    if pod["spec"].get("nodeName"):
        found["nodeName"] = pod["spec"]["nodeName"]
    return found


def subsets(service: Tree, groups: Grouped) -> list[Tree]:
    """Of the older Endpoints."""
    made: list[Tree] = []
    for ports, pods in sorted(groups.items()):
        good: list[Tree] = []
        bad: list[Tree] = []
        for pod in sorted(pods, key=lambda pod: ipaddress.ip_address(pod["status"]["podIP"]).packed):
            if pod["metadata"].get("deletionTimestamp"):
                continue
            address = {"ip": pod["status"]["podIP"], "targetRef": _target(pod)}
            if pod["spec"].get("nodeName"):
                address["nodeName"] = pod["spec"]["nodeName"]
            (good if is_ready(pod) or service["spec"].get("publishNotReadyAddresses") else bad).append(address)
        named = orjson.loads(ports)
        if named and (good or bad):
            made.append({**({"addresses": good} if good else {}), **({"notReadyAddresses": bad} if bad else {}),
                         "ports": [{k: v for k, v in port.items() if v} for port in named]})
    return made


def differs(stored: Tree, wanted: Tree, members: Sequence[str]) -> bool:
    return any((stored.get(member) or []) != (wanted.get(member) or []) for member in members)
