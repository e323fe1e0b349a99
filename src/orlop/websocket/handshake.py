"""The HTTP part of WebSocket: who asks for it, whether well, and with which subprotocol.

Used by the server's rooms before they take a connection. Behaviour: RFC 6455, 4.2; golang.org/x/net/websocket
`hybi.go`, `server.go`; kubernetes `staging/src/k8s.io/streaming` `pkg/httpstream/wsstream`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from typing import Final

from orlop.api.http import Request, Response

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PROTOCOL: Final = "sec-websocket-protocol"
_VERSION: Final = "13"
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20\x7f]*\Z")


def is_upgrade(request: Request) -> bool:
    return "upgrade" in request.headers.get("connection", "").lower()


def is_websocket(request: Request) -> bool:
    return request.headers.get("upgrade", "").lower() == "websocket" and is_upgrade(request)


def protocols(request: Request) -> list[str]:
    """The subprotocols the client offers, in its order."""
    return [name.strip() for name in request.headers.get(PROTOCOL, "").split(",") if name.strip()]


def choose(request: Request, supported: Sequence[str]) -> str | None:
    """The first that both know; "" where the client names none and that is supported; None for nothing."""
    return next((name for name in protocols(request) or [""] if name in supported), None)


def refusal(request: Request) -> Response | None:
    """What is wrong with the handshake."""
    key = request.headers.get("sec-websocket-key", "")
    if request.method != "GET":
        return _plain(405, "bad method")
    if not key:
        return _plain(400, "mismatch challenge/response")
    if request.headers.get("sec-websocket-version", "") != _VERSION:
        return _plain(400, "missing or bad WebSocket Version", (("Sec-WebSocket-Version", _VERSION),))
    return None


def bare_refusal(request: Request) -> Response | None:
    """What is wrong with the handshake where a page of some origin is expected, and no subprotocol to choose from."""
    refused = refusal(request)
    if refused is None and not _is_address(request.headers.get("origin", "")):
        return forbidden()
    if refused is None and len(protocols(request)) > 1:
        return _plain(400, "")
    return refused


def _is_address(origin: str) -> bool:
    """As Go's url.ParseRequestURI takes it, but for rarities: absolute, or a path."""
    return origin.startswith("/") or bool(_ABSOLUTE.match(origin))


def forbidden() -> Response:
    """No subprotocol in common, or of no origin."""
    return Response(403, b"", "", (("Connection", "close"),))


def answer_headers(request: Request, protocol: str | None) -> tuple[tuple[str, str], ...]:
    """Of the 101. A chosen protocol without a name is told as such."""
    digest = hashlib.sha1(request.headers.get("sec-websocket-key", "").encode() + _GUID).digest()
    accept = base64.b64encode(digest).decode()
    headers = (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept))
    return (*headers, ("Sec-WebSocket-Protocol", protocol)) if protocol is not None else headers


def _plain(status: int, text: str, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    return Response(status, text.encode(), "", (*headers, ("Connection", "close")))
