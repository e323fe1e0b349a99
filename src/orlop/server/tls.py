"""The TLS side of the listener: a serving certificate, and client certificates for those who have one.

Made at start-up from files or PEM, handed to the listener. Whether a verified certificate means a user is the
authenticator's question; here only its chain is checked. A client certificate that no CA vouches for ends the
handshake (OpenSSL knows no "take it and tell me": kube-apiserver answers such a client 401). apiserver
`pkg/server/secure_serving.go`.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secrecy and authenticated encryption only. TLS 1.3 has no others."""


def server_context(certificate: Path, key: Path, client_cas: Sequence[Path] = ()) -> ssl.SSLContext:
    """TLS 1.2 or later, HTTP/1.1. `client_cas` are bundles whose certificates may vouch for a client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(certificate, key)
    for bundle in client_cas:
        context.load_verify_locations(cafile=bundle)
    context.verify_mode = ssl.CERT_OPTIONAL if client_cas else ssl.CERT_NONE
    return context
