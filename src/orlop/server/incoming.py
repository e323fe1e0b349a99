"""The body of one request, passed on while it arrives.

Made by the connection for requests to a proxy, taken by whoever passes them on (`kubelet_upload`). The client is asked
for a body that waits to be asked for when somebody takes it, and is not read while nobody takes more. Behaviour: the
bodies of requests in Go's `net/http/{server,transfer}.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from orlop.api.http import Headers

if TYPE_CHECKING:
    from orlop.server.link import Link

MALFORMED: Final = "invalid byte in chunk length"
"""What is wrong with a body whose chunks cannot be read."""
_PROXY: Final = re.compile(r"/api/v1/(?:namespaces/[^/]+/(?:pods|services)|nodes)/[^/]+/proxy(?:/|$)")


def passed_on(path: str) -> bool:
    """Whether a request to `path` goes to somebody else as it is. Its body may have any length."""
    return "/proxy" in path and _PROXY.match(path) is not None


class Body:
    """An `Incoming`."""

    __slots__ = ("_connection", "_end", "_expects", "_left", "_on_end", "_on_part", "_parts", "_paused", "_size",
                 "_stopped", "length", "trailers")

    def __init__(self, connection: Link, headers: Headers, expects: bool) -> None:
        self._connection, self._expects = connection, expects
        length = None if "transfer-encoding" in headers else headers.get("content-length")
        self.length = int(length) if length is not None else None
        self.trailers: list[tuple[str, str]] = []
        self._on_part: Callable[[bytes], None] | None = None
        self._on_end: Callable[[str], None] | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._end: str | None = None
        self._paused, self._stopped, self._left = True, False, False

    def start(self, on_part: Callable[[bytes], None], on_end: Callable[[str], None]) -> None:
        self._on_part, self._on_end = on_part, on_end
        if self._expects and self._end is None and not self._left:
            self._expects = False
            self._connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.resume()

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        while self._parts and not self._paused and self._on_part is not None:
            part = self._parts.pop(0)
            self._size -= len(part)
            self._on_part(part)
        if self._paused:
            return
        if self._stopped:
            self._stopped = False
            self._connection.resume_reading()
        if self._end is not None:
            self._tell()

    # Told by the connection.

    def received(self, part: bytes) -> None:
        if self._left:
            return
        if self._on_part is not None and not self._paused:
            self._on_part(part)
            return
        self._parts.append(part)
        self._size += len(part)
        if self._size > self._connection.shared.limits.incoming and not self._stopped:
            self._stopped = True
            self._connection.pause_reading()

    def ended(self, why: str) -> None:
        """No more will come; of a body that broke off, nothing is passed on any more."""
        if self._end is not None:
            return
        self._end = why
        if why:
            self._parts, self._size = [], 0
            self._tell()
        elif not self._parts and not self._paused:
            self._tell()

    def leave(self) -> None:
        """The request is answered: what is here and what comes is thrown away."""
        self._left, self._on_part, self._on_end = True, None, None
        self._parts, self._size = [], 0
        if self._stopped:
            self._stopped = False
            self._connection.resume_reading()

    def _tell(self) -> None:
        told, self._on_end = self._on_end, None
        if told is not None:
            told(self._end or "")
