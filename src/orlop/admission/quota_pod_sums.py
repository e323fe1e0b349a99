"""What a pod takes from a quota on compute: its containers together or its most demanding moment of starting, what the
pod says as a whole, and its overhead; during a resize what has been given already counts too. Pure.

Used by `quota_pods`. Behaviour: PodRequests and PodLimits of component-helpers `resource/helpers.go`, with the options
of kubernetes `pkg/quota/v1/evaluator/core/pods.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from orlop.api.amounts import Amounts, add, raise_to, read
from orlop.api.pod_amounts import of_containers
from orlop.api.tree import Tree

_OF_PODS: Final = frozenset({"cpu", "memory"})
_HUGE_PAGES: Final = "hugepages-"


def pod_requests(pod: Tree) -> Amounts:
    total = _of_containers(pod, "requests")
    spec = pod.get("spec") or {}
    total.update(_of_pod(spec, "requests"))
    add(total, read(spec.get("overhead")))
    return total


def pod_limits(pod: Tree) -> Amounts:
    total = _of_containers(pod, "limits")
    spec = pod.get("spec") or {}
    total.update(_of_pod(spec, "limits"))
    for name, amount in read(spec.get("overhead")).items():
        if name in total and total[name].sign:
            total[name] = total[name].add(amount)
    return total


def says_itself(pod: Tree) -> bool:
    """Whether the pod as a whole asks for something, so that its containers need not."""
    spec = pod.get("spec") or {}
    return bool(_of_pod(spec, "requests") or _of_pod(spec, "limits"))


def _of_pod(spec: Tree, member: str) -> Amounts:
    amounts = read((spec.get("resources") or {}).get(member))
    return {name: amount for name, amount in amounts.items() if name in _OF_PODS or name.startswith(_HUGE_PAGES)}


def _of_containers(pod: Tree, member: str) -> Amounts:
    return of_containers(pod.get("spec") or {}, _effective(pod, member))


def _effective(pod: Tree, member: str) -> Callable[[Tree, bool], Amounts]:
    """What a container takes: (container, whether it can be resized)."""
    status = pod.get("status") or {}
    statuses = {one.get("name"): one for part in ("containerStatuses", "initContainerStatuses")
                for one in status.get(part) or () if one.get("resources") is not None}
    infeasible = bool(statuses) and any(
        one.get("type") == "PodResizePending" and one.get("reason") == "Infeasible"
        for one in status.get("conditions") or ())

    def effective(container: Tree, resizable: bool) -> Amounts:
        wanted = read((container.get("resources") or {}).get(member))
        reported = statuses.get(container.get("name")) if resizable else None
        return wanted if reported is None else _given(wanted, reported, member, infeasible)

    return effective


def _given(wanted: Amounts, reported: Mapping[str, Tree], member: str, infeasible: bool) -> Amounts:
    """The most of what is wanted, what runs and what the node set aside; what cannot be had does not count."""
    amounts: Amounts = {} if infeasible else wanted
    raise_to(amounts, read(reported["resources"].get(member)))
    if member == "requests":
        raise_to(amounts, read(reported.get("allocatedResources")))
    return amounts
