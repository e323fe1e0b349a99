"""WebSocket frames: bytes in, pieces of messages and control frames out; and the other way.

Used by `socket`. Messages are passed on piece by piece as they arrive, so that none is ever held whole here. Written
here because it is a page, and because the libraries for it hold messages whole and unmask byte by byte unless a C
extension is built. RFC 6455, 5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CONTINUATION: Final = 0
TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10
NORMAL: Final = 1000
PROTOCOL_ERROR: Final = 1002
_LONGEST_CONTROL: Final = 125
_KNOWN: Final = frozenset({CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG})


class FramingError(Exception):
    """The peer sent what RFC 6455 does not allow."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a message. `first` and `last` mark its ends; an empty message is one empty piece."""

    opcode: int
    data: bytes
    first: bool
    last: bool


@dataclass(frozen=True, slots=True)
class Control:
    """A close, ping or pong, whole."""

    opcode: int
    data: bytes


def frame(opcode: int, payload: bytes, key: bytes = b"") -> bytes:
    """One whole frame; a client must give a `key` of four bytes."""
    size, masked = len(payload), 0x80 if key else 0
    if size <= _LONGEST_CONTROL:
        head = bytes((0x80 | opcode, masked | size))
    elif size < 1 << 16:
        head = bytes((0x80 | opcode, masked | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, masked | 127)) + size.to_bytes(8, "big")
    return head + key + mask(payload, key) if key else head + payload


def mask(data: bytes, key: bytes) -> bytes:
    """Both ways. As one long number, which is faster than byte by byte by three orders of magnitude."""
    size = len(data)
    keys = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(keys, "little")).to_bytes(size, "little")


class Receiver:
    """`masked` says whether the peer is a client. Raises FramingError."""

    __slots__ = ("_buffer", "_fin", "_first", "_key", "_masked", "_message", "_opcode", "_remaining")

    def __init__(self, masked: bool = True) -> None:
        self._masked = masked
        self._buffer = b""
        self._remaining = -1  # of the frame being read; -1 between frames
        self._opcode, self._fin, self._key = 0, False, b""
        self._message, self._first = 0, False

    def receive(self, data: bytes) -> list[Piece | Control]:
        found: list[Piece | Control] = []
        if self._buffer:
            data, self._buffer = self._buffer + data, b""
        at = 0
        while True:
            if self._remaining < 0:
                start = self._head(data, at)
                if start < 0:
                    break
                at = start
            size = min(self._remaining, len(data) - at)
            if (self._opcode >= CLOSE and size < self._remaining) or (not size and self._remaining):
                break
            self._take(data[at:at + size], found)
            at += size
            if at >= len(data) and self._remaining:
                break
        self._buffer = data[at:]
        return found

    def _head(self, data: bytes, at: int) -> int:
        """Read a frame's head; where its payload starts, or -1 while the head is not there."""
        have = len(data) - at
        if have < 2:
            return -1
        first, second = data[at], data[at + 1]
        size, start = second & 0x7F, at + 2
        extra = {126: 2, 127: 8}.get(size, 0)
        key = 4 if second & 0x80 else 0
        if have < 2 + extra + key:
            return -1
        if extra:
            size = int.from_bytes(data[start:start + extra], "big")
            start += extra
        self._judge(first, bool(key), size)
        self._key = data[start:start + key]
        self._remaining = size
        return start + key

    def _judge(self, first: int, masked: bool, size: int) -> None:
        opcode, fin = first & 0x0F, bool(first & 0x80)
        if first & 0x70 or opcode not in _KNOWN or masked != self._masked:
            raise FramingError("bad frame")
        self._opcode, self._fin = opcode, fin
        if opcode >= CLOSE:
            if size > _LONGEST_CONTROL or not fin:
                raise FramingError("bad control frame")
        elif (opcode == CONTINUATION) != bool(self._message):
            raise FramingError("message out of order")
        elif opcode:
            self._message, self._first = opcode, True

    def _take(self, raw: bytes, found: list[Piece | Control]) -> None:
        if self._key and raw:
            data, turn = mask(raw, self._key), len(raw) % 4
            self._key = self._key[turn:] + self._key[:turn]
        else:
            data = raw
        self._remaining -= len(raw)
        ended = not self._remaining
        if ended:
            self._remaining = -1
        if self._opcode >= CLOSE:
            found.append(Control(self._opcode, data))
            return
        last = ended and self._fin
        found.append(Piece(self._message, data, self._first, last))
        self._first = False
        if last:
            self._message = 0
