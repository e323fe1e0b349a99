"""Proxies: requests passed on to kubelets and pods, answers passed back."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from kubelet_site import cluster
from listener_wire import Site, get, on_loop, site

from orlop.api.errors import APIError
from orlop.api.http import Answer, Channel, Frame, RawConnection, Request, Response, Stream, Upgrade
from orlop.kinds.kubelet import Location
from orlop.server import kubelet_html
from orlop.server.kubelet_client import PodTransport
from orlop.server.kubelet_request import target, url

BEFORE = "/api/v1/namespaces/default/pods/p/proxy"


@asynccontextmanager
async def chain(backend: Any) -> AsyncIterator[tuple[Site, Site, PodTransport]]:
    """A listener that passes everything on to another one, as the pods' proxy does."""
    async with site(backend) as behind:
        transport = PodTransport()

        def front(request: Request) -> Any:
            path = request.path.removeprefix(BEFORE)
            return transport.relay(Location("http", "127.0.0.1", str(behind.port), path, request.query), request)

        async def caught(request: Request) -> Answer:
            try:
                return await front(request)
            except APIError as error:
                return Response(error.code, orjson.dumps(error.status()))

        async with site(caught) as here:
            yield here, behind, transport
        await transport.close()


def echo(request: Request) -> Answer:
    return Response(200, orjson.dumps({
        "method": request.method, "target": f"{request.raw_path}?{request.query}", "body": request.body.decode(),
        "headers": {name.lower(): value for name, value in request.header_list}}),
        "application/json", (("X-Own", "1"), ("X-Own", "2"), ("Access-Control-Allow-Origin", "*"),
                             ("Keep-Alive", "5")))


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_methods(method: str) -> None:
    """Method, path, query, headers and body go through; hop-by-hop headers and credentials do not."""
    @on_loop
    async def run() -> None:
        async with chain(echo) as (here, _, transport):
            wire = await here.connect()
            wire.send((f"{method} {BEFORE}/a%20b/c;d?q=1&q=%2F HTTP/1.1\r\nHost: outside:1\r\n"
                       "Authorization: Bearer x\r\nImpersonate-User: y\r\nConnection: X-Hop\r\nX-Hop: 1\r\n"
                       "X-Kept: 2\r\nX-Forwarded-For: 9.9.9.9\r\nContent-Length: 4\r\n\r\nbody").encode())
            text = (await wire.reader.readuntil(b"\r\n\r\n")).decode()
            assert "X-Own: 1\r\nX-Own: 2" in text and "Access-Control" not in text and "Keep-Alive" not in text
            size = int(text.split("Content-Length: ")[1].split("\r\n")[0])
            got = json.loads(await wire.reader.readexactly(size))
            assert (got["method"], got["target"], got["body"]) == (method, "/a%20b/c;d?q=1&q=%2F", "body")
            headers = got["headers"]
            assert not {"authorization", "impersonate-user", "x-hop", "connection"} & headers.keys()
            assert headers["host"] == "outside:1" and headers["x-kept"] == "2"
            assert headers["x-forwarded-for"] == "9.9.9.9, 127.0.0.1"
            assert headers["x-forwarded-uri"] == f"{BEFORE}/a%20b/c;d"
            assert transport.pool.open == 1
    run()


@on_loop
async def test_nobody_listens() -> None:
    """The words are Go's."""
    async with chain(echo) as (here, behind, _):
        await behind.listener.drain(0.1)
        wire = await here.connect()
        wire.send(get(f"{BEFORE}/"))
        got = await wire.answer()
        assert got.status == 503
        assert orjson.loads(got.body)["message"] == (
            f"error trying to reach service: dial tcp 127.0.0.1:{behind.port}: connect: connection refused")


@on_loop
async def test_locations_lead_back_through_the_proxy() -> None:
    """Redirects to the same host are rewritten, others are left alone."""
    def backend(request: Request) -> Answer:
        return Response(302, b"", "", (("Location", request.query),))

    async with chain(backend) as (here, behind, _):
        for sent, expected in (("/x/", f"{BEFORE}/x/"), (f"http://127.0.0.1:{behind.port}/y?z", f"{BEFORE}/y?z"),
                               ("http://elsewhere/y", "http://elsewhere/y"), ("relative", "relative")):
            wire = await here.connect()
            wire.send(get(f"{BEFORE}/?{sent}"))
            assert (await wire.answer()).headers["location"] == expected


@on_loop
async def test_links_in_html() -> None:
    """Absolute links in tags lead through the proxy; scripts, comments and text stay. What was zipped for us alone is
    unzipped."""
    page = b'<!-- <a href="/no"> --><A HREF=/yes>x &amp; y</a><script src="/s">"<a href=/no>"</script><p title="/no">'
    rewritten = (f'<!-- <a href="/no"> --><a href="{BEFORE}/yes">x &amp; y</a><script src="{BEFORE}/s">'
                 '"<a href=/no>"</script><p title="/no">').encode()

    def backend(request: Request) -> Answer:
        zipped = (("Content-Encoding", "gzip"),) if "zip" in request.query else ()
        return Response(200, gzip.compress(page) if zipped else page, "text/html; charset=utf-8", zipped)

    async with chain(backend) as (here, *_):
        for query, asked in (("", ()), ("?zip", ()), ("?zip", ("Accept-Encoding: gzip",))):
            wire = await here.connect()
            wire.send(get(f"{BEFORE}/{query}", *asked))
            got = await wire.answer()
            assert (gzip.decompress(got.body) if asked else got.body) == rewritten
            assert got.headers.get("content-encoding", "") == ("gzip" if asked else "")


