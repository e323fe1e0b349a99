"""Who may approve and sign certificates, and which nobody may ask for."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from admission_requests import REQUESTS, refusal, request
from orlop.admission.certificate_approval import CertificateApproval
from orlop.admission.certificate_signing import CertificateSigning
from orlop.admission.certificate_subject_restriction import CertificateSubjectRestriction
from orlop.admission.interface import CREATE, UPDATE
from orlop.api import base64
from orlop.api.context import User
from orlop.api.tree import Tree

CLIENT = "kubernetes.io/kube-apiserver-client"


def allows(user: User, verb: str, name: str) -> bool:
    return (user.name, verb, name) in {("ann", "approve", "example.com/signer"), ("ann", "sign", "example.com/signer"),
                                       ("dan", "approve", "example.com/*"), ("dan", "sign", "example.com/*")}


def asked(signer: str = "example.com/signer", **status: Any) -> Tree:
    return {"metadata": {"name": "x"}, "spec": {"signerName": signer}, "status": status}


@pytest.mark.parametrize(("user", "signer", "allowed"), [
    ("ann", "example.com/signer", True), ("ann", "example.com/other", False), ("dan", "example.com/other", True),
    ("dan", "example.org/signer", False), ("eve", "example.com/signer", False),
])
def test_rights_over_signers(user: str, signer: str, allowed: bool) -> None:
    """By name or by domain; the stored request tells which signer it is about."""
    why = f'user not permitted to approve requests with signerName "{signer}"'
    attributes = request(asked("example.com/signer"), asked(signer), REQUESTS, "approval", user)
    assert refusal(CertificateApproval(allows).validate, attributes) == ("" if allowed else why)
    why = why.replace("approve", "sign")
    attributes = request(asked(signer, certificate="c"), asked(signer), REQUESTS, "status", user)
    assert refusal(CertificateSigning(allows).validate, attributes) == ("" if allowed else why)


@pytest.mark.parametrize(("new", "old", "signs"), [
    ({"certificate": "c"}, {}, True), ({"conditions": [{"type": "Failed"}]}, {}, True),
    ({"conditions": []}, {}, False), ({"certificate": "c"}, {"certificate": "c"}, False), ({}, {}, False),
])
def test_only_what_is_issued_takes_the_right_to_sign(new: Tree, old: Tree, signs: bool) -> None:
    """Certificates and conditions; a status that says the same is anybody's."""
    attributes = request(asked(**new), asked(**old), REQUESTS, "status")
    assert bool(refusal(CertificateSigning(allows).validate, attributes)) is signs


def signed_request(*organizations: str) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, one) for one in organizations])
    built = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return base64.encode(built.public_bytes(serialization.Encoding.PEM))


@pytest.mark.parametrize(("signer", "organizations", "why"), [
    (CLIENT, ("a", "system:masters"), f"use of {CLIENT} signer with system:masters group is not allowed"),
    (CLIENT, ("system:admin",), ""), (CLIENT, (), ""), ("example.com/own", ("system:masters",), ""),
])
def test_nobody_asks_to_be_a_master(signer: str, organizations: tuple[str, ...], why: str) -> None:
    """Not of the signer whose clients this server believes."""
    obj = asked(signer)
    obj["spec"]["request"] = signed_request(*organizations)
    assert refusal(CertificateSubjectRestriction().validate, request(obj, resource=REQUESTS)) == why


def test_what_is_no_request_is_refused() -> None:
    """Rather than let through unread."""
    obj = asked(CLIENT)
    obj["spec"]["request"] = base64.encode(b"nothing")
    why = refusal(CertificateSubjectRestriction().validate, request(obj, resource=REQUESTS))
    assert why.startswith("failed to parse CSR: ")


def test_whom_they_concern() -> None:
    """Approval, status and creation, each its own."""
    routes = [("approval", UPDATE), ("status", UPDATE), ("", CREATE), ("", UPDATE)]
    plugins = (CertificateApproval(allows), CertificateSigning(allows), CertificateSubjectRestriction())
    heard = [[plugin.handles(REQUESTS, *route) for route in routes] for plugin in plugins]
    assert heard == [[number == own for number in range(4)] for own in range(3)]
