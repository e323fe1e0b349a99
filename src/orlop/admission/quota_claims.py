"""Claims for devices as quotas see them: their number, and devices by class or by the resource that a class stands for.

One of the evaluators of `quota_evaluators`. What a claim takes that the scheduler made for a pod's extended resources
is not set off against the pod. Behaviour: kubernetes `pkg/quota/v1/evaluator/core/resource_claims.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from orlop.admission.extended_resources import REQUESTS
from orlop.admission.interface import CREATE, UPDATE
from orlop.admission.quota_pods import is_quota_of_extended
from orlop.admission.quota_scopes import no_scope
from orlop.api.amounts import ONE, Amounts, add
from orlop.api.gvk import GroupResource
from orlop.api.quantity import Quantity
from orlop.api.tree import Tree

COUNT: Final = "count/resourceclaims.resource.k8s.io"
_PER_CLASS: Final = ".deviceclass.resource.k8s.io/devices"
_IMPLICIT: Final = "deviceclass.resource.kubernetes.io/"
_MOST_DEVICES: Final = 32
"""As many as an allocation can have: what "all" may come to."""


class DeviceClaimEvaluator:
    """`classes` gives the DeviceClasses by name."""

    resource = GroupResource("resource.k8s.io", "resourceclaims")

    def __init__(self, classes: Callable[[], Mapping[str, Tree]]) -> None:
        self._classes = classes

    def routes(self, subresource: str, operation: str) -> bool:
        return not subresource and operation in (CREATE, UPDATE)

    def concerns(self, subresource: str, obj: Tree, old: Tree | None) -> bool:
        return True

    def scope(self, expression: Tree, obj: Tree) -> bool:
        return no_scope(expression, obj)

    def names(self, hard: Iterable[str]) -> list[str]:
        return [name for name in hard if name == COUNT or name.endswith(_PER_CLASS) or (
            is_quota_of_extended(name) and self._stands_for(name[len(REQUESTS):]))]

    def _stands_for(self, resource: str) -> bool:
        classes = self._classes()
        if resource.startswith(_IMPLICIT):
            return resource[len(_IMPLICIT):] in classes
        return any((one.get("spec") or {}).get("extendedResourceName") == resource for one in classes.values())

    def missing(self, names: Iterable[str], obj: Tree) -> str:
        return ""

    def usage(self, obj: Tree) -> Amounts:
        used = {COUNT: ONE}
        classes = self._classes()
        devices = ((obj.get("spec") or {}).get("devices") or {}).get("requests") or ()
        totals: dict[str, int] = {}
        for request in devices:
            for name, number in _demanded(request):
                totals[name] = totals.get(name, 0) + number
        for name, number in totals.items():
            amount = Quantity(number)
            used[name + _PER_CLASS] = amount
            if number:
                used[REQUESTS + _IMPLICIT + name] = amount
                extended = (classes.get(name, {}).get("spec") or {}).get("extendedResourceName")
                if extended:
                    add(used, {REQUESTS + extended: amount})
        return used

    def lasting(self, obj: Tree) -> bool:
        return False


def _demanded(request: Tree) -> Iterator[tuple[str, int]]:
    """Devices by class; of alternatives the worst of each class."""
    if request.get("firstAvailable"):
        worst: dict[str, int] = {}
        for one in request["firstAvailable"]:
            name, number = one.get("deviceClassName") or "", _number(one)
            if number > worst.get(name, 0):
                worst[name] = number
        yield from worst.items()
    elif request.get("exactly") is not None:
        yield request["exactly"].get("deviceClassName") or "", _number(request["exactly"])


def _number(request: Tree) -> int:
    mode = request.get("allocationMode")
    if mode == "ExactCount":
        return request.get("count") or 0
    return _MOST_DEVICES if mode == "All" else 0
