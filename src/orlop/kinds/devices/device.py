"""One device of a slice.

Called by the rules of slices. Behaviour: kubernetes `pkg/apis/resource/validation/validation.go` (validateDevice,
validateCounterSet and their parts).
"""

from __future__ import annotations

from typing import Final

from orlop.api.field import Path, invalid, required
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors, dns_label, dns_subdomain
from orlop.kinds.devices.attributes import attribute
from orlop.kinds.devices.bounds import UNLIMITED, listed, mapped, unique
from orlop.kinds.devices.capacity import shared, undivided
from orlop.kinds.devices.identifiers import MAX_QUALIFIED, counter_set_name, qualified_name
from orlop.kinds.devices.taints import MAX_TAINTS, binding, taint
from orlop.kinds.pod_rules.node_selectors import node_selector

MAX_ENTRIES: Final = 32
"""Attributes and capacities of a device together."""
MAX_ATTRIBUTE_VALUES: Final = 48
MAX_COUNTERS: Final = 32
MAX_CONSUMPTIONS: Final = 2
_LABEL_LENGTH: Final = 63
_TRUE_OR_UNSET: Final = "must be either unset or set to true"
_ONE_PLACE: Final = ("exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when "
                     "`perDeviceNodeSelection` is set to true in the ResourceSlice spec")
_NO_PLACE: Final = ("`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to "
                    "true in the ResourceSlice spec")


def device(path: Path, item: Tree, old: Tree | None, chooses_nodes: bool) -> Errors:
    """`chooses_nodes`: the slice leaves the choice of nodes to each device."""
    attributes, capacity = item.get("attributes") or {}, item.get("capacity") or {}
    found = dns_label(path.child("name"), item.get("name") or "")
    total = len(attributes) + len(capacity)
    if total > MAX_ENTRIES:
        text = f"the total number of attributes and capacities must not exceed {MAX_ENTRIES}"
        found.append(invalid(path, total, text))
    if len(attributes) > MAX_ATTRIBUTE_VALUES:
        text = f"the total number of attribute values must not exceed {MAX_ATTRIBUTE_VALUES}"
        found.append(invalid(path, len(attributes), text))
    found += mapped(path.child("attributes"), attributes, UNLIMITED, MAX_QUALIFIED, qualified_name, attribute)
    found += mapped(path.child("capacity"), capacity, UNLIMITED, MAX_QUALIFIED, qualified_name,
                    shared if item.get("allowMultipleAllocations") else undivided)
    if old is None or (old.get("taints") or []) != (item.get("taints") or []):
        found += listed(path.child("taints"), item.get("taints"), MAX_TAINTS, taint)
    found += unique(path.child("consumesCounters"), item.get("consumesCounters"), MAX_CONSUMPTIONS, _consumption,
                    key=lambda consumption: consumption.get("counterSet") or "")
    return found + _nodes(path, item, chooses_nodes) + binding(path, item)


def _consumption(path: Path, consumption: Tree) -> Errors:
    found = counter_set_name(path.child("counterSet"), consumption.get("counterSet") or "")
    return found + _counters(path.child("counters"), consumption)


def counter_set(path: Path, item: Tree) -> Errors:
    return counter_set_name(path.child("name"), item.get("name") or "") + _counters(path.child("counters"), item)


def _counters(path: Path, holder: Tree) -> Errors:
    """Any amount of them."""
    counters = holder.get("counters")
    if not counters:
        return [required(path)]
    return mapped(path, counters, MAX_COUNTERS, _LABEL_LENGTH, dns_label, lambda at, counter: [])


def _nodes(path: Path, item: Tree, chooses: bool) -> Errors:
    name, selector, everywhere = (item.get(member) for member in ("nodeName", "nodeSelector", "allNodes"))
    if not chooses:
        unset = name is None and selector is None and everywhere is None
        return [] if unset else [invalid(path, None, _NO_PLACE)]
    found: Errors = []
    given: list[str] = []
    if name:
        given.append("`nodeName`")
        found += dns_subdomain(path.child("nodeName"), name)
    elif name is not None:
        found.append(invalid(path.child("nodeName"), name, "must not be empty"))
    if selector is not None:
        given.append("`nodeSelector`")
        found += node_selector(path.child("nodeSelector"), selector, any_values=False)
    if everywhere:
        given.append("`allNodes`")
    elif everywhere is not None:
        found.append(invalid(path.child("allNodes"), everywhere, _TRUE_OR_UNSET))
    if not given:
        found.append(required(path, _ONE_PLACE))
    elif len(given) > 1:
        found.append(invalid(path, "{" + ", ".join(given) + "}", _ONE_PLACE))
    return found
