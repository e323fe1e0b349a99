"""DefaultIngressClass: a new ingress that names no class gets the default one.

Behaviour: kubernetes `plugin/pkg/admission/network/defaultingressclass/admission.go`.
"""

from __future__ import annotations

from typing import Final

from orlop.admission.default_class import Classes, default_class
from orlop.admission.interface import CREATE, Attributes
from orlop.api.gvk import GroupResource, GroupVersionResource

_INGRESSES: Final = GroupResource("networking.k8s.io", "ingresses")
_MARKS: Final = ("ingressclass.kubernetes.io/is-default-class",)
_CLASS_ANNOTATION: Final = "kubernetes.io/ingress.class"


class DefaultIngressClass:
    name = "DefaultIngressClass"

    def __init__(self, classes: Classes) -> None:
        self._classes = classes

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return resource.group_resource == _INGRESSES and not subresource and operation == CREATE

    def admit(self, attributes: Attributes) -> None:
        ingress = attributes.obj
        assert ingress is not None
        if _CLASS_ANNOTATION in (ingress["metadata"].get("annotations") or {}):
            return
        spec = ingress.setdefault("spec", {})
        if spec.get("ingressClassName") is None and (name := default_class(self._classes(), _MARKS)) is not None:
            spec["ingressClassName"] = name
