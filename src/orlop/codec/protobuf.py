"""Protobuf's wire format and the envelope that Kubernetes puts around an object.

`schema.protobuf` writes and reads messages of typed objects with these pieces; endpoints call `wrap` and
`unwrap` on whole bodies, `frame` on watch events. Behaviour: apimachinery
`runtime/serializer/protobuf/protobuf.go` (the prefix, runtime.Unknown), `util/framer`; errors of broken
messages read as those of the generated gogo code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

PREFIX: Final = b"k8s\x00"
VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5
_START_GROUP, _END_GROUP = 3, 4
_MAX_INT64: Final = (1 << 63) - 1

Content: TypeAlias = "int | bytes"


class ProtobufError(ValueError):
    """A body that is no message; the message is upstream's."""


def varint(value: int) -> bytes:
    """An integer of up to 64 bits; negative ones take ten bytes."""
    if 0 <= value < 0x80:
        return value.to_bytes(1, "little")
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tag(number: int, wire: int) -> bytes:
    return varint(number << 3 | wire)


def delimited(number: int, content: bytes) -> bytes:
    """A field whose content carries its length: text, bytes, a message."""
    return tag(number, BYTES) + varint(len(content)) + content


def signed(value: int, bits: int = 64) -> int:
    """A varint's content as a signed integer; surplus bits are lost, as in Go."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        if shift >= 64:
            raise ProtobufError("proto: integer overflow")
        if position >= len(data):
            raise ProtobufError("unexpected EOF")
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & ((1 << 64) - 1), position
        shift += 7


def fields(data: bytes, message: str) -> Iterator[tuple[int, int, Content]]:
    """The fields of a message in order: number, wire type, content. `message` is its Go name, for errors."""
    position = 0
    while position < len(data):
        key, position = _read_varint(data, position)
        number, wire = signed(key >> 3, 32), key & 7
        if wire == _END_GROUP:
            raise ProtobufError(f"proto: {message}: wiretype end group for non-group")
        if number <= 0:
            raise ProtobufError(f"proto: {message}: illegal tag {number} (wire type {key})")
        if wire == VARINT:
            value, position = _read_varint(data, position)
            yield number, wire, value
        elif wire == BYTES:
            length, position = _read_varint(data, position)
            content, position = _take(data, position, length)
            yield number, wire, content
        elif wire in (FIXED64, FIXED32):
            content, position = _take(data, position, 8 if wire == FIXED64 else 4)
            yield number, wire, content
        elif wire == _START_GROUP:
            position = _skip_group(data, position)
        else:
            raise ProtobufError(f"proto: illegal wireType {wire}")


def _take(data: bytes, position: int, length: int) -> tuple[bytes, int]:
    if length > _MAX_INT64:
        raise ProtobufError("proto: negative length found during unmarshaling")
    if position + length > len(data):
        raise ProtobufError("unexpected EOF")
    return data[position : position + length], position + length


def _skip_group(data: bytes, position: int) -> int:
    """The place after a group, which nothing here uses."""
    depth = 1
    while depth:
        key, position = _read_varint(data, position)
        wire = key & 7
        if wire == VARINT:
            _, position = _read_varint(data, position)
        elif wire == BYTES:
            length, position = _read_varint(data, position)
            _, position = _take(data, position, length)
        elif wire in (FIXED64, FIXED32):
            _, position = _take(data, position, 8 if wire == FIXED64 else 4)
        elif wire in (_START_GROUP, _END_GROUP):
            depth += 1 if wire == _START_GROUP else -1
        else:
            raise ProtobufError(f"proto: illegal wireType {wire}")
    return position


class Envelope(NamedTuple):
    """runtime.Unknown: a message and what kind it says it is of ("" where it does not)."""

    api_version: str
    kind: str
    raw: bytes


def wrap(api_version: str, kind: str, message: bytes) -> bytes:
    """A whole body."""
    meta = delimited(1, api_version.encode()) + delimited(2, kind.encode())
    return PREFIX + delimited(1, meta) + delimited(2, message) + b"\x1a\x00\x22\x00"


def unwrap(body: bytes) -> Envelope:
    """The reverse of `wrap`. ProtobufError in upstream's words for what is no envelope."""
    if not body:
        raise ProtobufError("empty data")
    if not body.startswith(PREFIX):
        shown = " ".join(str(byte) for byte in PREFIX)
        raise ProtobufError(f"provided data does not appear to be a protobuf message, expected prefix [{shown}]")
    if body == PREFIX:
        raise ProtobufError("empty body")
    api_version = kind = ""
    raw = b""
    for number, wire, content in fields(body[len(PREFIX) :], "Unknown"):
        if number > 4:
            continue
        if wire != BYTES or not isinstance(content, bytes):
            name = ("TypeMeta", "Raw", "ContentEncoding", "ContentType")[number - 1]
            raise ProtobufError(f"proto: wrong wireType = {wire} for field {name}")
        if number == 1:
            for inner, _, text in fields(content, "TypeMeta"):
                if inner == 1 and isinstance(text, bytes):
                    api_version = text.decode("utf-8", "replace")
                elif inner == 2 and isinstance(text, bytes):
                    kind = text.decode("utf-8", "replace")
        elif number == 2:
            raw = content
    return Envelope(api_version, kind, raw)


def frame(message: bytes) -> bytes:
    """One message of a stream: its length in four bytes, then itself."""
    return len(message).to_bytes(4, "big") + message


def watch_event(type: str, body: bytes) -> bytes:
    """A framed watch event around the whole body of an object."""
    return frame(delimited(1, type.encode()) + delimited(2, delimited(1, body)))
