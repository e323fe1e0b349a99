"""PersistentVolumeClaimResize: only bound claims grow, and only where their class says that volumes can.

Behaviour: kubernetes `plugin/pkg/admission/storage/persistentvolume/resize/admission.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from orlop.admission.default_storage_class import CLASS_ANNOTATION
from orlop.admission.interface import UPDATE, Attributes
from orlop.admission.second_look import CatchUp, second_look
from orlop.api import quantity
from orlop.api.gvk import GroupResource, GroupVersionResource
from orlop.api.tree import Tree

_CLAIMS: Final = GroupResource("", "persistentvolumeclaims")


class PersistentVolumeClaimResize:
    """`classes` gives the StorageClasses by name."""

    name = "PersistentVolumeClaimResize"

    def __init__(self, classes: Callable[[], Mapping[str, Tree]], catch_up: CatchUp | None = None) -> None:
        self._classes = classes
        self.validate = second_look(self._validate, catch_up)

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return resource.group_resource == _CLAIMS and not subresource and operation == UPDATE

    def _validate(self, attributes: Attributes) -> None:
        new, old = attributes.obj, attributes.old
        assert new is not None and old is not None
        if quantity.parse(_size(new)).compare(quantity.parse(_size(old))) <= 0:
            return
        if (old.get("status") or {}).get("phase") != "Bound":
            raise attributes.forbidden("Only bound persistent volume claims can be expanded")
        if not self._may_grow(_class_name(new), _class_name(old)):
            raise attributes.forbidden("only dynamically provisioned pvc can be resized and the storageclass that "
                                       "provisions the pvc must support resize")

    def _may_grow(self, name: str, former: str) -> bool:
        if not name or name != former:
            return False
        found = self._classes().get(name)
        return found is not None and bool(found.get("allowVolumeExpansion"))


def _size(claim: Tree) -> str:
    requests: Mapping[str, str] = ((claim.get("spec") or {}).get("resources") or {}).get("requests") or {}
    return requests.get("storage", "0")


def _class_name(claim: Tree) -> str:
    annotations: Mapping[str, str] = claim["metadata"].get("annotations") or {}
    named: str | None = annotations.get(CLASS_ANNOTATION)
    return named if named is not None else (claim.get("spec") or {}).get("storageClassName") or ""
