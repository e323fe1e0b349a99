"""A listener on the loopback and a client of raw bytes, both in one loop, for the tests of this room."""

from __future__ import annotations

import asyncio
import functools
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvloop

from orlop.api.http import Answer, Request, Response
from orlop.server.handler import Handler
from orlop.server.limits import Limits
from orlop.server.listener import Listener
from orlop.world.clock import ManualClock

PATIENCE = 20.0
"""A test that hangs fails after so long; nothing waits for it otherwise."""


def on_loop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async test on uvloop."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(PATIENCE):
                await test(*args, **kwargs)

        uvloop.run(bounded())

    return run


@dataclass
class Seen:
    """A handler that keeps what it was asked and answers with the request's target and body."""

    requests: list[Request] = field(default_factory=list)

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        text = f"{request.method} {request.path}?{request.query} ".encode() + request.body
        return Response(200, text, "text/plain")


@dataclass
class Got:
    """One answer as read off the wire."""

    status: int
    headers: dict[str, str]
    body: bytes
    version: str = "HTTP/1.1"


async def turn() -> None:
    """One turn of the loop that also waits for the network (uvloop closes nothing while it is kept busy)."""
    await asyncio.sleep(0.0005)


class Wire:
    """A client that sends exactly the bytes it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> Got:
        """The next status line and headers."""
        text = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = text[:-4].split("\r\n")
        version, status, _ = first.split(" ", 2)
        assert version in ("HTTP/1.1", "HTTP/1.0")
        headers = {}
        for line in lines:
            name, _, value = line.partition(": ")
            assert name.lower() not in headers
            headers[name.lower()] = value
        return Got(int(status), headers, b"", version)

    async def answer(self, method: str = "GET") -> Got:
        """The next whole answer, framed by what its headers say."""
        got = await self.head()
        if method == "HEAD" or got.status in (204, 304) or got.status < 200:
            return got
        if got.headers.get("transfer-encoding") == "chunked":
            got.body = b"".join([chunk async for chunk in self.chunks()])
        elif "content-length" in got.headers:
            got.body = await self.reader.readexactly(int(got.headers["content-length"]))
        else:
            got.body = await self.reader.read()
        return got

    async def chunk(self) -> bytes:
        """One chunk; b"" for the last."""
        size = int((await self.reader.readuntil(b"\r\n"))[:-2], 16)
        data = await self.reader.readexactly(size + 2)
        assert data.endswith(b"\r\n")
        return data[:-2]

    async def chunks(self) -> AsyncIterator[bytes]:
        while chunk := await self.chunk():
            yield chunk

    async def rest(self) -> bytes:
        """Everything up to the server's end of sending."""
        return await self.reader.read()

    def cut(self) -> None:
        """Vanish; the server sees the end of what we send."""
        self.writer.transport.abort()

    def reset(self) -> None:
        """Vanish with a reset: the server learns at once that nobody reads any more."""
        own = self.writer.get_extra_info("socket")
        with socket.socket(fileno=socket.dup(own.fileno())) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class Site:
    """A started listener, its clock, and its clients."""

    def __init__(self, listener: Listener, port: int, clock: ManualClock) -> None:
        self.listener, self.port, self.clock = listener, port, clock
        self.wires: list[Wire] = []

    async def connect(self, **options: Any) -> Wire:
        accepted = self.listener.counters.accepted
        wire = Wire(*await asyncio.open_connection("127.0.0.1", self.port, **options))
        self.wires.append(wire)
        await self.until(lambda: self.listener.counters.accepted > accepted)
        return wire

    async def ask(self, data: bytes) -> Got:
        wire = await self.connect()
        wire.send(data)
        return await wire.answer()

    async def until(self, true: Callable[[], bool]) -> None:
        """Let the loop turn until something has happened."""
        while not true():
            await turn()

    async def rest(self, moving: Callable[[], int]) -> int:
        """Let the loop turn until a number no longer moves; returns it."""
        still, last = 0, -1
        while still < 20:
            await turn()
            still, last = (still + 1 if moving() == last else 0), moving()
        return last

    def later(self, seconds: float) -> None:
        """Move the clock and let the listener notice."""
        self.clock.advance(seconds)
        self.listener.tick()


@asynccontextmanager
async def site(handler: Handler, limits: Limits | None = None, **options: Any) -> AsyncIterator[Site]:
    """A listener for the time of a test; afterwards nothing of it may be left."""
    clock = ManualClock()
    listener = Listener(handler, limits or Limits(), clock=clock, **options)
    here = Site(listener, await listener.start(), clock)
    try:
        yield here
    finally:
        for wire in here.wires:
            wire.writer.close()
        await listener.drain(0)
        counters = listener.counters
        assert (counters.open, counters.in_flight, counters.streams, counters.receiving) == (0, 0, 0, 0)


def get(path: str = "/", *lines: str, method: str = "GET", version: str = "1.1") -> bytes:
    """A request without body."""
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: here", *lines, "", ""]).encode()


def post(body: bytes, *lines: str, path: str = "/", method: str = "POST") -> bytes:
    """A request with a body of known length."""
    return get(path, *lines, f"Content-Length: {len(body)}", method=method) + body


def answering(answer: Answer) -> Handler:
    return lambda request: answer
