"""The API server over HTTPS, for `orlop node`: a few kept-alive connections, and one for each watch.

An `Api`; made by the CLI from a kubeconfig. HTTP/1.1 (RFC 9112) read by httptools.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import urlsplit

import httptools
import orjson

from orlop.api.tree import Tree
from orlop.node.api import JSON, USER_AGENT, APIUnavailable, Lines, Reply, decoded

CONNECTIONS: Final = 16
"""Requests under way at once; more wait."""
CONNECT_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 60.0
SILENCE_SECONDS: Final = 120.0
"""A watch that says nothing for so long, not even a bookmark, is begun anew."""
ANSWER_BYTES: Final = 256 * 1024 * 1024
_READ: Final = 256 * 1024


class _Answer:
    """What httptools calls."""

    def __init__(self) -> None:
        self.parser: Any = httptools.HttpResponseParser(self)
        self.status = 0
        self.headed = self.complete = False
        self.parts: list[bytes] = []

    def on_headers_complete(self) -> None:
        self.status, self.headed = self.parser.get_status_code(), True

    def on_body(self, part: bytes) -> None:
        self.parts.append(part)

    def on_message_complete(self) -> None:
        self.complete = True

    def taken(self) -> bytes:
        parts, self.parts = self.parts, []
        return b"".join(parts)


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer

    async def read(self, answer: _Answer) -> None:
        """Some more of the answer. Raises APIUnavailable at the end of the connection."""
        data = await self._reader.read(_READ)
        if not data:
            raise APIUnavailable("the server closed the connection")
        try:
            answer.parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise APIUnavailable(f"an answer that is no HTTP: {error}") from error


class HttpsApi:
    """`server` is a URL; `context` None for http. `token` may be empty when the context has a certificate."""

    def __init__(self, server: str, context: ssl.SSLContext | None, token: str) -> None:
        place = urlsplit(server if "://" in server else f"https://{server}")
        self._host, self._prefix = place.hostname or "", place.path.rstrip("/")
        self._context = context if place.scheme != "http" else None
        self._port = place.port or (80 if place.scheme == "http" else 443)
        authority = f"[{self._host}]:{self._port}" if ":" in self._host else f"{self._host}:{self._port}"
        bearer = f"Authorization: Bearer {token}\r\n" if token else ""
        self._head = f"Host: {authority}\r\nUser-Agent: {USER_AGENT}\r\nAccept: {JSON}\r\n{bearer}"
        self._idle: deque[_Connection] = deque()
        self._room = asyncio.Semaphore(CONNECTIONS)

    async def request(self, method: str, path: str, body: Any = None, content_type: str = JSON) -> Reply:
        sent = self._request(method, path, body, content_type)
        async with self._room:
            while self._idle:
                connection = self._idle.popleft()
                try:
                    return await self._exchange(connection, sent)
                except APIUnavailable:  # the server has closed it while it was idle; all that nodes write is named,
                    continue  # so that it can be said twice
            return await self._exchange(await self._dial(), sent)

    async def _exchange(self, connection: _Connection, sent: bytes) -> Reply:
        answer = _Answer()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                connection.writer.write(sent)
                size = 0
                while not answer.complete:
                    await connection.read(answer)
                    size = sum(map(len, answer.parts))
                    if size > ANSWER_BYTES:
                        raise APIUnavailable(f"an answer of more than {ANSWER_BYTES} bytes")
        except BaseException as error:
            connection.writer.close()
            if isinstance(error, OSError | TimeoutError):
                raise APIUnavailable(str(error) or "no answer in time") from error
            raise
        if answer.parser.should_keep_alive():
            self._idle.append(connection)
        else:
            connection.writer.close()
        return decoded(answer.status, answer.taken())

    async def watch(self, path: str) -> AsyncIterator[Tree]:
        connection, answer, lines = await self._dial(), _Answer(), Lines()
        try:
            connection.writer.write(self._request("GET", path, None, JSON))
            while not answer.complete:
                async with asyncio.timeout(SILENCE_SECONDS):
                    await connection.read(answer)
                if not answer.headed or answer.status != 200:
                    continue
                for event in lines.feed(answer.taken()):
                    yield event
            if answer.status != 200:
                yield {"type": "ERROR", "object": decoded(answer.status, answer.taken()).tree}
        except (OSError, TimeoutError) as error:
            raise APIUnavailable(str(error) or "the watch fell silent") from error
        finally:
            connection.writer.close()

    async def close(self) -> None:
        while self._idle:
            self._idle.popleft().writer.close()

    def _request(self, method: str, path: str, body: Any, content_type: str) -> bytes:
        head = f"{method} {self._prefix}{path} HTTP/1.1\r\n{self._head}"
        if body is None:
            return f"{head}\r\n".encode()
        data = orjson.dumps(body)
        return f"{head}Content-Type: {content_type}\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data

    async def _dial(self) -> _Connection:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._context)
        except (OSError, TimeoutError) as error:
            raise APIUnavailable(f"no connection to {self._host}:{self._port}: {error}") from error
        return _Connection(reader, writer)
