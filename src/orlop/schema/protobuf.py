"""Trees of built-in kinds to protobuf messages and back, by the field numbers in the type table.

`kind.KindSchema` offers both; `codec.protobuf` has the wire format and the envelope. Like `structural`, a
struct type becomes closures at its first use. Behaviour: the code that gogo generates for the API types:
members that are no pointers are always written, in the order of their numbers, maps by key; structs that JSON
flattens are messages of their own; Quantity, Time and the rest of the special types have messages as in
apimachinery's `*_proto.go`.

Reading gives a tree that still needs `KindSchema.decode`, as a JSON body does; unknown fields are skipped.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from orlop.api import base64, quantity, times
from orlop.api.tree import Tree, Value
from orlop.codec import json
from orlop.codec.document import text_of
from orlop.codec.protobuf import (
    BYTES,
    FIXED64,
    VARINT,
    Content,
    ProtobufError,
    delimited,
    fields,
    signed,
    tag,
    varint,
)
from orlop.schema import types as t
from orlop.schema.types import Type

Encode: TypeAlias = Callable[[Any], bytes]
"""A value as the bytes of its field, key and length included."""
Message: TypeAlias = Callable[[Any], bytes]
"""A value as the content of a message."""
Decode: TypeAlias = Callable[[Content, Any], Any]
"""A field's content as a value, given what an earlier field of the same number left (or None)."""

_ITEMS: Final = frozenset({"v1.ExtraValue", "v1.Verbs"})
"""Named lists that are messages with one repeated field of their own."""
_VARINTS: Final = frozenset({t.BOOL, t.INT32, t.INT64})
_WIRES: Final = {t.BOOL: VARINT, t.INT32: VARINT, t.INT64: VARINT, t.FLOAT: FIXED64}
_ZEROS: Final[dict[str, Any]] = {
    t.STRING: "", t.BOOL: False, t.INT32: 0, t.INT64: 0, t.FLOAT: 0.0, t.STRUCT: {}, t.QUANTITY: "0",
    t.TIME: None, t.MICRO_TIME: None, t.INT_OR_STRING: 0, t.RAW: None, t.FIELDS: None, t.SCHEMA_OR_BOOL: False,
    t.SCHEMA_OR_LIST: None, t.SCHEMA_OR_STRINGS: None,
}


def _time_message(value: Any) -> bytes:
    if value is None:
        return b""
    instant = times.parse(value)
    return b"\x08" + varint(instant.seconds) + b"\x10\x00"


def _micro_time_message(value: Any) -> bytes:
    if value is None:
        return b""
    instant = times.parse(value, times.MICRO_LAYOUT)
    return b"\x08" + varint(instant.seconds) + b"\x10" + varint(instant.nanoseconds)


def _int_or_string_message(value: Any) -> bytes:
    if isinstance(value, str):
        return b"\x08\x01\x10\x00" + delimited(3, value.encode())
    return b"\x08\x00\x10" + varint(value) + b"\x1a\x00"


def _raw_message(value: Any) -> bytes:
    return b"" if value is None else delimited(1, json.encode(value))


def _quantity_message(value: Any) -> bytes:
    return delimited(1, str(value).encode())


_MESSAGES: Final[dict[str, Message]] = {
    t.TIME: _time_message,
    t.MICRO_TIME: _micro_time_message,
    t.INT_OR_STRING: _int_or_string_message,
    t.RAW: _raw_message,
    t.FIELDS: _raw_message,
    t.QUANTITY: _quantity_message,
}


