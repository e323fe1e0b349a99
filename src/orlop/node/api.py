"""The API server, as a node talks to it: requests and watches, in this process or over HTTPS.

Made by `run` and used by everything in this room; the node has no other way to the objects. `https` is the
other implementation of `Api`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final, NamedTuple, Protocol

import orjson

from orlop import __version__
from orlop.api.tree import Tree
from orlop.server.transport import InProcess

JSON: Final = "application/json"
STRATEGIC: Final = "application/strategic-merge-patch+json"
USER_AGENT: Final = f"orlop-node/{__version__}"
LINE_BYTES: Final = 64 * 1024 * 1024
"""One event of a watch may be so long; a longer one ends the watch."""


class Reply(NamedTuple):
    status: int
    tree: Tree

    @property
    def ok(self) -> bool:
        return self.status < 400

    @property
    def message(self) -> str:
        return self.tree.get("message") or f"status {self.status}"


class APIUnavailable(Exception):
    """No answer; trying again may help."""


class Api(Protocol):
    """Raises APIUnavailable when there is no answer; refusals are answers."""

    async def request(self, method: str, path: str, body: Any = None, content_type: str = JSON) -> Reply: ...

    def watch(self, path: str) -> AsyncIterator[Tree]:
        """The events of a watch (`path` has its query), until the server ends it."""

    async def close(self) -> None: ...


class Lines:
    """JSON documents, one a line, out of chunks."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[Tree]:
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > LINE_BYTES:
            raise APIUnavailable(f"an event of more than {LINE_BYTES} bytes")
        return [orjson.loads(line) for line in whole if line]


def decoded(status: int, body: bytes) -> Reply:
    try:
        tree = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        tree = {"message": body[:200].decode(errors="replace")}
    return Reply(status, tree if isinstance(tree, dict) else {})


class LocalApi:
    """The server in this very process."""

    def __init__(self, client: InProcess, token: str) -> None:
        self._client = client
        self._headers = {"authorization": f"Bearer {token}", "accept": JSON, "user-agent": USER_AGENT}

    async def request(self, method: str, path: str, body: Any = None, content_type: str = JSON) -> Reply:
        headers, sent = self._headers, b""
        if body is not None:
            headers, sent = {**headers, "content-type": content_type}, orjson.dumps(body)
        reply = await self._client.request(method, path, headers, sent)
        return decoded(reply.status, reply.body)

    async def watch(self, path: str) -> AsyncIterator[Tree]:
        stream = await self._client.stream("GET", path, self._headers)
        lines = Lines()
        try:
            async for chunk in stream:
                for event in lines.feed(chunk):
                    yield event
        except ConnectionResetError as error:
            raise APIUnavailable(str(error)) from error
        finally:
            await stream.aclose()

    async def close(self) -> None:
        """Nothing to let go of."""
