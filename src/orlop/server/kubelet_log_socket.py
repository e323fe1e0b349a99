"""A log as WebSocket messages, for browsers.

Used by `kubelet_log`. Behaviour: kubernetes `staging/src/k8s.io/streaming` `pkg/httpstream/wsstream/stream.go`.
"""

from __future__ import annotations

import base64
from typing import Final

from orlop.api.http import Answer, RawConnection, Request, Upgrade
from orlop.server.kubelet_wire import Wire
from orlop.websocket import handshake
from orlop.websocket.framing import BINARY, TEXT, frame
from orlop.websocket.listening import listen, say_goodbye

_IN_BASE64: Final = "base64.binary.k8s.io"
_PROTOCOLS: Final = ("", "binary.k8s.io", _IN_BASE64)


def over_websocket(wire: Wire, request: Request) -> Answer:
    protocol = handshake.choose(request, _PROTOCOLS)
    refusal = handshake.refusal(request) or (handshake.forbidden() if protocol is None else None)
    if protocol is None or refusal is not None:
        wire.abort()
        return refusal or handshake.forbidden()
    opcode = TEXT if protocol == _IN_BASE64 else BINARY

    def message(data: bytes) -> bytes:
        return frame(opcode, base64.b64encode(data) if opcode == TEXT else data)

    def take(client: RawConnection, early: bytes) -> None:
        def part(data: bytes) -> None:
            client.write(message(data))
            if client.congested:
                wire.pause_reading()

        def end(complete: bool) -> None:
            say_goodbye(client)
            wire.abort()

        client.write(frame(opcode, b""))
        client.on_drained = wire.resume_reading
        listen(client, early, wire.abort)
        wire.deliver(part, end)

    return Upgrade(handshake.answer_headers(request, protocol), take)