class Encoder:
    """Compiles writers of messages; keeps them by type."""

    def __init__(self) -> None:
        self._structs: dict[Type, Message] = {}

    def struct(self, kind: Type) -> Message:
        """The writer of a struct's message. Struct types without protobuf write empty messages."""
        found = self._structs.get(kind)
        return found if found is not None else self._compile(kind)

    def _compile(self, kind: Type) -> Message:
        steps: list[tuple[str, Encode, bytes]] = []

        def message(value: Any) -> bytes:
            out = []
            for name, encode, absent in steps:
                member = value if name == "" else value.get(name)
                out.append(absent if member is None else encode(member))
            return b"".join(out)

        self._structs[kind] = message
        numbered: list[tuple[int, str, Type]] = [
            (number, "", inner) for number, inner in kind.inline.values()]
        numbered += [(field.number, name, field.type) for name, field in kind.fields.items()
                     if field.number and not field.embedded]
        for number, name, inner in sorted(numbered, key=lambda entry: entry[0]):
            encode = self._field(number, inner.target)
            absent = b"" if inner.shape not in _ZEROS else encode(_ZEROS[inner.shape])
            steps.append((name, encode, absent))
        return message

    def _field(self, number: int, kind: Type) -> Encode:
        """The writer of a field that is there."""
        shape = kind.shape
        if shape in _VARINTS:
            key = tag(number, VARINT)
            return lambda value: key + varint(value)
        if shape == t.FLOAT:
            key = tag(number, FIXED64)
            return lambda value: key + struct.pack("<d", value)
        if shape == t.LIST and kind.go not in _ITEMS:
            item, nothing = self._field(number, kind.element.target), _ZEROS.get(kind.element.shape)
            return lambda value: b"".join([item(nothing if entry is None else entry) for entry in value])
        if shape == t.MAP:
            return self._map(number, kind.element)
        content = self._content(kind)
        key = tag(number, BYTES)

        def encode(value: Any) -> bytes:
            data = content(value)
            return key + varint(len(data)) + data

        return encode

    def _map(self, number: int, kind: Type) -> Encode:
        item = self._field(2, kind.target)

        def encode(value: Any) -> bytes:
            entries = [delimited(1, key.encode()) + (b"" if value[key] is None else item(value[key]))
                       for key in sorted(value)]
            return b"".join([delimited(number, entry) for entry in entries])

        return encode

    def _content(self, kind: Type) -> Message:
        shape = kind.shape
        if shape == t.STRING:
            return str.encode
        if shape == t.BYTES:
            return base64.decode
        if shape == t.STRUCT:
            return self.struct(kind)
        if shape == t.LIST:
            return self._repeated(1, kind.element)
        if shape in (t.SCHEMA_OR_BOOL, t.SCHEMA_OR_LIST, t.SCHEMA_OR_STRINGS):
            return self._schema_or(shape, self.struct(kind.element))
        return _MESSAGES[shape]

    def _repeated(self, number: int, kind: Type) -> Message:
        item = self._field(number, kind)
        return lambda value: b"".join([item(entry) for entry in value])

    def _schema_or(self, shape: str, schema: Message) -> Message:
        def message(value: Any) -> bytes:
            if shape == t.SCHEMA_OR_BOOL:
                if isinstance(value, bool):
                    return b"\x08" + varint(value)
                return b"\x08\x01" + delimited(2, schema(value))
            if isinstance(value, dict):
                return delimited(1, schema(value))
            if shape == t.SCHEMA_OR_LIST:
                return b"".join([delimited(2, schema(item)) for item in value or ()])
            return b"".join([delimited(2, item.encode()) for item in value or ()])

        return message


