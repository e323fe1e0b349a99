"""The data directory: what the first start makes, what later starts keep or renew, and who may use it."""

from __future__ import annotations

import base64
import os
import ssl
import stat
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from orlop.server.data_dir import DataDir, DataDirLock
from orlop.server.files import DataDirError
from orlop.world.clock import ManualClock, SystemClock

DAY = 86400
ADDRESSES = ("10.0.0.1", "192.0.2.7", "box")


def opened(path: Path, clock: ManualClock | None = None, addresses: tuple[str, ...] = ADDRESSES) -> DataDir:
    found = DataDir(path / "data")
    found.make()
    found.open(clock or ManualClock(), addresses)
    return found


def certificate(directory: DataDir, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((directory.path / name).read_bytes())


def contents(directory: DataDir) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.path.iterdir()}


def test_first_start_makes_everything(tmp_path: Path) -> None:
    """All files are there, private ones for the owner alone, and nothing temporary is left."""
    found = opened(tmp_path)
    found.write_kubeconfig("https://127.0.0.1:6443")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in found.path.iterdir()}
    assert modes == {
        "ca.crt": 0o644, "ca.key": 0o600, "server.crt": 0o644, "server.key": 0o600, "admin.crt": 0o644,
        "admin.key": 0o600, "kubelet-client.crt": 0o644, "kubelet-client.key": 0o600,
        "sa.key": 0o600, "sa.pub": 0o644, "admin.token": 0o600, "admin.kubeconfig": 0o600}
    assert stat.S_IMODE(found.path.stat().st_mode) == 0o700


def test_serving_certificate(tmp_path: Path) -> None:
    """Signed by the CA, for a server, good for the usual names and the given addresses."""
    found = opened(tmp_path)
    server, authority = certificate(found, "server.crt"), certificate(found, "ca.crt")
    server.verify_directly_issued_by(authority)
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [
        "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local", "box"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == [
        "127.0.0.1", "::1", "10.0.0.1", "192.0.2.7"]
    usage = server.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


def test_administrator_certificate(tmp_path: Path) -> None:
    """The administrator is orlop-admin in system:masters, for a client."""
    admin = certificate(opened(tmp_path), "admin.crt")
    assert [(a.oid, a.value) for a in admin.subject] == [
        (NameOID.ORGANIZATION_NAME, "system:masters"), (NameOID.COMMON_NAME, "orlop-admin")]
    usage = admin.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]


def test_tls_handshake_with_both_certificates(tmp_path: Path) -> None:
    """OpenSSL accepts the pair, also with its strict rules: server for localhost, client for the CA."""
    found = DataDir(tmp_path / "now")
    found.make()
    found.open(SystemClock(), ADDRESSES)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(found.credentials.certificate_file, found.credentials.key_file)
    server.load_verify_locations(found.credentials.ca_file)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context(cafile=str(found.credentials.ca_file))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    client.load_cert_chain(found.path / "admin.crt", found.path / "admin.key")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (client.wrap_bio(to_client, to_server, server_hostname="localhost"),
            server.wrap_bio(to_server, to_client, server_side=True))
    finished = [False, False]
    for _ in range(6):
        for index, end in enumerate(ends):
            try:
                end.do_handshake()
                finished[index] = True
            except ssl.SSLWantReadError:
                pass
    assert finished == [True, True]
    assert ends[1].getpeercert(True) == ssl.PEM_cert_to_DER_cert((found.path / "admin.crt").read_text())


def test_later_starts_change_nothing(tmp_path: Path) -> None:
    """What serves is kept, byte for byte."""
    first = opened(tmp_path)
    before = contents(first)
    second = opened(tmp_path)
    assert contents(second) == before
    assert second.credentials == first.credentials
    assert second.admin_token == first.admin_token == before["admin.token"].decode().strip()


def test_new_address_renews_the_serving_certificate_alone(tmp_path: Path) -> None:
    """An address the certificate lacks makes a new one; a lost one does not."""
    before = contents(opened(tmp_path))
    after = contents(opened(tmp_path, addresses=(*ADDRESSES, "2001:db8::1")))
    assert {name for name in after if after[name] != before[name]} == {"server.crt", "server.key"}
    assert contents(opened(tmp_path, addresses=("10.0.0.1",))) == after


