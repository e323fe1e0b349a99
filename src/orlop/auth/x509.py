"""Client certificates: the subject's common name is the user, its organizations are the groups (apiserver
`authentication/request/x509`).

First of the authenticator chain. The TLS layer has verified the chain to the client CA; what is left is to
read the subject, once per certificate, and to refuse one that expired since the handshake.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

from orlop.api import errors
from orlop.api.context import User
from orlop.api.http import Request
from orlop.auth.identities import CREDENTIAL_ID, with_authenticated
from orlop.world.clock import Clock

MAX_CERTIFICATES: Final = 1024
"""Certificates remembered; beyond, the one seen first is forgotten and read again when it comes back."""

_UID_OID: Final = "1.3.6.1.4.1.57683.2"


class _Known(NamedTuple):
    user: User | None
    not_before: float
    not_after: float


class CertificateAuthenticator:
    def __init__(self, clock: Clock) -> None:
        self._now = clock.now
        self._known: dict[bytes, _Known] = {}

    def authenticate(self, request: Request) -> User | None:
        certificate = request.peer_certificate
        if certificate is None:
            return None
        known = self._known.get(certificate)
        if known is None:
            known = self._learn(certificate)
        if not known.not_before <= self._now() <= known.not_after:
            raise errors.unauthorized()
        return known.user

    def _learn(self, certificate: bytes) -> _Known:
        known = read_certificate(certificate)
        if len(self._known) >= MAX_CERTIFICATES:
            del self._known[next(iter(self._known))]
        self._known[certificate] = known
        return known


def read_certificate(der: bytes) -> _Known:
    """The user a certificate names (None: it has no common name) and its validity. Raises APIError 401 when
    it cannot be read or its uid is ambiguous."""
    from cryptography import x509  # 40 ms, and many servers never see a client certificate
    from cryptography.x509.oid import NameOID

    try:
        certificate = x509.load_der_x509_certificate(der)
        names = [(a.oid, a.value) for a in certificate.subject if isinstance(a.value, str)]
        not_before = certificate.not_valid_before_utc.timestamp()
        not_after = certificate.not_valid_after_utc.timestamp()
    except ValueError as error:
        raise errors.unauthorized() from error
    common = [value for oid, value in names if oid == NameOID.COMMON_NAME]
    groups = tuple(value for oid, value in names if oid == NameOID.ORGANIZATION_NAME)
    uids = [value for oid, value in names if oid.dotted_string == _UID_OID]
    if not common or not common[-1]:
        return _Known(None, not_before, not_after)
    if uids and (len(uids) > 1 or not uids[0]):
        raise errors.unauthorized()
    fingerprint = f"X509SHA256={hashlib.sha256(der).hexdigest()}"
    user = User(common[-1], groups, uids[0] if uids else "", ((CREDENTIAL_ID, (fingerprint,)),))
    return _Known(with_authenticated(user), not_before, not_after)
