"""Port-forward as kubectl has it since 1.31: SPDY to the kubelet, carried in a WebSocket to the client.

Used by `kubelet_client`. The frames of SPDY pass through unread, as binary messages. Behaviour and texts: apiserver
`pkg/util/proxy/streamtunnel.go`, client-go `tools/portforward/tunneling_connection.go`.
"""

from __future__ import annotations

import ssl
from typing import Final

from orlop.api.http import Answer, RawConnection, Request, Response, Upgrade
from orlop.kinds.kubelet import Location
from orlop.server.kubelet_pool import Pool
from orlop.server.kubelet_request import forwarded_for, passed_on
from orlop.server.kubelet_splice import splice
from orlop.server.kubelet_upgrade import ask, refused
from orlop.server.kubelet_wire import Wire
from orlop.websocket import handshake
from orlop.websocket.framing import BINARY, CLOSE, NORMAL, PING, PONG, FramingError, Piece, Receiver, frame

_PREFIX: Final = "SPDY/3.1+"
_SUFFIX: Final = ".k8s.io"
_SPDY: Final = "SPDY/3.1"
_VERSION: Final = "X-Stream-Protocol-Version"
_GOODBYE: Final = frame(CLOSE, NORMAL.to_bytes(2, "big"))
_WEBSOCKET_ONLY: Final = frozenset({"sec-websocket-protocol", "sec-websocket-key", "sec-websocket-version", "upgrade",
                                    "x-stream-protocol-version"})


def asked_for(request: Request) -> bool:
    return bool(_spdy_protocols(request))


def _spdy_protocols(request: Request) -> list[str]:
    return [name.removeprefix(_PREFIX) for name in handshake.protocols(request)
            if name.startswith(_PREFIX) and name.endswith(_SUFFIX)]


async def tunnel(pool: Pool, context: ssl.SSLContext | None, location: Location, request: Request) -> Answer:
    """Raises APIError."""
    headers = [(name, value) for name, value in passed_on(request) if name.lower() not in _WEBSOCKET_ONLY]
    headers = forwarded_for(headers, request)
    headers += [("Upgrade", _SPDY), *((_VERSION, name) for name in _spdy_protocols(request))]
    wire, head = await ask(pool, context, location, "POST", request.headers.get("host", ""), headers)
    if head.status != 101:
        return await refused(wire, head)
    upgraded = "upgrade" in head.get("connection").lower() and _SPDY.lower() in head.get("upgrade").lower()
    refusal = handshake.refusal(request) if upgraded else _no_upgrade()
    if refusal is not None:
        wire.abort()
        return refusal
    chosen = head.get(_VERSION.lower()).strip()
    protocol = _PREFIX + chosen if chosen and _PREFIX + chosen in handshake.protocols(request) else None
    wire.upgraded()
    return Upgrade(handshake.answer_headers(request, protocol), lambda client, early: _take(client, early, wire))


def _no_upgrade() -> Response:
    return Response(500, b"unable to upgrade: missing upgrade headers in response\n", "text/plain; charset=utf-8",
                    (("X-Content-Type-Options", "nosniff"),))


def _take(client: RawConnection, early: bytes, wire: Wire) -> None:
    receiver = Receiver()

    def from_client(data: bytes) -> bytes:
        """What messages carry. A goodbye closes both sides."""
        parts = []
        try:
            for part in receiver.receive(data):
                if isinstance(part, Piece):
                    parts.append(part.data)
                elif part.opcode == PING:
                    client.write(frame(PONG, part.data))
                elif part.opcode == CLOSE:
                    _end()
                    break
        except FramingError:
            _end()
        return b"".join(parts)

    def _end() -> None:
        client.write(_GOODBYE)
        client.close()
        wire.close()

    splice(client, early, wire, lambda data: frame(BINARY, data), from_client, _GOODBYE)
