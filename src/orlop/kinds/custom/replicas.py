"""Where the replicas, their status and their selector are in a custom object, by the paths of its scale subresource.

Read by the strategies (`complaints`) and the scale room. Behaviour: apimachinery `unstructured.NestedInt64`,
`NestedString` and `SetNestedField`, whose errors clients see; apiextensions-apiserver
`pkg/registry/customresource/validator.go`.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from orlop.api.field import FieldError, Path, invalid
from orlop.api.tree import Tree, Value
from orlop.kinds.custom.definition import Scaling
from orlop.structural.numbers import Whole, percent_v

_MOST: Final = 2**31 - 1
_GO_TYPES: Final = {str: "string", int: "int64", float: "float64", Whole: "float64", bool: "bool",
                    dict: "map[string]interface {}", list: "[]interface {}", type(None): "<nil>"}


class WrongType(ValueError):
    """What stands at a path is not what belongs there; the text is Go's."""


def names(path: str) -> tuple[str, ...]:
    return tuple(path.removeprefix(".").split("."))


def _whole(path: str) -> str:
    return "." + path.removeprefix(".")


def integer(obj: Tree, path: str) -> int | None:
    """The number at a path, None where there is nothing. Raises WrongType."""
    found, there = _nested(obj, path)
    if not there:
        return None
    if type(found) is not int:
        raise WrongType(f"{_whole(path)} accessor error: {_shown(found)} is of the type {_go_type(found)}, "
                        "expected int64")
    return found


def string(obj: Tree, path: str) -> str:
    """The text at a path, "" where there is none. Raises WrongType."""
    found, there = _nested(obj, path)
    if not there:
        return ""
    if type(found) is not str:
        raise WrongType(f"{_whole(path)} accessor error: {_shown(found)} is of the type {_go_type(found)}, "
                        "expected string")
    return found


def _nested(obj: Tree, path: str) -> tuple[Value, bool]:
    value: Value = obj
    passed = ""
    for name in names(path):
        passed += "." + name
        if value is None:
            return None, False
        if type(value) is not dict:
            raise WrongType(f"{passed} accessor error: {_shown(value)} is of the type {_go_type(value)}, expected "
                            "map[string]interface{}")
        if name not in value:
            return None, False
        value = value[name]
    return value, True


def with_integer(obj: Tree, path: str, number: int) -> Tree:
    """A copy of the object with the number there; shares all else. Raises WrongType."""
    first, *rest = names(path)
    return _with(obj, first, rest, number, "")


def _with(obj: Tree, name: str, rest: list[str], number: int, passed: str) -> Tree:
    if not rest:
        return {**obj, name: number}
    below: Any = obj.get(name, {})
    passed += "." + name
    if type(below) is not dict:
        raise WrongType(f"value cannot be set because {passed} is not a map[string]interface{{}}")
    return {**obj, name: _with(below, rest[0], rest[1:], number, passed)}


def spec_complaints(obj: Tree, scaling: Scaling) -> list[FieldError]:
    return _number_complaints(obj, scaling.spec)


def status_complaints(obj: Tree, scaling: Scaling) -> list[FieldError]:
    found = _number_complaints(obj, scaling.status)
    if scaling.selector:
        try:
            string(obj, scaling.selector)
        except WrongType as error:
            found.append(invalid(Path(scaling.selector), "", str(error)))
    return found


def _number_complaints(obj: Tree, path: str) -> list[FieldError]:
    try:
        number = integer(obj, path) or 0
    except WrongType as error:
        return [invalid(Path(path), 0, str(error))]
    if number < 0:
        return [invalid(Path(path), number, "should be a non-negative integer")]
    if number > _MOST:
        return [invalid(Path(path), number, f"should be less than or equal to {_MOST}")]
    return []


def _go_type(value: Value) -> str:
    return _GO_TYPES[type(value)]


def _shown(value: Value) -> str:
    """Go's %v."""
    if value is None:
        return "<nil>"
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is dict:
        return "map[" + " ".join(f"{name}:{_shown(value[name])}" for name in sorted(value)) + "]"
    if type(value) is list:
        return "[" + " ".join(map(_shown, value)) + "]"
    if type(value) in (float, Whole):
        return percent_v(value)
    return orjson.dumps(value).decode()
