"""Lists taken as sets: `sets.contains`, `sets.equivalent`, `sets.intersects`.

The environment takes `SETS`; elements are equal as CEL's `==` has it. Behaviour: cel-go ext/sets.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from orlop.cel import types as t
from orlop.cel.functions import Library
from orlop.cel.library_lists import same
from orlop.cel.library_signature import function, plain

_SMALL: Final = 8
"""Lists up to this long are searched as they are; making a hash set of them takes longer."""


def _finder(items: list[Any]) -> Callable[[Any], bool]:
    """Tells whether a value is among `items`."""
    if len(items) > _SMALL and all(type(item) is str for item in items):
        held = frozenset(items)
        return lambda value: type(value) is str and value in held
    return lambda value: any(same(value, item) for item in items)


def _contains(items: list[Any], part: list[Any]) -> bool:
    return all(map(_finder(items), part))


def _equivalent(left: list[Any], right: list[Any]) -> bool:
    return _contains(left, right) and _contains(right, left)


def _intersects(left: list[Any], right: list[Any]) -> bool:
    return any(map(_finder(right), left))


_LISTS: Final = (t.list_of(t.param("T")), t.list_of(t.param("T")))

SETS: Final = Library(
    "cel.lib.ext.sets",
    (
        function("sets.contains", plain("list_sets_contains_list", _LISTS, t.BOOL, _contains)),
        function("sets.equivalent", plain("list_sets_equivalent_list", _LISTS, t.BOOL, _equivalent)),
        function("sets.intersects", plain("list_sets_intersects_list", _LISTS, t.BOOL, _intersects)),
    ),
)
