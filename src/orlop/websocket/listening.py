"""The client's side of a connection on which only the server has something to say: pings are answered, a goodbye is
returned, all else is ignored.

Used by logs and watches. Behaviour: kubernetes `staging/src/k8s.io/streaming` `pkg/httpstream/wsstream/conn.go`
(IgnoreReceives); RFC 6455, 5.5.
"""

from __future__ import annotations

from collections.abc import Callable

from orlop.api.http import RawConnection
from orlop.websocket.framing import CLOSE, NORMAL, PING, PONG, Control, FramingError, Receiver, frame


def listen(client: RawConnection, early: bytes, ended: Callable[[], None]) -> None:
    """Take what comes from now on, and what came `early`. `ended` is called when the client leaves, but not after
    `say_goodbye`."""
    receiver = Receiver()

    def received(data: bytes) -> None:
        try:
            said = receiver.receive(data)
        except FramingError:
            said = [Control(CLOSE, b"")]
        for part in said:
            if isinstance(part, Control) and part.opcode == CLOSE:
                say_goodbye(client)
                ended()
                return
            if isinstance(part, Control) and part.opcode == PING:
                client.write(frame(PONG, part.data))

    client.on_data, client.on_lost = received, ended
    if early:
        received(early)
    client.resume_reading()


def say_goodbye(client: RawConnection) -> None:
    """Everything was said."""
    client.write(frame(CLOSE, NORMAL.to_bytes(2, "big")))
    client.close()
