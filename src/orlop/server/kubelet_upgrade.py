"""A connection both ways, handed over as it is: SPDY, or whatever else the client and the kubelet agree on.

Used by `kubelet_client` for exec, attach and port-forward of SPDY clients, and for upgrades through proxies. Behaviour
and texts: apimachinery `pkg/util/proxy/upgradeaware.go` (tryUpgrade).
"""

from __future__ import annotations

import ssl
from typing import Final

from orlop.api import errors
from orlop.api.http import Answer, RawConnection, Request, Response, Upgrade
from orlop.kinds.kubelet import Location
from orlop.server.kubelet_dial import DialError
from orlop.server.kubelet_pool import Pool
from orlop.server.kubelet_request import Headers, encode, forwarded_for, passed_on, with_agent
from orlop.server.kubelet_splice import splice
from orlop.server.kubelet_wire import Head, Wire, WireError

LONGEST_ERROR: Final = 1 << 20
"""Of a refusal's body, so much is passed back."""


async def upgrade(pool: Pool, context: ssl.SSLContext | None, location: Location, request: Request) -> Answer:
    """Raises APIError."""
    headers = forwarded_for(passed_on(request), request)
    wire, head = await ask(pool, context, location, request.method, request.headers.get("host", ""), headers,
                           request.body)
    if head.status != 101:
        return await refused(wire, head)
    wire.upgraded()

    def take(client: RawConnection, early: bytes) -> None:
        splice(client, early, wire)

    return Upgrade(tuple(head.headers), take)


async def ask(pool: Pool, context: ssl.SSLContext | None, location: Location, method: str, host: str,
              headers: Headers, body: bytes = b"") -> tuple[Wire, Head]:
    """A connection of its own and what its server says. Raises APIError."""
    try:
        wire = await pool.connect(location, context)
    except DialError as error:
        raise errors.unknown(f"error dialing backend: {error}") from None
    size = len(body) if body or method not in ("GET", "HEAD") else None
    try:
        return wire, await wire.ask(encode(method, location, host, with_agent(headers), size), body)
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
    kept = [(name, value) for name, value in head.headers
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date")]
    return Response(head.status, body, "", (*kept, ("Connection", "close")))
