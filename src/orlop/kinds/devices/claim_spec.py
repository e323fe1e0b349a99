"""What a claim asks for: requests, constraints among them, configuration for their drivers.

Called by the strategies of claims and of their templates; `request_names` also by the rules of statuses. Behaviour:
kubernetes `pkg/apis/resource/validation/validation.go` (validateResourceClaimSpec and its parts).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orlop.api.field import Path, invalid, not_supported, required
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors, dns_label, each
from orlop.kinds.devices.bounds import listed, unique
from orlop.kinds.devices.configuration import MAX_CONFIGURATIONS, device_configuration
from orlop.kinds.devices.identifiers import device_class_name, fully_qualified_name
from orlop.kinds.devices.selectors import selectors
from orlop.kinds.devices.taints import toleration

MAX_REQUESTS: Final = 32
MAX_CONSTRAINTS: Final = 32
MAX_ALTERNATIVES: Final = 8
_MODES: Final = ("All", "ExactCount")
_UNKNOWN_REQUEST: Final = ("must be the name of a request in the claim or the name of a request and a subrequest "
                           "separated by '/'")
_ONE_FORM: Final = "exactly one of `exactly` or `firstAvailable` is required"
_ONE_ATTRIBUTE: Final = ('exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are '
                         'set')
"""Upstream's words for none, too."""


def claim_spec(path: Path, spec: Tree) -> Errors:
    claim, place = spec.get("devices") or {}, path.child("devices")
    known = request_names(claim)
    found = unique(place.child("requests"), claim.get("requests"), MAX_REQUESTS, _request, key=_name)
    found += listed(place.child("constraints"), claim.get("constraints"), MAX_CONSTRAINTS,
                    lambda at, constraint: _constraint(at, constraint, known))
    found += listed(place.child("config"), claim.get("config"), MAX_CONFIGURATIONS,
                    lambda at, item: references(at, item, known) + device_configuration(at, item))
    return found


def _name(item: Tree) -> str:
    return item.get("name") or ""


def request_names(claim: Tree) -> frozenset[str]:
    """What may be referred to: requests, and alternatives as `request/alternative`."""
    found: set[str] = set()
    for request in claim.get("requests") or ():
        found.add(_name(request))
        found.update(f"{_name(request)}/{_name(inner)}" for inner in request.get("firstAvailable") or ())
    return frozenset(found)


def _request(path: Path, request: Tree) -> Errors:
    found = dns_label(path.child("name"), _name(request))
    exactly, alternatives = request.get("exactly"), request.get("firstAvailable")
    if exactly is None and not alternatives:
        return [*found, required(path, _ONE_FORM)]
    if exactly is not None and alternatives:
        return [*found, invalid(path, None, f"{_ONE_FORM}, but multiple fields are set")]
    if exactly is not None:
        return found + _wanted(path.child("exactly"), exactly)
    return found + unique(path.child("firstAvailable"), alternatives, MAX_ALTERNATIVES, _alternative, key=_name)


def _alternative(path: Path, request: Tree) -> Errors:
    return dns_label(path.child("name"), _name(request)) + _wanted(path, request)


def _wanted(path: Path, request: Tree) -> Errors:
    found = device_class_name(path.child("deviceClassName"), request.get("deviceClassName") or "")
    found += selectors(path.child("selectors"), request.get("selectors"))
    mode, count = request.get("allocationMode") or "", request.get("count") or 0
    if mode == "All":
        if count:
            text = f"must not be specified when allocationMode is '{mode}'"
            found.append(invalid(path.child("count"), count, text))
    elif mode == "ExactCount":
        if count <= 0:
            found.append(invalid(path.child("count"), count, "must be greater than zero"))
    else:
        found.append(not_supported(path.child("allocationMode"), json_value(mode), _MODES))
    return found + each(path.child("tolerations"), request.get("tolerations"), toleration)


def _constraint(path: Path, constraint: Tree, known: frozenset[str]) -> Errors:
    found = references(path, constraint, known)
    match, distinct = constraint.get("matchAttribute"), constraint.get("distinctAttribute")
    if match is not None:
        return found + fully_qualified_name(path.child("matchAttribute"), match)
    if distinct is not None:
        return found + fully_qualified_name(path.child("distinctAttribute"), distinct)
    return [*found, required(path, _ONE_ATTRIBUTE)]


def references(path: Path, holder: Tree, known: frozenset[str]) -> Errors:
    """The `requests` of something that is for some requests only."""
    named: Sequence[str] | None = holder.get("requests")
    return unique(path.child("requests"), named, MAX_REQUESTS, lambda at, name: reference(at, name, known))


def reference(path: Path, name: str, known: frozenset[str]) -> Errors:
    """The name of a request that there is."""
    parts = name.split("/")
    unknown = invalid(path, name, _UNKNOWN_REQUEST)
    if len(parts) > 2:
        return [unknown]
    found = [error for part in parts for error in dns_label(path, part)]
    return found if name in known else [*found, unknown]
