"""Frames as bytes: their types, flags, statuses and how each is written.

Used by `connection`. SPDY draft 3.1, 2.2 and 2.6.
"""

from __future__ import annotations

import struct
from typing import Final

SYN_STREAM: Final = 1
SYN_REPLY: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PING: Final = 6
GOAWAY: Final = 7
HEADERS: Final = 8
WINDOW_UPDATE: Final = 9

FLAG_FIN: Final = 0x01
FLAG_UNIDIRECTIONAL: Final = 0x02

PROTOCOL_ERROR: Final = 1
INVALID_STREAM: Final = 2
REFUSED_STREAM: Final = 3
CANCEL: Final = 5
"""Statuses of RST_STREAM."""

LAST_ID: Final = 0x7FFFFFFF
LONGEST_FRAME: Final = (1 << 24) - 1
"""What 24 bits of length can say; more data than this goes out in several frames."""
HEAD: Final = struct.Struct(">II")
_CONTROL: Final = struct.Struct(">HHI")
_VERSION: Final = 0x8003
U32: Final = struct.Struct(">I")
PAIR: Final = struct.Struct(">II")
SYN: Final = struct.Struct(">IIBB")


def control(kind: int, payload: bytes, flags: int = 0) -> bytes:
    return _CONTROL.pack(_VERSION, kind, flags << 24 | len(payload)) + payload


def syn_stream(stream: int, block: bytes, flags: int) -> bytes:
    return control(SYN_STREAM, SYN.pack(stream, 0, 0, 0) + block, flags)


def syn_reply(stream: int, block: bytes, flags: int) -> bytes:
    return control(SYN_REPLY, U32.pack(stream) + block, flags)


def headers(stream: int, block: bytes, flags: int) -> bytes:
    return control(HEADERS, U32.pack(stream) + block, flags)


def rst_stream(stream: int, status: int) -> bytes:
    return control(RST_STREAM, PAIR.pack(stream, status))


def ping(id: int) -> bytes:
    return control(PING, U32.pack(id))


def goaway(last: int, status: int = 0) -> bytes:
    return control(GOAWAY, PAIR.pack(last, status))


def data_head(stream: int, size: int, flags: int) -> bytes:
    return HEAD.pack(stream, flags << 24 | size)
