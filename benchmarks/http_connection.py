"""One keep-alive HTTP/1.1 connection over TLS, as cheap as the standard library allows.

Used by `client_process`. It sends whole requests made beforehand and reads just enough of the answers: the status and
the length of whole ones, the number of lines of streamed ones.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from typing import NamedTuple

from measured_server import Target

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Answer(NamedTuple):
    status: int
    size: int


class Connection(asyncio.Protocol):
    """One request at a time. After `watch` it is a stream: `on_lines` is called with the number of new lines."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._answer: asyncio.Future[Answer] | None = None
        self._head = b""
        self._status = 0
        self._missing = self._size = 0
        self._last = b""
        self.on_lines: Callable[[int], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("the server closed the connection"))

    async def call(self, request: bytes) -> Answer:
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def watch(self, request: bytes, on_lines: Callable[[int], None]) -> None:
        self.on_lines = on_lines
        self._transport.write(request)

    def close(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if self.on_lines is not None:
            self._count(data)
            return
        if not self._missing:
            data = self._head + data
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._head = data
                return
            length = _LENGTH.search(data, 0, end)
            self._head, self._status = b"", int(data[9:12])
            self._size = self._missing = int(length[1]) if length else 0
            data = data[end + 4:]
        self._missing -= len(data)
        if self._missing <= 0:
            self._missing = 0
            assert self._answer is not None
            self._answer.set_result(Answer(self._status, self._size))

    def _count(self, data: bytes) -> None:
        """Events end in a bare newline; lines of the HTTP framing end in CR LF."""
        framing = data.count(b"\r\n") + (self._last == b"\r" and data[:1] == b"\n")
        self._last = data[-1:]
        lines = data.count(b"\n") - framing
        if lines and self.on_lines is not None:
            self.on_lines(lines)


def context(target: Target) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=target.ca)
    made.set_alpn_protocols(["http/1.1"])
    return made


async def connect(target: Target, tls: ssl.SSLContext) -> Connection:
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(Connection, target.host, target.port, ssl=tls)
    return connection
