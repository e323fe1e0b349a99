"""Several channels in one WebSocket: each message starts with the channel's number.

Used by the rooms of pods over a `Socket`. The forms differ in how numbers and bytes are written (raw, or as a digit and
base64), whether a client can end one channel (v5), and how the end is told (as a Status from v4 on). Behaviour:
kubernetes `staging/src/k8s.io/streaming` `pkg/httpstream/wsstream/conn.go`, `pkg/kubelet` remotecommand.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from orlop.websocket.framing import BINARY, TEXT, Piece

STDIN: Final = 0
STDOUT: Final = 1
STDERR: Final = 2
ERROR: Final = 3
RESIZE: Final = 4
_CLOSE: Final = 255
LONGEST_TEXT: Final = 32 << 20
"""A message in base64 is decoded whole; a longer one ends the connection."""


@dataclass(frozen=True, slots=True)
class Form:
    """A subprotocol."""

    base64: bool = False
    closes: bool = False
    statuses: bool = True
    """The end is told as a Status, not as text."""


FORMS: Final = {
    "v5.channel.k8s.io": Form(closes=True),
    "v4.channel.k8s.io": Form(),
    "v4.base64.channel.k8s.io": Form(base64=True),
    "base64.channel.k8s.io": Form(base64=True, statuses=False),
    "channel.k8s.io": Form(statuses=False),
    "": Form(statuses=False),
}


class ChannelError(Exception):
    """The client's message means nothing that one could go on from."""


class Encoder:
    """Messages for the client: (opcode, payload)."""

    __slots__ = ("_form",)

    def __init__(self, form: Form) -> None:
        self._form = form

    def message(self, channel: int, data: bytes) -> tuple[int, bytes]:
        if self._form.base64:
            return TEXT, b"%d" % channel + base64.b64encode(data)
        return BINARY, bytes((channel,)) + data


class Decoder:
    """Messages of the client as (channel, bytes), with None for a channel that it ends. Raises ChannelError."""

    __slots__ = ("_channel", "_form", "_held", "_size", "_text")

    def __init__(self, form: Form) -> None:
        self._form = form
        self._channel = -1
        self._held = b""
        self._text: list[bytes] = []
        self._size = 0

    def receive(self, piece: Piece) -> Iterator[tuple[int, bytes | None]]:
        if self._form.base64:
            yield from self._whole(piece)
            return
        data = piece.data
        if self._channel < 0:
            if not data:
                return
            self._channel, data = data[0], data[1:]
        if self._form.closes and self._channel == _CLOSE:
            yield from self._ending(data, piece.last)
        elif data:
            yield self._channel, data
        if piece.last:
            self._channel = -1

    def _ending(self, data: bytes, last: bool) -> Iterator[tuple[int, None]]:
        self._held += data
        if len(self._held) > 1 or (last and not self._held):
            raise ChannelError("Single channel byte should follow stream close signal")
        if last:
            channel, self._held = self._held[0], b""
            if channel > RESIZE:
                raise ChannelError("Close is targeted for a channel that is not valid, possible protocol error")
            yield channel, None

    def _whole(self, piece: Piece) -> Iterator[tuple[int, bytes]]:
        self._text.append(piece.data)
        self._size += len(piece.data)
        if self._size > LONGEST_TEXT:
            raise ChannelError("websocket: frame payload size exceeds limit")
        if piece.last:
            text, self._text, self._size = b"".join(self._text), [], 0
            if text:
                try:
                    yield text[0] - ord("0"), base64.b64decode(text[1:], validate=True)
                except binascii.Error:
                    return  # upstream drops what it cannot decode
