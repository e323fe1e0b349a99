"""Pods as quotas see them. Pure but for the time.

One of the evaluators of `quota_evaluators`. Behaviour: kubernetes `pkg/quota/v1/evaluator/core/pods.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from orlop.admission.extended_resources import REQUESTS, is_extended, is_native
from orlop.admission.interface import CREATE, UPDATE
from orlop.admission.quota_pod_sums import pod_limits, pod_requests, says_itself
from orlop.admission.quota_scopes import is_terminating, pod_scope
from orlop.api import times
from orlop.api.amounts import ONE, Amounts, add, read
from orlop.api.gvk import GroupResource
from orlop.api.quantity import Quantity
from orlop.api.tree import Tree

COUNT: Final = "count/pods"
_REQUIRED: Final = frozenset({"cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"})
"""What every container must name when a quota limits it."""
_NAMES: Final = _REQUIRED | {COUNT, "pods", "ephemeral-storage", "requests.ephemeral-storage",
                             "limits.ephemeral-storage"}
_HUGE_PAGES: Final = ("hugepages-", "requests.hugepages-")
_DEVICE_CLASS: Final = "deviceclass.resource.kubernetes.io/"
_COMPUTE: Final = ("cpu", "memory", "ephemeral-storage")


def is_quota_of_extended(name: str) -> bool:
    """`requests.` and the name of an extended resource, also one that a device class stands for."""
    return name.startswith(REQUESTS) and (not is_native(name) or name.startswith(REQUESTS + _DEVICE_CLASS))


def is_counted(pod: Tree, now: float) -> bool:
    """Not what has ended, nor what should have been gone by now."""
    if (pod.get("status") or {}).get("phase") in ("Failed", "Succeeded"):
        return False
    metadata = pod["metadata"]
    going, grace = metadata.get("deletionTimestamp"), metadata.get("deletionGracePeriodSeconds")
    if not going or grace is None:
        return True
    return bool(now <= times.parse(going).seconds + grace)


class PodEvaluator:
    resource = GroupResource("", "pods")

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now

    def routes(self, subresource: str, operation: str) -> bool:
        return (subresource, operation) in (("", CREATE), ("", UPDATE), ("resize", UPDATE))

    def concerns(self, subresource: str, obj: Tree, old: Tree | None) -> bool:
        """An update of a pod matters when it changes its scope."""
        if old is None or subresource:
            return True
        return is_terminating(old.get("spec") or {}) != is_terminating(obj.get("spec") or {})

    def scope(self, expression: Tree, obj: Tree) -> bool:
        return pod_scope(expression, obj)

    def names(self, hard: Iterable[str]) -> list[str]:
        return [name for name in hard
                if name in _NAMES or name.startswith(_HUGE_PAGES) or is_quota_of_extended(name)]

    def missing(self, names: Iterable[str], obj: Tree) -> str:
        """What containers should have said; "" when all is said."""
        required = _REQUIRED.intersection(names)
        if not required or says_itself(obj):
            return ""
        lacking: dict[str, set[str]] = {}
        spec = obj.get("spec") or {}
        for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
            resources = container.get("resources") or {}
            said = _amounts(read(resources.get("requests")), read(resources.get("limits")))
            for name in required.difference(said):
                lacking.setdefault(name, set()).add(container.get("name") or "")
        return "; ".join(f"{name} for: {','.join(sorted(lacking[name]))}" for name in sorted(lacking))

    def usage(self, obj: Tree) -> Amounts:
        used = {COUNT: ONE}
        if is_counted(obj, self._now()):
            used.update(_amounts(pod_requests(obj), pod_limits(obj)))
        return used

    def lasting(self, obj: Tree) -> bool:
        """A pod that is being deleted stops counting when its time is over."""
        return not obj["metadata"].get("deletionTimestamp")


def _amounts(requests: dict[str, Quantity], limits: dict[str, Quantity]) -> Amounts:
    found: Amounts = {"pods": ONE}
    for name in _COMPUTE:
        if name in requests:
            found[name] = found[REQUESTS + name] = requests[name]
        if name in limits:
            found["limits." + name] = limits[name]
    for name, amount in requests.items():
        if name.startswith("hugepages-"):
            add(found, {name: amount, REQUESTS + name: amount})
        elif name.startswith(_DEVICE_CLASS) or is_extended(name):
            found[REQUESTS + name] = amount
    return found
