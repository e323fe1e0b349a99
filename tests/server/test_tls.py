"""TLS: client certificates, versions, ALPN, and that everything else works as in the clear."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from listener_wire import Seen, get, on_loop, post, site
from test_channel import Streams

from orlop.api.http import Frame, Response
from orlop.server.tls import server_context


def _key_usage(ca: bool) -> x509.KeyUsage:
    """What Python 3.13 wants to see: it checks chains strictly."""
    return x509.KeyUsage(digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, content_commitment=False,
                         key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
                         decipher_only=False)


@dataclass
class Authority:
    """A throw-away CA that writes what it issues into one directory."""

    place: Path
    name: str

    def __post_init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        self.certificate = self._sign(self.subject, self.key, ca=True)
        self.path = self.place / f"{self.name}.crt"
        self.path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, ca: bool = False) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        usage = [ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]
        builder = (
            x509.CertificateBuilder().subject_name(subject).issuer_name(self.subject).public_key(key.public_key())
            .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
            .add_extension(_key_usage(ca), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
        )  # fmt: skip
        if not ca:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, name: str) -> tuple[Path, Path, bytes]:
        """(certificate, key, certificate in DER)"""
        key = ec.generate_private_key(ec.SECP256R1())
        made = self._sign(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), key)
        certificate, private = self.place / f"{name}.crt", self.place / f"{name}.key"
        certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        private.write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        return certificate, private, made.public_bytes(serialization.Encoding.DER)

    def client(self, name: str = "") -> ssl.SSLContext:
        """A client's context that trusts this CA, with a certificate of its own when named."""
        context = ssl.create_default_context(cafile=self.path)
        if name:
            certificate, key, _ = self.issue(name)
            context.load_cert_chain(certificate, key)
        return context


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    yield Authority(tmp_path_factory.mktemp("tls"), "ca")


@pytest.fixture(scope="module")
def context(authority: Authority) -> ssl.SSLContext:
    certificate, key, _ = authority.issue("serving")
    return server_context(certificate, key, [authority.path])


def options(client: ssl.SSLContext) -> dict[str, object]:
    return {"ssl": client, "server_hostname": "localhost"}


@on_loop
async def test_without_and_with_a_client_certificate(authority: Authority, context: ssl.SSLContext) -> None:
    """A verified client certificate is on every request of its connection; without one there is None."""
    seen = Seen()
    async with site(seen, ssl_context=context) as here:
        client = authority.client()
        client.set_alpn_protocols(["h2", "http/1.1"])
        wire = await here.connect(**options(client))
        assert wire.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        wire.send(get("/anonymous"))
        assert (await wire.answer()).status == 200
        certificate, key, der = authority.issue("alice")
        client = authority.client()
        client.load_cert_chain(certificate, key)
        for _ in range(2):  # the second connection may resume the session of the first
            wire = await here.connect(**options(client))
            for _ in range(2):
                wire.send(get("/alice"))
                await wire.answer()
            wire.send(post(b"x", path="/alice"))
            await wire.answer()
    assert seen.requests[0].peer_certificate is None
    assert [r.peer_certificate for r in seen.requests[1:]] == [der] * 6


@on_loop
async def test_a_certificate_nobody_vouches_for(authority: Authority, context: ssl.SSLContext, tmp_path: Path) -> None:
    """A client certificate of another CA does not get through the handshake, and others are not disturbed."""
    stranger = Authority(tmp_path, "stranger").issue("mallory")
    client = authority.client()
    client.load_cert_chain(*stranger[:2])
    seen = Seen()
    async with site(seen, ssl_context=context) as here:
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            reader, writer = await asyncio.open_connection("127.0.0.1", here.port, **options(client))
            writer.write(get())
            await reader.readexactly(1)
        wire = await here.connect(**options(authority.client()))
        wire.send(get("/fine"))
        assert (await wire.answer()).status == 200
    assert [r.path for r in seen.requests] == ["/fine"]


@on_loop
async def test_old_versions_are_refused(authority: Authority, context: ssl.SSLContext) -> None:
    """TLS 1.1 is not spoken, TLS 1.2 is."""
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    client = authority.client()
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    async with site(Seen(), ssl_context=context) as here:
        wire = await here.connect(**options(client))
        wire.send(get())
        assert (await wire.answer()).status == 200


@on_loop
async def test_large_answers_refusals_and_streams_over_tls(authority: Authority, context: ssl.SSLContext) -> None:
    """Over TLS large answers arrive whole, refusals are read, streams end cleanly, a drain lets idle ones go."""
    large = [bytes(100_000)] * 100
    streams = Streams()
    async with site(lambda r: Response(200, large) if r.path == "/large" else streams(r), ssl_context=context) as here:
        client = authority.client()
        wire = await here.connect(**options(client))
        for _ in range(3):
            wire.send(get("/large"))
            assert len((await wire.answer()).body) == 10_000_000
        last = await here.connect(**options(client))
        last.send(get("/large", "Connection: close"))
        assert len((await last.answer()).body) == 10_000_000 and await last.rest() == b""
        bad = await here.connect(**options(client))
        bad.send(get("/", "Content-Length: 9999999", method="POST") + bytes(200_000))
        assert (await bad.answer()).status == 413
        stream = await here.connect(**options(client))
        stream.send(get("/stream"))
        await stream.head()
        streams.channels[0].write(Frame(b"event"))
        assert await stream.chunk() == b"event"
        await here.listener.drain(10)
        assert await stream.chunk() == b"" and await stream.rest() == b"" and await wire.rest() == b""


@on_loop
async def test_slow_readers_over_tls_hold_back_the_answer(authority: Authority, context: ssl.SSLContext) -> None:
    """Over TLS, too, a client that does not read gets only a bounded part into our buffers, and is cut later."""
    async with site(lambda r: Response(200, [bytes(64 << 10)] * 2000), ssl_context=context) as here:
        wire = await here.connect(limit=1024, **options(authority.client()))
        wire.send(get())
        await wire.head()
        sent = await here.rest(lambda: here.listener.counters.bytes_out)
        assert sent < 60 << 20
        here.later(60)
        await here.until(lambda: here.listener.counters.open == 0)


@on_loop
async def test_plain_clients_at_the_tls_port(context: ssl.SSLContext) -> None:
    """Somebody who speaks HTTP in the clear is cut."""
    async with site(Seen(), ssl_context=context) as here:
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(get())
        try:
            assert b"HTTP/1.1 200" not in await reader.read()
        except ConnectionError:
            pass
        writer.close()


def test_without_client_cas_no_certificate_is_asked_for(authority: Authority) -> None:
    """Without a CA for clients the server does not ask for certificates."""
    certificate, key, _ = authority.issue("plain")
    assert server_context(certificate, key).verify_mode == ssl.CERT_NONE
