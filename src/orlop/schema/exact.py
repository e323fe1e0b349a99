"""The slow codec: reads a document under a type exactly as upstream's decoder does, errors included.

`kind.KindSchema.decode` comes here when the fast codec met a surprise or a key may be repeated. The result is
a tree that the fast codec takes without surprise: it still does the dropping, adding and canonical spelling.
Behaviour: sigs.k8s.io/json (a fork of Go's encoding/json) as `UnmarshalStrict` runs it, and the UnmarshalJSON
methods of Quantity, Time, MicroTime, IntOrString, RawExtension, FieldsV1 and of apiextensions' JSON schemas.

Go's rules, in short: keys match exactly; members are read in the order of the text; the first value of a
wrong type is reported at the end, while an error from a type's own UnmarshalJSON ends everything at once and
wins; a repeated key is read into what the first one left; null leaves scalars and structs as they were. The
struct named in an error is the innermost one, the path begins at the root, and lists and map keys leave no
trace in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from orlop.api import base64, quantity, times
from orlop.api.field import quote
from orlop.api.tree import Tree, Value
from orlop.codec.document import Members, Number, plain
from orlop.schema import types as t
from orlop.schema.interface import DecodeError
from orlop.schema.scalars import whole
from orlop.schema.types import Field, Type

STRICT_ERRORS_LIMIT: Final = 100
"""Unknown and repeated fields beyond this many are not reported, as upstream does not."""

_INTEGER: Final = re.compile(r"-?[0-9]+", re.ASCII)
_BITS: Final = {t.INT32: 31, t.INT64: 63}


class _Unset:
    """The type of UNSET: no value there (yet), and none to be put there."""


UNSET: Final = _Unset()


class _Problem(Exception):
    """One error of the decoder. With a `go` type it is told together with the field it happened at."""

    def __init__(self, what: str, go: str = "", struct: str = "", path: str = "") -> None:
        super().__init__(what)
        self.what, self.go, self.struct, self.path = what, go, struct, path

    def text(self) -> str:
        if not self.go:
            return self.what
        if self.struct or self.path:
            return (f"json: cannot unmarshal {self.what} into Go struct field {self.struct}.{self.path} "
                    f"of type {self.go}")
        return f"json: cannot unmarshal {self.what} into Go value of type {self.go}"


def _describe(value: Any) -> str:
    """What Go calls a JSON value that is in the wrong place."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, Number | int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, dict | Members) else "array"


def _is_number(value: Any) -> bool:
    return isinstance(value, Number | int | float) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not isinstance(value, Number)


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and not isinstance(value, Members)


def _members(value: Any) -> Iterable[tuple[str, Any]]:
    return value if isinstance(value, Members) else value.items()


