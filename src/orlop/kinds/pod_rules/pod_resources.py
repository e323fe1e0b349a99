"""Sums over the containers of a pod: what it requests as a whole, and the class of service that follows.

Called by the defaults, by the strategies (status.qosClass) and by the rules of pod-level resources. Behaviour:
kubernetes `component-helpers/resource/helpers.go` and `pkg/apis/core/helper/qos`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from orlop.api import quantity
from orlop.api.amounts import Amounts, add
from orlop.api.pod_amounts import of_containers
from orlop.api.tree import Tree
from orlop.kinds.resource_names import CPU, HUGE_PAGES, MEMORY

_KNOWN_QUANTITIES: Final = 4096
"""How many parsed quantities are kept; the least recently used goes first."""
_COMPUTE: Final = (CPU, MEMORY)
BEST_EFFORT, BURSTABLE, GUARANTEED = "BestEffort", "Burstable", "Guaranteed"

amount = lru_cache(_KNOWN_QUANTITIES)(quantity.parse)
"""A quantity's number, remembered: a cluster knows few different ones."""


def is_pod_level(name: str) -> bool:
    """Whether the pod as a whole may have this resource."""
    return name in _COMPUTE or name.startswith(HUGE_PAGES)


def _aggregate(spec: Tree, kind: str) -> dict[str, str]:
    def asked(container: Tree, stays: bool) -> Amounts:
        texts: Mapping[str, str] = (container.get("resources") or {}).get(kind) or {}
        return {name: amount(text) for name, text in texts.items()}

    return {name: str(value) for name, value in of_containers(spec, asked).items()}


def aggregate_requests(spec: Tree) -> dict[str, str]:
    return _aggregate(spec, "requests")


def aggregate_limits(spec: Tree) -> dict[str, str]:
    return _aggregate(spec, "limits")


def qos_class(spec: Tree) -> str:
    """Guaranteed when cpu and memory are limited everywhere and requests equal limits, BestEffort when nothing is
    asked for. A pod's own resources, even empty ones, stand in for those of its containers."""
    whole = spec.get("resources")
    if whole is not None:
        parts = [whole]
    else:
        parts = [c.get("resources") or {} for kind in ("containers", "initContainers") for c in spec.get(kind) or ()]
    requests: Amounts = {}
    limits: Amounts = {}
    limited = True
    for part in parts:
        if part.get("requests"):
            add(requests, _compute(part["requests"]))
        bound = _compute(part["limits"]) if part.get("limits") else {}
        if bound:
            add(limits, bound)
        limited = limited and len(bound) == len(_COMPUTE)
    if not requests and not limits:
        return BEST_EFFORT
    if limited and len(requests) == len(limits) and all(
            name in limits and limits[name].compare(value) == 0 for name, value in requests.items()):
        return GUARANTEED
    return BURSTABLE


def _compute(amounts: Mapping[str, str]) -> Amounts:
    """The cpu and memory asked for, where it is more than nothing."""
    found = {}
    for name in _COMPUTE:
        text = amounts.get(name)
        if text is not None and (value := amount(text)).sign > 0:
            found[name] = value
    return found
