"""Validation of a value by its schema, slowly and with words.

`kind.CustomSchema` comes here when `checking` found something, and for what `checking` leaves open; the rules of
definitions validate default values with it. Each keyword is a small function that gives a `Result`; their order, and
what they count for, decide which problems are told. Behaviour: kube-openapi `pkg/validation/validate` (schema.go,
schema_props.go, object_validator.go, slice_validator.go, type.go, validator.go); ratcheting by
`ratcheting.Correlation`.
"""

from __future__ import annotations

from typing import Final

from orlop.api.field import quote
from orlop.api.tree import Tree, Value
from orlop.structural import formats
from orlop.structural.number_rules import examine_number, is_json_integer
from orlop.structural.numbers import FLOAT, go_kind, same
from orlop.structural.patterns import matcher
from orlop.structural.problems import (
    Problem,
    Result,
    as_invalid,
    bad,
    long_text,
    many,
    missing,
    not_in_enum,
    plain,
    wrong_type,
)
from orlop.structural.ratcheting import Correlation
from orlop.structural.schema import Node

_TYPES: Final = {"string": ("string", ""), "int64": ("integer", "int64"), FLOAT: ("number", "float64"),
                 "bool": ("boolean", ""), "map": ("object", ""), "slice": ("array", ""), "nil": ("null", "")}
_TYPE_META: Final = ("kind", "apiVersion")


def examine(node: Node, value: Value, path: str, track: Correlation | None = None) -> Result:
    """Everything the schema says of a value. With `track`, problems of values that equal their old ones are left
    out, below as well."""
    result = _examine(node, value, path, track)
    if track is not None and result.problems and track.is_equal():
        return Result(count=result.count)
    return result


def _examine(node: Node, value: Value, path: str, track: Correlation | None) -> Result:
    result = Result()
    if value is None:
        result.merge(_type(node, value, "nil", path))
        result.merge(_enum(node, value, path))
        return result
    kind = go_kind(value)
    if node.types or node.format:
        result.merge(_type(node, value, kind, path))
        result.count += 1
    result.merge(_junctors(node, value, path))
    result.count += 1
    if kind == "string":
        result.merge(_string(node, value, path))
        result.count += 1
        check = formats.checker(node.format) if node.format else None
        if check is not None:
            if not check(value):
                result.add(wrong_type(path, node.format, value))
            result.count += 1
    elif kind in ("int64", FLOAT):
        result.merge(examine_number(node, value, path))
        result.count += 1
    elif kind == "slice":
        result.merge(_list(node, value, path, track))
        result.count += 1
    result.merge(_enum(node, value, path))
    result.count += 1
    if kind == "map":
        result.merge(_object(node, value, path, track))
        result.count += 1
    result.count += 1
    return result


def _type(node: Node, value: Value, kind: str, path: str) -> Result:
    found, format = _TYPES[kind]
    types = node.types
    if kind == "nil":
        return Result(wrong_type(path, ",".join(types), found)) if types and not node.nullable else Result(count=1)
    fits = (found in types or (found == "integer" and "number" in types)
            or (kind == FLOAT and "integer" in types and is_json_integer(float(value))))
    if node.format:
        textual = kind in ("string", "slice")
        if not textual and not fits and format != node.format:
            return Result(wrong_type(path, node.format, format))
        if textual and "number" not in types and "integer" not in types:
            return Result(count=1)
    return Result(count=1) if fits else Result(wrong_type(path, ",".join(types), found))


def _junctors(node: Node, value: Value, path: str) -> Result:
    result = Result()
    if node.any_of:
        _any_of(result, node, value, path)
    if node.one_of:
        _one_of(result, node, value, path)
    if node.all_of:
        _all_of(result, node, value, path)
    if node.negated is not None and examine(node.negated, value, path).valid:
        result.add(plain(f"{quote(path)} must not validate the schema (not)"))
    result.count += 1
    return result


def _any_of(result: Result, node: Node, value: Value, path: str) -> None:
    best: Result | None = None
    for choice in node.any_of:
        found = examine(choice, value, path)
        if found.valid:
            result.merge(found)
            return
        if best is None or found.count > best.count:
            best = found
    result.add(plain(f"{quote(path)} must validate at least one schema (anyOf)"))
    result.merge(best)


