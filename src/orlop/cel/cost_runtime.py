"""What a call costs when it is made: the run-time half of CEL's cost.

`cost_of` gives the rule of a function and an overload; libraries attach it to their overloads, the compiler asks it for
the operators and standard functions, and with no overload for calls whose overload only the values decide. `None` is
the price of everything that has no rule: 1. Prices of identifiers, selections and literals are the compiler's.
Arguments and results may be errors (`CelError`): calls that fail cost, too. Behaviour: cel-go
interpreter/runtimecost.go, ext/sets.go, ext/lists.go; Kubernetes pkg/cel/library/cost.go (CallCost).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from orlop.cel.cost_range import LIMIT
from orlop.cel.functions import Cost
from orlop.cel.values import CelError, Opaque, Optional

TRAVERSAL: Final = 0.1
"""The cost of reading a string, for each of its characters."""
PATTERN: Final = 0.25
"""The cost of applying a regular expression to a string of cost 1, for each character of the expression."""
LIST_CREATION: Final = 10
MAP_CREATION: Final = 30
STRUCT_CREATION: Final = 40
CHECK: Final = 350_000
"""What asking an authorizer costs: two questions fit into one expression."""
_REQUIREMENT: Final = float(LIST_CREATION + STRUCT_CREATION)


class Measured(Opaque):
    """An opaque value that has a size of its own in cost calculations."""

    __slots__ = ()

    def size(self) -> int:
        """The size `cost_of` rules count with."""
        raise TypeError(f"{type(self).__name__} has no size")


def actual_size(value: Any) -> int:
    """What `size()` would say, and 1 for what has no size."""
    kind = type(value)
    if kind is str or kind is list or kind is dict or kind is bytes or isinstance(value, (str, bytes, list, dict)):
        return len(value)
    return value.size() if isinstance(value, Measured) else 1


def _held_size(value: Any) -> int:
    """The size of a value, looked for inside optionals too."""
    while isinstance(value, Optional) and value.present:
        value = value.value
    return actual_size(value)


def traversal(value: Any) -> int:
    """What walking through a whole value costs."""
    if isinstance(value, str):
        return int(len(value) * TRAVERSAL) if value.isascii() else int(len(value.encode()) * TRAVERSAL)
    if isinstance(value, bytes):
        return int(len(value) * TRAVERSAL)
    if isinstance(value, list):
        return sum(map(traversal, value))
    if isinstance(value, dict):
        return sum(traversal(key) + traversal(held) for key, held in value.items())
    return 1


def pattern_cost(size: int, pattern: int) -> int:
    """What applying a regular expression of `pattern` characters to a string of `size` costs."""
    return math.ceil((1.0 + size) * TRAVERSAL) * math.ceil(pattern * PATTERN)


def _one(args: Sequence[Any], result: Any) -> int:
    return 1


def _check(args: Sequence[Any], result: Any) -> int:
    return CHECK


def _selector(args: Sequence[Any], result: Any) -> int:
    length = actual_size(args[1])
    requirements = math.ceil(length * 0.5)
    return LIST_CREATION + math.ceil(length * TRAVERSAL) + math.ceil(requirements * _REQUIREMENT)


def _traversed(args: Sequence[Any], result: Any) -> int:
    return traversal(args[0])


def _read(args: Sequence[Any], result: Any) -> int:
    return math.ceil(actual_size(args[0]) * TRAVERSAL)


def _read_held(args: Sequence[Any], result: Any) -> int:
    return math.ceil(_held_size(args[0]) * TRAVERSAL)


def _read_twice(args: Sequence[Any], result: Any) -> int:
    return math.ceil(actual_size(args[0]) * 2 * TRAVERSAL)


def _result_twice(args: Sequence[Any], result: Any) -> int:
    return math.ceil(actual_size(result) * 2 * TRAVERSAL)


def _found(args: Sequence[Any], result: Any) -> int:
    return pattern_cost(actual_size(args[0]), actual_size(args[1]))


def _matched(args: Sequence[Any], result: Any) -> int:
    return pattern_cost(_held_size(args[0]), _held_size(args[1]))


def _contains_ip(args: Sequence[Any], result: Any) -> int:
    return math.ceil(actual_size(args[0]) * 2 * TRAVERSAL)


def _contains_ip_text(args: Sequence[Any], result: Any) -> int:
    return _contains_ip(args, result) + math.ceil(actual_size(args[1]) * TRAVERSAL)


def _contains_cidr(args: Sequence[Any], result: Any) -> int:
    return _contains_ip(args, result) + math.ceil(actual_size(args[0]) * TRAVERSAL) + 1


def _contains_cidr_text(args: Sequence[Any], result: Any) -> int:
    return _contains_cidr(args, result) + math.ceil(actual_size(args[1]) * TRAVERSAL)


def _validated(args: Sequence[Any], result: Any) -> int:
    pattern = getattr(args[0], "pattern_size", None)
    return 1 if pattern is None else pattern_cost(actual_size(args[1]), pattern)


def equality(args: Sequence[Any], result: Any) -> int:
    """`==`: 1 for the values libraries add, else what `!=` costs."""
    return 1 if isinstance(args[0], Opaque) else _compared(args, result)


def _compared(args: Sequence[Any], result: Any) -> int:
    return math.ceil(min(_held_size(args[0]), _held_size(args[1])) * TRAVERSAL)


def _member(args: Sequence[Any], result: Any) -> int:
    return _held_size(args[1])


def _joined(args: Sequence[Any], result: Any) -> int:
    return math.ceil((_held_size(args[0]) + _held_size(args[1])) * TRAVERSAL)


def _contained(args: Sequence[Any], result: Any) -> int:
    return math.ceil(_held_size(args[0]) * TRAVERSAL) * math.ceil(_held_size(args[1]) * TRAVERSAL)


def _sets(args: Sequence[Any], result: Any) -> int:
    return 1 + actual_size(args[0]) * actual_size(args[1])


def _sets_both_ways(args: Sequence[Any], result: Any) -> int:
    return 1 + 2 * actual_size(args[0]) * actual_size(args[1])


def _made_list(args: Sequence[Any], result: Any) -> int:
    return actual_size(result) + 1 + LIST_CREATION


def _flattened(args: Sequence[Any], result: Any) -> int:
    depth = args[1] if len(args) == 2 and isinstance(args[1], int) else 1
    return actual_size(args[0]) * depth + 1 + LIST_CREATION & LIMIT  # a negative depth wraps around


def _self_compared(args: Sequence[Any], result: Any) -> int:
    return _pairs(args[0])


def _keys_compared(args: Sequence[Any], result: Any) -> int:
    return _pairs(args[1])


def _pairs(items: Any) -> int:
    if isinstance(items, CelError):  # upstream panics here, which ends the evaluation
        raise CelError("internal error: interface conversion: *types.Err is not traits.Lister: missing method Add")
    if not isinstance(items, list):
        return 1 + LIST_CREATION
    factor = 2.0 + TRAVERSAL if items and isinstance(items[0], (str, bytes)) else 2.0
    return int(len(items) * len(items) * factor) + 1 + LIST_CREATION


_ONES: Final = (
    "serviceAccount path group resource subresource namespace name allowed reason error errored "
    "masked prefixLength family isUnspecified isLoopback isLinkLocalMulticast isLinkLocalUnicast isGlobalUnicast "
    "format.named sign asInteger isInteger asApproximateFloat isGreaterThan isLessThan compareTo add sub "
    "major minor patch getScheme getHostname getHost getPort getEscapedPath getQuery"
)
_BY_FUNCTION: Final[Mapping[str, Cost]] = {
    "check": _check,
    **dict.fromkeys(_ONES.split(), _one),
    **dict.fromkeys(("fieldSelector", "labelSelector"), _selector),
    **dict.fromkeys(("isSorted", "sum", "max", "min", "indexOf", "lastIndexOf"), _traversed),
    **dict.fromkeys(("url", "lowerAscii", "upperAscii", "substring", "trim", "jsonpatch.escapeKey"), _read),
    **dict.fromkeys(("cidr", "isIP", "isCIDR", "ip", "quantity", "isQuantity", "semver", "isSemver"), _read),
    **dict.fromkeys(("replace", "split", "ip.isCanonical"), _read_twice),
    "join": _result_twice,
    **dict.fromkeys(("find", "findAll"), _found),
    "containsIP": _contains_ip,
    "containsCIDR": _contains_cidr,
    "validate": _validated,
    "_==_": equality,
}
"""Kubernetes prices its libraries by the name of the function."""

_ORDER: Final = ("less", "greater", "less_equals", "greater_equals")
_SORTED_TYPES: Final = (
    "int", "uint", "double", "bool", "google.protobuf.Duration", "google.protobuf.Timestamp", "string", "bytes",
)  # fmt: skip
_BY_OVERLOAD: Final[Mapping[str, Cost]] = {
    "cidr_ip": _one,
    "cidr_contains_ip_string": _contains_ip_text,
    "cidr_contains_cidr_string": _contains_cidr_text,
    "list_sets_contains_list": _sets,
    "list_sets_intersects_list": _sets,
    "list_sets_equivalent_list": _sets_both_ways,
    "list_slice": _made_list,
    "list_flatten": _flattened,
    "list_flatten_int": _flattened,
    "lists_range": _made_list,
    "list_reverse": _made_list,
    "list_distinct": _self_compared,
    **{f"list_{name}_sort": _self_compared for name in _SORTED_TYPES},
    **{f"list_{name}_sortByAssociatedKeys": _keys_compared for name in _SORTED_TYPES},
}
"""Prices that go before those of the function."""

_STANDARD: Final[Mapping[str, Cost]] = {
    "starts_with_string": _read_held,
    "ends_with_string": _read_held,
    "string_to_bytes": _read_held,
    "bytes_to_string": _read_held,
    "strings_quote": _read_held,
    "string_format": _read_held,
    "in_list": _member,
    **{f"{order}_{kind}": _compared for order in _ORDER for kind in ("string", "bytes")},
    "equals": _compared,
    "not_equals": _compared,
    "add_string": _joined,
    "add_bytes": _joined,
    "matches_string": _matched,
    "contains_string": _contained,
}
"""The language's own prices."""


def cost_of(function: str, overload: str = "") -> Cost | None:
    """The rule for calls of an overload, `overload` "" where the checker left several; None: every call costs 1."""
    return _BY_OVERLOAD.get(overload) or _BY_FUNCTION.get(function) or _STANDARD.get(overload)
