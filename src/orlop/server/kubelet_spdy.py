"""A SPDY session of ours with a kubelet.

Used by `kubelet_remote_command` and `kubelet_port_forward`. Behaviour and texts: kubernetes
`staging/src/k8s.io/streaming` `pkg/httpstream/spdy/roundtripper.go`, client-go `transport/spdy/spdy.go`.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from typing import Final

import orjson

from orlop.kinds.kubelet import Location
from orlop.server.kubelet_dial import DialError
from orlop.server.kubelet_pool import Pool
from orlop.server.kubelet_request import AGENT, encode, url
from orlop.server.kubelet_wire import Head, Wire, WireError
from orlop.spdy.connection import Role
from orlop.spdy.session import Session

_PING_SECONDS: Final = 5.0
_LONGEST_ERROR: Final = 1 << 20
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


class NegotiationError(Exception):
    """No session; the text is Go's."""


async def negotiate(pool: Pool, context: ssl.SSLContext | None, location: Location,
                    protocols: Sequence[str]) -> tuple[Session, str]:
    """A session, and the protocol the kubelet chose ("" for none). Raises NegotiationError."""
    headers = [AGENT, ("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1"),
               *(("X-Stream-Protocol-Version", name) for name in protocols)]
    try:
        wire = await pool.connect(location, context)
        head = await wire.ask(encode("POST", location, location.authority, headers, 0))
    except (DialError, WireError) as error:
        text = "unexpected EOF" if str(error) == "EOF" and isinstance(error, WireError) else str(error)
        raise NegotiationError(f'error sending request: Post "{url(location)}": {text}') from None
    if head.status != 101 or "spdy/3.1" not in head.get("upgrade").lower():
        raise await _refused(wire, head)
    wire.upgraded()
    session = Session(Role.CLIENT, wire)
    session.ping_every(_PING_SECONDS)
    return session, head.get("x-stream-protocol-version")


async def _refused(wire: Wire, head: Head) -> NegotiationError:
    if head.status in _REDIRECTS and (place := head.get("location")):
        wire.abort()
        return NegotiationError(f'error sending request: Post "{place}": redirect not allowed')
    try:
        body, _ = await wire.whole(_LONGEST_ERROR)
    except WireError:
        return NegotiationError("unable to upgrade connection: unable to read error from server response")
    wire.abort()
    return NegotiationError(f"unable to upgrade connection: {_message(body)}")


def _message(body: bytes) -> str:
    try:
        status = orjson.loads(body)
    except orjson.JSONDecodeError:
        status = None
    if isinstance(status, dict):
        for key in ("message", "error"):
            if isinstance(status.get(key), str) and status[key].strip():
                return str(status[key].strip())
    return body.decode(errors="replace").strip() or "empty server response"
