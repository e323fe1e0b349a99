"""A SPDY connection for coroutines: open or accept streams, read and write them.

Run by the server's translation of WebSockets (as client) and by a node's kubelet (as server) over a `RawConnection`;
`connection` judges the bytes. SPDY as Kubernetes has it knows no flow control, so back-pressure is the connection's:
when the streams together hold more than `MOST_UNREAD` bytes nobody has read, reading stops for all of them. Whoever
does not want a stream's bytes must `discard` them. Behaviour: kubernetes `staging/src/k8s.io/streaming`
`pkg/httpstream/spdy/connection.go`, moby/spdystream `stream.go`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Final

from orlop.api.http import RawConnection
from orlop.spdy import frames
from orlop.spdy.connection import Connection, Role
from orlop.spdy.errors import ProtocolError, StreamClosed, StreamRefused
from orlop.spdy.events import Data, Event, GoneAway, MoreHeaders, Opened, Replied, Reset

MOST_UNREAD: Final = 256 * 1024
"""Bytes of all streams that wait for a reader: then the connection is not read."""
REPLY_SECONDS: Final = 30.0
"""How long the peer may take to answer a new stream: then it counts as refused."""
_PIECE: Final = 1 << 20
"""Longer writes go out in pieces of this size, so that streams take turns."""


class Stream:
    """Made by `Session`. `headers` are those it was opened with (lower-case names)."""

    __slots__ = ("_chunks", "_discarding", "_ended", "_reader", "_session", "broken", "headers", "id")

    def __init__(self, session: Session, id: int, headers: dict[str, str]) -> None:
        self._session, self.id, self.headers = session, id, headers
        self._chunks: deque[bytes] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._ended = self._discarding = False
        self.broken = False
        """The stream was reset, or its connection lost."""

    def reply(self) -> None:
        """Take a stream the peer opened. Raises StreamClosed."""
        self._session.connection.reply(self.id)
        self._session.flush()

    def refuse(self) -> None:
        self._session.reset(self, frames.REFUSED_STREAM)

    async def read(self) -> bytes:
        """What has arrived, as soon as anything has; b"" once the peer has ended the stream or it broke."""
        while not self._chunks:
            if self._ended:
                return b""
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        data = self._chunks.popleft() if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._session.consumed(len(data))
        return data

    async def read_all(self, limit: int) -> bytes:
        """Everything until the end; what is over `limit` is thrown away."""
        parts, size = [], 0
        while data := await self.read():
            if size < limit:
                parts.append(data)
            size += len(data)
        return b"".join(parts)[:limit]

    async def write(self, data: bytes) -> None:
        """Send, and wait while the peer takes nothing. Raises StreamClosed."""
        for start in range(0, len(data), _PIECE):
            piece = data if len(data) <= _PIECE else data[start:start + _PIECE]
            self._session.connection.send(self.id, piece)
            self._session.flush()
            await self._session.drained()

    def write_now(self, data: bytes) -> None:
        """Send without waiting: for what is known to be small. Raises StreamClosed."""
        self._session.connection.send(self.id, data)
        self._session.flush()

    def close(self) -> None:
        """End our half; nothing for a stream that has ended."""
        try:
            self._session.connection.send(self.id, b"", fin=True)
        except StreamClosed:
            return
        self._session.flush()

    def reset(self) -> None:
        """End both halves."""
        self._session.reset(self, frames.CANCEL)

    def discard(self) -> None:
        """Throw away what arrived and what will: readers only learn the end."""
        self._discarding = True
        held = sum(map(len, self._chunks))
        self._chunks.clear()
        self._session.consumed(held)

    # Told by the session.

    def received(self, data: bytes) -> int:
        """The bytes that now wait for a reader."""
        if self._discarding or not data:
            return 0
        self._chunks.append(data)
        self._wake()
        return len(data)

    def ended(self, broken: bool) -> None:
        self._ended, self.broken = True, self.broken or broken
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


class Session:
    """Owns `raw` from now on; `early` are bytes that came with the upgrade."""

    def __init__(self, role: Role, raw: RawConnection, early: bytes = b"") -> None:
        self.connection = Connection(role)
        self._raw, self._loop = raw, asyncio.get_running_loop()
        self._streams: dict[int, Stream] = {}
        self._replies: dict[int, asyncio.Future[None]] = {}
        self._opened: deque[Stream] = deque()
        self._waiting: set[asyncio.Future[None]] = set()
        self._unread, self._paused = 0, False
        self._pings: asyncio.TimerHandle | None = None
        self.lost = False
        """Nothing is received or sent any more."""
        self.active = self._loop.time()
        """When bytes last came or went, in the loop's time."""
        raw.on_data, raw.on_lost, raw.on_drained = self._received, self._gone, self._wake_all
        if early:
            self._received(early)
        raw.resume_reading()

    async def open(self, headers: Mapping[str, str], seconds: float = REPLY_SECONDS) -> Stream:
        """A new stream that the peer has taken. Raises StreamClosed and StreamRefused."""
        id = self.connection.open(headers)
        stream = self._streams[id] = Stream(self, id, dict(headers))
        reply = self._replies[id] = self._loop.create_future()
        self.flush()
        try:
            async with asyncio.timeout(seconds):
                await reply
        except TimeoutError:
            stream.reset()
            raise StreamRefused("Timeout occurred") from None
        finally:
            self._replies.pop(id, None)
        return stream

    async def accept(self) -> Stream | None:
        """The next stream the peer opens, to be answered with `reply` or `refuse`; None when the connection is over."""
        while not self._opened:
            if self.lost:
                return None
            await self._wait()
        return self._opened.popleft()

    async def drained(self) -> None:
        """Return when the peer takes bytes again. Raises StreamClosed when it is gone."""
        while not self.lost and self._raw.congested:
            await self._wait()
        if self.lost:
            raise StreamClosed("the connection is lost")

    async def over(self) -> None:
        """Return when the connection is lost or closed."""
        while not self.lost:
            await self._wait()

    def ping_every(self, seconds: float) -> None:
        """Keep what lies between from closing an idle connection."""
        def again() -> None:
            self.connection.ping()
            self.flush()
            if not self.lost:
                self._pings = self._loop.call_later(seconds, again)
        self._pings = self._loop.call_later(seconds, again)

    def close(self) -> None:
        """Reset all streams, say goodbye, close."""
        if self.lost:
            return
        for id in self.connection:
            self.connection.reset(id)
        self.connection.go_away()
        self.flush()
        self._raw.close()
        self._gone()

    # Used by streams.

    def flush(self) -> None:
        if (data := self.connection.to_send()) and not self.lost:
            self.active = self._loop.time()
            self._raw.write(data)

    def reset(self, stream: Stream, status: int) -> None:
        self.connection.reset(stream.id, status)
        self.flush()
        self._streams.pop(stream.id, None)
        stream.ended(broken=True)

    def consumed(self, size: int) -> None:
        self._unread -= size
        if self._paused and self._unread <= MOST_UNREAD // 2:
            self._paused = False
            self._raw.resume_reading()

    # Told by the raw connection.

    def _received(self, data: bytes) -> None:
        self.active = self._loop.time()
        try:
            events = self.connection.receive(data)
        except ProtocolError:
            self._raw.close()
            self._gone()
            return
        for event in events:
            self._handle(event)
        self.flush()
        if self._unread > MOST_UNREAD and not self._paused and not self.lost:
            self._paused = True
            self._raw.pause_reading()

    def _handle(self, event: Event) -> None:
        if isinstance(event, Data):
            stream = self._streams.get(event.stream)
            if stream is not None:
                self._unread += stream.received(event.data)
            if event.fin:
                self._ended(event.stream)
        elif isinstance(event, Opened):
            stream = self._streams[event.stream] = Stream(self, event.stream, event.headers)
            if event.fin:
                self._ended(event.stream)
            self._opened.append(stream)
            self._wake_all()
        elif isinstance(event, GoneAway):
            self._raw.close()
            self._gone()
        else:
            self._answered(event)

    def _answered(self, event: Event) -> None:
        if isinstance(event, Replied):
            reply = self._replies.get(event.stream)
            if reply is not None and not reply.done():
                reply.set_result(None)
            if event.fin:
                self._ended(event.stream)
        elif isinstance(event, Reset):
            stream, reply = self._streams.pop(event.stream, None), self._replies.get(event.stream)
            if stream is not None:
                stream.ended(broken=True)
            if reply is not None and not reply.done():
                reply.set_exception(StreamRefused("Stream reset"))
        elif isinstance(event, MoreHeaders) and event.fin:
            self._ended(event.stream)

    def _ended(self, id: int) -> None:
        """The peer has said its last word on a stream: nothing is told of it any more."""
        stream = self._streams.pop(id, None)
        if stream is not None:
            stream.ended(broken=False)

    def _gone(self) -> None:
        if self.lost:
            return
        self.lost = True
        if self._pings is not None:
            self._pings.cancel()
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(StreamRefused("connection closed"))
        for stream in self._streams.values():
            stream.ended(broken=True)
        self._streams.clear()
        self._wake_all()

    async def _wait(self) -> None:
        """Until anything changes for all."""
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiting.add(waiter)
        try:
            await waiter
        finally:
            self._waiting.discard(waiter)

    def _wake_all(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
