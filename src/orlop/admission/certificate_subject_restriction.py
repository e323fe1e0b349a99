"""CertificateSubjectRestriction: nobody becomes an administrator by a client certificate that the API asks for.

Behaviour: kubernetes `plugin/pkg/admission/certificates/subjectrestriction/admission.go`.
"""

from __future__ import annotations

from typing import Final

from orlop.admission.interface import CREATE, Attributes
from orlop.admission.signers import REQUESTS, signer_of
from orlop.api import base64
from orlop.api.gvk import GroupVersionResource

_SIGNER: Final = "kubernetes.io/kube-apiserver-client"
_MASTERS: Final = "system:masters"


class CertificateSubjectRestriction:
    name = "CertificateSubjectRestriction"

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return resource.group_resource == REQUESTS and not subresource and operation == CREATE

    def validate(self, attributes: Attributes) -> None:
        assert attributes.obj is not None
        if signer_of(attributes.obj) != _SIGNER:
            return
        try:
            groups = _organizations(base64.decode(attributes.obj["spec"].get("request") or ""))
        except ValueError as error:
            raise attributes.forbidden(f"failed to parse CSR: {error}") from None
        if _MASTERS in groups:
            raise attributes.forbidden(f"use of {_SIGNER} signer with {_MASTERS} group is not allowed")


def _organizations(pem: bytes) -> list[str | bytes]:
    from cryptography.x509 import NameOID, load_pem_x509_csr

    return [one.value for one in load_pem_x509_csr(pem).subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
