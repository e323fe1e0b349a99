"""PodNodeSelector: the pods of a namespace run on the nodes that an annotation of the namespace selects. Off unless
asked for; without a configuration file of selectors for the whole cluster.

Behaviour: kubernetes `plugin/pkg/admission/podnodeselector/admission.go`, apimachinery `pkg/labels/labels.go`
ConvertSelectorToLabelsMap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from orlop.admission.interface import CREATE, Attributes
from orlop.api import errors, names
from orlop.api.field import Path, invalid
from orlop.api.gvk import GroupResource, GroupVersionResource
from orlop.api.tree import Tree

_PODS: Final = GroupResource("", "pods")
_ANNOTATION: Final = "scheduler.alpha.kubernetes.io/node-selector"
_CONFLICT: Final = "pod node label selector conflicts with its namespace node label selector"

Annotations = Callable[[str], Mapping[str, str]]
"""The annotations of a namespace."""


class PodNodeSelector:
    name = "PodNodeSelector"

    def __init__(self, annotations: Annotations) -> None:
        self._annotations = annotations

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return resource.group_resource == _PODS and not subresource and operation == CREATE

    def admit(self, attributes: Attributes) -> None:
        spec, selector = self._checked(attributes)
        if selector:
            spec["nodeSelector"] = {**selector, **(spec.get("nodeSelector") or {})}

    def validate(self, attributes: Attributes) -> None:
        self._checked(attributes)

    def _checked(self, attributes: Attributes) -> tuple[Tree, dict[str, str]]:
        assert attributes.obj is not None
        spec: Tree = attributes.obj.setdefault("spec", {})
        selector = _read(self._annotations(attributes.namespace).get(_ANNOTATION, ""))
        own = spec.get("nodeSelector") or {}
        if any(own.get(name, value) != value for name, value in selector.items()):
            raise attributes.forbidden(_CONFLICT)
        return spec, selector


def _read(text: str) -> dict[str, str]:
    """Labels written as `a=b,c=d`."""
    found: dict[str, str] = {}
    for part in text.split(",") if text else ():
        pieces = part.split("=")
        if len(pieces) != 2:
            raise errors.unknown(f"invalid selector: [{' '.join(pieces)}]")
        name, value = (piece.strip() for piece in pieces)
        if complaints := names.label_key(name):
            raise errors.unknown(str(invalid(Path("<nil>"), name, "; ".join(complaints))))
        if complaints := names.label_value(value):
            raise errors.unknown(str(invalid(Path(f"[{name}]"), value, "; ".join(complaints))))
        found[name] = value
    return found