def test_expiry(tmp_path: Path) -> None:
    """Certificates are renewed in time, the CA with its key kept; tokens' keys never change."""
    clock = ManualClock()
    before = contents(opened(tmp_path, clock))
    clock.advance(330 * DAY)
    assert contents(opened(tmp_path, clock)) == before
    clock.advance(6 * DAY)
    leaves = contents(opened(tmp_path, clock))
    assert {name for name in leaves if leaves[name] != before[name]} == {
        "server.crt", "server.key", "admin.crt", "admin.key", "kubelet-client.crt", "kubelet-client.key"}
    clock.advance(3650 * DAY)
    renewed = opened(tmp_path, clock)
    after = contents(renewed)
    assert {name for name in after if after[name] == leaves[name]} == {
        "ca.key", "sa.key", "sa.pub", "admin.token"}
    certificate(renewed, "server.crt").verify_directly_issued_by(certificate(renewed, "ca.crt"))


def test_lost_halves_are_made_again(tmp_path: Path) -> None:
    """A certificate without key, a key without certificate, a missing public key: made anew."""
    found = opened(tmp_path)
    authority, signing = (found.path / "ca.key").read_bytes(), (found.path / "sa.pub").read_bytes()
    for name in ("ca.crt", "server.key", "admin.crt", "sa.pub", "admin.token"):
        (found.path / name).unlink()
    found = opened(tmp_path)
    assert (found.path / "ca.key").read_bytes() == authority
    assert (found.path / "sa.pub").read_bytes() == signing
    certificate(found, "admin.crt").verify_directly_issued_by(certificate(found, "ca.crt"))


@pytest.mark.parametrize(("name", "content", "text"), [
    ("ca.crt", b"x", "no certificate"), ("ca.key", b"x", "no unencrypted private key"),
    ("server.crt", b"", "no certificate"), ("admin.key", b"\xff", "no unencrypted private key"),
    ("sa.key", b"x", "no private key"), ("admin.token", b"\n", "no token"),
])
def test_corrupt_files_are_named(tmp_path: Path, name: str, content: bytes, text: str) -> None:
    """A file that is not what it should be stops the start, and the error says which."""
    path = opened(tmp_path).path / name
    path.write_bytes(content)
    with pytest.raises(DataDirError) as caught:
        opened(tmp_path)
    assert str(path) in str(caught.value)
    assert text in str(caught.value)


def test_mismatched_authority_is_named(tmp_path: Path) -> None:
    """A CA certificate without its key, or with another one, stops the start."""
    found = opened(tmp_path)
    (found.path / "ca.key").write_bytes((found.path / "sa.key").read_bytes())
    with pytest.raises(DataDirError, match=r"ca\.crt does not belong to .*ca\.key"):
        opened(tmp_path)
    (found.path / "ca.key").unlink()
    with pytest.raises(DataDirError, match=r"ca\.key is missing"):
        opened(tmp_path)


def test_unusable_directory_is_named(tmp_path: Path) -> None:
    """A file where the directory should be, or where a credential should be read, is told."""
    (tmp_path / "data").write_text("")
    with pytest.raises(DataDirError, match=str(tmp_path / "data")):
        DataDir(tmp_path / "data").make()
    other = DataDir(tmp_path / "other")
    other.make()
    (other.path / "ca.key").mkdir()
    with pytest.raises(DataDirError, match=r"cannot read .*ca\.key"):
        other.open(ManualClock(), ())


def test_kubeconfig(tmp_path: Path) -> None:
    """It holds the URL of this start and the administrator's certificate."""
    found = opened(tmp_path)
    path = found.write_kubeconfig("https://127.0.0.1:1234")
    found.write_kubeconfig("https://127.0.0.1:4321")
    config = yaml.safe_load(path.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    assert cluster["server"] == "https://127.0.0.1:4321"
    assert base64.b64decode(cluster["certificate-authority-data"]) == found.credentials.ca_certificate
    assert base64.b64decode(user["client-certificate-data"]) == found.credentials.admin_certificate
    serialization.load_pem_private_key(base64.b64decode(user["client-key-data"]), None)
    assert config["current-context"] == config["contexts"][0]["name"]


def test_second_server_is_refused(tmp_path: Path) -> None:
    """The lock names the process that holds it, and is free again after that."""
    found = opened(tmp_path)
    with DataDirLock(found.path):
        with pytest.raises(DataDirError, match=rf"in use by another server \(process {os.getpid()}\)"):
            DataDirLock(found.path).acquire()
        with pytest.raises(DataDirError):
            DataDirLock(found.path).acquire()
    second = DataDirLock(found.path)
    second.acquire()
    second.release()
    second.release()


def test_keys_say_what_they_are(tmp_path: Path) -> None:
    """Clients that do not look into a key (fabric8) go by its first line, and take the general form for RSA."""
    found = opened(tmp_path)
    for name in ("admin.key", "server.key", "sa.key", "ca.key"):
        assert (found.path / name).read_bytes().startswith(b"-----BEGIN EC PRIVATE KEY-----")
