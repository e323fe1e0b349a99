"""Requests and responses as plain values.

The listener (or the in-process transport) makes a `Request` and carries out a `Response`; everything between knows
nothing of sockets. A watch answers with a `Stream`: the transport calls `open` once with a `Channel` after the
headers are out. An upgrade (exec, port-forward) answers with `Upgrade` and gets the raw connection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from orlop.api.context import Context

Headers = dict[str, str]
"""Lower-case names; repeated headers are joined by ", " in order of arrival."""


class Incoming(Protocol):
    """A body that is passed on while it arrives. `length` is None where the client did not say it; `trailers` are there
    at the end. Whoever takes it can be handed one more part after `pause`."""

    length: int | None
    trailers: list[tuple[str, str]]

    def start(self, on_part: Callable[[bytes], None], on_end: Callable[[str], None]) -> None:
        """Take it. `on_end` is called once, with what went wrong; "" for a whole body."""

    def pause(self) -> None: ...
    def resume(self) -> None: ...


class Request:
    """One HTTP request, its body read whole, unless it is still `incoming`.

    `path` is percent-decoded, `raw_path` and `query` are as sent (no "?"). `header_list` keeps repeated headers
    apart. `peer_certificate` is the verified client certificate (DER) or None. `context` is filled by the filters.
    """

    __slots__ = ("_parameters", "body", "context", "header_list", "headers", "incoming", "method", "path", "peer",
                 "peer_certificate", "query", "raw_path")

    context: Context

    def __init__(self, method: str, path: str, query: str = "", headers: Headers | None = None, body: bytes = b"", *,
                 raw_path: str = "", header_list: list[tuple[str, str]] | None = None, peer: str = "",
                 peer_certificate: bytes | None = None) -> None:
        self.method, self.path, self.query, self.body = method, path, query, body
        self.headers: Headers = headers if headers is not None else {}
        self.header_list = header_list if header_list is not None else list(self.headers.items())
        self.raw_path = raw_path or path
        self.peer, self.peer_certificate = peer, peer_certificate
        self.incoming: Incoming | None = None
        self._parameters: dict[str, list[str]] | None = None

    @property
    def parameters(self) -> dict[str, list[str]]:
        """Query parameters, each with its values in order; parsed once, blanks kept."""
        if self._parameters is None:
            self._parameters = {}
            if self.query:
                for name, value in parse_qsl(self.query, keep_blank_values=True):
                    self._parameters.setdefault(name, []).append(value)
        return self._parameters

    def parameter(self, name: str) -> str:
        """The first value of a query parameter, "" when absent."""
        if not self.query:
            return ""
        values = self.parameters.get(name)
        return values[0] if values else ""


class Frame:
    """Bytes that go to many channels: their HTTP/1.1 chunk is made once, on the first use."""

    __slots__ = ("_chunk", "payload")

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self._chunk = b""

    @property
    def chunk(self) -> bytes:
        if not self._chunk:
            self._chunk = b"%x\r\n%b\r\n" % (len(self.payload), self.payload)
        return self._chunk


class Channel(Protocol):
    """The way back to one streaming client.

    `write` never blocks and never raises for a client that went away. `backlog` is the number of bytes not yet taken
    by the network: a writer that sees it pass its limit must `close` (clean end, perhaps with trailers) or `abort`
    (cut). `on_lost` is called once when the client leaves or the connection breaks; not after `close`. A writer that
    can wait stops while the channel is `congested` and goes on when `on_drained` is called.
    """

    on_lost: Callable[[], None] | None
    on_drained: Callable[[], None] | None

    def write(self, frame: Frame) -> None: ...
    def close(self, trailers: Sequence[tuple[str, str]] = ()) -> None: ...
    def abort(self) -> None: ...
    @property
    def backlog(self) -> int: ...
    @property
    def congested(self) -> bool: ...


class Response:
    """A whole answer. `body` may be in pieces, so that a large list is never joined; lengths are computed in one
    place, by the transport. `headers` are extra (name, value) pairs beside Content-Type and Content-Length."""

    __slots__ = ("body", "content_type", "headers", "status")

    def __init__(self, status: int, body: bytes | list[bytes], content_type: str = "application/json",
                 headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.status, self.body, self.content_type, self.headers = status, body, content_type, headers


class Stream:
    """An answer without end known beforehand: chunked and flushed at once. With a Content-Length among its headers it
    is sent bare; its writer keeps to that length or aborts."""

    __slots__ = ("content_type", "headers", "open", "status")

    def __init__(self, content_type: str, open: Callable[[Channel], None],
                 headers: tuple[tuple[str, str], ...] = (), status: int = 200) -> None:
        self.status, self.content_type, self.open, self.headers = status, content_type, open, headers


class RawConnection(Protocol):
    """A connection after 101: bytes both ways, the handler's own from then on.

    While `congested`, the peer does not take what is written: who can wait does, until `on_drained` is called.
    `on_lost` is called once when the connection is gone; not after `close`.
    """

    on_data: Callable[[bytes], None] | None
    on_lost: Callable[[], None] | None
    on_drained: Callable[[], None] | None

    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    @property
    def congested(self) -> bool: ...


class Upgraded(RawConnection, Protocol):
    """The client's connection. `backlog` is the number of bytes not yet taken by the network; `abort` cuts."""

    def abort(self) -> None: ...
    @property
    def backlog(self) -> int: ...


class Upgrade:
    """101 Switching Protocols, then the raw connection is handed to `take`, with bytes already received. `head` is all
    of the answer's where somebody else wrote it, who may have said another `status`."""

    __slots__ = ("head", "headers", "status", "take")

    def __init__(self, headers: tuple[tuple[str, str], ...], take: Callable[[Upgraded, bytes], None],
                 head: bytes = b"", status: int = 101) -> None:
        self.headers, self.take, self.head, self.status = headers, take, head, status


Answer = Response | Stream | Upgrade
