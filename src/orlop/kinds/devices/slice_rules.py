"""What a slice says of its pool, of where its devices are, and of each of them.

Called by the strategy of slices. Behaviour: kubernetes `pkg/apis/resource/validation/validation.go`
(validateResourceSliceSpec and its parts).
"""

from __future__ import annotations

from typing import Final

from orlop.api.field import Path, invalid, required
from orlop.api.tree import Tree
from orlop.kinds.checks import SPEC, Errors, dns_subdomain, unchanged
from orlop.kinds.csi import driver_name
from orlop.kinds.devices.bounds import unique
from orlop.kinds.devices.device import counter_set, device
from orlop.kinds.devices.identifiers import pool_name
from orlop.kinds.go_form import Form
from orlop.kinds.pod_rules.node_selectors import node_selector

MAX_DEVICES: Final = 128
MAX_ADVANCED_DEVICES: Final = 64
"""Of a slice whose devices have taints or consume counters."""
MAX_COUNTER_SETS: Final = 8
_TRUE_OR_UNSET: Final = "must be either unset or set to true"
_ONE_PLACE: Final = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
_REQUIREMENT: Final = Form({"Key": ("key", ""), "Operator": ("operator", ""), "Values": ("values", None)})
_TERM: Final = Form({"MatchExpressions": ("matchExpressions", None), "MatchFields": ("matchFields", None)},
                    {"MatchExpressions": _REQUIREMENT, "MatchFields": _REQUIREMENT})


def slice_spec(spec: Tree, old: Tree | None) -> Errors:
    pool = spec.get("pool") or {}
    found = driver_name(SPEC.child("driver"), spec.get("driver") or "") + _pool(SPEC.child("pool"), pool)
    if old is not None:
        found += unchanged(SPEC.child("pool.name"), pool.get("name") or "", (old.get("pool") or {}).get("name") or "")
        found += unchanged(SPEC.child("driver"), spec.get("driver") or "", old.get("driver") or "")
        found += unchanged(SPEC.child("nodeName"), spec.get("nodeName"), old.get("nodeName"))
    found += _nodes(spec)
    if spec.get("sharedCounters") is not None and spec.get("devices") is not None:
        found.append(invalid(SPEC, "", "only one of `sharedCounters` or `devices` is allowed"))
    return found + _devices(spec, old) + unique(
        SPEC.child("sharedCounters"), spec.get("sharedCounters"), MAX_COUNTER_SETS, counter_set,
        key=lambda item: item.get("name") or "")


def _pool(path: Path, pool: Tree) -> Errors:
    found = pool_name(path.child("name"), pool.get("name") or "")
    count, generation = pool.get("resourceSliceCount") or 0, pool.get("generation") or 0
    if count <= 0:
        found.append(invalid(path.child("resourceSliceCount"), count, "must be greater than zero"))
    if generation < 0:
        found.append(invalid(path.child("generation"), generation, "must be greater than or equal to zero"))
    return found


def _nodes(spec: Tree) -> Errors:
    """Where the devices are: said in one way of four."""
    name, selector = spec.get("nodeName"), spec.get("nodeSelector")
    found: Errors = []
    given: list[str] = []
    if name:
        given.append("`nodeName`")
        found += dns_subdomain(SPEC.child("nodeName"), name)
    elif name is not None:
        found.append(invalid(SPEC.child("nodeName"), name, "must be either unset or set to a non-empty string"))
    if selector is not None:
        given.append("`nodeSelector`")
        found += _one_term(SPEC.child("nodeSelector"), selector)
    for member in ("allNodes", "perDeviceNodeSelection"):
        if spec.get(member):
            given.append(f"`{member}`")
        elif spec.get(member) is not None:
            found.append(invalid(SPEC.child(member), spec[member], _TRUE_OR_UNSET))
    if not given:
        found.append(required(SPEC, _ONE_PLACE))
    elif len(given) > 1:
        found.append(invalid(SPEC, "{" + ", ".join(given) + "}", f"{_ONE_PLACE}, but multiple fields are set"))
    return found


def _one_term(path: Path, selector: Tree) -> Errors:
    found = node_selector(path, selector, any_values=False)
    terms = selector.get("nodeSelectorTerms")
    if len(terms or ()) != 1:
        text = "must have exactly one node selector term"
        found.append(invalid(path.child("nodeSelectorTerms"), _TERM.text(terms), text))
    return found


def _devices(spec: Tree, old: Tree | None) -> Errors:
    devices = spec.get("devices") or ()
    advanced = any(item.get("taints") or item.get("consumesCounters") for item in devices)
    before: dict[str, Tree] = {}
    for item in (old or {}).get("devices") or ():
        before.setdefault(item.get("name") or "", item)
    chooses = bool(spec.get("perDeviceNodeSelection"))
    return unique(SPEC.child("devices"), devices, MAX_ADVANCED_DEVICES if advanced else MAX_DEVICES,
                  lambda path, item: device(path, item, before.get(item.get("name") or ""), chooses),
                  key=lambda item: item.get("name") or "")
