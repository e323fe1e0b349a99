"""RuntimeClass: a new pod takes on the overhead, the node selector and the tolerations of the class it names.

Behaviour: kubernetes `plugin/pkg/admission/runtimeclass/admission.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from orlop.admission import tolerations
from orlop.admission.interface import CREATE, Attributes
from orlop.admission.second_look import CatchUp, second_look
from orlop.api import errors, names, quantity
from orlop.api.field import quote
from orlop.api.gvk import GroupResource, GroupVersionResource
from orlop.api.tree import Tree

_PODS: Final = GroupResource("", "pods")
_MISMATCH: Final = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
_UNFOUNDED: Final = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"


class RuntimeClass:
    """`classes` gives the RuntimeClasses by name; they are not changed."""

    name = "RuntimeClass"

    def __init__(self, classes: Callable[[], Mapping[str, Tree]], catch_up: CatchUp | None = None) -> None:
        self._classes = classes
        self.admit = second_look(self._admit, catch_up)
        self.validate = second_look(self._validate, catch_up)

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return resource.group_resource == _PODS and not subresource and operation == CREATE

    def _class_of(self, attributes: Attributes, spec: Tree) -> Tree | None:
        name = spec.get("runtimeClassName")
        if name is None:
            return None
        if not name:  # what upstream's client says to an empty name
            raise errors.unknown("resource name may not be empty")
        found = self._classes().get(name)
        if found is None:
            if complaints := names.path_segment_name(name):
                raise errors.unknown(f"invalid resource name {quote(name)}: [{' '.join(complaints)}]")
            raise attributes.forbidden(f"pod rejected: RuntimeClass {quote(name)} not found")
        return found

    def _admit(self, attributes: Attributes) -> None:
        assert attributes.obj is not None
        spec: Tree = attributes.obj.setdefault("spec", {})
        chosen = self._class_of(attributes, spec)
        if chosen is None:
            return
        overhead, scheduling = chosen.get("overhead"), chosen.get("scheduling")
        if overhead is not None:
            fixed = overhead.get("podFixed")
            if spec.get("overhead") is not None and not _same_amounts(fixed, spec["overhead"]):
                raise attributes.forbidden(_MISMATCH)
        selector = None if scheduling is None else _selector(attributes, spec, scheduling.get("nodeSelector"))
        if overhead is not None:
            spec.pop("overhead", None)
            if fixed is not None:
                spec["overhead"] = dict(fixed)
        if scheduling is not None:
            if selector is not None:
                spec["nodeSelector"] = selector
            added = [dict(one) for one in scheduling.get("tolerations") or ()]
            if merged := tolerations.merge(spec.get("tolerations") or (), added):
                spec["tolerations"] = merged

    def _validate(self, attributes: Attributes) -> None:
        assert attributes.obj is not None
        spec: Tree = attributes.obj.get("spec") or {}
        if "overhead" not in spec and "runtimeClassName" not in spec:
            return
        chosen = self._class_of(attributes, spec)
        overhead = None if chosen is None else chosen.get("overhead")
        if overhead is not None:
            if not _same_amounts(overhead.get("podFixed"), spec.get("overhead")):
                raise attributes.forbidden(_MISMATCH)
        elif spec.get("overhead") is not None:
            raise attributes.forbidden(_UNFOUNDED)


def _selector(attributes: Attributes, spec: Tree, wanted: Mapping[str, str] | None) -> dict[str, str] | None:
    """The pod's node selector together with that of the class."""
    own = spec.get("nodeSelector")
    for key, value in (wanted or {}).items():
        if own is not None and own.get(key, value) != value:
            raise attributes.forbidden(f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; "
                                       f"pod.spec.nodeSelector[{key}] = {own[key]}")
    return None if own is None and wanted is None else {**(own or {}), **(wanted or {})}


def _same_amounts(one: Mapping[str, str] | None, other: Mapping[str, str] | None) -> bool:
    one, other = one or {}, other or {}
    return one.keys() == other.keys() and all(quantity.parse(one[key]) == quantity.parse(other[key]) for key in one)
