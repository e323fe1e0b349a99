"""Kubernetes' list functions: isSorted, sum, min, max, indexOf, lastIndexOf.

The environment takes `LISTS`; cel-go's own list functions are `library_list_extensions`'. Elements that have no order
between them are passed over, as upstream does. Behaviour: Kubernetes pkg/cel/library/lists.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from orlop.cel import types as t
from orlop.cel.arithmetic import plus
from orlop.cel.comparison import compare, equal
from orlop.cel.functions import Function, Library
from orlop.cel.library_signature import function, member
from orlop.cel.types import Type
from orlop.cel.values import CelError, Duration, Uint

COMPARABLE: Final = {
    "int": t.INT,
    "uint": t.UINT,
    "double": t.DOUBLE,
    "bool": t.BOOL,
    "duration": t.DURATION,
    "timestamp": t.TIMESTAMP,
    "string": t.STRING,
    "bytes": t.BYTES,
}
_ZEROS: Final[dict[str, Any]] = {"int": 0, "uint": Uint(0), "double": 0.0, "duration": Duration(0)}


def _order(left: Any, right: Any) -> int | None:
    """The order of two elements, None where they have none."""
    try:
        return compare(left, right)
    except CelError:
        return None


def _is_sorted(items: list[Any]) -> bool:
    return all(_order(items[i - 1], items[i]) != 1 for i in range(1, len(items)))


def _chooser(name: str, unwanted: int) -> Callable[[list[Any]], Any]:
    """`min` or `max`: an element gives way to a later one to which it stands in the `unwanted` order."""

    def choose(items: list[Any]) -> Any:
        if not items:
            raise CelError(f"{name} called on empty list")
        chosen = items[0]
        for item in items:
            if _order(chosen, item) == unwanted:
                chosen = item
        return chosen

    return choose


def _summer(zero: Any) -> Callable[[list[Any]], Any]:
    def total(items: list[Any]) -> Any:
        result = zero
        for item in items:
            result = plus(result, item)
        return result

    return total


def same(left: Any, right: Any) -> bool:
    """Whether two elements are equal; those that cannot be compared are not."""
    try:
        return equal(left, right)
    except CelError:
        return False


def _index_of(items: list[Any], value: Any) -> int:
    for index, item in enumerate(items):
        if same(item, value):
            return index
    return -1


def _last_index_of(items: list[Any], value: Any) -> int:
    for index in range(len(items) - 1, -1, -1):
        if same(items[index], value):
            return index
    return -1


_FOUND: Final = (t.list_of(t.param("A")), t.param("A"))


def _each(name: str, identity: str, result: Type | None, call: Callable[[list[Any]], Any]) -> Function:
    """One overload for each comparable type; `result` None gives back an element."""
    return function(
        name,
        *(
            member(identity.format(kind), (t.list_of(element),), result or element, call)
            for kind, element in COMPARABLE.items()
        ),
    )


LISTS: Final = Library(
    "kubernetes.lists",
    (
        _each("isSorted", "list_{0}_is_sorted_bool", t.BOOL, _is_sorted),
        function(
            "sum",
            *(
                member(f"list_{kind}_sum_{kind}", (t.list_of(COMPARABLE[kind]),), COMPARABLE[kind], _summer(zero))
                for kind, zero in _ZEROS.items()
            ),
        ),
        _each("max", "list_{0}_max_{0}", None, _chooser("max", -1)),
        _each("min", "list_{0}_min_{0}", None, _chooser("min", 1)),
        function("indexOf", member("list_a_index_of_int", _FOUND, t.INT, _index_of)),
        function("lastIndexOf", member("list_a_last_index_of_int", _FOUND, t.INT, _last_index_of)),
    ),
)
