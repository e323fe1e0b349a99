"""The certificates and keys of one server: made at the first start, renewed when they expire (RFC 5280).

`data_dir` calls `ensure_credentials` at every start. A CA signs the serving certificate and the
administrator's client certificate; a separate key signs service-account tokens. All keys are ECDSA P-256.
File names and the CA's shape follow kubeadm where it has them.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from orlop.server.files import PRIVATE, PUBLIC, DataDirError, read_file

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey as Key

CA_LIFETIME: Final = 3650
"""Days."""
LIFETIME: Final = 365
"""Days that the CA's certificates live."""
RENEW_BEFORE: Final = 30
"""Days before the end of its life in which a certificate is renewed at a start."""
CLOCK_SKEW: Final = 300
"""Seconds that certificates are valid before they are made, for clients whose clock is slow."""

SERVER_NAMES: Final = ("localhost", "127.0.0.1", "::1", "kubernetes", "kubernetes.default",
                       "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
"""What every serving certificate is good for."""

ADMIN_USER: Final = "orlop-admin"
ADMIN_GROUP: Final = "system:masters"
KUBELET_CLIENT: Final = "kubelet-client"
"""Name of the files with which the server shows itself to kubelets."""
KUBELET_USER: Final = "kube-apiserver-kubelet-client"

FilesToWrite: TypeAlias = dict[str, tuple[bytes, int]]
"""(content, mode) by name, keys before their certificates."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Paths for what OpenSSL reads from files, PEM texts for the rest."""

    ca_file: Path
    certificate_file: Path
    key_file: Path
    ca_certificate: bytes
    admin_certificate: bytes
    admin_key: bytes
    service_account_key: bytes
    service_account_public_key: bytes


@dataclass(frozen=True, slots=True)
class _Pair:
    """A certificate and its key, parsed and as PEM."""

    certificate: x509.Certificate
    key: Key
    certificate_pem: bytes
    key_pem: bytes


def ensure_credentials(directory: Path, now: float, addresses: Sequence[str],
                       files: FilesToWrite) -> Credentials:
    """Everything, made or renewed where needed; what is new goes into `files`, for the caller to write.
    Raises DataDirError naming a file that cannot be used."""
    moment = datetime.datetime.fromtimestamp(int(now), datetime.UTC)
    names = tuple(dict.fromkeys((*SERVER_NAMES, *addresses)))
    authority, fresh = _authority(directory, moment, files)

    def leaf(name: str, subject: x509.Name, good_for: Sequence[str]) -> _Pair:
        found = None if fresh else _usable_leaf(directory, name, authority, moment, good_for)
        return found or _new_leaf(name, authority, moment, files, subject, good_for)

    leaf("server", _name("orlop"), names)
    admin = leaf("admin", _name(ADMIN_USER, ADMIN_GROUP), ())
    leaf(KUBELET_CLIENT, _name(KUBELET_USER, ADMIN_GROUP), ())
    signing, public = _signing_key(directory, files)
    return Credentials(directory / "ca.crt", directory / "server.crt", directory / "server.key",
                       authority.certificate_pem, admin.certificate_pem, admin.key_pem, signing, public)


def _authority(directory: Path, now: datetime.datetime, files: FilesToWrite) -> tuple[_Pair, bool]:
    """The CA, and whether it is new, so that nothing signed by another one is any good."""
    key, key_pem = _load_key(directory / "ca.key")
    certificate, pem = _load_certificate(directory / "ca.crt")
    if certificate is not None and key is None:
        raise DataDirError(f"{directory / 'ca.key'} is missing, but {directory / 'ca.crt'} is there")
    if certificate is not None and key is not None:
        if certificate.public_key() != key.public_key():
            raise DataDirError(f"{directory / 'ca.crt'} does not belong to {directory / 'ca.key'}")
        if _lives(certificate, now):
            return _Pair(certificate, key, pem, key_pem), False
    if key is None:
        key, key_pem = _new_key()
        files["ca.key"] = (key_pem, PRIVATE)
    certificate = _certificate(key, _name("orlop-ca"), None, now, CA_LIFETIME)
    pem = _pem(certificate)
    files["ca.crt"] = (pem, PUBLIC)
    return _Pair(certificate, key, pem, key_pem), True


def _usable_leaf(directory: Path, name: str, authority: _Pair, now: datetime.datetime,
                 names: Sequence[str]) -> _Pair | None:
    """The certificate of that name with its key, if it is there and still serves."""
    key, key_pem = _load_key(directory / f"{name}.key")
    certificate, pem = _load_certificate(directory / f"{name}.crt")
    if key is None or certificate is None or certificate.public_key() != key.public_key():
        return None
    if not (_lives(certificate, now) and _signed_by(certificate, authority) and _covers(certificate, names)):
        return None
    return _Pair(certificate, key, pem, key_pem)


def _new_leaf(name: str, authority: _Pair, now: datetime.datetime, files: FilesToWrite, subject: x509.Name,
              names: Sequence[str]) -> _Pair:
    key, key_pem = _new_key()
    certificate = _certificate(key, subject, authority, now, LIFETIME, names=names)
    pem = _pem(certificate)
    files[f"{name}.key"] = (key_pem, PRIVATE)
    files[f"{name}.crt"] = (pem, PUBLIC)
    return _Pair(certificate, key, pem, key_pem)


def _signing_key(directory: Path, files: FilesToWrite) -> tuple[bytes, bytes]:
    """The private and public PEM of the key that signs tokens. Never renewed: that would end all tokens.
    Whether an existing one is a key, the token signer finds out when it is first used."""
    private, public = read_file(directory / "sa.key"), read_file(directory / "sa.pub")
    if private is not None and b"PRIVATE KEY" not in private:
        raise DataDirError(f"{directory / 'sa.key'} holds no private key")
    if private is not None and public is not None and b"PUBLIC KEY" in public:
        return private, public
    key: Key | None
    if private is None:
        key, private = _new_key()
        files["sa.key"] = (private, PRIVATE)
    else:
        key, private = _load_key(directory / "sa.key")
        assert key is not None  # it was just read
    public = _public_pem(key)
    files["sa.pub"] = (public, PUBLIC)
    return private, public


def _new_key() -> tuple[Key, bytes]:
    from cryptography.hazmat.primitives import serialization as formats
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    return key, key.private_bytes(formats.Encoding.PEM, formats.PrivateFormat.TraditionalOpenSSL,
                                  formats.NoEncryption())


def _public_pem(key: Key) -> bytes:
    from cryptography.hazmat.primitives import serialization as formats

    return key.public_key().public_bytes(formats.Encoding.PEM, formats.PublicFormat.SubjectPublicKeyInfo)


def _pem(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _load_key(path: Path) -> tuple[Key | None, bytes]:
    content = read_file(path)
    if content is None:
        return None, b""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(content, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise DataDirError(f"{path} is no unencrypted private key in PEM form") from error
    if not isinstance(key, EllipticCurvePrivateKey):
        raise DataDirError(f"{path} is no elliptic-curve key")
    return key, content


def _load_certificate(path: Path) -> tuple[x509.Certificate | None, bytes]:
    content = read_file(path)
    if content is None:
        return None, b""
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(content), content
    except ValueError as error:
        raise DataDirError(f"{path} is no certificate in PEM form") from error


def _lives(certificate: x509.Certificate, now: datetime.datetime) -> bool:
    end = now + datetime.timedelta(days=RENEW_BEFORE)
    return certificate.not_valid_before_utc <= now and end < certificate.not_valid_after_utc


def _signed_by(certificate: x509.Certificate, authority: _Pair) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        certificate.verify_directly_issued_by(authority.certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _covers(certificate: x509.Certificate, names: Sequence[str]) -> bool:
    """Whether the certificate is good for all names and addresses."""
    if not names:
        return True
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    return set(_general_names(names)) <= set(found)


def _general_names(names: Sequence[str]) -> list[x509.GeneralName]:
    from cryptography import x509

    out: list[x509.GeneralName] = []
    for name in names:
        try:
            out.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            out.append(x509.DNSName(name if name.isascii() else name.encode("idna").decode()))
    return out


def _name(common_name: str, organization: str = "") -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


def _certificate(key: Key, subject: x509.Name, authority: _Pair | None, now: datetime.datetime,
                 days: int, *, names: Sequence[str] = ()) -> x509.Certificate:
    """A certificate signed by the CA: for a server when it has names, else for a client. Without a CA: the
    CA."""
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509.oid import ExtendedKeyUsageOID

    is_authority = authority is None
    issuer = subject if authority is None else authority.certificate.subject
    issuer_key = key if authority is None else authority.key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(seconds=CLOCK_SKEW))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        .add_extension(_usage(is_authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
                       critical=False)
    )
    if not is_authority:
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if names else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(_general_names(names)), critical=False)
    return builder.sign(issuer_key, SHA256())


def _usage(is_authority: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=is_authority, crl_sign=is_authority, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False)
