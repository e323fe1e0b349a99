"""DefaultTolerationSeconds: a pod bears a node that is not ready or out of reach for five minutes, unless it says
otherwise.

Behaviour: kubernetes `plugin/pkg/admission/defaulttolerationseconds/admission.go`.
"""

from __future__ import annotations

from typing import Final

from orlop.admission.interface import CREATE, UPDATE, Attributes
from orlop.api.gvk import GroupResource, GroupVersionResource
from orlop.api.tree import Tree

_PODS: Final = GroupResource("", "pods")
_EFFECT: Final = "NoExecute"
_TAINTS: Final = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
SECONDS: Final = 300


def _toleration(taint: str) -> Tree:
    return {"key": taint, "operator": "Exists", "effect": _EFFECT, "tolerationSeconds": SECONDS}


class DefaultTolerationSeconds:
    name = "DefaultTolerationSeconds"

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return resource.group_resource == _PODS and not subresource and operation in (CREATE, UPDATE)

    def admit(self, attributes: Attributes) -> None:
        assert attributes.obj is not None
        spec = attributes.obj.setdefault("spec", {})
        given = spec.get("tolerations") or ()
        borne = {one.get("key") or "" for one in given if (one.get("effect") or _EFFECT) == _EFFECT}
        if "" in borne:
            return
        added = [_toleration(taint) for taint in _TAINTS if taint not in borne]
        if added:  # a new list: that of a patched object is the stored one's
            spec["tolerations"] = [*given, *added]
