"""Equality and order of any two values.

The compiler uses these where the checker leaves types open, and libraries where they compare elements; where types are
known the compiled program compares directly. Behaviour: cel-go common/types (Equal and Compare of each type) and the
lists Kubernetes declares (apiserver pkg/cel/common/valuesunstructured.go).
"""

from __future__ import annotations

from typing import Any, Final

from orlop.cel.values import (
    INT_MAX,
    INT_MIN,
    NO_SUCH_OVERLOAD,
    UINT_MAX,
    CelError,
    Duration,
    KeyedList,
    Opaque,
    Optional,
    SetList,
    Timestamp,
    TypeValue,
    Uint,
)

NUMBERS: Final = frozenset((int, Uint, float))
_PLAIN: Final = frozenset((str, int, bool, float, bytes, Uint, type(None), Duration, Timestamp, TypeValue))


def equal(left: Any, right: Any) -> bool:
    """CEL's `==`: numbers by value across types, everything else only within its type."""
    kind, other = type(left), type(right)
    if kind is other and kind in _PLAIN:
        return bool(left == right)
    if kind in NUMBERS and other in NUMBERS:
        return left == left and right == right and compare_numbers(left, right) == 0
    if left is None or right is None:
        return left is right
    if isinstance(left, list):
        return isinstance(right, list) and _equal_lists(left, right)
    if isinstance(left, dict):
        return isinstance(right, dict) and _equal_maps(left, right)
    if isinstance(left, Optional):
        if not isinstance(right, Optional) or left.present is not right.present:
            return False
        return not left.present or equal(left.value, right.value)
    if isinstance(left, Opaque):
        return bool(left == right)
    return False


def unequal(left: Any, right: Any) -> bool:
    """CEL's `!=`: whatever `==` has no answer for is unequal, as in cel-go."""
    try:
        return not equal(left, right)
    except CelError:
        return True


def _equal_lists(left: list[Any], right: list[Any]) -> bool:
    if len(left) != len(right):
        return False
    if isinstance(left, SetList):
        return all(any(equal(one, other) for one in left) for other in right)
    if isinstance(left, KeyedList):
        mine = {map_key(left, one): one for one in left}
        for other in right:
            key = map_key(left, other)
            if key not in mine or not equal(mine[key], other):
                return False
        return True
    return not any(map(_differ, left, right))


def _equal_maps(left: dict[Any, Any], right: dict[Any, Any]) -> bool:
    if len(left) != len(right):
        return False
    return not any(key not in right or _differ(value, right[key]) for key, value in left.items())


def _differ(left: Any, right: Any) -> bool:
    """Whether elements tell containers apart: those `==` has no answer for do not, as in cel-go."""
    try:
        return not equal(left, right)
    except CelError:
        return False


def map_key(of: KeyedList, element: Any) -> tuple[Any, ...]:
    """What tells the elements of a keyed list apart."""
    if not isinstance(element, dict):
        raise CelError("unexpected data format for element of array with x-kubernetes-list-type=map")
    return tuple(element.get(key) for key in of.keys)


def compare_numbers(left: Any, right: Any) -> int:
    """-1, 0 or 1 for two numbers of any type, none of them NaN; ints meet doubles as doubles, as in cel-go."""
    if isinstance(left, float) is not isinstance(right, float):
        if isinstance(left, float):
            return -compare_numbers(right, left)
        low, high = (0, UINT_MAX) if isinstance(left, Uint) else (INT_MIN, INT_MAX)
        if right < float(low):
            return 1
        if right > float(high):
            return -1
        left = float(left)
    return int(left > right) - int(left < right)


def compare(left: Any, right: Any) -> int:
    """The order of two values: -1, 0 or 1; an error where they have none."""
    kind, other = type(left), type(right)
    if kind in NUMBERS and other in NUMBERS:
        if left != left or right != right:
            raise CelError("NaN values cannot be ordered")
        return compare_numbers(left, right)
    if kind is not other or kind not in _ORDERED:
        raise CelError(NO_SUCH_OVERLOAD)
    return int(right < left) - int(left < right)  # of strings by code points, which is Go's order of UTF-8 bytes


_ORDERED: Final = frozenset((str, bool, bytes, Duration, Timestamp))


def contains(container: Any, value: Any) -> bool:
    """CEL's `in`: an element of a list, or a key of a map."""
    if isinstance(container, list):
        return any(not unequal(value, one) for one in container)
    if isinstance(container, dict):
        return find_key(container, value)[0]
    raise CelError(NO_SUCH_OVERLOAD)


def find_key(container: dict[Any, Any], key: Any) -> tuple[bool, Any]:
    """Whether a map has a key, and its value; numbers find each other, booleans do not find numbers."""
    kind = type(key)
    if kind is str:
        return (True, container[key]) if key in container else (False, None)
    if kind not in (int, Uint, float, bool) or key not in container:
        return False, None
    if kind is bool or key in (0, 1):
        for held, value in container.items():
            if held == key and (type(held) is bool) is (kind is bool):
                return True, value
        return False, None
    return True, container[key]
