"""LimitPodHardAntiAffinityTopology: pods may keep others away from their node, not from a whole zone. Off unless asked
for.

Behaviour: kubernetes `plugin/pkg/admission/antiaffinity/admission.go`.
"""

from __future__ import annotations

from typing import Final

from orlop.admission.interface import CREATE, UPDATE, Attributes
from orlop.api.gvk import GroupResource, GroupVersionResource

_PODS: Final = GroupResource("", "pods")
_HOSTNAME: Final = "kubernetes.io/hostname"


class LimitPodHardAntiAffinityTopology:
    name = "LimitPodHardAntiAffinityTopology"

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return resource.group_resource == _PODS and not subresource and operation in (CREATE, UPDATE)

    def validate(self, attributes: Attributes) -> None:
        assert attributes.obj is not None
        affinity = (attributes.obj.get("spec") or {}).get("affinity") or {}
        terms = (affinity.get("podAntiAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution") or ()
        for term in terms:
            key = term.get("topologyKey") or ""
            if key != _HOSTNAME:
                raise attributes.forbidden(f"affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey {key} "
                                           f"but only key {_HOSTNAME} is allowed")
