"""gRPC's messages in the DATA of a stream: a byte of flags, four of length, the message. gRPC's PROTOCOL-HTTP2.md.

Used by `etcd_http2_calls`. Messages are cut into frames anywhere, and a frame may hold several.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Final

from orlop.storage.etcd_http2_limits import MESSAGE_BYTES

PREFIX: Final = Struct(">BL")
_SIZE: Final = PREFIX.size
_NONE: Final[Sequence[bytes]] = ()


class Refusal(Exception):
    """What came on this stream is not taken; the others go on. `code`: gRPC's."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code, self.words = code, words


class Reassembly:
    """`partial`: bytes of a message of which the end has not come."""

    __slots__ = ("_need", "_pieces", "partial")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._need = self.partial = 0

    def feed(self, data: bytes) -> Sequence[bytes]:
        """The messages that are whole now. Raises Refusal."""
        if self._pieces:
            self._pieces.append(data)
            self.partial += len(data)
            if self.partial < self._need:
                return _NONE
            data = b"".join(self._pieces)
            self._pieces, self.partial = [], 0
        messages = []
        at, end = 0, len(data)
        need = _SIZE
        while end - at >= _SIZE:
            compressed, size = PREFIX.unpack_from(data, at)
            if compressed:
                raise Refusal("INTERNAL", "a compressed message, which nobody asked for")
            if size > MESSAGE_BYTES:
                raise Refusal("RESOURCE_EXHAUSTED", f"a message of {size} bytes")
            stop = at + _SIZE + size
            if stop > end:
                need = stop - at
                break
            messages.append(data[at + _SIZE : stop])
            at = stop
        if at < end:
            self._pieces, self.partial, self._need = [data[at:]], end - at, need
        return messages
