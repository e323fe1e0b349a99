"""PodTopologyLabels: a pod that is bound to a node gets the labels that tell the node's zone and region.

Behaviour: kubernetes `plugin/pkg/admission/podtopologylabels/admission.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from orlop.admission.interface import CREATE, Attributes
from orlop.api.gvk import GroupResource, GroupVersionResource

_PODS: Final = GroupResource("", "pods")
_COPIED: Final = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")

NodeLabels = Callable[[str], Mapping[str, str] | None]
"""The labels of a node, None when there is no such node."""


class PodTopologyLabels:
    name = "PodTopologyLabels"

    def __init__(self, node_labels: NodeLabels) -> None:
        self._node_labels = node_labels

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return resource.group_resource == _PODS and subresource in ("", "binding") and operation == CREATE

    def admit(self, attributes: Attributes) -> None:
        """What is bound takes the labels from the binding."""
        obj = attributes.obj
        assert obj is not None
        if attributes.subresource:
            target = obj.get("target") or {}
            node = target.get("name") if target.get("kind") == "Node" else None
        else:
            node = (obj.get("spec") or {}).get("nodeName")
        if not node:
            return
        labels = self._node_labels(node) or {}
        if copied := {name: labels[name] for name in _COPIED if name in labels}:
            metadata = obj.setdefault("metadata", {})
            metadata["labels"] = {**(metadata.get("labels") or {}), **copied}
