"""Values of an applied configuration in Go's notation, as complaints about them show them.

Called by nodes for values of the wrong type, and by `path_element` for keys. Upstream reads a configuration with
encoding/json, so that every number is a float64; the forms are those of fmt's %v, %#v and %T, and of jsoniter for
numbers in FieldsV1.
"""

from __future__ import annotations

from typing import Final

from orlop.api.field import quote
from orlop.api.gotext import formatted, shortest
from orlop.api.tree import Value

_OBJECT: Final = "map[string]interface {}"
_LIST: Final = "[]interface {}"


def type_name(value: Value) -> str:
    """%T"""
    return {str: "string", bool: "bool", dict: _OBJECT, list: _LIST}.get(type(value), "float64")


def holder(value: Value) -> str:
    """%v of what upstream wraps a value in."""
    return "&{" + plain(value) + "}"


def syntax_of_holder(value: Value) -> str:
    """%#v of what upstream wraps a value in."""
    return "&value.valueUnstructured{Value:" + syntax(value) + "}"


def plain(value: Value) -> str:
    """%v"""
    return formatted(value, _number)


def _number(value: int | float) -> str:
    return shortest(float(value), 6)


def syntax(value: Value) -> str:
    """%#v"""
    kind = type(value)
    if kind is str:
        return quote(value)
    if kind is dict:
        return _OBJECT + "{" + ", ".join(f"{quote(key)}:{syntax(value[key])}" for key in sorted(value)) + "}"
    if kind is list:
        return _LIST + "{" + ", ".join(map(syntax, value)) + "}"
    return "interface {}(nil)" if value is None else plain(value)


def json_float(value: float) -> str:
    """A number in FieldsV1: no exponent between 1e-6 and 1e21."""
    return "0" if not value else shortest(float(value), 21, -6)
