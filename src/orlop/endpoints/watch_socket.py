"""A watch as WebSocket messages, one an event: for browsers, and for clients that prefer messages to lines.

Used by `watch`, whose stream writes to a `MessageChannel` then. Behaviour: apiserver `endpoints/handlers/watch.go`
(HandleWS); golang.org/x/net/websocket, which wants an Origin and cannot choose among subprotocols.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from orlop.api.http import Answer, Frame, Request, Stream, Upgrade, Upgraded
from orlop.codec.negotiation import Media
from orlop.websocket import handshake
from orlop.websocket.framing import BINARY, TEXT, frame
from orlop.websocket.listening import listen, say_goodbye

_LENGTH = 4
"""Bytes before each message of a protobuf stream, which frames make needless."""


class MessageChannel:
    """A Channel over a WebSocket: what is written holds whole events, one or several."""

    def __init__(self, client: Upgraded, media: Media) -> None:
        self._client = client
        self._messages = _lines if media == "json" else _prefixed
        self._opcode = TEXT if media == "json" else BINARY
        self.on_lost: Callable[[], None] | None = None
        self.on_drained: Callable[[], None] | None = None

    @property
    def backlog(self) -> int:
        return self._client.backlog

    @property
    def congested(self) -> bool:
        return self._client.congested

    def write(self, frame_: Frame) -> None:
        self._client.write(b"".join(frame(self._opcode, event) for event in self._messages(frame_.payload)))

    def close(self, trailers: Sequence[tuple[str, str]] = ()) -> None:
        """There are no trailers here."""
        self.on_lost = None
        say_goodbye(self._client)

    def abort(self) -> None:
        self.on_lost = None
        self._client.abort()

    def lost(self) -> None:
        on_lost, self.on_lost = self.on_lost, None
        if on_lost is not None:
            on_lost()


def over_websocket(request: Request, stream: Stream, media: Media) -> Answer:
    refused = handshake.bare_refusal(request)
    if refused is not None:
        return refused

    def take(client: Upgraded, early: bytes) -> None:
        channel = MessageChannel(client, media)
        stream.open(channel)
        listen(client, early, channel.lost)

    named = handshake.protocols(request)
    return Upgrade(handshake.answer_headers(request, named[0] if named else None), take)


def _lines(payload: bytes) -> Iterator[bytes]:
    """JSON has no line ends but those between events."""
    yield from payload.splitlines(keepends=True)


def _prefixed(payload: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(payload):
        start = at + _LENGTH
        at = start + int.from_bytes(payload[at:start], "big")
        yield payload[start:at]
