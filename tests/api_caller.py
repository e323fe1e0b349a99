"""The smallest HTTP client for tests of a real server: one kept-alive connection, JSON in, JSON out, and watches.

It hides nothing (no retries, no relists), so that tests see exactly what the server did.
"""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from server_process import ServerProcess


@dataclass(frozen=True)
class Answer:
    """Status code and decoded body of one answer."""

    code: int
    body: Any


class ApiCaller:
    """Calls a server as its administrator. One per thread."""

    def __init__(self, server: ServerProcess, seconds: float = 20) -> None:
        parts = urllib.parse.urlsplit(server.url)
        context = ssl.create_default_context(cafile=str(server.ca))
        self._headers = {"Authorization": f"Bearer {server.token}", "Accept": "application/json"}
        assert parts.hostname is not None
        self._connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=seconds, context=context)

    def call(self, method: str, path: str, body: Any = None, type: str = "application/json") -> Answer:
        """One request. Raises OSError or HTTPException when the connection breaks."""
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers if data is None else {**self._headers, "Content-Type": type}
        self._connection.request(method, path, body=data, headers=headers)
        response = self._connection.getresponse()
        return Answer(response.status, json.loads(response.read()))

    def watch(self, path: str) -> Iterator[dict[str, Any]]:
        """Events of a watch as they arrive, until the server ends the stream. Raises as `call` does; TimeoutError
        when nothing comes for the connection's seconds."""
        self._connection.request("GET", path, headers=self._headers)
        response = self._connection.getresponse()
        assert response.status == 200, response.read()
        for line in response:
            yield json.loads(line)

    def close(self) -> None:
        self._connection.close()
