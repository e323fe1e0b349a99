"""A connection both ways, handed over as it is: SPDY, or whatever else the client and the kubelet agree on.

Used by `kubelet_client` for exec, attach and port-forward of SPDY clients, and for upgrades through proxies. The head
of the answer is the other side's, byte for byte; its refusal is told in its words and ends the connection. Behaviour
and texts: apimachinery `pkg/util/proxy/upgradeaware.go` (tryUpgrade), Response.Write in Go's `net/http`.
"""

from __future__ import annotations

import ssl
from typing import Final

from orlop.api import errors
from orlop.api.http import Answer, RawConnection, Request, Upgrade
from orlop.kinds.kubelet import Location
from orlop.server.heads import field_lines
from orlop.server.kubelet_dial import DialError
from orlop.server.kubelet_pool import Pool
from orlop.server.kubelet_request import Headers, encode, forwarded_for, passed_on, with_agent
from orlop.server.kubelet_splice import splice
from orlop.server.kubelet_wire import Head, Wire, WireError

LONGEST_ERROR: Final = 1 << 20
"""Of a refusal's body, so much is passed back."""
_FRAMING: Final = frozenset({"content-length", "transfer-encoding"})


async def upgrade(pool: Pool, context: ssl.SSLContext | None, location: Location, request: Request) -> Answer:
    """Raises APIError."""
    headers = forwarded_for(passed_on(request), request)
    chunked = "transfer-encoding" in request.headers
    wire, head = await ask(pool, context, location, request.method, request.headers.get("host", ""), headers,
                           request.body, chunked)
    if head.status != 101:
        return await refused(wire, head)
    wire.upgraded()

    def take(client: RawConnection, early: bytes) -> None:
        splice(client, early, wire)

    return Upgrade((), take, head.raw)


async def ask(pool: Pool, context: ssl.SSLContext | None, location: Location, method: str, host: str,
              headers: Headers, body: bytes = b"", chunked: bool = False) -> tuple[Wire, Head]:
    """A connection of its own and what its server says. Raises APIError."""
    try:
        wire = await pool.connect(location, context)
    except DialError as error:
        raise errors.unknown(f"error dialing backend: {error}") from None
    size = len(body) if (body or method not in ("GET", "HEAD")) and not chunked else None
    if chunked:
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    try:
        sent = encode(method, location, host, with_agent(headers), size, chunked)
        return wire, await wire.ask(sent, body, handshake=True)
    except WireError as error:
        wire.abort()
        text = "unexpected EOF" if str(error) == "EOF" else str(error)
        raise errors.unknown(text) from None


async def refused(wire: Wire, head: Head) -> Answer:
    """What the client gets when the other side does not upgrade: its refusal as it is, and the connection closed."""
    if head.status < 400:
        wire.abort()
        raise errors.unknown(f"invalid upgrade response: status code {head.status}")
    try:
        body, _ = await wire.whole(LONGEST_ERROR)
    except WireError as error:
        raise errors.unknown(str(error)) from None
    wire.abort()
    trailers = tuple(wire.trailers)

    def take(client: RawConnection, early: bytes) -> None:
        client.write(_framed(head, body, trailers))
        client.close()

    return Upgrade((), take, _told(head, len(body)), head.status)


def _told(head: Head, size: int) -> bytes:
    version = head.raw.partition(b" ")[0]
    line = b"%b %d %b\r\n" % (version, head.status, head.phrase.encode("latin-1", "replace"))
    kept = [(name, value) for name, value in head.headers if name.lower() not in _FRAMING]
    if _chunked(head):
        kept.append(("Transfer-Encoding", "chunked"))
    elif head.get("content-length"):
        kept.append(("Content-Length", str(size)))
    closes = not _chunked(head) and (not head.get("content-length") or version == b"HTTP/1.0")
    if closes and not head.get("connection"):
        kept.append(("Connection", "close"))
    return line + field_lines(tuple(kept)) + b"\r\n"


def _framed(head: Head, body: bytes, trailers: tuple[tuple[str, str], ...]) -> bytes:
    if not _chunked(head):
        return body
    chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
    return chunk + b"0\r\n" + field_lines(trailers) + b"\r\n"


def _chunked(head: Head) -> bool:
    return head.get("transfer-encoding").lower() == "chunked"
