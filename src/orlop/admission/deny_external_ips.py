"""DenyServiceExternalIPs: services get no external addresses beyond those that they have. Off unless asked for.

Behaviour: kubernetes `plugin/pkg/admission/network/denyserviceexternalips/admission.go`.
"""

from __future__ import annotations

from typing import Final

from orlop.admission.interface import CREATE, UPDATE, Attributes
from orlop.api.gvk import GroupResource, GroupVersionResource
from orlop.api.tree import Tree

_SERVICES: Final = GroupResource("", "services")


class DenyServiceExternalIPs:
    name = "DenyServiceExternalIPs"

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return resource.group_resource == _SERVICES and not subresource and operation in (CREATE, UPDATE)

    def validate(self, attributes: Attributes) -> None:
        if not _addresses(attributes.obj) <= _addresses(attributes.old):
            raise attributes.forbidden("Use of external IPs is denied by admission control")


def _addresses(service: Tree | None) -> set[str]:
    return set(((service or {}).get("spec") or {}).get("externalIPs") or ())
