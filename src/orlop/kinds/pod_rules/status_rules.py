"""What a kubelet may write into a pod's status.

Called by the status strategy of pods. Texts and their order: kubernetes `pkg/apis/core/validation/validation.go`
(ValidatePodStatusUpdate and its parts).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from orlop.api import names
from orlop.api.addresses import ip_warnings
from orlop.api.field import Path, duplicate, forbidden, internal, invalid, required
from orlop.api.tree import Tree
from orlop.kinds import ip
from orlop.kinds.checks import STATUS, Errors, dns_label, qualified_name, said, unchanged
from orlop.kinds.pod_rules.container_statuses import allocated, restarted, users, volume_digests
from orlop.kinds.pod_rules.forms import POD_IP
from orlop.kinds.pod_rules.pod_resources import amount
from orlop.kinds.resource_names import is_native

_SYSTEM_CONDITIONS: Final = frozenset({"PodScheduled", "Ready", "Initialized"})
_NEGATIVE: Final = "must be a non-negative integer"
_EMPTY: Final = "must not be empty"
_FAMILIES: Final = "may specify no more than one IP for each IP family"
_PLAIN: Final = frozenset({"phase", "conditions", "qosClass", "startTime", "hostIP", "podIP", "message", "reason",
                           "observedGeneration"})
"""Members that need no more rules than `_core` has."""
_KNOWN_ADDRESSES: Final = 4096
"""How many addresses are remembered as plain or not; the least recently used goes first."""


@lru_cache(_KNOWN_ADDRESSES)
def is_plain_address(text: str) -> bool:
    """Whether there is neither a fault in an address nor anything to remark."""
    return not ip.valid(STATUS, text) and not ip_warnings(STATUS, text)


def status_change(new: Tree, old: Tree) -> Errors:
    """Metadata and its annotations are checked elsewhere."""
    status, former = new.get("status") or {}, old.get("status") or {}
    spec = new.get("spec") or {}
    found = _core(status, former, spec)
    if status.keys() <= _PLAIN:
        return found
    found += restarted(STATUS, status, former, old.get("spec") or {})
    found += _claims(STATUS.child("resourceClaimStatuses"), status.get("resourceClaimStatuses") or (), spec)
    if "extendedResourceClaimStatus" in status:
        found += _extended(STATUS.child("extendedResourceClaimStatus"), status["extendedResourceClaimStatus"], spec)
    found += _allocatable(STATUS.child("nodeAllocatableResourceClaimStatuses"), status, spec)
    found += _pod_ips(status, former) + _host_ips(status, former)
    return found + users(STATUS, status, spec) + allocated(STATUS, status, spec) + volume_digests(STATUS, status)


def _core(status: Tree, former: Tree, spec: Tree) -> Errors:
    found: Errors = []
    for position, condition in enumerate(status.get("conditions") or ()):
        place = STATUS.child("conditions").index(position)
        if (condition.get("observedGeneration") or 0) < 0:
            found.append(invalid(place.child("observedGeneration"), condition["observedGeneration"], _NEGATIVE))
        if condition.get("type") not in _SYSTEM_CONDITIONS:
            found += qualified_name(place.child("Type"), condition.get("type") or "")
    nominated = status.get("nominatedNodeName") or ""
    if nominated and nominated != (former.get("nominatedNodeName") or ""):
        place = STATUS.child("nominatedNodeName")
        found += said(place, nominated, names.name_is_dns_subdomain(nominated, False))
        if spec.get("nodeName"):
            found.append(forbidden(place, "may not be set on pods that are already bound to a node"))
    observed = status.get("observedGeneration") or 0
    if observed < 0:
        found.append(invalid(STATUS.child("observedGeneration"), observed, _NEGATIVE))
    return found + unchanged(STATUS.child("qosClass"), status.get("qosClass") or "", former.get("qosClass") or "")


def _claims(path: Path, statuses: Iterable[Tree], spec: Tree) -> Errors:
    found: Errors = []
    known = {claim.get("name") for claim in spec.get("resourceClaims") or ()}
    seen: set[str] = set()
    for position, status in enumerate(statuses):
        place, name = path.index(position), status.get("name") or ""
        if name not in known:
            found.append(invalid(place.child("name"), name, "must match the name of an entry in `spec.resourceClaims`"))
        if name in seen:
            found.append(duplicate(place.child("name"), name))
        seen.add(name)
        claim = status.get("resourceClaimName")
        if claim is not None:
            found += said(place.child("resourceClaimName"), claim, names.name_is_dns_subdomain(claim, False))
    return found


def _extended(path: Path, status: Tree, spec: Tree) -> Errors:
    containers = {c.get("name"): c for kind in ("initContainers", "containers") for c in spec.get(kind) or ()}
    mappings, place = status.get("requestMappings") or (), path.child("requestMappings")
    found: Errors = [] if mappings else [required(place, "at least one request mapping is required")]
    seen: set[tuple[str, str, str]] = set()
    for position, mapping in enumerate(mappings):
        at = place.index(position)
        names_ = (mapping.get("containerName") or "", mapping.get("resourceName") or "",
                  mapping.get("requestName") or "")
        container = containers.get(names_[0])
        if container is None:
            found.append(invalid(at.child("containerName"), names_[0], (
                "must match the name of an entry in spec.initContainers.name or spec.containers.name")))
        elif names_[1] not in ((container.get("resources") or {}).get("requests") or ()):
            found.append(invalid(at.child("resourceName"), names_[1], (
                "must match the extended resource name of an entry in spec.initContainers.resources.requests or "
                "spec.containers.resources.requests")))
        found += dns_label(path.child("requestName"), names_[2])
        if names_ in seen:
            found += [duplicate(at.child(member), name) for member, name in
                      zip(("containerName", "resourceName", "requestName"), names_, strict=True)]
        seen.add(names_)
    claim, at = status.get("resourceClaimName") or "", path.child("resourceClaimName")
    return found + (said(at, claim, names.name_is_dns_subdomain(claim, False)) if claim else [required(at)])


def _allocatable(path: Path, status: Tree, spec: Tree) -> Errors:
    found: Errors = []
    known = {claim.get("resourceClaimName") for claim in
             [*(spec.get("resourceClaims") or ()), *(status.get("resourceClaimStatuses") or ())]}
    for position, given in enumerate(status.get("nodeAllocatableResourceClaimStatuses") or ()):
        place, name = path.index(position), given.get("resourceClaimName") or ""
        if not name:
            found.append(required(place.child("resourceClaimName"), _EMPTY))
        if name not in known:
            found.append(invalid(place.child("resourceClaimName"), name, "no mapping found in pod reference"))
        found += [required(place.child(member), _EMPTY) for member in ("containers", "resources")
                  if not given.get(member)]
        for resource, text in (given.get("resources") or {}).items():
            at = place.child("resources").key(resource)
            if not is_native(resource):
                found.append(invalid(at, resource, "must be a node allocatable resource name"))
            if amount(text).sign < 0:
                found.append(invalid(at, text, "must be non-negative"))
    return found


def _addresses(path: Path, listed: list[Tree], former: list[Tree]) -> Errors:
    """Addresses that were stored before need not be right."""
    found: Errors = []
    known = {address.get("ip") or "" for address in former}
    for position, address in enumerate(listed):
        text = address.get("ip") or ""
        if text not in known and not is_plain_address(text):
            found += ip.valid(path.index(position), text)
    if len(listed) > 1:
        families = [ip.family(address.get("ip") or "") for address in listed]
        if "unknown" in families:
            position = families.index("unknown")
            found.append(internal(path, f"failed to check for dual stack with error:invalid IP[{position}]: "
                                        f"{listed[position].get('ip') or ''}"))
        if len(listed) > 2 or len(set(families)) < 2 or "unknown" in families:
            found.append(invalid(path, POD_IP.text(listed), _FAMILIES))
    return found


def _pod_ips(status: Tree, former: Tree) -> Errors:
    return _addresses(STATUS.child("podIPs"), status.get("podIPs") or [], former.get("podIPs") or [])


def _host_ips(status: Tree, former: Tree) -> Errors:
    listed, place = status.get("hostIPs") or [], STATUS.child("hostIPs")
    if not listed:
        return []
    first = listed[0].get("ip") or ""
    found: Errors = []
    if (status.get("hostIP") or "") != first:
        found.append(invalid(place.index(0).child("ip"), first, "must be equal to `hostIP`"))
    return found + _addresses(place, listed, former.get("hostIPs") or [])
