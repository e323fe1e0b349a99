"""Client certificates as users."""

from __future__ import annotations

import datetime
import hashlib

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID, ObjectIdentifier

from orlop.api.context import User
from orlop.api.errors import APIError
from orlop.api.http import Request
from orlop.auth import x509 as room
from orlop.auth.x509 import CertificateAuthenticator
from orlop.world.clock import ManualClock

UID = ObjectIdentifier("1.3.6.1.4.1.57683.2")
KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(*names: tuple[ObjectIdentifier, str], serial: int = 1) -> bytes:
    clock = datetime.datetime.fromtimestamp(ManualClock().now(), datetime.UTC)
    subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in names])
    built = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(KEY.public_key())
             .serial_number(serial).not_valid_before(clock - datetime.timedelta(hours=1))
             .not_valid_after(clock + datetime.timedelta(hours=1)))
    return built.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def request(der: bytes | None) -> Request:
    return Request("GET", "/", peer_certificate=der)


def test_subject_is_the_user() -> None:
    """Common name, organizations, uid; the fingerprint is the credential's id."""
    der = certificate((NameOID.ORGANIZATION_NAME, "b"), (NameOID.COMMON_NAME, "alice"),
                      (NameOID.ORGANIZATION_NAME, "a"), (UID, "u-1"))
    found = CertificateAuthenticator(ManualClock()).authenticate(request(der))
    fingerprint = f"X509SHA256={hashlib.sha256(der).hexdigest()}"
    assert found == User("alice", ("b", "a", "system:authenticated"), "u-1",
                         (("authentication.kubernetes.io/credential-id", (fingerprint,)),))


def test_no_certificate_no_opinion() -> None:
    """Without a certificate, or without a common name in it, others decide."""
    authenticator = CertificateAuthenticator(ManualClock())
    assert authenticator.authenticate(request(None)) is None
    assert authenticator.authenticate(request(certificate((NameOID.ORGANIZATION_NAME, "a")))) is None


def test_ambiguous_uid_is_refused() -> None:
    """Two uids in one subject are 401."""
    der = certificate((NameOID.COMMON_NAME, "alice"), (UID, "a"), (UID, "b"))
    with pytest.raises(APIError) as caught:
        CertificateAuthenticator(ManualClock()).authenticate(request(der))
    assert caught.value.code == 401


def test_a_certificate_can_expire_while_connected() -> None:
    """Validity is looked at with every request."""
    clock = ManualClock()
    authenticator = CertificateAuthenticator(clock)
    asked = request(certificate((NameOID.COMMON_NAME, "alice")))
    assert authenticator.authenticate(asked) is not None
    clock.advance(3601)
    with pytest.raises(APIError):
        authenticator.authenticate(asked)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit the oldest certificate is forgotten, and read again when needed."""
    monkeypatch.setattr(room, "MAX_CERTIFICATES", 2)
    authenticator = CertificateAuthenticator(ManualClock())
    ders = [certificate((NameOID.COMMON_NAME, f"u{n}"), serial=n + 1) for n in range(4)]
    for der in [*ders, ders[0]]:
        assert authenticator.authenticate(request(der)) is not None
        assert len(authenticator._known) <= 2
