"""LimitRanger: containers get the defaults of the namespace's LimitRanges; containers, pods and claims stay in their
bounds.

Pods are looked at when they are created and resized, claims also when they are updated. Behaviour: kubernetes
`plugin/pkg/admission/limitranger/admission.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from orlop.admission.interface import CREATE, UPDATE, Attributes
from orlop.admission.limit_constraints import aggregate, complaints
from orlop.admission.pod_sums import pod_sum
from orlop.admission.second_look import CatchUp, second_look
from orlop.api.amounts import read
from orlop.api.gvk import GroupResource, GroupVersionResource
from orlop.api.tree import Tree

_PODS: Final = GroupResource("", "pods")
_CLAIMS: Final = GroupResource("", "persistentvolumeclaims")
_CONTAINERS: Final = {"containers": "container", "initContainers": "init container"}
_ANNOTATION: Final = "kubernetes.io/limit-ranger"


class LimitRanger:
    """`ranges` gives the LimitRanges of a namespace; they are not changed."""

    name = "LimitRanger"

    def __init__(self, ranges: Callable[[str], Sequence[Tree]], catch_up: CatchUp | None = None) -> None:
        self._ranges = ranges
        self.validate = second_look(self._validate, catch_up)

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        kind = resource.group_resource
        if kind == _PODS:
            return (subresource, operation) in (("", CREATE), ("resize", UPDATE))
        return kind == _CLAIMS and not subresource and operation in (CREATE, UPDATE)

    def admit(self, attributes: Attributes) -> None:
        ranges = self._ranges(attributes.namespace)
        if ranges and attributes.resource.group_resource == _PODS and not _is_going(attributes.old):
            assert attributes.obj is not None
            for one in ranges:
                _fill(attributes.obj, *_defaults(one))

    def _validate(self, attributes: Attributes) -> None:
        ranges = self._ranges(attributes.namespace)
        if not ranges or _is_going(attributes.old):
            return
        assert attributes.obj is not None
        spec = attributes.obj.get("spec") or {}
        judge = _pod_complaints if attributes.resource.group_resource == _PODS else _claim_complaints
        for one in ranges:
            if found := [text for limit in _items(one) for text in judge(limit, spec)]:
                raise attributes.forbidden(aggregate(found))


def _is_going(old: Tree | None) -> bool:
    return old is not None and bool(old["metadata"].get("deletionTimestamp"))


def _items(limit_range: Tree) -> Sequence[Tree]:
    return (limit_range.get("spec") or {}).get("limits") or ()


def _defaults(limit_range: Tree) -> tuple[dict[str, str], dict[str, str]]:
    """Requests and limits of containers that say nothing themselves."""
    requests: dict[str, str] = {}
    limits: dict[str, str] = {}
    for item in _items(limit_range):
        if item.get("type") == "Container":
            requests.update(item.get("defaultRequest") or {})
            limits.update(item.get("default") or {})
    return requests, limits


def _fill(pod: Tree, requests: Mapping[str, str], limits: Mapping[str, str]) -> None:
    """Complete a pod's containers, and note in an annotation what was set. Makes new trees of what it changes: those
    of a patched pod are the stored one's."""
    notes: list[str] = []
    spec = pod.setdefault("spec", {})
    for member, title in _CONTAINERS.items():
        if spec.get(member):
            spec[member] = [_filled(container, title, requests, limits, notes) for container in spec[member]]
    if notes:
        metadata = pod["metadata"]
        note = f"LimitRanger plugin set: {'; '.join(notes)}"
        metadata["annotations"] = {**(metadata.get("annotations") or {}), _ANNOTATION: note}


def _filled(container: Tree, title: str, requests: Mapping[str, str], limits: Mapping[str, str],
            notes: list[str]) -> Tree:
    resources = dict(container.get("resources") or {})
    for member, defaults in (("requests", requests), ("limits", limits)):
        given = resources.get(member) or {}
        if added := {name: amount for name, amount in defaults.items() if name not in given}:
            resources[member] = {**given, **added}
            notes.append(f"{', '.join(sorted(added))} {member[:-1]} for {title} {container.get('name') or ''}")
    return {**container, "resources": resources}


def _pod_complaints(limit: Tree, spec: Tree) -> list[str]:
    kind = limit.get("type")
    if kind == "Pod":
        return complaints(limit, pod_sum(spec, "requests"), pod_sum(spec, "limits"))
    if kind != "Container":
        return []
    owned = [one.get("resources") or {} for member in _CONTAINERS for one in spec.get(member) or ()]
    return [text for resources in owned
            for text in complaints(limit, read(resources.get("requests")), read(resources.get("limits")))]


def _claim_complaints(limit: Tree, spec: Tree) -> list[str]:
    if limit.get("type") != "PersistentVolumeClaim":
        return []
    return complaints(limit, read((spec.get("resources") or {}).get("requests")), {}, requests_only=True)
