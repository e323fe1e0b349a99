"""What a pod asks for as a whole: its containers together, or its most demanding init container, or what the pod itself
says.

Used by `LimitRanger`. Behaviour: podRequests and podLimits of kubernetes
`plugin/pkg/admission/limitranger/admission.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from orlop.admission.limit_constraints import parsed
from orlop.api.quantity import Quantity
from orlop.api.tree import Tree

_OF_PODS: Final = ("cpu", "memory")
"""What a pod may set for itself, in place of the sum."""

_Sums: TypeAlias = dict[str, Quantity]


def pod_sum(spec: Tree, member: str) -> _Sums:
    """`member` is "requests" or "limits"."""
    total: _Sums = {}
    for container in spec.get("containers") or ():
        _add(total, _amounts(container, member))
    sidecars: _Sums = {}
    peak: _Sums = {}
    for container in spec.get("initContainers") or ():
        own = _amounts(container, member)
        if container.get("restartPolicy") == "Always":
            _add(total, own)
            _add(sidecars, own)
            _raise(peak, sidecars)
        else:
            _add(own, sidecars)
            _raise(peak, own)
    _raise(total, peak)
    total.update((name, amount) for name, amount in _amounts(spec, member).items() if name in _OF_PODS)
    return total


def _amounts(owner: Tree, member: str) -> _Sums:
    return parsed((owner.get("resources") or {}).get(member))


def _add(sums: _Sums, amounts: Mapping[str, Quantity]) -> None:
    for name, more in amounts.items():
        sums[name] = sums[name].add(more) if name in sums else more


def _raise(sums: _Sums, amounts: Mapping[str, Quantity]) -> None:
    for name, amount in amounts.items():
        if name not in sums or amount.compare(sums[name]) > 0:
            sums[name] = amount
