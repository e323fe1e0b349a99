"""Numbers of custom objects: whole floats, and how Go prints a value in a message.

Custom objects have no types to read numbers by: `1` is an integer, `1.0` a float, and stays one until it was stored,
since a schema's messages tell them apart. `decoding` turns whole floats into `Whole`, which every encoder writes as
upstream does (`1`); `validation` asks `go_kind` what Go would take a value for. Behaviour: sigs.k8s.io/json
(PreserveInts) and Go's `fmt`.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Final

from orlop.api.field import GoText
from orlop.api.gotext import json_text, shortest
from orlop.api.tree import Value
from orlop.codec import document
from orlop.schema.scalars import whole

FLOAT: Final = "float64"
"""What `go_kind` says of floats, whole ones included."""
_PLAIN: Final = {str: "string", float: FLOAT, bool: "bool", dict: "map", list: "slice", type(None): "nil"}
_LARGE: Final = 1 << 63


class Whole(int):
    """A float that is whole: an integer to everybody but to schemas. `made` tells whether there ever was one: until
    then, nobody looks for them."""

    __slots__ = ()
    made: ClassVar[bool] = False


def settle(value: Value) -> Value:
    """The value with its whole floats as `Whole`, changed in place."""
    kind = type(value)
    if kind is dict:
        for key, inner in value.items():
            if type(inner) in _NOT_FINAL:
                value[key] = settle(inner)
    elif kind is list:
        for index, inner in enumerate(value):
            if type(inner) in _NOT_FINAL:
                value[index] = settle(inner)
    elif kind is float:
        number = whole(value)
        if type(number) is int:
            Whole.made = True
            return Whole(number)
    return value


_NOT_FINAL: Final = frozenset({dict, list, float})


def is_settled(value: Value) -> bool:
    """Whether there is nothing for `settle` to do."""
    kind = type(value)
    if kind is dict:
        for inner in value.values():
            if type(inner) in _NOT_FINAL and not is_settled(inner):
                return False
    elif kind is list:
        for inner in value:
            if type(inner) in _NOT_FINAL and not is_settled(inner):
                return False
    elif kind is float:
        return is_plain_float(value)
    return True


def has_whole(value: Value) -> bool:
    """Whether there is a whole float somewhere in a value that is settled."""
    kind = type(value)
    if kind is dict:
        return any(has_whole(inner) for inner in value.values() if type(inner) in _NOT_PLAIN)
    if kind is list:
        return any(has_whole(inner) for inner in value if type(inner) in _NOT_PLAIN)
    return kind is Whole


_NOT_PLAIN: Final = frozenset({dict, list, Whole})


def is_plain_float(value: float) -> bool:
    """Neither whole nor beyond all floats."""
    return not value.is_integer() and value - value == 0


def beyond_floats(value: Value, text: bytes | None) -> str:
    """The first number that was too large for a float, as it was written; "" when there is none."""
    if type(value) is not float and text is not None:
        value = document.parse(text)
    if isinstance(value, document.Number | float):
        return str(value) if float(value) in (math.inf, -math.inf) else ""
    inner = value.values() if type(value) is dict else value if isinstance(value, list) else ()
    if isinstance(value, document.Members):
        inner = [member for _, member in value]
    return next(filter(None, (beyond_floats(item, None) for item in inner)), "")


def go_kind(value: Value) -> str:
    """string, int64, float64, bool, map, slice or nil. Integers beyond 64 bits are floats to Go."""
    if type(value) is int:
        return "int64" if -_LARGE <= value < _LARGE else FLOAT
    return _PLAIN.get(type(value), FLOAT)


def same(one: Value, other: Value) -> bool:
    """Go's reflect.DeepEqual: 1 is neither 1.0 nor true."""
    kind = go_kind(one)
    if kind != go_kind(other):
        return False
    if kind == "map":
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if kind == "slice":
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def shown(value: Value) -> Any:
    """A bad value for a field error: strings as they are, floats as `%v`, everything else as JSON with its members
    sorted."""
    kind = go_kind(value)
    if kind == FLOAT:
        return GoText(shortest(float(value), 6))
    if kind in ("map", "slice"):
        return GoText(json_text(_sorted(value)))
    return value


def _sorted(value: Value) -> Value:
    if type(value) is dict:
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(inner) for inner in value] if type(value) is list else value


def percent_v(value: float | int) -> str:
    """A number as Go's `%v` prints a float64."""
    return shortest(float(value), 6)
