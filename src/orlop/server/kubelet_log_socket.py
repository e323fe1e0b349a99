"""A log as WebSocket messages, for browsers.

Used by `kubelet_log`. Behaviour: kubernetes `staging/src/k8s.io/streaming` `pkg/httpstream/wsstream/stream.go`.
"""

from __future__ import annotations

import base64
from typing import Final

from orlop.api.http import Answer, RawConnection, Request, Upgrade
from orlop.server.kubelet_wire import Wire
from orlop.websocket import handshake
from orlop.websocket.framing import BINARY, CLOSE, NORMAL, PING, PONG, TEXT, Control, FramingError, Receiver, frame

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
        receiver = Receiver()

        def received(data: bytes) -> None:
            """A client has nothing to say but goodbye."""
            try:
                said = receiver.receive(data)
            except FramingError:
                said = [Control(CLOSE, b"")]
            for part in said:
                if isinstance(part, Control) and part.opcode == CLOSE:
                    client.write(frame(CLOSE, NORMAL.to_bytes(2, "big")))
                    client.close()
                    wire.abort()
                elif isinstance(part, Control) and part.opcode == PING:
                    client.write(frame(PONG, part.data))

        def part(data: bytes) -> None:
            client.write(message(data))
            if client.congested:
                wire.pause_reading()

        def end(complete: bool) -> None:
            client.write(frame(CLOSE, NORMAL.to_bytes(2, "big")))
            client.close()
            wire.abort()

        client.write(frame(opcode, b""))
        client.on_data, client.on_lost, client.on_drained = received, wire.abort, wire.resume_reading
        if early:
            received(early)
        client.resume_reading()
        wire.deliver(part, end)

    return Upgrade(handshake.answer_headers(request, protocol), take)
