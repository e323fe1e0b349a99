"""HTTP/1.1 over TLS on asyncio streams: what concurrent clients of one process speak to real servers with.

It hides nothing: no retries, no pooling. An answer that did not come whole is `Lost`, whatever the reason, so that its
user knows that the request may or may not have been carried out.
"""

from __future__ import annotations

import asyncio
import ssl
import urllib.parse
from collections.abc import AsyncIterator
from pathlib import Path

_BROKEN = (OSError, EOFError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError, ValueError)
LIMIT = 16 * 1024 * 1024
"""Bytes of one line or chunk."""


class Lost(Exception):
    """No whole answer came. `sent`: the request may have reached the server."""

    def __init__(self, cause: str, sent: bool) -> None:
        super().__init__(cause)
        self.sent = sent


class RawClient:
    """One kept-alive connection, opened at need; one request at a time."""

    def __init__(self, url: str, ca: Path, token: str, seconds: float = 30) -> None:
        parts = urllib.parse.urlsplit(url)
        assert parts.hostname is not None and parts.port is not None
        self.host, self.port, self._token, self._seconds = parts.hostname, parts.port, token, seconds
        self._context = ssl.create_default_context(cafile=str(ca))
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self, method: str, target: str, body: bytes = b"", type: str = "application/json") -> (
            tuple[int, bytes]):  # fmt: skip
        """Status and body. Raises Lost."""
        sent = False
        try:
            async with asyncio.timeout(self._seconds):
                reader, writer = await self._connected()
                sent = True
                writer.write(self._head(method, target, body, type) + body)
                status, headers = await self._answer_head(reader)
                if headers.get("transfer-encoding") == "chunked":
                    payload = b"".join([chunk async for chunk in self._chunks(reader)])
                else:
                    payload = await reader.readexactly(int(headers.get("content-length", "0")))
        except _BROKEN as error:
            self.close()
            raise Lost(repr(error), sent) from error
        except BaseException:  # cancelled: what is left of the answer must not be taken for another's
            self.close()
            raise
        if headers.get("connection") == "close":
            self.close()
        return status, payload

    async def stream(self, target: str) -> AsyncIterator[bytes]:
        """The lines of a streamed answer, until it ends cleanly; of a refusal, its body. Raises Lost when it is cut, or
        silent for the connection's seconds."""
        try:
            async with asyncio.timeout(self._seconds):
                reader, writer = await self._connected()
                writer.write(self._head("GET", target, b"", ""))
                _, headers = await self._answer_head(reader)
            if headers.get("transfer-encoding") != "chunked":
                yield await reader.readexactly(int(headers.get("content-length", "0")))
                return
            rest = b""
            chunks = self._chunks(reader)
            while True:
                try:
                    chunk = await asyncio.wait_for(anext(chunks), self._seconds)
                except StopAsyncIteration:
                    break
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield line
        except _BROKEN as error:
            raise Lost(repr(error), True) from error
        finally:
            self.close()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._streams = await asyncio.open_connection(self.host, self.port, ssl=self._context, limit=LIMIT)
        return self._streams

    def _head(self, method: str, target: str, body: bytes, type: str) -> bytes:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.host}:{self.port}", "Accept: application/json",
                 f"Authorization: Bearer {self._token}", f"Content-Length: {len(body)}"]  # fmt: skip
        if body:
            lines.append(f"Content-Type: {type}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    @staticmethod
    async def _answer_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
        first, *rest = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in rest if line)
        return int(first.split(" ", 2)[1]), {name.lower(): value.strip().lower() for name, _, value in pairs}

    @staticmethod
    async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
        while True:
            size = int(await reader.readuntil(b"\r\n"), 16)
            chunk = await reader.readexactly(size + 2)
            if size == 0:
                return
            yield chunk[:-2]

    def close(self) -> None:
        """Leave, in the middle of whatever is going on. It may be used again."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None
