"""Bodies of requests passed on to pods while they arrive: of any length, no faster than they are taken."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson
import pytest
from listener_wire import Site, Wire, get, on_loop, site, turn

from orlop.api.errors import APIError
from orlop.api.http import Answer, Request, Response
from orlop.kinds.kubelet import Location
from orlop.server.kubelet_client import PodTransport
from orlop.server.limits import Limits

BEFORE = "/api/v1/namespaces/default/pods/p/proxy"
LONG = 16 << 20
PIECE = 1 << 16
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Backend:
    """A pod that does what a test tells it for each connection: `serve` gets its streams."""

    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
    heads: list[str] = field(default_factory=list)
    open: int = 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
            await self.serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the other side cut it, which is what some of these tests are about
        finally:
            self.open -= 1
            writer.close()


@asynccontextmanager
async def chain(backend: Backend, limits: Limits | None = None) -> AsyncIterator[tuple[Site, PodTransport]]:
    """A listener that passes everything on to the backend, as the pods' proxy does."""
    server = await asyncio.start_server(backend.connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport = PodTransport()

    async def front(request: Request) -> Answer:
        try:
            path = request.path.removeprefix(BEFORE)
            answer = transport.relay(Location("http", "127.0.0.1", str(port), path, request.query), request)
            return await answer if isinstance(answer, Awaitable) else answer
        except APIError as error:
            return Response(error.code, orjson.dumps(error.status()))

    async with site(front, limits) as here:
        yield here, transport
    await transport.close()
    server.close()
    while backend.open:
        await turn()


async def all_of(reader: asyncio.StreamReader, size: int) -> str:
    found = hashlib.sha256()
    while size:
        part = await reader.read(min(size, PIECE))
        if not part:
            raise asyncio.IncompleteReadError(b"", size)
        found.update(part)
        size -= len(part)
    return found.hexdigest()


async def chunks(reader: asyncio.StreamReader) -> tuple[str, int, str]:
    """Of a chunked body: the hash, the length, the trailers."""
    found, total = hashlib.sha256(), 0
    while size := int(await reader.readuntil(b"\r\n"), 16):
        found.update((await reader.readexactly(size + 2))[:-2])
        total += size
    trailers = ""
    while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
        trailers += line.decode()
    return found.hexdigest(), total, trailers


async def send_all(wire: Wire, body: bytes, chunked: bool) -> None:
    for start in range(0, len(body), PIECE):
        part = body[start:start + PIECE]
        wire.send(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
        await wire.writer.drain()


@pytest.mark.parametrize("chunked", [False, True])
def test_a_long_body_there_and_back(chunked: bool) -> None:
    """Longer than any body for the API itself may be: it arrives whole, as the client framed it, and so does an answer
    of that length. The connection serves the next request."""
    @on_loop
    async def run() -> None:
        body = os.urandom(LONG)
        seen: list[str] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if backend.heads[-1].startswith("GET"):
                writer.write(OK)
                return
            seen.append((await chunks(reader))[0] if chunked else await all_of(reader, LONG))
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {LONG}\r\n\r\n".encode() + body)
            await writer.drain()

        backend = Backend(serve)
        async with chain(backend) as (here, _):
            wire = await here.connect(limit=1 << 20)
            framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {LONG}"
            wire.send(get(f"{BEFORE}/up", framing, method="POST"))
            await send_all(wire, body, chunked)
            wire.send(b"0\r\n\r\n" if chunked else b"")
            got = await wire.answer()
            assert (got.status, seen) == (200, [hashlib.sha256(body).hexdigest()])
            assert hashlib.sha256(got.body).hexdigest() == seen[0]
            assert framing in backend.heads[0]
            wire.send(get(f"{BEFORE}/again"))
            assert (await wire.answer()).body == b"ok"
    run()


@on_loop
async def test_trailers_go_along() -> None:
    """Those after a chunked body."""
    seen: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await chunks(reader))[2])
        writer.write(OK)

    async with chain(Backend(serve)) as (here, _):
        wire = await here.connect()
        wire.send(get(BEFORE + "/", "Transfer-Encoding: chunked", "Trailer: X-Sum", method="PUT"))
        wire.send(b"3\r\nabc\r\n0\r\nX-Sum: 7\r\n\r\n")
        assert (await wire.answer()).body == b"ok"
        assert seen == ["X-Sum: 7\r\n"]


