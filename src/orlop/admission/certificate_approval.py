"""CertificateApproval: approving or denying a request takes the right `approve` on its signer.

Behaviour: kubernetes `plugin/pkg/admission/certificates/approval/admission.go`.
"""

from __future__ import annotations

from orlop.admission.interface import UPDATE, Attributes
from orlop.admission.second_look import CatchUp, second_look
from orlop.admission.signers import REQUESTS, MaySign, may, signer_of
from orlop.api.field import quote
from orlop.api.gvk import GroupVersionResource


class CertificateApproval:
    name = "CertificateApproval"

    def __init__(self, allows: MaySign, catch_up: CatchUp | None = None) -> None:
        self._allows = allows
        self.validate = second_look(self._validate, catch_up)

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return resource.group_resource == REQUESTS and subresource == "approval" and operation == UPDATE

    def _validate(self, attributes: Attributes) -> None:
        assert attributes.old is not None
        signer = signer_of(attributes.old)  # whatever the new object claims
        if not may(self._allows, attributes.ctx.user, "approve", signer):
            raise attributes.forbidden(f"user not permitted to approve requests with signerName {quote(signer)}")
