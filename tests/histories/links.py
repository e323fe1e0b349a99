"""How a workload reaches a server: within the process, or over TLS.

A link is one client's connection. Whatever keeps an answer from coming is `Lost`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

import orjson

import orlop
from raw_client import Lost, RawClient

JSON = "application/json"
SECONDS = 30.0
"""Longer than any server should take to answer, and than a watch of which something is expected is silent."""

Query = Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    code: int
    body: Any


class Link(Protocol):
    server: str

    async def request(self, method: str, path: str, body: Any = None, query: Query | None = None,
                      type: str = JSON) -> Answer:
        """Raises Lost."""

    def watch(self, path: str, query: Query) -> AsyncGenerator[dict[str, Any], None]:
        """Events until a clean end. A refusal comes as an ERROR event. Raises Lost."""

    def close(self) -> None: ...


Linking = Callable[[], Link]
"""Makes a link to one certain server."""


class InProcess:
    """A link to a server in this process, without a socket."""

    def __init__(self, server: orlop.Server, name: str = "in process") -> None:
        self.server, self._server = name, server

    async def request(self, method: str, path: str, body: Any = None, query: Query | None = None,
                      type: str = JSON) -> Answer:
        reply = await self._server.request(method, path, body, query=query or {}, headers={"content-type": type})
        return Answer(reply.status, reply.json())

    async def watch(self, path: str, query: Query) -> AsyncGenerator[dict[str, Any], None]:
        try:
            stream = await self._server.watch(path, query=query)
            async with stream:
                while True:
                    try:
                        event = await asyncio.wait_for(anext(stream), SECONDS)
                    except StopAsyncIteration:
                        return
                    yield event if stream.status == 200 else {"type": "ERROR", "object": event}
        except (ConnectionResetError, TimeoutError) as error:
            raise Lost(repr(error), True) from error

    def close(self) -> None:
        """Nothing is kept."""


class OverTls:
    """A link to a server that listens."""

    def __init__(self, url: str, ca: Path, token: str) -> None:
        self.server = url
        self._make = partial(RawClient, url, ca, token, SECONDS)
        self._client = self._make()

    async def request(self, method: str, path: str, body: Any = None, query: Query | None = None,
                      type: str = JSON) -> Answer:
        payload = b"" if body is None else orjson.dumps(body)
        code, answer = await self._client.call(method, _target(path, query), payload, type)
        return Answer(code, orjson.loads(answer))

    async def watch(self, path: str, query: Query) -> AsyncGenerator[dict[str, Any], None]:
        client = self._make()  # a connection of its own: this one goes on with requests
        try:
            async for line in client.stream(_target(path, {**query, "watch": "true"})):
                event = orjson.loads(line)
                yield event if "type" in event else {"type": "ERROR", "object": event}
        finally:
            client.close()

    def close(self) -> None:
        self._client.close()


def _target(path: str, query: Query | None) -> str:
    return f"{path}?{urlencode(query)}" if query else path
