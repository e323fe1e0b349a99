"""Headers of gRPC calls: requests into blocks, and blocks into what they say. RFC 7541; gRPC's PROTOCOL-HTTP2.md.

Used by `etcd_http2_channel` (requests) and `etcd_http2_connection` (answers). We allow etcd no dynamic table, and use
none: so the same bytes always mean the same, and both directions are remembered. What is new is decoded by `hpack`.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple
from urllib.parse import unquote_to_bytes

from orlop.storage.etcd_http2_frames import COMPRESSION_ERROR, Violation
from orlop.storage.etcd_http2_limits import HEADER_BYTES, HEADER_MEMO
from orlop.storage.etcd_messages import library

Metadata = tuple[tuple[str, str], ...]

CODES: Final = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
    "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
_OF_HTTP: Final = {
    400: "INTERNAL", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "UNIMPLEMENTED",
    429: "UNAVAILABLE", 502: "UNAVAILABLE", 503: "UNAVAILABLE", 504: "UNAVAILABLE",
}  # fmt: skip
_POST: Final = b"\x83"
_SCHEME: Final = {False: b"\x86", True: b"\x87"}
_AUTHORITY, _PATH, _CONTENT_TYPE, _USER_AGENT = b"\x01", b"\x04", b"\x0f\x10", b"\x0f\x2b"
_TRAILERS: Final = b"\x00\x02te\x08trailers"


class Head(NamedTuple):
    """A block of an answer. `http`: its status, 0 in trailers. `code`: gRPC's, "" when there is none yet. `wrong`: why
    it is no answer of a gRPC server."""

    http: int
    code: str
    words: str
    wrong: str = ""


class HeadReader:
    def __init__(self) -> None:
        """Raises CannotOpen when hpack is not installed."""
        self._hpack: Any = library("hpack")
        self._memo: dict[bytes, Head] = {}

    def read(self, block: bytes) -> Head:
        """Raises Violation."""
        head = self._memo.get(block)
        if head is None:
            if len(self._memo) >= HEADER_MEMO:
                self._memo.clear()
            head = self._memo[block] = _meaning(self._decode(block))
        return head

    def _decode(self, block: bytes) -> dict[bytes, bytes]:
        decoder = self._hpack.Decoder(HEADER_BYTES)
        decoder.max_allowed_table_size = decoder.header_table_size = 0
        try:
            return {bytes(name): bytes(value) for name, value in decoder.decode(block, raw=True)}
        except self._hpack.HPACKError as error:
            raise Violation(COMPRESSION_ERROR, f"headers that cannot be decoded: {error}") from error


def _meaning(fields: dict[bytes, bytes]) -> Head:
    http = _decimal(fields.get(b":status", b"0"))
    code = ""
    if b"grpc-status" in fields:
        number = _decimal(fields[b"grpc-status"])
        code = CODES[number] if 0 <= number < len(CODES) else "UNKNOWN"
    words = unquote_to_bytes(fields.get(b"grpc-message", b"")).decode(errors="replace")
    return Head(http, code, words, "" if code else _wrong(http, fields))


def _wrong(http: int, fields: dict[bytes, bytes]) -> str:
    kind = fields.get(b"content-type", b"")
    if http and http != 200:
        return f"HTTP status {http}"
    if http and not kind.startswith(b"application/grpc"):
        return f"an answer of type {kind.decode(errors='replace')!r}, not gRPC"
    return ""


def _decimal(digits: bytes) -> int:
    return int(digits) if digits.isdigit() else -1


def code_of_http(status: int) -> str:
    """gRPC's code for an answer that did not come from a gRPC server."""
    return _OF_HTTP.get(status, "UNKNOWN")


class RequestHeaders:
    """Blocks of requests to one server, each made once."""

    def __init__(self, authority: str, secure: bool) -> None:
        self._common = _POST + _SCHEME[secure] + _AUTHORITY + _string(authority)
        self._memo: dict[tuple[str, Metadata, float], bytes] = {}

    def block(self, path: str, metadata: Metadata, timeout: float = 0) -> bytes:
        """`timeout`: 0 for none; etcd gives up after it, too."""
        key = (path, metadata, timeout)
        block = self._memo.get(key)
        if block is None:
            if len(self._memo) >= HEADER_MEMO:
                self._memo.clear()
            block = self._memo[key] = self._make(path, metadata, timeout)
        return block

    def _make(self, path: str, metadata: Metadata, timeout: float) -> bytes:
        parts = [self._common, _PATH, _string(path), _TRAILERS, _CONTENT_TYPE, _string("application/grpc")]
        parts += [_USER_AGENT, _string("orlop")]
        if timeout:
            metadata = (*metadata, ("grpc-timeout", f"{max(round(timeout * 1000), 1)}m"))
        for name, value in metadata:
            parts += [b"\0", _string(name.lower()), _string(value)]
        return b"".join(parts)


def _string(text: str) -> bytes:
    """A literal, not Huffman coded: a length with a prefix of 7 bits (RFC 7541, 5.1), and the bytes."""
    raw = text.encode()
    size = len(raw)
    if size < 127:
        return bytes((size,)) + raw
    length = bytearray((127,))
    size -= 127
    while size >= 128:
        length.append(size & 127 | 128)
        size >>= 7
    length.append(size)
    return bytes(length) + raw
