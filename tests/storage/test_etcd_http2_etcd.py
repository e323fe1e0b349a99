"""Our own HTTP/2 against real members of etcd."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import etcd_server
import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from etcd_http2_peer import METADATA, channel_to
from etcd_tests import needs_etcd

from orlop.storage.errors import CannotOpen
from orlop.storage.etcd_endpoint import Endpoint
from orlop.storage.etcd_error import EtcdError
from orlop.storage.etcd_http2_channel import Channel
from orlop.storage.etcd_http2_dial import way_to
from orlop.storage.etcd_messages import METHODS, Messages
from orlop.storage.etcd_options import EtcdTls

pytestmark = needs_etcd
M = Messages()
MIB = 1 << 20
TIMEOUT = 20.0


async def put(channel: Channel, key: bytes, value: bytes) -> int:
    request = M.TxnRequest(success=[M.RequestOp(put=M.PutRequest(key=key, value=value))])
    raw = await channel.call(METHODS["Txn"][0], request.SerializeToString(), TIMEOUT, METADATA)
    return int(M.TxnResponse.FromString(raw).header.revision)


async def read(channel: Channel, begin: bytes, end: bytes = b"") -> list[bytes]:
    request = M.RangeRequest(key=begin, range_end=end).SerializeToString()
    raw = await channel.call(METHODS["Range"][0], request, TIMEOUT, METADATA)
    return [kv.value for kv in M.RangeResponse.FromString(raw).kvs]


def play(scene: Callable[[Channel], Awaitable[None]], channel: Callable[[], Channel] | None = None) -> None:
    async def one() -> None:
        one = channel() if channel else channel_to(etcd_server.shared().members[0].port)
        try:
            async with asyncio.timeout(60):
                await scene(one)
        finally:
            await one.close()

    uvloop.run(one())
    asyncio.run(one())


def test_many_calls() -> None:
    """A thousand at a time, each with its own answer."""

    async def scene(channel: Channel) -> None:
        revisions = await asyncio.gather(*(put(channel, b"/h2/many/%03d" % i, b"%d" % i) for i in range(1000)))
        assert len(set(revisions)) == 1000
        assert await read(channel, b"/h2/many/", b"/h2/many0") == [b"%d" % i for i in range(1000)]

    play(scene)


def test_large_values() -> None:
    """Values at etcd's limit, and what etcd says above it."""

    async def scene(channel: Channel) -> None:
        value = bytes(1_500_000)
        await asyncio.gather(*(put(channel, b"/h2/large/%d" % i, value) for i in range(4)))
        assert await read(channel, b"/h2/large/2") == [value]
        with pytest.raises(EtcdError, match="request is too large") as caught:
            await put(channel, b"/h2/large/0", bytes(1_600_000))
        assert not caught.value.transient
        assert len(await read(channel, b"/h2/large/0")) == 1

    play(scene)


def test_large_answer() -> None:
    """20 MB, while small calls go on."""

    async def scene(channel: Channel) -> None:
        for i in range(20):
            await put(channel, b"/h2/range/%02d" % i, b"%c" % i * MIB)
        whole, *small = await asyncio.gather(
            read(channel, b"/h2/range/", b"/h2/range0"), *(read(channel, b"/h2/nothing") for _ in range(20))
        )
        assert [(value[:1], len(value)) for value in whole] == [(b"%c" % i, MIB) for i in range(20)]
        assert small == [[]] * 20

    play(scene)


def test_errors() -> None:
    """etcd's own words arrive."""

    async def scene(channel: Channel) -> None:
        request = M.RangeRequest(key=b"/h2/x", revision=1 << 40).SerializeToString()
        with pytest.raises(EtcdError) as caught:
            await channel.call(METHODS["Range"][0], request, TIMEOUT, METADATA)
        assert (caught.value.code, caught.value.future) == ("OUT_OF_RANGE", True)
        with pytest.raises(EtcdError) as caught:
            await channel.call("/etcdserverpb.KV/Nonsense", b"", TIMEOUT, METADATA)
        assert caught.value.code == "UNIMPLEMENTED"

    play(scene)


