"""Certificates and keys as Go's `tls.X509KeyPair` sees them: what a TLS Secret's warning says.

Called by `secret`. The texts are those of Go's `crypto/tls`; parsing itself is the cryptography library's, so that
a damaged certificate is told of in general words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from orlop.api import base64

CERTIFICATE: Final = "tls.crt"
KEY: Final = "tls.key"
_BLOCK: Final = re.compile(rb"-----BEGIN ([^-\n]+)-----\s.*?-----END \1-----", re.DOTALL)


def warnings(data: Mapping[str, str]) -> Sequence[str]:
    problem = _problem(base64.decode(data.get(CERTIFICATE, "")), base64.decode(data.get(KEY, "")))
    return (problem,) if problem else ()


def _problem(certificate: bytes, key: bytes) -> str:
    found = [block[1] for block in _BLOCK.finditer(certificate)]
    if b"CERTIFICATE" not in found:
        if not found:
            return "tls: failed to find any PEM data in certificate input"
        if len(found) == 1 and found[0].endswith(b"PRIVATE KEY"):
            return ("tls: failed to find certificate PEM data in certificate input, but did find a private key; "
                    "PEM inputs may have been switched")
        return ('tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the '
                f"following types: {_types(found)}")
    keys = [block[1] for block in _BLOCK.finditer(key)]
    if not any(kind == b"PRIVATE KEY" or kind.endswith(b" PRIVATE KEY") for kind in keys):
        if not keys:
            return "tls: failed to find any PEM data in key input"
        if len(keys) == 1 and keys[0] == b"CERTIFICATE":
            return "tls: found a certificate rather than a key in the PEM for the private key"
        return ('tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM '
                f"blocks of the following types: {_types(keys)}")
    return _mismatch(certificate, key)


def _types(found: Sequence[bytes]) -> str:
    return "[" + " ".join(kind.decode("utf-8", "replace") for kind in found) + "]"


def _mismatch(certificate: bytes, key: bytes) -> str:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificate

    try:
        public = load_pem_x509_certificate(certificate).public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "x509: malformed certificate"
    try:
        private = load_pem_private_key(key, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "tls: failed to parse private key"
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    own = private.public_key()
    if type(public) is not type(own):
        return "tls: private key type does not match public key type"
    if public.public_bytes(*form) != own.public_bytes(*form):
        return "tls: private key does not match public key"
    return ""
