"""The other side of a connection, as a test dictates it: frames in, frames out, nothing by itself but its settings."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import uvloop

from orlop.storage import etcd_http2_frames as h2
from orlop.storage.etcd_http2_channel import Channel
from orlop.storage.etcd_http2_connection import Connection

SECONDS = 10.0
METADATA = (("hasleader", "true"),)
PATH = "/etcdserverpb.KV/Txn"
BEGIN = b"\x88\x0f\x10\x10application/grpc"
"""Headers of a good answer."""


def field(name: str, value: str) -> bytes:
    """A literal that enters no table."""
    return b"\0" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()


def status(code: int = 0, words: str = "") -> bytes:
    return field("grpc-status", str(code)) + (field("grpc-message", words) if words else b"")


def message(body: bytes, compressed: int = 0) -> bytes:
    return bytes((compressed,)) + len(body).to_bytes(4, "big") + body


def headers(number: int, block: bytes, *, end: bool = False) -> bytes:
    return h2.frame(h2.HEADERS, h2.END_HEADERS | end, number, block)


def data(number: int, payload: bytes, *, end: bool = False) -> bytes:
    return h2.frame(h2.DATA, int(end), number, payload)


def answer(number: int, body: bytes) -> bytes:
    return headers(number, BEGIN) + data(number, message(body)) + headers(number, status(), end=True)


class Peer:
    """One connection. `settings`: of ours, as they came."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._frames = h2.FrameReader(1 << 24)
        self._read: list[h2.Frame] = []

    async def greet(self, values: dict[int, int] | None = None) -> None:
        """Take the preface, send settings."""
        assert await self._reader.readexactly(len(h2.PREFACE)) == h2.PREFACE
        self.settings = dict(h2.read_settings((await self.expect(h2.SETTINGS))[3]))
        assert (await self.expect(h2.WINDOW_UPDATE))[2] == 0
        self.send(h2.settings(values or {}))

    async def next(self) -> h2.Frame:
        while not self._read:
            piece = await self._reader.read(65536)
            if not piece:
                raise EOFError
            self._read += self._frames.feed(piece)
        return self._read.pop(0)

    async def expect(self, kind: int, number: int | None = None) -> h2.Frame:
        """The next frame of this kind (and stream); others are skipped."""
        while True:
            frame = await self.next()
            if frame[0] == kind and number in (None, frame[2]):
                return frame

    async def request(self) -> tuple[int, bytes, bytes]:
        """The next request: its stream, its headers, its message."""
        _, flags, number, block = await self.expect(h2.HEADERS)
        assert flags == h2.END_HEADERS
        body = b""
        while not flags & h2.END_STREAM:
            _, flags, _, piece = await self.expect(h2.DATA, number)
            body += piece
        assert body[:5] == message(body[5:])[:5]
        return number, block, body[5:]

    def send(self, *frames: bytes) -> None:
        self._writer.write(b"".join(frames))

    async def closed(self) -> None:
        with contextlib.suppress(EOFError):
            while True:
                await self.next()

    def cut(self) -> None:
        self._writer.transport.abort()


class Etcd:
    """Listens; `peer()` is the next connection. `channel`: a client of it."""

    def __init__(self, channel: Channel, port: int, arrivals: asyncio.Queue[Peer]) -> None:
        self.channel, self.port, self._arrivals = channel, port, arrivals

    async def accept(self) -> Peer:
        return await self._arrivals.get()

    async def peer(self, values: dict[int, int] | None = None) -> Peer:
        peer = await self.accept()
        await peer.greet(values)
        return peer

    def call(self, body: bytes = b"question", timeout: float = SECONDS) -> asyncio.Task[bytes]:
        return asyncio.ensure_future(self.channel.call(PATH, body, timeout, METADATA))

    async def asked(self, values: dict[int, int] | None = None) -> tuple[asyncio.Task[bytes], Peer]:
        """A call under way as stream 1 of a new connection."""
        call = self.call()
        peer = await self.peer(values)
        assert (await peer.request())[0] == 1
        return call, peer


def channel_to(port: int) -> Channel:
    async def dial(make: Callable[[], Connection]) -> tuple[asyncio.BaseTransport, Connection]:
        return await asyncio.get_running_loop().create_connection(make, "127.0.0.1", port)

    return Channel("etcd", f"127.0.0.1:{port}", dial, secure=False)


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[Etcd]:
    arrivals: asyncio.Queue[Peer] = asyncio.Queue()
    peers = []

    async def arrive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peers.append(Peer(reader, writer))
        arrivals.put_nowait(peers[-1])

    server = await asyncio.start_server(arrive, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    channel = channel_to(port)
    try:
        yield Etcd(channel, port, arrivals)
    finally:
        await channel.close()
        for peer in peers:
            peer.cut()
        server.close()


def play(scene: Callable[[Etcd], Awaitable[None]]) -> None:
    """On the loop of production, and on asyncio's own. Nothing may be left for the loop to complain about."""

    async def one() -> None:
        complaints: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        async with asyncio.timeout(SECONDS), listening() as etcd:
            await scene(etcd)
        assert not complaints

    uvloop.run(one())
    asyncio.run(one())