def test_watch() -> None:
    """Events in order, also those larger than a frame; an end when it is cancelled."""

    async def scene(channel: Channel) -> None:
        stream = await channel.stream(METHODS["Watch"][0], TIMEOUT, METADATA)
        create = M.WatchCreate(key=b"/h2/watch/", range_end=b"/h2/watch0", prev_kv=True, fragment=True)
        stream.write(M.WatchRequest(create=create).SerializeToString())
        assert M.WatchResponse.FromString(await stream.read()).created
        sizes = [1, 100_000, 5, 1_200_000, 1_200_000, 7] * 3
        for size in sizes:
            await put(channel, b"/h2/watch/a", bytes(size))
        seen: list[int] = []
        while len(seen) < len(sizes):
            seen += [len(event.kv.value) for event in M.WatchResponse.FromString(await stream.read()).events]
        assert seen == sizes
        stream.cancel()
        assert await read(channel, b"/h2/watch/a") == [bytes(7)]

    play(scene)


def test_member_killed_and_back(tmp_path: Path) -> None:
    """Calls and streams under way fail at once; while it is away, surely not applied; when it is back, all is well."""
    with etcd_server.Cluster(tmp_path) as cluster:
        member = cluster.members[0]

        async def scene(channel: Channel) -> None:
            await put(channel, b"/h2/a", b"1")
            stream = await channel.stream(METHODS["Watch"][0], TIMEOUT, METADATA)
            waiting = asyncio.ensure_future(stream.read())
            member.kill()
            with pytest.raises(EtcdError) as caught:
                await waiting
            assert caught.value.code == "UNAVAILABLE"
            with pytest.raises(EtcdError) as caught:
                await put(channel, b"/h2/a", b"2")
            assert (caught.value.code, caught.value.perhaps_applied) == ("UNAVAILABLE", False)
            member.start()
            while True:
                try:
                    await put(channel, b"/h2/a", b"3")
                    break
                except EtcdError as error:
                    assert error.transient
                    await asyncio.sleep(0.05)
            assert await read(channel, b"/h2/a") == [b"3"]

        play(scene, lambda: channel_to(member.port))


