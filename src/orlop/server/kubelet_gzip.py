"""Bodies of answers that were asked for in gzip by us, not by the client: unpacked on their way.

Used by `kubelet_wire` for `kubelet_relay`. What is unpacked is handed on in pieces, and no further ones are made while
whoever takes them has paused the wire: a short body may stand for a very long one. Behaviour: gzipReader in Go's
`net/http/transport.go`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from orlop.server.kubelet_wire import Wire

PIECE: Final = 64 * 1024
"""So much is unpacked at a time."""
_GZIP: Final = 31


class Unpacker:
    """Stands between a wire and who takes its body. One that is no gzip, or none to its end, counts as broken off."""

    __slots__ = ("_complete", "_on_end", "_on_part", "_packed", "_wire", "_zlib")

    def __init__(self, wire: Wire, on_part: Callable[[bytes], None], on_end: Callable[[bool], None]) -> None:
        self._wire, self._on_part = wire, on_part
        self._on_end: Callable[[bool], None] | None = on_end
        self._zlib = zlib.decompressobj(_GZIP)
        self._packed = b""
        self._complete: bool | None = None

    def part(self, data: bytes) -> None:
        self._packed += data
        self.go_on()

    def end(self, complete: bool) -> None:
        self._complete = complete
        self.go_on()

    def go_on(self) -> None:
        """Hand on what there is, as far as it is taken."""
        try:
            while self._packed and not self._wire.paused:
                self._unpack()
        except zlib.error:
            self._complete, self._packed = False, b""
            self._wire.abort()
        if self._complete is not None and not self._packed:
            told, self._on_end = self._on_end, None
            if told is not None:
                told(self._complete and self._zlib.eof)

    def _unpack(self) -> None:
        if self._zlib.eof:  # members may follow each other
            self._zlib = zlib.decompressobj(_GZIP)
        data = self._zlib.decompress(self._packed, PIECE)
        self._packed = self._zlib.unused_data if self._zlib.eof else self._zlib.unconsumed_tail
        if data:
            self._on_part(data)
