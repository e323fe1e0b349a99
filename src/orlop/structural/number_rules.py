"""What a schema says of numbers: minimum, maximum, multipleOf and the ranges of formats.

Called by `validation`. Bounds are floats upstream and values are integers or floats, which decides how they compare
and how they are spelled. Behaviour: kube-openapi `pkg/validation/validate` (validator.go numberValidator, values.go)
and go-openapi/swag `convert.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from orlop.structural.numbers import FLOAT, go_kind, percent_v
from orlop.structural.problems import Problem, Result, as_invalid, bad, plain
from orlop.structural.schema import Node

_EXACT: Final = float(2**53 - 1)
_NEARLY: Final = 1e-9
_MOST_FLOAT32: Final = 3.4028235677973366e38
_BITS: Final = {"int32": 31}
_LARGE: Final = 1 << 63
Number: TypeAlias = int | float
_Rule: TypeAlias = Callable[[Node, str, Number, Number], Problem | None]


def is_json_integer(value: float) -> bool:
    """A float that is an integer, or above one by next to nothing, within what floats count exactly."""
    if not -_EXACT <= value <= _EXACT:
        return False
    below = float(int(value))
    if value == below:
        return True
    return below > 0 and (value - below) / (value + below) < _NEARLY


def examine_number(node: Node, value: Number, path: str) -> Result:
    result = Result()
    kind = node.types[0] if len(node.types) == 1 else ""
    result.merge(_out_of_range(node, kind, value, "Checked", path))
    factor, least, most = node.number("multipleOf"), node.number("minimum"), node.number("maximum")
    if factor is not None:
        result.merge(_bounded(node, kind, value, factor, "MultipleOf", path, _multiple))
    if least is not None:
        result.merge(_bounded(node, kind, value, least, "Minimum boundary", path, _minimum))
    if most is not None:
        result.merge(_bounded(node, kind, value, most, "Maximum boundary", path, _maximum))
    result.count += 1
    return result


def _out_of_range(node: Node, kind: str, value: Number, prefix: str, path: str) -> Result | None:
    """A value, or a bound, that its type cannot hold."""
    if kind == "integer":
        bits = _BITS.get(node.format, 63)
        number = float(value) if go_kind(value) == FLOAT else value
        if number == number // 1 and -(1 << bits) <= number < 1 << bits:
            return None
    elif kind != "number" or node.format != "float" or abs(value) < _MOST_FLOAT32:
        return None
    format = f"with format {node.format}" if node.format else "(default format)"
    return Result(plain(f"{prefix} value must be of type {kind} {format} in {path}"))


def _bounded(node: Node, kind: str, value: Number, bound: Number, prefix: str, path: str, rule: _Rule) -> Result:
    unfit = _out_of_range(node, kind, bound, prefix, path)
    result = Result()
    result.merge(unfit)
    if unfit is None and go_kind(value) != FLOAT:
        problem = rule(node, path, value, _int64(bound))
    else:
        problem = rule(node, path, float(value), float(bound))
    if problem is not None:
        result.add(problem)
    return result


def _int64(bound: Number) -> int:
    """What the bound is when Go makes an integer of it; one that is too large becomes the smallest."""
    return int(bound) if -_LARGE <= bound < _LARGE else -_LARGE


def _spelled(bound: Number) -> str:
    return str(bound) if isinstance(bound, int) else percent_v(bound)


def _multiple(node: Node, path: str, value: Number, factor: Number) -> Problem | None:
    if factor <= 0:
        message = f"factor MultipleOf declared for {path} must be positive: {_spelled(factor)}"
        return Problem(message, as_invalid, path, factor)
    if isinstance(factor, int):
        fits = value % factor == 0
    else:
        fits = is_json_integer(1 / factor * value if factor < 1 else value / factor)
    return None if fits else bad(path, value, f"should be a multiple of {_spelled(factor)}")


def _minimum(node: Node, path: str, value: Number, least: Number) -> Problem | None:
    exclusive = bool(node.props.get("exclusiveMinimum"))
    if value > least or (value == least and not exclusive):
        return None
    return bad(path, value, f"should be greater than {'' if exclusive else 'or equal to '}{_spelled(least)}")


def _maximum(node: Node, path: str, value: Number, most: Number) -> Problem | None:
    exclusive = bool(node.props.get("exclusiveMaximum"))
    if value < most or (value == most and not exclusive):
        return None
    return bad(path, value, f"should be less than {'' if exclusive else 'or equal to '}{_spelled(most)}")
