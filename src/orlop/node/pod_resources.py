"""What a pod as a whole has of each resource, as its status says it. Pure.

Used by `pod_status`. Behaviour: component-helpers `resource/helpers.go` (PodRequests, PodLimits), kubernetes
`pkg/kubelet/kubelet_pods.go` (convertToAPIPodLevelResourcesStatus).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orlop.api import quantity
from orlop.api.quantity import Quantity
from orlop.api.tree import Tree

Amounts = dict[str, Quantity]
_OF_GROUPS = ("cpu", "memory")
"""Resources that a running pod's control group tells of."""


def pod_resources(pod: Tree, running: bool) -> tuple[Tree, Tree]:
    """`resources` and `allocatedResources` of the status."""
    spec = pod["spec"]
    if not spec.get("resources") and not spec.get("overhead") and not any(
            one.get("resources") for member in ("containers", "initContainers") for one in spec.get(member) or ()):
        return {}, {}
    requests, limits = (_of_pod(spec, kind) for kind in ("requests", "limits"))
    overhead = _read(spec.get("overhead"))
    _add(requests, overhead)
    _add(limits, {name: amount for name, amount in overhead.items() if name in limits and limits[name].sign})
    if running:
        bounded = [name for name in _OF_GROUPS if _all_limited(spec, name)]
        own = spec.get("resources") or {}
        shown = {kind: {**(own.get(kind) or {}), **_texts(amounts, names)} for kind, amounts, names in (
            ("limits", limits, bounded), ("requests", requests, _OF_GROUPS))}
    else:
        shown = {"limits": _texts(limits, limits), "requests": _texts(requests, requests)}
    return {kind: amounts for kind, amounts in shown.items() if amounts}, _texts(requests, requests)


def _of_pod(spec: Tree, kind: str) -> Amounts:
    """The sum of the containers', or what it takes to initialize the pod if that is more; the pod's own go before."""
    found: Amounts = {}
    for one in spec["containers"]:
        _add(found, _of(one, kind))
    sidecars: Amounts = {}
    most: Amounts = {}
    for one in spec.get("initContainers") or ():
        if one.get("restartPolicy") == "Always":
            _add(found, _of(one, kind))
            _add(sidecars, _of(one, kind))
            _raise(most, sidecars)
        else:
            needed = dict(sidecars)
            _add(needed, _of(one, kind))
            _raise(most, needed)
    _raise(found, most)
    return found | _of(spec, kind)


def _all_limited(spec: Tree, name: str) -> bool:
    return bool((_of(spec, "limits")).get(name)) or all(
        name in _of(one, "limits") for member in ("containers", "initContainers") for one in spec.get(member) or ())


def _of(owner: Tree, kind: str) -> Amounts:
    return _read((owner.get("resources") or {}).get(kind))


def _read(amounts: Mapping[str, object] | None) -> Amounts:
    return {name: quantity.parse(str(amount)) for name, amount in (amounts or {}).items()}


def _add(to: Amounts, amounts: Amounts) -> None:
    for name, amount in amounts.items():
        to[name] = to[name].add(amount) if name in to else amount


def _raise(to: Amounts, amounts: Amounts) -> None:
    for name, amount in amounts.items():
        if name not in to or to[name] < amount:
            to[name] = amount


def _texts(amounts: Amounts, names: Iterable[str]) -> Tree:
    return {name: str(amounts[name]) for name in names if name in amounts}
