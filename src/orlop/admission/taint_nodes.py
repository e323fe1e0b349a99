"""TaintNodesByCondition: a new node takes no pods until a controller has seen it ready.

Behaviour: kubernetes `plugin/pkg/admission/nodetaint/admission.go`.
"""

from __future__ import annotations

from orlop.admission.interface import CREATE, Attributes
from orlop.api.gvk import GroupResource, GroupVersionResource

_NODES = GroupResource("", "nodes")
_NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


class TaintNodesByCondition:
    name = "TaintNodesByCondition"

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return operation == CREATE and not subresource and resource.group_resource == _NODES

    def admit(self, attributes: Attributes) -> None:
        assert attributes.obj is not None
        taints = attributes.obj.setdefault("spec", {}).setdefault("taints", [])
        if not any(t.get("key") == _NOT_READY["key"] and t.get("effect") == _NOT_READY["effect"] for t in taints):
            taints.append(dict(_NOT_READY))