@on_loop
async def test_a_slow_backend_slows_its_client() -> None:
    """Of what the backend does not take only some is here, whatever the client would send."""
    go, end = asyncio.Event(), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await go.wait()
        await all_of(reader, LONG)
        writer.write(OK)
        await writer.drain()
        end.set()

    async with chain(Backend(serve)) as (here, _):
        wire = await here.connect()
        wire.send(get(f"{BEFORE}/", f"Content-Length: {LONG}", method="POST"))
        sending = asyncio.create_task(send_all(wire, bytes(LONG), False))
        taken = await here.rest(lambda: here.listener.counters.bytes_in)
        assert taken < LONG // 2
        go.set()
        await sending
        assert (await wire.answer()).body == b"ok"
        assert end.is_set()


@on_loop
async def test_expect_continue() -> None:
    """The client is asked for its body when somebody takes it, not when the backend cannot be reached."""
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await all_of(reader, 5)
        writer.write(OK)

    async with chain(Backend(serve)) as (here, _):
        wire = await here.connect()
        wire.send(get(f"{BEFORE}/", "Content-Length: 5", "Expect: 100-continue", method="POST"))
        assert (await wire.head()).status == 100
        wire.send(b"hello")
        assert (await wire.answer()).body == b"ok"


@on_loop
async def test_an_answer_before_the_end() -> None:
    """It is passed on at once; what still comes of a short body is thrown away, and the connection goes on."""
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")
        await writer.drain()

    async with chain(Backend(serve)) as (here, _):
        wire = await here.connect()
        wire.send(get(f"{BEFORE}/", "Content-Length: 10", method="POST") + b"12345")
        got = await wire.answer()
        assert (got.status, got.body) == (403, b"no")
        wire.send(b"67890" + get(f"{BEFORE}/next"))
        assert (await wire.answer()).status == 403


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 "])
def test_a_backend_that_dies(words: bytes) -> None:
    """The client is told; nothing of it is left, and the request is not made again."""
    @on_loop
    async def run() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(1000)
            writer.write(words)
            writer.close()

        backend = Backend(serve)
        async with chain(backend) as (here, transport):
            wire = await here.connect()
            wire.send(get(f"{BEFORE}/", f"Content-Length: {LONG}", method="POST") + bytes(1000))
            got = await wire.answer()
            message = orjson.loads(got.body)["message"]
            assert (got.status, message.startswith("error trying to reach service: ")) == (503, True)
            assert len(backend.heads) == 1
            wire.cut()
            while transport.pool.open:
                await turn()
    run()


@on_loop
async def test_a_client_that_dies() -> None:
    """In the middle of its body: the backend's connection is cut, so that half a body never looks like a whole one."""
    cut = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await chunks(reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            cut.set()

    async with chain(Backend(serve)) as (here, transport):
        wire = await here.connect()
        wire.send(get(f"{BEFORE}/", "Transfer-Encoding: chunked", method="POST") + b"3\r\nabc\r\n")
        while not transport.pool.open:
            await turn()
        wire.reset()
        await cut.wait()
        while transport.pool.open:
            await turn()


@on_loop
async def test_chunks_that_cannot_be_read() -> None:
    """The request fails, and its connection ends."""
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await chunks(reader)

    async with chain(Backend(serve)) as (here, _):
        wire = await here.connect()
        wire.send(get(f"{BEFORE}/", "Transfer-Encoding: chunked", method="POST") + b"3\r\nabc\r\nnonsense\r\n")
        got = await wire.answer()
        assert got.status in (400, 503)
        assert await wire.rest() == b""


@on_loop
async def test_bodies_for_the_api_itself_keep_their_limit() -> None:
    """A path that only looks like a proxy's is none."""
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)

    async with chain(Backend(serve), Limits(body=100)) as (here, _):
        for path in ("/api/v1/namespaces/default/pods/p/proxyx", "/api/v1/pods/p/proxy",
                     "/apis/apps/v1/namespaces/default/pods/p/proxy", "/api/v1/namespaces/default/configmaps/a"):
            wire = await here.connect()
            wire.send(get(path, "Content-Length: 101", method="POST") + bytes(101))
            assert (await wire.answer()).status == 413, path