class Reader:
    """Reads one document. `strict` receives complaints; `lenient` is how plain encoding/json reads: keys
    match in any case, nothing unknown or repeated is noticed."""

    def __init__(self, strict: list[str] | None, lenient: bool = False) -> None:
        self._strict = None if lenient else strict
        self._lenient = lenient
        self._struct = ""
        self._path: list[str] = []
        self._place = ""
        self._problem: _Problem | None = None
        self._complaints: dict[str, None] = {}

    def read(self, kind: Type, document: Any) -> Value:
        """The document as a plain tree. DecodeError in Go's words; `strict` is filled only when there is
        none."""
        try:
            value = self._value(kind, document, UNSET)
        except _Problem as problem:
            self._locate(problem)
            raise DecodeError(problem.text()) from None
        except RecursionError:
            raise DecodeError("exceeded max depth") from None
        if self._problem is not None:
            raise DecodeError(self._problem.text())
        if self._strict is not None:
            self._strict.extend(self._complaints)
        return None if value is UNSET else value

    def _read_within(self, kind: Type, document: Any) -> Value:
        """A document inside another that a type's own UnmarshalJSON reads; its errors end the outer
        reading."""
        inner = Reader(None, lenient=True)
        try:
            value = inner._value(kind, document, UNSET)
        except _Problem as problem:
            inner._locate(problem)
            raise
        if inner._problem is not None:
            raise inner._problem
        return None if value is UNSET else value

    def _locate(self, problem: _Problem) -> None:
        if problem.go and (self._struct or self._path):
            inner = [problem.path] if problem.path else []
            problem.struct, problem.path = self._struct, ".".join(self._path + inner)

    def _save(self, what: str, go: str = "") -> _Unset:
        """Note an error that is reported at the end, if it is the first one."""
        if self._problem is None:
            self._problem = _Problem(what, go)
            self._locate(self._problem)
        return UNSET

    def _complain(self, what: str, key: str) -> None:
        if self._strict is None or len(self._complaints) >= STRICT_ERRORS_LIMIT:
            return
        self._complaints[f"{what} field {quote(self._within(key))}"] = None

    def _within(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place else key

    def _value(self, kind: Type, value: Any, old: Any) -> Any:
        """What to store for `value` where `old` stands; UNSET to leave it."""
        shape = kind.shape
        if shape == t.POINTER:
            return None if value is None else self._value(kind.element, value, UNSET if old is None else old)
        if value is None:
            return UNSET if shape in _KEEPS_AT_NULL else None
        if shape == t.STRUCT:
            return self._read_struct(kind, value, old)
        if shape == t.LIST:
            return self._read_list(kind, value, old)
        if shape == t.MAP:
            return self._read_map(kind, value, old)
        if shape == t.STRING:
            return value if _is_text(value) else self._save(_describe(value), kind.go)
        if shape == t.BOOL:
            return value if isinstance(value, bool) else self._save(_describe(value), kind.go)
        if shape in _BITS:
            return self._read_integer(value, kind, _BITS[shape])
        if shape == t.FLOAT:
            return self._read_float(value, kind)
        if shape == t.BYTES:
            return self._read_bytes(value, kind)
        return self._read_special(kind, value)

    def _read_struct(self, kind: Type, value: Any, old: Any) -> Any:
        if not isinstance(value, dict | Members):
            return self._save(_describe(value), kind.go)
        result: Tree = old if isinstance(old, dict) else {}
        seen: set[str] = set()
        struct, depth, place = self._struct, len(self._path), self._place
        for key, member in _members(value):
            field = kind.fields.get(key)
            if field is None and self._lenient:
                field = _folded(kind, key)
            if field is None:
                self._complain("unknown", key)
                continue
            if field.name in seen:
                self._complain("duplicate", field.name)
            seen.add(field.name)
            self._enter(kind, field)
            new = self._value(field.type, member, result.get(field.name, UNSET))
            if new is not UNSET:
                result[field.name] = new
            self._struct, self._place = struct, place
            del self._path[depth:]
        return result

    def _enter(self, kind: Type, field: Field) -> None:
        self._struct, self._place = kind.name, self._within(field.name)
        if field.embedded:
            self._path += field.embedded.split(".")
        self._path.append(field.name)

    def _read_list(self, kind: Type, value: Any, old: Any) -> Any:
        if not _is_list(value):
            return self._save(_describe(value), kind.go)
        before = old if isinstance(old, list) else []
        result: list[Any] = []
        place = self._place
        for index, item in enumerate(value):
            self._place = f"{place}[{index}]"
            previous = before[index] if index < len(before) else UNSET
            new = self._value(kind.element, item, previous)
            if new is UNSET:
                new = None if previous is UNSET else previous
            result.append(new)
        self._place = place
        return result

    def _read_map(self, kind: Type, value: Any, old: Any) -> Any:
        if not isinstance(value, dict | Members):
            return self._save(_describe(value), kind.go)
        result: Tree = old if isinstance(old, dict) else {}
        seen: set[str] = set()
        place = self._place
        for key, member in _members(value):
            if key in seen:
                self._complain("duplicate", key)
            seen.add(key)
            self._place = f"{place}.{key}" if place else key
            new = self._value(kind.element, member, UNSET)
            result[key] = None if new is UNSET else new
            self._place = place
        return result

    def _read_integer(self, value: Any, kind: Type, bits: int) -> Any:
        if not _is_number(value):
            return self._save(_describe(value), kind.go)
        text = str(value)
        if _INTEGER.fullmatch(text) and -(1 << bits) <= int(text) < 1 << bits:
            return int(text)
        return self._save(f"number {text}", kind.go)

    def _read_float(self, value: Any, kind: Type) -> Any:
        if not _is_number(value):
            return self._save(_describe(value), kind.go)
        number = float(value)
        if number in (float("inf"), float("-inf")):
            return self._save(f"number {value}", kind.go)
        return whole(number)

    def _read_bytes(self, value: Any, kind: Type) -> Any:
        if _is_text(value):
            try:
                return base64.encode(base64.decode(value))
            except base64.CorruptInput as error:
                return self._save(str(error))
        if not _is_list(value):
            return self._save(_describe(value), kind.go)
        return self._read_octets(value)

    def _read_octets(self, value: list[Any]) -> str:
        """A list of numbers, which Go takes for bytes too."""
        octets = bytearray()
        for item in value:
            octets.append(0)
            if not _is_number(item):
                if item is not None:
                    self._save(_describe(item), "uint8")
            elif str(item).isdigit() and int(item) < 256:
                octets[-1] = int(item)
            else:
                self._save(f"number {item}", "uint8")
        return base64.encode(bytes(octets))

    def _read_special(self, kind: Type, value: Any) -> Any:
        """Types with an UnmarshalJSON of their own."""
        shape = kind.shape
        if shape in (t.RAW, t.FIELDS, t.ANY):
            return plain(value)
        if shape == t.QUANTITY:
            return _read_quantity(value)
        if shape in (t.TIME, t.MICRO_TIME):
            return _read_time(value, shape)
        if shape == t.INT_OR_STRING:
            return _read_int_or_string(value)
        return self._read_schema(kind, value)

    def _read_schema(self, kind: Type, value: Any) -> Any:
        if isinstance(value, dict | Members):
            return self._read_within(kind.element, value)
        if kind.shape == t.SCHEMA_OR_BOOL:
            if isinstance(value, bool):
                return value
            raise _Problem("boolean or JSON schema expected")
        if not _is_list(value):
            return UNSET
        if kind.shape == t.SCHEMA_OR_STRINGS:
            return [self._read_string(item) for item in value]
        return [self._read_within(kind.element, item) for item in value]

    def _read_string(self, item: Any) -> str:
        if item is None:
            return ""
        if not _is_text(item):
            raise _Problem(_describe(item), "string")
        text: str = item
        return text


_KEEPS_AT_NULL: Final = frozenset({t.STRUCT, t.STRING, t.BOOL, t.INT32, t.INT64, t.FLOAT, t.RAW, t.FIELDS})


def _folded(kind: Type, key: str) -> Field | None:
    folded = key.lower()
    return next((field for name, field in kind.fields.items() if name.lower() == folded), None)


def _read_quantity(value: Any) -> str:
    if isinstance(value, str) or _is_number(value):
        try:
            return quantity.canonical(str(value).strip())
        except quantity.QuantityError as error:
            raise _Problem(str(error)) from None
    raise _Problem(quantity.WRONG_FORMAT)


def _read_time(value: Any, shape: str) -> str:
    """The time as it came: the fast codec spells it, and knows where the zero time prints as null."""
    if not _is_text(value):
        raise _Problem(_describe(value), "string")
    try:
        times.parse(value, times.TIME_LAYOUT if shape == t.TIME else times.MICRO_LAYOUT)
    except times.TimeError as error:
        raise _Problem(str(error)) from None
    text: str = value
    return text


def _read_int_or_string(value: Any) -> Value:
    if _is_text(value):
        return value
    if not _is_number(value):
        raise _Problem(_describe(value), "int32")
    text = str(value)
    if _INTEGER.fullmatch(text) and -(1 << 31) <= int(text) < 1 << 31:
        return int(text)
    raise _Problem(f"number {text}", "int32")
