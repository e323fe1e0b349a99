"""Header blocks: names and values, compressed with a memory that lasts as long as the connection.

Used by `connection`, one `Compressor` and one `Decompressor` each. SPDY draft 3, 2.6.10; limits as in moby/spdystream's
`spdy/read.go`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Final

from orlop.spdy.dictionary import DICTIONARY
from orlop.spdy.errors import ProtocolError

MOST_HEADERS: Final = 1000
"""A block with more fails the connection."""
LONGEST_FIELD: Final = 1 << 20
"""A longer name or value fails the connection."""
LONGEST_BLOCK: Final = 4 << 20
"""A block that is longer once decompressed fails the connection."""
_SEPARATOR: Final = "\0"
_WINDOW_BITS: Final = 11
"""Just holds the dictionary: what one idle connection remembers costs 10 KiB, not 256."""
_MEMORY_LEVEL: Final = 1
_U32: Final = struct.Struct(">I")


class Compressor:
    __slots__ = ("_zlib",)

    def __init__(self) -> None:
        self._zlib = zlib.compressobj(zlib.Z_BEST_COMPRESSION, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL,
                                      zlib.Z_DEFAULT_STRATEGY, DICTIONARY)

    def pack(self, headers: Mapping[str, str]) -> bytes:
        parts = [_U32.pack(len(headers))]
        for name, value in headers.items():
            for text in (name.lower(), value):
                raw = text.encode()
                parts += (_U32.pack(len(raw)), raw)
        return self._zlib.compress(b"".join(parts)) + self._zlib.flush(zlib.Z_SYNC_FLUSH)


class Decompressor:
    __slots__ = ("_zlib",)

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(zdict=DICTIONARY)

    def unpack(self, block: bytes) -> dict[str, str]:
        """Values of one name are joined by ", ". Raises ProtocolError."""
        try:
            raw = self._zlib.decompress(block, LONGEST_BLOCK)
        except zlib.error as error:
            raise ProtocolError(f"headers do not decompress: {error}") from None
        if self._zlib.unconsumed_tail:
            raise ProtocolError("invalid control frame")
        try:
            return _parse(raw)
        except (struct.error, UnicodeDecodeError):
            raise ProtocolError("compressed payload size was incorrect") from None


def _parse(raw: bytes) -> dict[str, str]:
    count, at = _U32.unpack_from(raw, 0)[0], 4
    if count > MOST_HEADERS:
        raise ProtocolError("invalid control frame")
    found: dict[str, str] = {}
    for _ in range(count):
        name, at = _field(raw, at)
        value, at = _field(raw, at)
        if name != name.lower():
            raise ProtocolError("header was not lowercased")
        if name in found:
            raise ProtocolError("multiple headers with same name")
        found[name] = value.replace(_SEPARATOR, ", ")
    if at != len(raw):
        raise ProtocolError("compressed payload size was incorrect")
    return found


def _field(raw: bytes, at: int) -> tuple[str, int]:
    size, start = _U32.unpack_from(raw, at)[0], at + 4
    end = start + size
    if size > LONGEST_FIELD:
        raise ProtocolError("invalid control frame")
    if end > len(raw):
        raise ProtocolError("compressed payload size was incorrect")
    return raw[start:end].decode(), end
