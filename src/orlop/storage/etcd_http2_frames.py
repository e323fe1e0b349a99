"""HTTP/2 frames: bytes into frames and back. RFC 9113, sections 4 and 6.

Used by `etcd_http2_connection` and `etcd_http2_sending`, which know what frames mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Final

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITISED: Final = 0x20

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = range(4)
FRAME_SIZE_ERROR: Final = 0x6
REFUSED_STREAM: Final = 0x7
CANCEL: Final = 0x8
COMPRESSION_ERROR: Final = 0x9
ERRORS: Final = (
    "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
    "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
)  # fmt: skip

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = range(1, 6)

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
INITIAL_WINDOW: Final = 65_535
LEAST_FRAME: Final = 16_384
"""What both sides start with, before they have heard each other's settings."""

HEAD: Final = 9
_HEAD: Final = Struct(">HBBBL")
_NUMBER: Final = Struct(">L")
_SETTING: Final = Struct(">HL")
_GOAWAY: Final = Struct(">LL")

Frame = tuple[int, int, int, bytes]
"""Kind, flags, number of the stream, payload."""

_NONE: Final[Sequence[Frame]] = ()


class Violation(Exception):
    """The other side does not keep to HTTP/2; the connection is of no more use. `code`: of RFC 9113, 7."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code


class FrameReader:
    """Frames out of a stream of bytes cut anywhere. `limit`: of a payload."""

    __slots__ = ("_have", "_limit", "_need", "_pieces")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._have = self._need = 0

    def feed(self, data: bytes) -> Sequence[Frame]:
        """Raises Violation for a frame beyond the limit; the frames before it in `data` are lost with it."""
        if self._pieces:
            self._pieces.append(data)
            self._have += len(data)
            if self._have < self._need:  # a large frame comes in many pieces: join them once
                return _NONE
            data = b"".join(self._pieces)
            self._pieces = []
        frames = []
        at, end, need, limit = 0, len(data), HEAD, self._limit
        unpack = _HEAD.unpack_from
        while end - at >= HEAD:
            high, low, kind, flags, number = unpack(data, at)
            size = high << 8 | low
            if size > limit:
                raise Violation(FRAME_SIZE_ERROR, f"a frame of {size} bytes")
            start = at + HEAD
            stop = start + size
            if stop > end:
                need = stop - at
                break
            frames.append((kind, flags, number & 0x7FFFFFFF, data[start:stop]))
            at = stop
        if at < end:
            self._pieces = [data[at:]]
            self._have, self._need = end - at, need
        return frames


def frame(kind: int, flags: int, number: int, payload: bytes = b"") -> bytes:
    size = len(payload)
    return _HEAD.pack(size >> 8, size & 0xFF, kind, flags, number) + payload


def settings(values: dict[int, int]) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(*pair) for pair in values.items()))


def window_update(number: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, number, _NUMBER.pack(increment))


def reset(number: int, code: int) -> bytes:
    return frame(RST_STREAM, 0, number, _NUMBER.pack(code))


def goaway(code: int, words: str = "") -> bytes:
    """We never open the door to streams of the other side, so the last one is always 0."""
    return frame(GOAWAY, 0, 0, _GOAWAY.pack(0, code) + words.encode())


def read_number(payload: bytes) -> int:
    """Of RST_STREAM and WINDOW_UPDATE; the highest bit means nothing."""
    if len(payload) != 4:
        raise Violation(FRAME_SIZE_ERROR, f"{len(payload)} bytes where 4 belong")
    number: int = _NUMBER.unpack(payload)[0]
    return number


def read_settings(payload: bytes) -> list[tuple[int, int]]:
    if len(payload) % 6:
        raise Violation(FRAME_SIZE_ERROR, f"settings of {len(payload)} bytes")
    return list(_SETTING.iter_unpack(payload))


def read_goaway(payload: bytes) -> tuple[int, str, str]:
    """The last stream that was looked at, the code's name, words."""
    if len(payload) < 8:
        raise Violation(FRAME_SIZE_ERROR, f"GOAWAY of {len(payload)} bytes")
    last, code = _GOAWAY.unpack_from(payload)
    return last & 0x7FFFFFFF, error_name(code), payload[8:].decode(errors="replace")


def unpadded(flags: int, payload: bytes) -> bytes:
    """DATA and HEADERS without padding and priority."""
    start, stop = 0, len(payload)
    if flags & PADDED:
        if not payload:
            raise Violation(FRAME_SIZE_ERROR, "a padded frame without padding")
        start, stop = 1, stop - payload[0]
    if flags & PRIORITISED:
        start += 5
    if start > stop:
        raise Violation(PROTOCOL_ERROR, "more padding than frame")
    return payload[start:stop]


def error_name(code: int) -> str:
    return ERRORS[code] if code < len(ERRORS) else f"error {code}"
