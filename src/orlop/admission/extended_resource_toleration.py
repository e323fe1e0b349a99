"""ExtendedResourceToleration: pods that ask for special hardware bear the taints named after it. Off unless asked for.

Behaviour: kubernetes `plugin/pkg/admission/extendedresourcetoleration/admission.go`.
"""

from __future__ import annotations

from typing import Final

from orlop.admission.extended_resources import is_extended
from orlop.admission.interface import CREATE, UPDATE, Attributes
from orlop.api.gvk import GroupResource, GroupVersionResource
from orlop.api.tree import Tree

_PODS: Final = GroupResource("", "pods")


class ExtendedResourceToleration:
    name = "ExtendedResourceToleration"

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return resource.group_resource == _PODS and not subresource and operation in (CREATE, UPDATE)

    def admit(self, attributes: Attributes) -> None:
        assert attributes.obj is not None
        spec = attributes.obj.get("spec") or {}
        wanted = {name for member in ("containers", "initContainers") for one in spec.get(member) or ()
                  for name in (one.get("resources") or {}).get("requests") or () if is_extended(name)}
        for name in sorted(wanted):
            toleration = {"key": name, "operator": "Exists", "effect": "NoSchedule"}
            spec["tolerations"] = _with(spec.get("tolerations") or [], toleration)


def _with(tolerations: list[Tree], added: Tree) -> list[Tree]:
    """In place of one that says the same but for its time; else at the end."""
    same = [all((one.get(name) or "") == added.get(name, "") for name in ("key", "operator", "value", "effect"))
            for one in tolerations]
    if any(same):
        return [added if equal else one for one, equal in zip(tolerations, same, strict=True)]
    return [*tolerations, added]