def test_deflated_page() -> None:
    """Raw deflate is taken apart and put together again."""
    import zlib

    packer = zlib.compressobj(wbits=-15)
    page = packer.compress(b"<img src='/a'>") + packer.flush()
    assert zlib.decompress(kubelet_html.rewrite(page, "deflate", lambda link: "/p" + link), -15) == b'<img src="/p/a">'


@on_loop
async def test_streams_both_kinds() -> None:
    """An answer of known length keeps it, one without is chunked, and both arrive piece by piece."""
    channels: list[Channel] = []

    def backend(request: Request) -> Answer:
        sized = (("Content-Length", str(1 << 20)),) if request.path.endswith("sized") else ()
        return Stream("application/octet-stream", channels.append, sized)

    async with chain(backend) as (here, _, transport):
        wire = await here.connect()
        wire.send(get(f"{BEFORE}/open"))
        head = await wire.head()
        assert head.headers["transfer-encoding"] == "chunked"
        for text in (b"one", b"two"):
            channels[0].write(Frame(text))
            assert await wire.chunk() == text
        channels[0].close()
        assert await wire.chunk() == b""
        wire.send(get(f"{BEFORE}/sized"))
        head = await wire.head()
        assert head.headers["content-length"] == str(1 << 20)
        channels[1].write(Frame(b"x" * (1 << 20)))
        channels[1].close()
        assert await wire.reader.readexactly(1 << 20) == b"x" * (1 << 20)
        wire.send(get(f"{BEFORE}/open"))
        await wire.head()
        assert transport.pool.open == 1
        gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        channels[2].on_lost = lambda: gone.set_result(None)
        wire.cut()
        await gone


@on_loop
async def test_answer_that_breaks_off() -> None:
    """The client sees the break, not a complete answer."""
    channels: list[Channel] = []

    async with chain(lambda request: Stream("text/plain", channels.append)) as (here, *_):
        wire = await here.connect()
        wire.send(get(f"{BEFORE}/"))
        await wire.head()
        channels[0].write(Frame(b"part"))
        assert await wire.chunk() == b"part"
        channels[0].abort()
        assert await wire.rest() == b""


@on_loop
async def test_head_has_the_length() -> None:
    """HEAD shows the length of what GET would bring."""
    async with chain(lambda request: Response(200, b"x" * 77, "text/plain")) as (here, *_):
        wire = await here.connect()
        wire.send(get(f"{BEFORE}/").replace(b"GET", b"HEAD"))
        got = await wire.answer("HEAD")
        assert got.headers["content-length"] == "77"
        wire.send(get(f"{BEFORE}/"))
        assert (await wire.answer()).body == b"x" * 77


@on_loop
async def test_upgrade_goes_through() -> None:
    """Any upgrade is handed over, with the other side's own headers."""
    def backend(request: Request) -> Answer:
        def take(raw: RawConnection, early: bytes) -> None:
            raw.on_data = lambda data: raw.write(data.upper())
        return Upgrade((("Upgrade", "own"), ("X-Theirs", "1")), take)

    async with chain(backend) as (here, _, transport):
        wire = await here.connect()
        wire.send(get(f"{BEFORE}/", "Connection: Upgrade", "Upgrade: own"))
        head = await wire.head()
        assert (head.status, head.headers) == (101, {"connection": "Upgrade", "upgrade": "own", "x-theirs": "1"})
        wire.send(b"shout")
        assert await wire.reader.readexactly(5) == b"SHOUT"
        wire.cut()
        while transport.pool.open:
            await asyncio.sleep(0.001)


@on_loop
async def test_closed_idle_connection_is_replaced() -> None:
    """A kept connection that its server has closed meanwhile is not the client's trouble."""
    async with chain(lambda request: Response(200, b"here")) as (here, behind, _):
        wire = await here.connect()
        for _ in range(3):
            wire.send(get(f"{BEFORE}/"))
            assert (await wire.answer()).status == 200
            for connection in list(behind.listener._shared.connections):
                connection.abort()


@on_loop
async def test_nodes_proxy() -> None:
    """A node that says it is on this host's loopback is not reached; a name that stands for it neither."""
    async with cluster() as here:
        got = await (await here.ask("/api/v1/nodes/n/proxy/stats/summary")).answer()
        assert (got.status, orjson.loads(got.body)["message"]) == (400, "address not allowed")
        transport = PodTransport()
        with pytest.raises(APIError, match="address not allowed"):
            await transport.relay(Location("http", "localhost", "1"), Request("GET", "/"))


@on_loop
async def test_kubelets_see_our_certificate() -> None:
    """The proxy of nodes is the server's own connection; logs and stats are paths like others."""
    async with cluster() as here:
        location = Location("https", "127.0.0.1", str(here.port), "/stats/summary", "only_cpu=1")
        request = Request("GET", "/api/v1/nodes/n/proxy/stats/summary", headers={"authorization": "Bearer x"})
        answer = await here.client.relay(location, request)
        assert isinstance(answer, Response) and answer.status == 200 and isinstance(answer.body, bytes)
        told = orjson.loads(answer.body)
        assert told["target"] == "/stats/summary?only_cpu=1"
        assert here.kubelet.requests[-1].peer_certificate is not None
        assert not any(name.lower() == "authorization" for name, _ in told["headers"])


def test_urls_are_go_s() -> None:
    """Paths are escaped as Go escapes them."""
    place = Location("https", "::1", "1", "/a b/c?d[e]é", "x=1")
    assert target(place) == "/a%20b/c%3Fd%5Be%5D%C3%A9?x=1"
    assert url(place) == "https://[::1]:1/a%20b/c%3Fd%5Be%5D%C3%A9?x=1"
