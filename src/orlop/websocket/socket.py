"""A WebSocket for coroutines: pieces of messages in, messages out, with back-pressure both ways.

Run by the rooms of pods over a `RawConnection`; `framing` judges the bytes. Pings are answered here. RFC 6455;
golang.org/x/net/websocket `hybi.go` (how it ends).
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from orlop.api.http import RawConnection
from orlop.websocket.framing import CLOSE, NORMAL, PING, PONG, PROTOCOL_ERROR, FramingError, Piece, Receiver, frame

MOST_UNREAD: Final = 256 * 1024
"""Bytes that wait for `receive`: then the connection is not read."""
_PIECE_COST: Final = 128
"""What a piece counts beside its bytes, so that many tiny ones do not cost more than few large ones."""


class SocketClosed(Exception):
    """The client is gone: nothing can be sent."""


class Socket:
    """Owns `raw` from now on; `early` are bytes that came with the upgrade."""

    def __init__(self, raw: RawConnection, early: bytes = b"") -> None:
        self._raw, self._receiver = raw, Receiver()
        self._loop = asyncio.get_running_loop()
        self._pieces: deque[Piece] = deque()
        self._unread, self._paused = 0, False
        self._reader: asyncio.Future[None] | None = None
        self._writers: set[asyncio.Future[None]] = set()
        self._ended = False
        self.lost = False
        """Nothing can be sent any more."""
        self.active = self._loop.time()
        """When bytes last came or went, in the loop's time."""
        raw.on_data, raw.on_lost, raw.on_drained = self._received, self._gone, self._wake_writers
        if early:
            self._received(early)
        raw.resume_reading()

    async def receive(self) -> Piece | None:
        """The next piece of a message; None when the client has closed or is gone."""
        while not self._pieces:
            if self._ended:
                return None
            self._reader = self._loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        piece = self._pieces.popleft()
        self._unread -= len(piece.data) + _PIECE_COST
        if self._paused and self._unread <= MOST_UNREAD // 2:
            self._paused = False
            self._raw.resume_reading()
        return piece

    async def send(self, opcode: int, payload: bytes) -> None:
        """Send a message, and wait while the client takes nothing. Raises SocketClosed."""
        self.send_now(opcode, payload)
        await self.drained()

    def send_now(self, opcode: int, payload: bytes) -> None:
        """Send without waiting: for what is known to be small. Raises SocketClosed."""
        if self.lost:
            raise SocketClosed("the client is gone")
        self.active = self._loop.time()
        self._raw.write(frame(opcode, payload))

    async def drained(self) -> None:
        """Return when the client takes bytes again. Raises SocketClosed."""
        while not self.lost and self._raw.congested:
            await self._wait()
        if self.lost:
            raise SocketClosed("the client is gone")

    async def over(self) -> None:
        """Return when nothing can be sent any more."""
        while not self.lost:
            await self._wait()

    async def _wait(self) -> None:
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._writers.add(waiter)
        try:
            await waiter
        finally:
            self._writers.discard(waiter)

    def close(self, status: int = NORMAL) -> None:
        """Say goodbye and close."""
        if not self.lost:
            self._raw.write(frame(CLOSE, status.to_bytes(2, "big")))
            self._raw.close()
            self._gone()

    def _received(self, data: bytes) -> None:
        self.active = self._loop.time()
        try:
            found = self._receiver.receive(data)
        except FramingError:
            self.close(PROTOCOL_ERROR)
            return
        for part in found:
            if isinstance(part, Piece):
                self._pieces.append(part)
                self._unread += len(part.data) + _PIECE_COST
            elif part.opcode == PING:
                self._raw.write(frame(PONG, part.data))
            elif part.opcode == CLOSE:
                self._ended = True
                break
        self._wake_reader()
        if self._unread > MOST_UNREAD and not self._paused and not self.lost:
            self._paused = True
            self._raw.pause_reading()

    def _gone(self) -> None:
        self.lost = self._ended = True
        self._wake_reader()
        self._wake_writers()

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _wake_writers(self) -> None:
        for waiter in self._writers:
            if not waiter.done():
                waiter.set_result(None)