def _one_of(result: Result, node: Node, value: Value, path: str) -> None:
    best: Result | None = None
    passed: list[Result] = []
    for choice in node.one_of:
        found = examine(choice, value, path)
        if found.valid:
            passed.append(found)
            best = None
        elif not passed and (best is None or found.count > best.count):
            best = found
    if len(passed) == 1:
        result.merge(passed[0])
        return
    count = f"Found {len(passed)} valid alternatives" if passed else "Found none valid"
    result.add(plain(f"{quote(path)} must validate one and only one schema (oneOf). {count}"))
    result.merge(best)


def _all_of(result: Result, node: Node, value: Value, path: str) -> None:
    passed = 0
    for part in node.all_of:
        found = examine(part, value, path)
        passed += found.valid
        result.merge(found)
    if passed != len(node.all_of):
        none = "" if passed else ". None validated"
        result.add(plain(f"{quote(path)} must validate all the schemas (allOf){none}"))


def _string(node: Node, value: str, path: str) -> Result | None:
    most, least = node.number("maxLength"), node.number("minLength")
    if most is not None and len(value) > most:
        return Result(long_text(path, value, int(most)))
    if least is not None and len(value) < least:
        return Result(bad(path, value, f"should be at least {int(least)} chars long"))
    pattern: str = node.props.get("pattern") or ""
    if pattern:
        try:
            if not matcher(pattern)(value):
                return Result(bad(path, value, f"should match '{pattern}'"))
        except ValueError as error:
            return Result(bad(path, value, f"should match '{pattern}, but pattern is invalid: {error}'"))
    return None


def _enum(node: Node, value: Value, path: str) -> Result | None:
    if not node.enum or any(_is_allowed(value, allowed) for allowed in node.enum):
        return None
    return Result(not_in_enum(path, value, node.enum))


def _is_allowed(value: Value, allowed: Value) -> bool:
    """Whether a value, converted to the type of an allowed one as Go converts, is that one; null never is."""
    if value is None or allowed is None:
        return False
    have, want = go_kind(value), go_kind(allowed)
    if have == want:
        return same(value, allowed)
    if have == "int64":
        return bool(float(value) == allowed) if want == FLOAT else want == "string" and _rune(value) == allowed
    return have == FLOAT and want == "int64" and int(value) == allowed


def _rune(value: int) -> str:
    """The text that Go makes of an integer."""
    return chr(value) if 0 <= value < 0x110000 and not 0xD800 <= value < 0xE000 else "\ufffd"


def _list(node: Node, value: list[Value], path: str, track: Correlation | None) -> Result:
    result, size = Result(), len(value)
    if node.items is not None:
        for index, item in enumerate(value):
            below = track.index(index) if track is not None else None
            result.merge(examine(node.items, item, f"{path}[{index}]", below))
    least, most = node.number("minItems"), node.number("maxItems")
    if least is not None and size < least:
        result.add(bad(path, size, f"should have at least {int(least)} items"))
    if most is not None and size > most:
        result.add(many(path, size, int(most), "items"))
    if node.props.get("uniqueItems") and _repeats(value):
        result.add(bad(path, None, "shouldn't contain duplicates"))
    result.count += 1
    return result


def _repeats(value: list[Value]) -> bool:
    return any(same(item, other) for index, item in enumerate(value) for other in value[:index])


def _object(node: Node, value: Tree, path: str, track: Correlation | None) -> Result:
    result, size = Result(), len(value)
    least, most = node.number("minProperties"), node.number("maxProperties")
    if least is not None and size < least:
        result.add(bad(path, size, f"should have at least {int(least)} properties"))
    if most is not None and size > most:
        result.add(many(path, size, int(most), "properties"))
    for key, inner in value.items():
        if key in node.properties:
            continue
        if node.open is False:
            message = f"{path}.{key} in body is a forbidden property"
            result.add(Problem(message, as_invalid, path, key))
        elif node.additional is not None:
            below = _below(track, path, key)
            result.merge(examine(node.additional, inner, f"{path}.{key}", below))
    for key, schema in node.properties.items():
        if key in value:
            name = f"{path}.{key}" if path else key
            result.merge(examine(schema, value[key], name, _below(track, path, key)))
    for key in node.required:
        if key not in value:
            result.add(missing(f"{path}.{key}"))
    return result


def _below(track: Correlation | None, path: str, key: str) -> Correlation | None:
    """Kind and version of the object itself never ratchet: both are of the same version by now."""
    if track is None or (not path and key in _TYPE_META):
        return None
    return track.key(key)
