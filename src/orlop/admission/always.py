"""AlwaysAdmit and AlwaysDeny: deprecated upstream, and off unless asked for.

Behaviour: kubernetes `plugin/pkg/admission/admit`, `plugin/pkg/admission/deny`.
"""

from __future__ import annotations

from orlop.admission.interface import Attributes
from orlop.api.gvk import GroupVersionResource


class AlwaysAdmit:
    """Has nothing to say."""

    name = "AlwaysAdmit"

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return False


class AlwaysDeny:
    name = "AlwaysDeny"

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return True

    def admit(self, attributes: Attributes) -> None:
        raise attributes.forbidden("admission control is denying all modifications")

    validate = admit