class Decoder:
    """Compiles readers of messages; keeps them by type."""

    def __init__(self) -> None:
        self._structs: dict[Type, dict[int, tuple[str, Type]]] = {}

    def struct(self, kind: Type, data: bytes, into: Tree | None = None) -> Tree:
        """Read a struct's message, over what an earlier message left."""
        result: Tree = {} if into is None else into
        members = self._members(kind)
        for number, wire, content in fields(data, kind.name):
            member = members.get(number)
            if member is None:
                continue
            name, inner = member
            self._check(name, inner.target, wire)
            if name:
                result[name] = self._value(inner.target, content, result.get(name))
            else:
                self.struct(inner, _octets(content), result)
        return result

    def _members(self, kind: Type) -> dict[int, tuple[str, Type]]:
        found = self._structs.get(kind)
        if found is None:
            found = {field.number: (name, field.type) for name, field in kind.fields.items()
                     if field.number and not field.embedded}
            found.update({number: ("", inner) for number, inner in kind.inline.values()})
            self._structs[kind] = found
        return found

    @staticmethod
    def _check(name: str, kind: Type, wire: int) -> None:
        expected = _WIRES.get(kind.element.shape if kind.shape == t.LIST else kind.shape, BYTES)
        packed = kind.shape == t.LIST and wire == BYTES
        if wire != expected and not packed:
            raise ProtobufError(f"proto: wrong wireType = {wire} for field {name[:1].upper()}{name[1:]}")

    def _value(self, kind: Type, content: Content, old: Any) -> Any:
        shape = kind.shape
        if shape == t.LIST and kind.go not in _ITEMS:
            items = old if isinstance(old, list) else []
            items.extend(self._entries(kind.element.target, content))
            return items
        if shape == t.MAP:
            result = old if isinstance(old, dict) else {}
            key, value = self._entry(kind.element, _octets(content))
            result[key] = value
            return result
        if isinstance(content, int):
            return bool(content) if shape == t.BOOL else signed(content, 32 if shape == t.INT32 else 64)
        if shape == t.STRUCT:
            return self.struct(kind, content, old if isinstance(old, dict) else None)
        return self._special(kind, content)

    def _entries(self, kind: Type, content: Content) -> list[Any]:
        """What one field adds to a list: an item, or many packed numbers."""
        if kind.shape in _VARINTS and isinstance(content, bytes):
            padded = b"".join([b"\x08" + chunk for chunk in _varints(content)])
            return [self._value(kind, number, None) for _, _, number in fields(padded, "")]
        return [self._value(kind, content, None)]

    def _entry(self, kind: Type, data: bytes) -> tuple[str, Any]:
        key, value = "", None
        for number, _, content in fields(data, "MapEntry"):
            if number == 1:
                key = text_of(_octets(content))
            elif number == 2:
                value = self._value(kind.target, content, None)
        if value is None and kind.shape in (t.BYTES, t.STRING):
            value = ""
        return key, value

    def _special(self, kind: Type, data: bytes) -> Any:
        shape = kind.shape
        if shape == t.STRING:
            return text_of(data)
        if shape == t.BYTES:
            return base64.encode(data)
        if shape == t.FLOAT:
            return struct.unpack("<d", data)[0]
        if shape in (t.TIME, t.MICRO_TIME):
            return _read_time(shape, data)
        if shape == t.LIST:
            return [text_of(_octets(content)) for number, _, content in fields(data, kind.name) if number == 1]
        parts = {number: content for number, _, content in fields(data, kind.name)}
        if shape == t.INT_OR_STRING:
            if parts.get(1):
                return text_of(_octets(parts.get(3, b"")))
            return signed(_number(parts.get(2, 0)), 32)
        if shape == t.QUANTITY:
            return _read_quantity(parts.get(1))
        if shape in (t.RAW, t.FIELDS):
            return _read_raw(parts.get(1))
        return self._schema_or(kind, data)

    def _schema_or(self, kind: Type, data: bytes) -> Any:
        schema: Tree | None = None
        many: list[Any] = []
        allows = False
        for number, _, content in fields(data, kind.name):
            if isinstance(content, int):
                allows = bool(content)
            elif number == (2 if kind.shape == t.SCHEMA_OR_BOOL else 1):
                schema = self.struct(kind.element, content, schema)
            else:
                strings = kind.shape == t.SCHEMA_OR_STRINGS
                many.append(text_of(content) if strings else self.struct(kind.element, content))
        if kind.shape == t.SCHEMA_OR_BOOL:
            return allows if schema is None else schema
        return many or schema


def _octets(content: Content) -> bytes:
    if isinstance(content, int):
        raise ProtobufError("proto: wrong wireType = 0 for field Value")
    return content


def _number(content: Content) -> int:
    if isinstance(content, bytes):
        raise ProtobufError("proto: wrong wireType = 2 for field Value")
    return content


def _varints(data: bytes) -> list[bytes]:
    """Packed varints, one by one."""
    out, start = [], 0
    for position, byte in enumerate(data):
        if byte < 0x80:
            out.append(data[start : position + 1])
            start = position + 1
    if start < len(data):
        raise ProtobufError("unexpected EOF")
    return out


def _read_quantity(content: Content | None) -> str:
    try:
        return "0" if content is None else quantity.canonical(text_of(_octets(content)))
    except quantity.QuantityError as error:
        raise ProtobufError(str(error)) from None


def _read_raw(content: Content | None) -> Value:
    """JSON within a message. Upstream takes any bytes here and fails later, when it has to print them."""
    try:
        return json.decode(_octets(content)) if content else None
    except json.JSONError as error:
        raise ProtobufError(str(error)) from None


def _read_time(shape: str, data: bytes) -> str | None:
    if not data:
        return None
    parts = {number: _number(content) for number, _, content in fields(data, "Timestamp") if number < 3}
    seconds = signed(parts.get(1, 0))
    if shape == t.TIME:
        return times.text(times.Instant(seconds))
    return times.micro_text(times.Instant(seconds, signed(parts.get(2, 0), 32) // 1000 * 1000))
