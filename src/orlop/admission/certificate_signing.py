"""CertificateSigning: issuing a certificate, or saying that it failed, takes the right `sign` on the signer.

Behaviour: kubernetes `plugin/pkg/admission/certificates/signing/admission.go`.
"""

from __future__ import annotations

from typing import Any

from orlop.admission.interface import UPDATE, Attributes
from orlop.admission.second_look import CatchUp, second_look
from orlop.admission.signers import REQUESTS, MaySign, may, signer_of
from orlop.api.field import quote
from orlop.api.gvk import GroupVersionResource
from orlop.api.tree import Tree


class CertificateSigning:
    name = "CertificateSigning"

    def __init__(self, allows: MaySign, catch_up: CatchUp | None = None) -> None:
        self._allows = allows
        self.validate = second_look(self._validate, catch_up)

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return resource.group_resource == REQUESTS and subresource == "status" and operation == UPDATE

    def _validate(self, attributes: Attributes) -> None:
        assert attributes.obj is not None and attributes.old is not None
        if _issued(attributes.obj) == _issued(attributes.old):
            return
        signer = signer_of(attributes.old)
        if not may(self._allows, attributes.ctx.user, "sign", signer):
            raise attributes.forbidden(f"user not permitted to sign requests with signerName {quote(signer)}")


def _issued(request: Tree) -> tuple[str, list[Any]]:
    status = request.get("status") or {}
    return status.get("certificate") or "", status.get("conditions") or []
