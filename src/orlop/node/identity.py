"""The certificate that a node's kubelet endpoint shows, and the authority that vouches for those who may talk to it.

Made by the CLI. Within `orlop serve` both come from the server's own authority; a node elsewhere signs for itself, as a
kubelet does without bootstrap (kube-apiserver does not check kubelets' certificates unless it is told to).
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import ssl
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from orlop.server.tls import server_context

if TYPE_CHECKING:
    from cryptography import x509

LIFETIME: Final = 365
"""Days; a node that is started anew has a new one."""


@dataclass(frozen=True, slots=True)
class Identity:
    """PEM texts. `authority`: whose client certificates are let in. `server`: the URL of the API server."""

    certificate: bytes
    key: bytes
    authority: bytes
    server: str = ""

    def context(self) -> ssl.SSLContext:
        with _files(self.certificate, self.key, self.authority) as (certificate, key, authority):
            return server_context(certificate, key, (authority,))


@contextlib.contextmanager
def _files(*texts: bytes) -> Iterator[list[Path]]:
    """OpenSSL reads files only; these are private, and gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="orlop-node-") as directory:
        paths = [Path(directory) / str(number) for number in range(len(texts))]
        for path, text in zip(paths, texts, strict=True):
            path.write_bytes(text)
        yield paths


def issue(authority: bytes, server: str, names: Sequence[str], now: float, authority_key: bytes = b"") -> Identity:
    """A new key and its certificate, signed by the authority when its key is given, else by itself. It is good for all
    `names` and addresses; the first is that of the node. Raises ValueError for what is no certificate or key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:nodes"),
                         x509.NameAttribute(NameOID.COMMON_NAME, f"system:node:{names[0]}")])
    issuer, signing = subject, key
    if authority_key:
        loaded = serialization.load_pem_private_key(authority_key, None)
        if not isinstance(loaded, ec.EllipticCurvePrivateKey):
            raise ValueError("the authority's key is no elliptic-curve key")
        issuer, signing = x509.load_pem_x509_certificate(authority).subject, loaded
    moment = datetime.datetime.fromtimestamp(int(now), datetime.UTC)
    made = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(moment - datetime.timedelta(minutes=5))
            .not_valid_after(moment + datetime.timedelta(days=LIFETIME))
            .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(signing, hashes.SHA256()))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                serialization.NoEncryption())
    return Identity(made.public_bytes(serialization.Encoding.PEM), private, authority, server)


def _general(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