def _certificate(
    directory: Path, name: str, ca: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """`name`.pem and `name`.key; signed by `ca`, or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(
        ca[0].subject if ca else subject, subject, key.public_key(), x509.random_serial_number(),
        now - datetime.timedelta(days=1), now + datetime.timedelta(days=1),
    ).add_extension(x509.BasicConstraints(ca is None, None), critical=True)  # fmt: skip
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
    made = builder.sign(ca[1] if ca else key, hashes.SHA256())
    (directory / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (directory / f"{name}.key").write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))
    return made, key


def test_tls(tmp_path: Path) -> None:
    """With a CA and our certificate it works, large answers too; without the certificate, or with another CA, no call
    is sent."""
    ca = _certificate(tmp_path, "ca", None)
    for name in ("server", "client"):
        _certificate(tmp_path, name, ca)
    _certificate(tmp_path, "other", None)
    files = {name: str(tmp_path / name) for name in ("ca.pem", "client.pem", "client.key", "other.pem")}
    options = (
        "--cert-file", str(tmp_path / "server.pem"), "--key-file", str(tmp_path / "server.key"),
        "--client-cert-auth", "--trusted-ca-file", files["ca.pem"],
    )  # fmt: skip
    with etcd_server.Cluster(tmp_path, options=options, scheme="https") as cluster:

        async def scene() -> None:
            name = cluster.endpoints[0]
            good = Endpoint(name, EtcdTls(files["ca.pem"], files["client.pem"], files["client.key"]), M)
            for i in range(3):
                txn = M.TxnRequest(success=[M.RequestOp(put=M.PutRequest(key=b"/%d" % i, value=bytes(MIB)))])
                await good.call("Txn", txn.SerializeToString(), TIMEOUT, METADATA)
            whole = M.RangeRequest(key=b"/", range_end=b"0")
            answers = await asyncio.gather(*(good.call("Range", whole, TIMEOUT, METADATA) for _ in range(5)))
            assert {len(answer.kvs) for answer in answers} == {3}
            await good.close()
            for tls in (EtcdTls(files["ca.pem"]), EtcdTls(files["other.pem"])):
                bad = Endpoint(name, tls, M)
                with pytest.raises(EtcdError) as caught:
                    await bad.call("Range", whole, TIMEOUT, METADATA)
                assert (caught.value.code, caught.value.perhaps_applied) == ("UNAVAILABLE", False)
                await bad.close()

        uvloop.run(scene())
        asyncio.run(scene())


def test_tls_without_http2(tmp_path: Path) -> None:
    """A server of TLS that does not agree to HTTP/2 is not sent anything."""
    _certificate(tmp_path, "server", _certificate(tmp_path, "ca", None))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")

    async def scene() -> None:
        server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context)
        name = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        endpoint = Endpoint(name, EtcdTls(str(tmp_path / "ca.pem")), M)
        with pytest.raises(EtcdError, match="does not speak HTTP/2"):
            await endpoint.call("Range", M.RangeRequest(key=b"a"), TIMEOUT, METADATA)
        await endpoint.close()
        server.close()

    uvloop.run(scene())
    asyncio.run(scene())


@pytest.mark.parametrize(
    ("name", "authority", "host", "port", "path"),
    [
        ("http://10.0.0.1:2379", "10.0.0.1:2379", "10.0.0.1", 2379, ""),
        ("etcd.local", "etcd.local:2379", "etcd.local", 2379, ""),
        ("http://[::1]:1234/", "[::1]:1234", "::1", 1234, ""),
        ("unix:///run/etcd.sock", "localhost", "", 0, "/run/etcd.sock"),
    ],
)
def test_names(name: str, authority: str, host: str, port: int, path: str) -> None:
    """Where the names of members lead."""
    way = way_to(name, EtcdTls())
    assert (way.authority, way.host, way.port, way.path, way.tls) == (authority, host, port, path, None)


@pytest.mark.parametrize("name", ["ftp://a:1", "http://a:1/path", "http://a:99999", "http://", "http://:2379"])
def test_wrong_names(name: str) -> None:
    """What is no name of a member is refused with the form of one."""
    with pytest.raises(CannotOpen, match="http://host:port"):
        way_to(name, EtcdTls())


def test_wrong_files(tmp_path: Path) -> None:
    """Files that are missing or no certificates are named."""
    (tmp_path / "empty.pem").write_text("")
    _certificate(tmp_path, "ca", None)
    for tls, named in (
        (EtcdTls(ca=str(tmp_path / "absent.pem")), "absent.pem"),
        (EtcdTls(ca=str(tmp_path / "empty.pem")), "empty.pem"),
        (EtcdTls(str(tmp_path / "ca.pem"), str(tmp_path / "empty.pem")), "empty.pem"),
        (EtcdTls(str(tmp_path / "ca.pem"), str(tmp_path / "gone.pem")), "gone.pem"),
    ):
        with pytest.raises(CannotOpen, match=named):
            way_to("https://a:1", tls)


def test_unix_socket(tmp_path: Path) -> None:
    """etcd on a unix socket."""
    path = tmp_path / "s"
    port = etcd_server.shared().members[0].port

    async def scene() -> None:
        async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there, back = await asyncio.open_connection("127.0.0.1", port)

            async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
                while data := await source.read(65536):
                    target.write(data)
                target.close()

            await asyncio.gather(copy(reader, back), copy(there, writer))

        server = await asyncio.start_unix_server(pipe, path)
        endpoint = Endpoint(f"unix://{path}", EtcdTls(), M)
        assert (await endpoint.call("Status", M.StatusRequest(), TIMEOUT, METADATA)).version
        await endpoint.close()
        server.close()

    asyncio.run(scene())
    path.unlink(missing_ok=True)
    uvloop.run(scene())
