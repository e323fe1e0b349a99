"""Go's notation of JSON values, as upstream's messages about patches show them.

Called by the strategic merge for its error texts, and by `endpoints.patch` for the "Invalid value" of a
strategic patch whose result does not decode. The forms are those of Go's `fmt` verbs %v and %s and of
`reflect.Type` for values decoded by sigs.k8s.io/json: integers of 64 bits are int64, all other numbers
float64.
"""

from __future__ import annotations

from orlop.api.gotext import formatted, shortest
from orlop.api.tree import Value

OBJECT = "map[string]interface {}"
_TYPES = {str: "string", bool: "bool", dict: OBJECT, list: "[]interface {}"}


def type_name(value: Value) -> str:
    """The Go type of a decoded value; null has none, and `%s` prints that as an error of its own."""
    if value is None:
        return "%!s(<nil>)"
    return _TYPES.get(type(value)) or _number_type(value)


def plain(value: Value) -> str:
    """`%v`"""
    return formatted(value, _number)


def text(value: Value) -> str:
    """`%s` of a value: as `plain` for strings, with Go's complaint about the verb for everything else."""
    return "%!s(<nil>)" if value is None else _text(value)


def _text(value: Value) -> str:
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is dict:
        return "map[" + " ".join(f"{key}:{_text(value[key])}" for key in sorted(value)) + "]"
    if kind is list:
        return "[" + " ".join(map(_text, value)) + "]"
    if value is None:
        return "<nil>"
    return f"%!s({type_name(value)}={plain(value)})"


def _number_type(value: int | float) -> str:
    return "int64" if type(value) is int and -(1 << 63) <= value < 1 << 63 else "float64"


def _number(value: int | float) -> str:
    if _number_type(value) == "int64":
        return str(value)
    return shortest(float(value), 6)
