"""The in-process transport: a handler called without a socket.

For tests and for programs that embed the server: what a client would send goes in as values, what it would
get comes out as values, after the same rules (targets, headers, limits, refusals, lengths) as through the
listener. Leaves upgrades to real connections.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from orlop.api.http import Answer, Frame, Request, Response, Stream, Upgrade
from orlop.server import refusal, target
from orlop.server.channel import tell
from orlop.server.handler import Handler, failed
from orlop.server.heads import BODILESS, http_date
from orlop.server.limits import DEFAULT, Limits
from orlop.server.refusal import Refusal
from orlop.world.clock import Clock, SystemClock

HeaderInput = Mapping[str, str] | Sequence[tuple[str, str]]


@dataclass(slots=True)
class Reply:
    """A whole answer as the client sees it; `headers` by lower-case name, repeated ones joined."""

    status: int
    headers: dict[str, str]
    body: bytes = b""


@dataclass(slots=True)
class StreamReply(AsyncIterator[bytes]):
    """An answer of which the body comes in chunks; leave it with `aclose`."""

    status: int
    headers: dict[str, str]
    channel: MemoryChannel = field(repr=False)

    def __aiter__(self) -> StreamReply:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self.channel.read()
        if chunk is None:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        """Leave as a client that disconnects."""
        self.channel.leave()


class MemoryChannel:
    """A Channel whose client is an iterator in the same process. A backlog over `limit` cuts it."""

    __slots__ = ("_broken", "_chunks", "_limit", "_open", "_queued", "_reader", "on_drained", "on_lost")

    def __init__(self, limit: int) -> None:
        self.on_lost: Callable[[], None] | None = None
        self.on_drained: Callable[[], None] | None = None
        self._limit = limit
        self._chunks: deque[bytes] = deque()
        self._queued = 0
        self._open, self._broken = True, False
        self._reader: asyncio.Future[None] | None = None

    @property
    def backlog(self) -> int:
        return self._queued

    @property
    def congested(self) -> bool:
        return self._queued > DEFAULT.write_high

    def write(self, frame: Frame) -> None:
        if not self._open or not frame.payload:
            return
        self._chunks.append(frame.payload)
        self._queued += len(frame.payload)
        if self._queued > self._limit:
            self._broken = True
            self.leave()
        self._wake()

    def close(self, trailers: Sequence[tuple[str, str]] = ()) -> None:
        """Trailers are left out."""
        self._open, self.on_lost = False, None
        self._wake()

    def abort(self) -> None:
        if self._open:
            self._broken = True
            self.close()

    def leave(self) -> None:
        """The client goes; what it did not read is dropped."""
        lost, self.on_lost = self.on_lost, None
        self._open = False
        self._chunks.clear()
        self._queued = 0
        self._wake()
        tell(lost)

    async def read(self) -> bytes | None:
        """The next chunk, None at a clean end; ConnectionResetError when the stream was cut."""
        while not self._chunks:
            if self._broken:
                raise ConnectionResetError("the stream was cut")
            if not self._open:
                return None
            self._reader = asyncio.get_running_loop().create_future()
            await self._reader
        chunk = self._chunks.popleft()
        congested = self.congested
        self._queued -= len(chunk)
        if congested and not self.congested:
            tell(self.on_drained)
        return chunk

    def _wake(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None and not reader.done():
            reader.set_result(None)


class InProcess:
    """A client of `handler`. `peer_certificate` is what every request shows as its verified certificate
    (DER)."""

    def __init__(self, handler: Handler, limits: Limits = DEFAULT, clock: Clock | None = None,
                 peer_certificate: bytes | None = None) -> None:
        self._handler, self._limits, self._certificate = handler, limits, peer_certificate
        self._clock: Clock = clock if clock is not None else SystemClock()

    async def request(self, method: str, path: str, headers: HeaderInput = (), body: bytes = b"") -> Reply:
        """Send and wait for the whole answer; of a stream, until it ends."""
        answer = await self._answer(method, path, headers, body)
        if isinstance(answer, Response):
            return self._whole(answer, method)
        reply = self._opened(answer, method)
        return Reply(reply.status, reply.headers, b"".join([chunk async for chunk in reply]))

    async def stream(self, method: str, path: str, headers: HeaderInput = (),
                     body: bytes = b"") -> StreamReply:
        """Send and get the answer's head at once, its body in chunks; a whole answer is one chunk."""
        answer = await self._answer(method, path, headers, body)
        if isinstance(answer, Stream):
            return self._opened(answer, method)
        whole = self._whole(answer, method)
        channel = MemoryChannel(max(self._limits.stream_backlog, len(whole.body)))
        channel.write(Frame(whole.body))
        channel.close()
        return StreamReply(whole.status, whole.headers, channel)

    async def _answer(self, method: str, path: str, headers: HeaderInput, body: bytes) -> Response | Stream:
        try:
            request = self._made(method, path, headers, body)
        except Refusal as refused:
            return refused.response
        answer: Answer
        try:
            called = self._handler(request)
            answer = called if isinstance(called, Response | Stream | Upgrade) else await called
        except Exception as error:
            answer = failed(request, error)
        return refusal.upgrade_needs_socket() if isinstance(answer, Upgrade) else answer

    def _made(self, method: str, path: str, headers: HeaderInput, body: bytes) -> Request:
        given = headers.items() if isinstance(headers, Mapping) else headers
        raw, limits = path.encode(), self._limits
        if not raw.startswith(b"/") or any(byte <= 0x20 or byte >= 0x7f for byte in raw):
            raise refusal.malformed()
        if len(raw) > limits.target:
            raise refusal.target_too_long()
        if len(body) > limits.body:
            raise refusal.body_too_large(limits.body)
        folded, listed = target.fold((name.encode("latin-1"), value.encode()) for name, value in given)
        decoded, raw_path, query = target.split(raw)
        return Request(method, decoded, query, folded, body, raw_path=raw_path, header_list=listed,
                       peer="in-process", peer_certificate=self._certificate)

    def _headers(self, answer: Response | Stream) -> dict[str, str]:
        headers: dict[str, str] = {}
        if answer.content_type:
            headers["content-type"] = answer.content_type
        for name, value in answer.headers:
            key = name.lower()
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
        headers["date"] = http_date(self._clock.now())
        return headers

    def _whole(self, response: Response, method: str) -> Reply:
        headers = self._headers(response)
        body = response.body if isinstance(response.body, bytes) else b"".join(response.body)
        if response.status in BODILESS:
            return Reply(response.status, headers)
        if body or method != "HEAD":
            headers["content-length"] = str(len(body))
        return Reply(response.status, headers, b"" if method == "HEAD" else body)

    def _opened(self, stream: Stream, method: str) -> StreamReply:
        headers = self._headers(stream)
        if method != "HEAD":
            headers["transfer-encoding"] = "chunked"
        channel = MemoryChannel(self._limits.stream_backlog)
        if method == "HEAD":
            channel.close()
            return StreamReply(stream.status, headers, channel)
        try:
            stream.open(channel)
        except Exception as error:
            failed(Request(method, ""), error)
            channel.abort()
        return StreamReply(stream.status, headers, channel)
