"""DefaultStorageClass: a new claim that names no class gets the default one.

Behaviour: kubernetes `plugin/pkg/admission/storage/storageclass/setdefault/admission.go`.
"""

from __future__ import annotations

from typing import Final

from orlop.admission.default_class import Classes, default_class
from orlop.admission.interface import CREATE, Attributes
from orlop.api.gvk import GroupResource, GroupVersionResource

_CLAIMS: Final = GroupResource("", "persistentvolumeclaims")
_MARKS: Final = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")
CLASS_ANNOTATION: Final = "volume.beta.kubernetes.io/storage-class"
"""How claims named their class before there was a field for it."""


class DefaultStorageClass:
    name = "DefaultStorageClass"

    def __init__(self, classes: Classes) -> None:
        self._classes = classes

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return resource.group_resource == _CLAIMS and not subresource and operation == CREATE

    def admit(self, attributes: Attributes) -> None:
        claim = attributes.obj
        assert claim is not None
        if CLASS_ANNOTATION in (claim["metadata"].get("annotations") or {}):
            return
        spec = claim.setdefault("spec", {})
        if spec.get("storageClassName") is None and (name := default_class(self._classes(), _MARKS)) is not None:
            spec["storageClassName"] = name
