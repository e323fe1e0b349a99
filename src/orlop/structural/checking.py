"""Validation of a value by its schema, quickly and without words: is there anything to say?

`kind.CustomSchema` compiles a check once per version and runs it on every write. A check is exact: it is true for
what `validation` finds nothing against, and where a value is out of the ordinary it asks there. Closures are made per
node, for the kinds of values that its type allows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from orlop.structural import formats
from orlop.structural.patterns import matcher
from orlop.structural.schema import Node
from orlop.structural.validation import examine

Check: TypeAlias = Callable[[Any], bool]
Want: TypeAlias = "type | Check"
"""What a value must be: exactly of a type, or what the check accepts."""

_LARGE: Final = 1 << 63


def compile_check(node: Node) -> Check:
    """The check of values of any kind."""
    want = _want(node)
    if not isinstance(want, type):
        return want
    slow = _slow(node)
    return lambda value: type(value) is want or slow(value)


def _slow(node: Node) -> Check:
    return lambda value: examine(node, value, "").valid


def _has_junctors(node: Node) -> bool:
    return bool(node.any_of or node.one_of or node.all_of or node.negated is not None)


def _want(node: Node) -> Want:
    """The cheapest thing that passes nearly every right value."""
    kind = node.types[0] if len(node.types) == 1 else ""
    if node.types == _EITHER and node.props.keys() <= _SIMPLE_EITHER:
        return _either(node) if node.props.get("anyOf") in (None, _INT_OR_STRING) else _with_junctors(node)
    if _has_junctors(node):
        return _with_junctors(node)
    if kind == "string":
        return _text(node)
    if kind in ("integer", "number"):
        return _number(node, kind)
    if kind == "boolean" and not node.enum:
        return bool
    if kind == "object" and not node.enum:
        return _object(node)
    if kind == "array" and not node.enum:
        return _list(node)
    if node.props.keys() <= _SILENT and not node.types:
        return _anything
    return _slow(node)


_SILENT: Final = frozenset({
    "description", "nullable", "title", "example", "default", "externalDocs", "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-embedded-resource", "x-kubernetes-map-type", "x-kubernetes-list-type", "x-kubernetes-list-map-keys",
    "x-kubernetes-validations"})
"""Keywords that say nothing against a value here."""
_EITHER: Final = ("integer", "string")
_INT_OR_STRING: Final = [{"type": "integer"}, {"type": "string"}]
_SIMPLE_EITHER: Final = _SILENT | {"x-kubernetes-int-or-string", "type", "anyOf", "pattern", "minLength", "maxLength"}
"""Keywords of an int-or-string that a quick check knows."""


def _anything(value: Any) -> bool:
    return True


def _with_junctors(node: Node) -> Check:
    """Alternatives by their own checks; the rest of the node as if it had none."""
    base = compile_check(Node({key: value for key, value in node.props.items()
                               if key not in ("anyOf", "oneOf", "allOf", "not")}))
    any_of, one_of, all_of = ([compile_check(choice) for choice in choices]
                              for choices in (node.any_of, node.one_of, node.all_of))
    negated = compile_check(node.negated) if node.negated is not None else None

    def check(value: Any) -> bool:
        if not base(value):
            return False
        if value is None:  # alternatives are not asked about nulls
            return True
        return ((not any_of or any(choice(value) for choice in any_of))
                and (not one_of or sum(choice(value) for choice in one_of) == 1)
                and all(choice(value) for choice in all_of)
                and (negated is None or not negated(value)))

    return check


def _text(node: Node) -> Want:
    slow, props = _slow(node), node.props
    pattern, format = props.get("pattern"), formats.checker(node.format) if node.format else None
    least, most = node.number("minLength"), node.number("maxLength")
    if node.enum:
        if pattern or format or least is not None or most is not None:
            return slow
        allowed = frozenset(value for value in node.enum if type(value) is str)
        return lambda value: (type(value) is str and value in allowed) or slow(value)
    if not pattern and format is None and least is None and most is None:
        return str
    low, high = least or 0, most if most is not None else _LARGE
    if not pattern and format is None:
        return lambda value: (type(value) is str and low <= len(value) <= high) or slow(value)
    try:
        search = matcher(pattern) if pattern else _anything
    except ValueError:
        return slow
    fits = format or _anything
    return lambda value: (type(value) is str and low <= len(value) <= high and search(value) and fits(value)
                          ) or slow(value)


def _either(node: Node) -> Want:
    """An int-or-string, with its usual alternatives or without."""
    slow = _slow(node)
    text = _text(Node({name: node.props[name] for name in ("pattern", "minLength", "maxLength") if name in node.props}))
    if isinstance(text, type):
        return lambda value: type(value) is str or type(value) is int or slow(value)
    fits = text
    return lambda value: type(value) is int or (type(value) is str and fits(value)) or slow(value)


def _number(node: Node, kind: str) -> Want:
    slow = _slow(node)
    bounds = [node.number(name) for name in ("minimum", "maximum")]
    given = [bound for bound in bounds if bound is not None]
    ordinary = all(float(bound).is_integer() and -_LARGE <= bound < _LARGE for bound in given)
    if not ordinary or node.enum or node.number("multipleOf") is not None or node.format == "float":
        return slow
    if not given and kind == "number":
        return lambda value: type(value) is int or type(value) is float or slow(value)
    width = 1 << 31 if node.format == "int32" else _LARGE
    low, high = -width, width - 1
    if bounds[0] is not None:
        low = max(low, int(bounds[0]) + bool(node.props.get("exclusiveMinimum")))
    if bounds[1] is not None:
        high = min(high, int(bounds[1]) - bool(node.props.get("exclusiveMaximum")))
    return lambda value: (type(value) is int and low <= value <= high) or slow(value)


def _list(node: Node) -> Check:
    slow = _slow(node)
    least, most = node.number("minItems"), node.number("maxItems")
    if node.props.get("uniqueItems"):
        return slow
    low, high = least or 0, most if most is not None else _LARGE
    want = _want(node.items) if node.items is not None else _anything
    if isinstance(want, type):
        kind = want

        def check_plain(value: Any) -> bool:
            if type(value) is not list or not low <= len(value) <= high:
                return slow(value)
            for item in value:
                if type(item) is not kind:
                    return slow(value)
            return True

        return check_plain
    each = want

    def check(value: Any) -> bool:
        if type(value) is not list:
            return slow(value)
        if not low <= len(value) <= high:
            return False
        for item in value:  # noqa: SIM110 (a generator would double the time)
            if not each(item):
                return False
        return True

    return check


def _object(node: Node) -> Check:
    slow = _slow(node)
    if node.open is False:
        return slow
    table: dict[str, Want] = {name: _want(below) for name, below in node.properties.items()}
    rest = _want(node.additional) if node.additional is not None else None
    least, most = node.number("minProperties"), node.number("maxProperties")
    low, high = least or 0, most if most is not None else _LARGE
    counted = least is not None or most is not None
    required = frozenset(node.required)
    checks = {name: compile_check(below) for name, below in node.properties.items() if isinstance(table[name], type)}
    rest_check = compile_check(node.additional) if node.additional is not None else None

    def check(value: Any) -> bool:
        if type(value) is not dict:
            return slow(value)
        for key, item in value.items():
            want = table.get(key, rest)
            if want is type(item) or want is None:
                continue
            if want.__class__ is type:
                want = checks.get(key, rest_check)
            if not want(item):  # type: ignore[misc]
                return False
        if counted and not low <= len(value) <= high:
            return False
        return not required or required <= value.keys()

    return check
