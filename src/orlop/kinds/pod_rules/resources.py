"""Requests and limits: of a container, of overhead, of a pod as a whole.

Called by the rules of containers and of specs. Texts: kubernetes `pkg/apis/core/validation/validation.go`
(validateResourceRequirements, validateResourceClaimNames, validatePodResources).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from orlop.api.field import NOT_FOUND, FieldError, Path, duplicate, forbidden, invalid, not_supported, required
from orlop.api.tree import Tree
from orlop.kinds import resource_names
from orlop.kinds.checks import Errors, dns_label
from orlop.kinds.pod_rules import huge_pages
from orlop.kinds.pod_rules.pod_resources import aggregate_limits, aggregate_requests, amount, is_pod_level
from orlop.kinds.pod_rules.terms import Allowances
from orlop.kinds.resource_names import CPU, HUGE_PAGES, MEMORY

NameRule = Callable[[Path, str], Errors]
_POD_LEVEL: Final = (CPU, "hugepages-", MEMORY)
_COMPUTE: Final = frozenset({CPU, MEMORY})


def requirements(path: Path, resources: Tree, claims: frozenset[str], allow: Allowances,
                 name_rule: NameRule = resource_names.container_name) -> Errors:
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    found: Errors = []
    for name, text in limits.items():
        if name not in _COMPUTE or amount(text).sign < 0:
            place = path.child("limits").key(name)
            found += name_rule(place, name) + resource_names.amount(place, name, text)
            found += _whole_pages(place, name, text, allow)
    for name, text in requests.items():
        limit = limits.get(name)
        if name in _COMPUTE and amount(text).sign >= 0 and (limit is None or amount(text) <= amount(limit)):
            continue
        place = path.child("requests").key(name)
        found += name_rule(place, name) + resource_names.amount(place, name, text)
        found += _against_limit(path, name, text, limit)
        found += _whole_pages(place, name, text, allow)
    if any(n.startswith(HUGE_PAGES) for kind in (limits, requests) for n in kind) and _COMPUTE.isdisjoint(
            limits) and _COMPUTE.isdisjoint(requests):
        found.append(forbidden(path, "HugePages require cpu or memory"))
    if resources.get("claims"):
        found += _claims(path.child("claims"), resources["claims"], claims)
    return found


def _whole_pages(path: Path, name: str, text: str, allow: Allowances) -> Errors:
    if not name.startswith(HUGE_PAGES) or allow.huge_pages or not huge_pages.is_odd(name, text):
        return []
    return [invalid(path, text, f"{text} is not positive integer multiple of {name}")]


def _against_limit(path: Path, name: str, text: str, limit: str | None) -> Errors:
    if limit is None:
        if resource_names.overcommits(name):
            return []
        return [required(path.child("limits"), "Limit must be set for non overcommitable resources")]
    compared = amount(text).compare(amount(limit))
    if compared != 0 and not resource_names.overcommits(name):
        return [invalid(path.child("requests"), text, f"must be equal to {name} limit of {limit}")]
    if compared > 0:
        return [invalid(path.child("requests"), text, f"must be less than or equal to {name} limit of {limit}")]
    return []


def _claims(path: Path, claims: list[Tree], known: frozenset[str]) -> Errors:
    found: Errors = []
    seen: set[str] = set()
    for position, claim in enumerate(claims):
        place, name, request = path.index(position), claim.get("name") or "", claim.get("request") or ""
        if not name:
            found.append(required(place))
            continue
        if name in seen:
            found.append(duplicate(place, name))
        else:
            found += _one_claim(place, name, request, seen)
        if name not in known:
            listed = ": " + ", ".join(sorted(known)) if known else " which is empty"
            found.append(FieldError(NOT_FOUND, str(place), name,
                                    f"must be one of the names in pod.spec.resourceClaims{listed}"))
    return found


def _one_claim(place: Path, name: str, request: str, seen: set[str]) -> Errors:
    found = dns_label(place.child("request"), request) if request else []
    key = f"{name}/{request}" if request else name
    if key in seen:
        found.append(duplicate(place, key))
    elif not request:
        found += [duplicate(place, name) for other in seen if other.partition("/")[0] == name and "/" in other]
    seen.add(key)
    return found


def _pod_level_name(path: Path, name: str) -> Errors:
    found = resource_names.any_name(path, name)
    if not found and not is_pod_level(name):
        found.append(not_supported(path, name, _POD_LEVEL))
    return found


def of_pod(path: Path, spec: Tree, claims: frozenset[str], allow: Allowances) -> Errors:
    """`spec.resources`: bounds around what the containers ask for."""
    resources = spec["resources"]
    place = path.child("resources")
    if (spec.get("os") or {}).get("name") == "windows":
        return [forbidden(place, "may not be set for a windows pod")]
    found: Errors = []
    if resources.get("claims"):
        found.append(forbidden(place.child("claims"), "claims may not be set for Resources at pod-level"))
    found += requirements(place, resources, claims, allow, _pod_level_name)
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    for name, text in aggregate_requests(spec).items():
        if name in requests and amount(text).compare(amount(requests[name])) > 0:
            found.append(invalid(place.child("requests").key(name), requests[name],
                                 f"must be greater than or equal to aggregate container requests of {text}"))
    for name, text in aggregate_limits(spec).items():
        if name.startswith(HUGE_PAGES) and name in limits and amount(text).compare(amount(limits[name])) > 0:
            found.append(invalid(place.child("limits").key(name), limits[name],
                                 f"must be greater than or equal to aggregate container limits of {text}"))
    for position, container in enumerate(spec.get("containers") or ()):
        for name, text in ((container.get("resources") or {}).get("limits") or {}).items():
            if name in limits and amount(text).compare(amount(limits[name])) > 0:
                at = place.child("containers").index(position).key(name).child("limits")
                found.append(invalid(at, text, f"must be less than or equal to pod limits of {limits[name]}"))
    return found
