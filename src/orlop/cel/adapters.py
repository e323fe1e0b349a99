"""Stored JSON into CEL values, by what the schema declares.

`declared` asks for an adapter per declaration; None means that the stored value is the CEL value, all the way down.
An adapter raises `CelError` for a value that does not fit. Behaviour: apiserver pkg/cel/common/valuesunstructured.go.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final

from orlop.cel.temporal import parse_duration, parse_timestamp
from orlop.cel.types import Adapter, Declared, DeclaredField
from orlop.cel.values import NANOS, CelError, Duration, KeyedList, SetList, Timestamp

_LOOSE: Final = re.compile(r"((\d+)\s*([A-Za-zµ]+))")
_LOCAL_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:[.,]\d+)?")
_UNITS: Final[tuple[tuple[tuple[str, ...], int], ...]] = (
    (("ns", "nano"), 1),
    (("us", "µs", "micro"), 1000),
    (("ms", "milli"), 1_000_000),
    (("s", "sec"), NANOS),
    (("m", "min"), 60 * NANOS),
    (("h", "hr", "hour"), 3600 * NANOS),
    (("d", "day"), 24 * 3600 * NANOS),
    (("w", "wk", "week"), 7 * 24 * 3600 * NANOS),
)


def scalar_adapter(form: str) -> Adapter:
    """The adapter of a number, or of a string of some format."""
    return _SCALARS[form]


def list_adapter(element: Declared, list_type: str, keys: tuple[str, ...]) -> Adapter | None:
    """The adapter of a list: its elements converted, sets and keyed lists marked as such."""
    inner = element.adapt
    if list_type == "set":
        if inner is None:
            return SetList
        convert = inner
        return lambda items: SetList([None if item is None else convert(item) for item in items])
    if list_type == "map":
        if inner is None:
            return lambda items: KeyedList(items, keys)
        convert = inner
        return lambda items: KeyedList([None if item is None else convert(item) for item in items], keys)
    if inner is None:
        return None
    convert = inner
    return lambda items: [None if item is None else convert(item) for item in items]


def map_adapter(element: Declared) -> Adapter | None:
    """The adapter of a map: its values converted."""
    if element.adapt is None:
        return None
    convert = element.adapt
    return lambda entries: {key: None if value is None else convert(value) for key, value in entries.items()}


def object_adapter(fields: Mapping[str, DeclaredField]) -> Adapter | None:
    """The adapter of an object: its fields converted and escaped."""
    by_key = {
        field.key: (name, field.declared.adapt)
        for name, field in fields.items()
        if field.declared.adapt is not None or name != field.key
    }
    if not by_key:
        return None

    def adapt(tree: dict[str, Any]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key, value in tree.items():
            found = by_key.get(key)
            if found is None:
                out[key] = value
            else:
                name, convert = found
                out[name] = value if value is None or convert is None else convert(value)
        return out

    return adapt


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise CelError(f"invalid data, expected float, got {_go_type(value)}")
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise CelError(f"invalid data, expected string, got {_go_type(value)}")
    return value


def _go_type(value: Any) -> str:
    names = {str: "string", bool: "bool", int: "int64", float: "float64", list: "[]interface {}"}
    return names.get(type(value), "map[string]interface {}")


def _duration(value: Any) -> Duration:
    text = _text(value)
    exact = parse_duration(text)
    if exact is not None:
        return exact
    nanos, good = 0, False
    for _, count, unit in _LOOSE.findall(text):
        for names, scale in _UNITS:
            if unit.lower() in names or unit.lower().startswith(names[-1]):
                nanos, good = nanos + int(count) * scale, True
    if not good:
        raise CelError(f"Invalid duration {text}: unable to parse {text} as duration")
    return Duration(nanos)


def _date(value: Any) -> Timestamp:
    text = _text(value)
    found = parse_timestamp(f"{text}T00:00:00Z")
    if found is None:
        raise CelError(f"Invalid date formatted string {text}")
    return found


def _date_time(value: Any) -> Timestamp:
    text = _text(value)
    if not text:
        return Timestamp(0)
    found = parse_timestamp(f"{text}Z" if _LOCAL_TIME.fullmatch(text) else text)
    if found is None:
        raise CelError(f"Invalid date-time formatted string {text}")
    return found


def _bytes(value: Any) -> bytes:
    text = _text(value)
    try:
        return b64decode(text.replace("\n", "").replace("\r", ""), validate=True)
    except (binascii.Error, ValueError):
        raise CelError(f"Invalid byte formatted string {text}") from None


_SCALARS: Final[Mapping[str, Adapter]] = {
    "number": _number,
    "duration": _duration,
    "date": _date,
    "date-time": _date_time,
    "byte": _bytes,
}
