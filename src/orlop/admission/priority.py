"""Priority: a new pod takes its number from its PriorityClass, and one class at most is everybody's.

Two plugins under one name, so that pods do not pay for the rule about classes. Names and values of classes are the
kind's rules (`kinds/priority_class.py`). Behaviour: kubernetes `plugin/pkg/admission/priority/admission.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from orlop.admission.interface import CREATE, UPDATE, Attributes
from orlop.admission.second_look import CatchUp, second_look
from orlop.api.gvk import GroupResource, GroupVersionResource
from orlop.api.tree import Tree

_PODS: Final = GroupResource("", "pods")
_CLASSES: Final = GroupResource("scheduling.k8s.io", "priorityclasses")
_NAME: Final = "Priority"
_SET_HERE: Final = ("priority", "preemptionPolicy")
_GIVEN: Final = "must not be provided in pod spec; priority admission controller computed"

Classes: TypeAlias = Callable[[], Mapping[str, Tree]]
"""The PriorityClasses by name; not to be changed."""


def global_default(classes: Mapping[str, Tree]) -> Tree | None:
    """The class of pods that name none. Of several, which only a race can leave, that of the lowest value."""
    found: Tree | None = None
    for one in classes.values():
        if one.get("globalDefault") and (found is None or (one.get("value") or 0) < (found.get("value") or 0)):
            found = one
    return found


class Priority:
    """The pods' half."""

    name = _NAME

    def __init__(self, classes: Classes, catch_up: CatchUp | None = None) -> None:
        self._classes = classes
        self.admit = second_look(self._admit, catch_up)

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return resource.group_resource == _PODS and not subresource and operation in (CREATE, UPDATE)

    def _admit(self, attributes: Attributes) -> None:
        assert attributes.obj is not None
        spec = attributes.obj.setdefault("spec", {})
        if attributes.old is not None:
            self._keep(spec, attributes.old.get("spec") or {})
        else:
            self._settle(attributes, spec)

    @staticmethod
    def _keep(spec: Tree, old: Tree) -> None:
        """Clients that never saw what was filled in do not take it away."""
        for member in _SET_HERE:
            if spec.get(member) is None and old.get(member) is not None:
                spec[member] = old[member]

    def _settle(self, attributes: Attributes, spec: Tree) -> None:
        name: str = spec.get("priorityClassName") or ""
        classes = self._classes()
        found = classes.get(name) if name else global_default(classes)
        if found is not None:
            name, value, policy = found["metadata"]["name"], found.get("value") or 0, found.get("preemptionPolicy")
        elif name:
            raise attributes.forbidden(f"no PriorityClass with name {name} was found")
        else:
            value, policy = 0, "PreemptLowerPriority"
        given = spec.get("priority")
        if given is not None and given != value:
            raise attributes.forbidden(f"the integer value of priority ({given}) {_GIVEN} {value} from the given "
                                       "PriorityClass name")
        given = spec.get("preemptionPolicy")
        if policy and given is not None and given != policy:
            raise attributes.forbidden(f"the string value of PreemptionPolicy ({given}) {_GIVEN} {policy} from the "
                                       "given PriorityClass name")
        if name:
            spec["priorityClassName"] = name
        spec["priority"] = value
        if policy:
            spec["preemptionPolicy"] = policy


class SoleDefaultPriority:
    """The classes' half."""

    name = _NAME

    def __init__(self, classes: Classes, catch_up: CatchUp | None = None) -> None:
        self._classes = classes
        self.validate = second_look(self._validate, catch_up)

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return resource.group_resource == _CLASSES and not subresource and operation in (CREATE, UPDATE)

    def _validate(self, attributes: Attributes) -> None:
        assert attributes.obj is not None
        if not attributes.obj.get("globalDefault"):
            return
        default = global_default(self._classes())
        if default is None:
            return
        name = default["metadata"]["name"]
        if attributes.operation == CREATE or name != attributes.obj["metadata"].get("name"):
            raise attributes.forbidden(f"PriorityClass {name} is already marked as default. Only one default can exist")
