"""What a pod asks for as a whole: its containers together, or its most demanding init container, or what the pod itself
says.

Used by `LimitRanger`. Behaviour: podRequests and podLimits of kubernetes
`plugin/pkg/admission/limitranger/admission.go`.
"""

from __future__ import annotations

from typing import Final

from orlop.api.amounts import Amounts, read
from orlop.api.pod_amounts import of_containers
from orlop.api.tree import Tree

_OF_PODS: Final = ("cpu", "memory")
"""What a pod may set for itself, in place of the sum."""


def pod_sum(spec: Tree, member: str) -> Amounts:
    """`member` is "requests" or "limits"."""
    def asked(owner: Tree, stays: bool = False) -> Amounts:
        return read((owner.get("resources") or {}).get(member))

    total = of_containers(spec, asked)
    total.update((name, amount) for name, amount in asked(spec).items() if name in _OF_PODS)
    return total
