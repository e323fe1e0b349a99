"""NodeDeclaredFeatureValidator: an update of a running pod that needs a feature of the kubelet is refused where the
node does not declare it.

Behaviour: kubernetes `plugin/pkg/admission/nodedeclaredfeatures/admission.go`, component-helpers
`nodedeclaredfeatures/features` (what updates can ask for).
"""

from __future__ import annotations

from typing import Final

from orlop.admission.interface import UPDATE, Attributes
from orlop.admission.pod_resize import Node
from orlop.admission.second_look import CatchUp, second_look
from orlop.api.field import quote
from orlop.api.gvk import GroupResource, GroupVersionResource
from orlop.api.tree import Tree

_PODS: Final = GroupResource("", "pods")
_POD_LEVEL: Final = "InPlacePodLevelResourcesVerticalScaling"
_INIT_CONTAINERS: Final = "InPlacePodVerticalScalingInitContainers"


class NodeDeclaredFeatureValidator:
    """`node` gives a node by its name."""

    name = "NodeDeclaredFeatureValidator"

    def __init__(self, node: Node, catch_up: CatchUp | None = None) -> None:
        self._node = node
        self.validate = second_look(self._validate, catch_up)

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return resource.group_resource == _PODS and subresource in ("", "resize") and operation == UPDATE

    def _validate(self, attributes: Attributes) -> None:
        pod, old = attributes.obj, attributes.old
        assert pod is not None and old is not None
        spec, before = pod.get("spec") or {}, old.get("spec") or {}
        name = spec.get("nodeName")
        if not name or pod["metadata"].get("generation") == old["metadata"].get("generation"):
            return
        wanted = _wanted(spec, before)
        if not wanted:
            return
        node = self._node(name)
        if node is None:
            raise attributes.forbidden(f"node {quote(name)} not found")
        declared = (node.get("status") or {}).get("declaredFeatures") or ()
        if lacking := [feature for feature in wanted if feature not in declared]:
            raise attributes.forbidden(f"pod update requires features {', '.join(lacking)} which are not available on "
                                       f"node {quote(name)}")


def _wanted(spec: Tree, before: Tree) -> list[str]:
    """In order of their names."""
    found = [_POD_LEVEL] if (spec.get("resources") or None) != (before.get("resources") or None) else []
    pairs = zip(spec.get("initContainers") or (), before.get("initContainers") or (), strict=False)
    if any(old.get("restartPolicy") != "Always" and (new.get("resources") or {}) != (old.get("resources") or {})
           for new, old in pairs):
        found.append(_INIT_CONTAINERS)
    return found
