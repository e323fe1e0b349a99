"""How each kind is measured against quotas: pods, services, claims for volumes and for devices have an evaluator of
their own, of everything else the number of objects counts.

Used by `ResourceQuota` for one object, by the quota controller for all that there are. Behaviour: kubernetes
`pkg/quota/v1/evaluator/core`, apiserver `pkg/quota/v1/generic/evaluator.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from orlop.admission.default_storage_class import CLASS_ANNOTATION
from orlop.admission.interface import CREATE, UPDATE
from orlop.admission.quota_claims import DeviceClaimEvaluator
from orlop.admission.quota_pods import PodEvaluator
from orlop.admission.quota_scopes import claim_scope, no_scope, selectors
from orlop.api.amounts import ONE, ZERO, Amounts, read
from orlop.api.gvk import GroupResource
from orlop.api.quantity import Quantity
from orlop.api.tree import Tree

_BY_CLASS: Final = ".storageclass.storage.k8s.io/"
_ALIASES: Final = {GroupResource("", name): name
                   for name in ("configmaps", "resourcequotas", "replicationcontrollers", "secrets")}
"""Objects whose number had a name in quotas before any kind could be counted."""


class Evaluator(Protocol):
    """One kind."""

    resource: GroupResource

    def routes(self, subresource: str, operation: str) -> bool:
        """Whether such writes can change the usage."""

    def concerns(self, subresource: str, obj: Tree, old: Tree | None) -> bool:
        """Whether this write can."""

    def scope(self, expression: Tree, obj: Tree) -> bool:
        """Whether an object is in the scope that an expression of a quota names."""

    def names(self, hard: Iterable[str]) -> list[str]:
        """Those of a quota's resources that this kind uses."""

    def missing(self, names: Iterable[str], obj: Tree) -> str:
        """What the object must specify because it is limited, "" when it does."""

    def usage(self, obj: Tree) -> Amounts:
        """What the object takes, by names as quotas have them."""

    def lasting(self, obj: Tree) -> bool:
        """Whether the usage of this state of the object is the same at any time."""


class CountEvaluator:
    """Objects are counted when they are created."""

    def __init__(self, resource: GroupResource) -> None:
        self.resource = resource
        group = f".{resource.group}" if resource.group else ""
        self._used = {f"count/{resource.resource}{group}": ONE}
        if resource in _ALIASES:
            self._used[_ALIASES[resource]] = ONE

    def routes(self, subresource: str, operation: str) -> bool:
        return not subresource and operation == CREATE

    def concerns(self, subresource: str, obj: Tree, old: Tree | None) -> bool:
        return True

    def scope(self, expression: Tree, obj: Tree) -> bool:
        return no_scope(expression, obj)

    def names(self, hard: Iterable[str]) -> list[str]:
        return [name for name in hard if name in self._used]

    def missing(self, names: Iterable[str], obj: Tree) -> str:
        return ""

    def usage(self, obj: Tree) -> Amounts:
        return dict(self._used)

    def lasting(self, obj: Tree) -> bool:
        return True


class ServiceEvaluator(CountEvaluator):
    """Also load balancers, and node ports as they are meant to be allocated."""

    _NAMES: Final = frozenset({"count/services", "services", "services.nodeports", "services.loadbalancers"})

    def __init__(self) -> None:
        super().__init__(GroupResource("", "services"))

    def routes(self, subresource: str, operation: str) -> bool:
        return not subresource and operation in (CREATE, UPDATE)

    def names(self, hard: Iterable[str]) -> list[str]:
        return [name for name in hard if name in self._NAMES]

    def usage(self, obj: Tree) -> Amounts:
        spec = obj.get("spec") or {}
        kind, ports = spec.get("type"), spec.get("ports") or ()
        number, balancers = 0, ZERO
        if kind == "NodePort":
            number = len(ports)
        elif kind == "LoadBalancer":
            balancers = ONE
            allocates = spec.get("allocateLoadBalancerNodePorts") is not False
            number = len(ports) if allocates else sum(bool(port.get("nodePort")) for port in ports)
        return {"count/services": ONE, "services": ONE, "services.loadbalancers": balancers,
                "services.nodeports": Quantity(number)}


