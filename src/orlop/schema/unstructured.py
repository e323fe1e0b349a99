"""Trees without a text behind them, read under a type: how upstream turns the result of a strategic merge
patch, or of server-side apply, into an object again.

`kind.KindSchema.restore` comes here when the fast codec met a surprise. Other words than the decoder's, and a
little more lenient (whole floats are integers, integers wrap): apimachinery `runtime/converter.go`,
FromUnstructured. The result is a tree that the fast codec takes. Members are read in Go's order, the first
error ends everything.
"""

from __future__ import annotations

from typing import Any, Final

from orlop.api import base64
from orlop.api.tree import Tree, Value
from orlop.schema import types as t
from orlop.schema.exact import Reader
from orlop.schema.interface import DecodeError
from orlop.schema.types import Type

_GO_KINDS: Final[dict[type, str]] = {
    str: "string", bool: "bool", int: "int64", float: "float64", dict: "map", list: "slice",
}
_BITS: Final = {t.INT32: 32, t.INT64: 64}
_NAMES: Final = {t.STRING: "string", t.BOOL: "bool", t.INT32: "int32", t.INT64: "int64", t.FLOAT: "float64"}
_MAX_INT64: Final = (1 << 63) - 1


def _go_kind(value: Any) -> str:
    return "float64" if type(value) is int and value > _MAX_INT64 else _GO_KINDS[type(value)]


class Restorer:
    """Reads one tree. `unknown` collects `unknown field "spec.foo"`, keys of maps left out of the path."""

    def __init__(self) -> None:
        self.unknown: list[str] = []

    def value(self, kind: Type, value: Any, path: str) -> Value:
        """The value as the type has it. DecodeError in upstream's words."""
        if value is None:
            return None
        shape = kind.shape
        if shape == t.POINTER:
            return self.value(kind.element, value, path)
        if shape == t.STRUCT:
            return self._struct(kind, value, path)
        if shape == t.LIST:
            if type(value) is not list:
                raise DecodeError(f"cannot restore slice from {_go_kind(value)}")
            return [self.value(kind.element, item, f"{path}[{index}]") for index, item in enumerate(value)]
        if shape == t.MAP:
            if type(value) is not dict:
                raise DecodeError(f"cannot restore map from {_go_kind(value)}")
            return {key: self.value(kind.element, item, path) for key, item in value.items()}
        if shape == t.BYTES:
            return _bytes(value)
        if shape in _NAMES:
            return _scalar(kind, value)
        return Reader(None).read(kind, value)

    def _struct(self, kind: Type, value: Any, path: str) -> Tree:
        if type(value) is not dict:
            raise DecodeError(f"cannot restore struct from: {_go_kind(value)}")
        result: Tree = {}
        for name, field in kind.fields.items():
            if name in value:
                result[name] = self.value(field.type, value[name], f"{path}.{name}" if path else name)
        for key in value:
            if key not in kind.fields:
                self.unknown.append(f'unknown field "{path}.{key}"' if path else f'unknown field "{key}"')
        return result


def _scalar(kind: Type, value: Any) -> Value:
    shape, given = kind.shape, _go_kind(value)
    if given == _NAMES[shape] or (shape == t.FLOAT and given == "int64"):
        return value
    if shape in _BITS and given == "int64":
        half = 1 << (_BITS[shape] - 1)
        return (value + half) % (2 * half) - half
    if shape in _BITS and given == "float64":
        if float(value).is_integer():
            return int(value)
        raise DecodeError(f"cannot convert float64 to {kind.go}")
    if shape == t.STRING and given == "int64":
        raise DecodeError(f"cannot convert int64 to {kind.go}")
    raise DecodeError(f"unrecognized type: {_NAMES[shape]}")


def _bytes(value: Any) -> Value:
    if type(value) is str:
        try:
            return base64.encode(base64.decode(value))
        except base64.CorruptInput as error:
            raise DecodeError(f"error decoding from json: {error}") from None
    if type(value) is not list:
        raise DecodeError(f"cannot restore slice from {_go_kind(value)}")
    octets = bytearray()
    for item in value:
        if type(item) is not int:
            raise DecodeError("unrecognized type: uint8")
        octets.append(item % 256)
    return base64.encode(bytes(octets))