class VolumeClaimEvaluator(CountEvaluator):
    """Also the storage asked for, in all and by storage class."""

    _TRACKED: Final = ("persistentvolumeclaims", "requests.storage")
    _NAMES: Final = frozenset({"count/persistentvolumeclaims", *_TRACKED})

    def __init__(self) -> None:
        super().__init__(GroupResource("", "persistentvolumeclaims"))

    def routes(self, subresource: str, operation: str) -> bool:
        return (not subresource and operation in (CREATE, UPDATE)) or (subresource == "status" and operation == UPDATE)

    def scope(self, expression: Tree, obj: Tree) -> bool:
        return claim_scope(expression, obj)

    def names(self, hard: Iterable[str]) -> list[str]:
        ends = tuple(_BY_CLASS + name for name in self._TRACKED)
        return [name for name in hard if name in self._NAMES or name.endswith(ends)]

    def usage(self, obj: Tree) -> Amounts:
        used = {"persistentvolumeclaims": ONE, "count/persistentvolumeclaims": ONE}
        kind, storage = _class_name(obj), _storage(obj)
        if kind:
            used[f"{kind}{_BY_CLASS}persistentvolumeclaims"] = ONE
        if storage is not None:
            used["requests.storage"] = storage
            if kind:
                used[f"{kind}{_BY_CLASS}requests.storage"] = storage
        return used


def _class_name(claim: Tree) -> str:
    annotated: str | None = (claim["metadata"].get("annotations") or {}).get(CLASS_ANNOTATION)
    return annotated if annotated is not None else (claim.get("spec") or {}).get("storageClassName") or ""


def _storage(claim: Tree) -> Quantity | None:
    """In whole bytes; what has been set aside already when that is more."""
    asked = read(((claim.get("spec") or {}).get("resources") or {}).get("requests")).get("storage")
    if asked is None:
        return None
    given = read((claim.get("status") or {}).get("allocatedResources")).get("storage")
    return _whole(given if given is not None and given.compare(asked) > 0 else asked)


def _whole(amount: Quantity) -> Quantity:
    rounded = Quantity(amount.value(), 0, amount.format)
    return rounded if rounded.compare(amount) else amount


class Evaluators:
    """All of them; those that only count are made when they are asked for, one a kind."""

    def __init__(self, now: Callable[[], float], device_classes: Callable[[], Mapping[str, Tree]]) -> None:
        special: list[Evaluator] = [PodEvaluator(now), ServiceEvaluator(), VolumeClaimEvaluator(),
                                    DeviceClaimEvaluator(device_classes)]
        self._known: dict[GroupResource, Evaluator] = {one.resource: one for one in special}
        self._special = tuple(self._known)

    def of(self, resource: GroupResource) -> Evaluator:
        found = self._known.get(resource)
        if found is None:
            found = self._known[resource] = CountEvaluator(resource)
        return found

    def using(self, hard: Iterable[str]) -> list[Evaluator]:
        """Those with something to say about a quota on these resources."""
        resources = dict.fromkeys((*self._special, *_ALIASES, *(_counted(name) for name in hard
                                                                if name.startswith("count/"))))
        return [one for one in map(self.of, resources) if one.names(hard)]


def _counted(name: str) -> GroupResource:
    resource, _, group = name.removeprefix("count/").partition(".")
    return GroupResource(group, resource)


def in_scope(spec: Tree, evaluator: Evaluator, obj: Tree) -> bool:
    """Whether an object is in all scopes of a quota's spec."""
    return all(evaluator.scope(expression, obj) for expression in selectors(spec))
