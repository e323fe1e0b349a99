"""cel-go's list functions, in the version Kubernetes sets (3): slice, flatten, sort, sortBy, range, reverse, distinct.

The environment takes `LIST_EXTENSIONS`, with the macro `sortBy`. Behaviour: cel-go ext/lists.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cmp_to_key
from typing import Any, Final

from orlop.cel import types as t
from orlop.cel.ast import Call, Comprehension, Ident, ListExpr, Node, Select
from orlop.cel.comparison import compare
from orlop.cel.functions import Library, Macro
from orlop.cel.library_lists import COMPARABLE, same
from orlop.cel.library_signature import function, member, plain, singleton
from orlop.cel.macro_scope import MacroError, MacroScope
from orlop.cel.values import NO_SUCH_OVERLOAD, BudgetExceeded, CelError, type_of_value

RANGE_LIMIT: Final = 1_000_000
"""Elements `lists.range` makes at most: every one costs, and this is the cost limit of any expression."""

_INPUT: Final = "@__sortBy_input__"
_SORTED_BY: Final = "@sortByAssociatedKeys"
_COMPARABLE: Final = frozenset(COMPARABLE.values())


def _slice(items: list[Any], start: int, end: int) -> list[Any]:
    if start < 0 or end < 0:
        raise CelError(f"cannot slice({start}, {end}), negative indexes not supported")
    if start > end:
        raise CelError(f"cannot slice({start}, {end}), start index must be less than or equal to end index")
    if len(items) < end:
        raise CelError(f"cannot slice({start}, {end}), list is length {len(items)}")
    return list(items[start:end])


def _flatten(items: list[Any], depth: int = 1) -> list[Any]:
    if depth < 0:
        raise CelError("level must be non-negative")
    flat: list[Any] = []
    for item in items:
        if isinstance(item, list) and depth:
            flat.extend(_flatten(item, depth - 1))
        else:
            flat.append(item)
    return flat


def _sort(items: Any) -> list[Any]:
    return _sort_by_keys(items, items)


def _sort_by_keys(items: Any, keys: Any) -> list[Any]:
    if not isinstance(items, list) or not isinstance(keys, list):
        raise CelError(NO_SUCH_OVERLOAD)
    if len(items) != len(keys):
        raise CelError(
            "@sortByAssociatedKeys() expected a list of the same size as the associated keys list, "
            f"but got {len(items)} and {len(keys)} elements respectively"
        )
    if not items:
        return items
    kind = type_of_value(keys[0])
    if kind not in _COMPARABLE:
        raise CelError("list elements must be comparable")
    if any(type_of_value(key) != kind for key in keys):
        raise CelError("list elements must have the same type")

    def by_key(one: int, other: int) -> int:
        return _order(keys[one], keys[other])

    return [items[index] for index in sorted(range(len(keys)), key=cmp_to_key(by_key))]


def _order(left: Any, right: Any) -> int:
    """The order of two keys; what has none (NaN) counts as equal."""
    try:
        return compare(left, right)
    except CelError:
        return 0


def _range(count: int) -> list[Any]:
    if count > RANGE_LIMIT:
        raise BudgetExceeded("operation cancelled: actual cost limit exceeded")
    return list(range(count))


def _reverse(items: list[Any]) -> list[Any]:
    return list(reversed(items))


def _distinct(items: list[Any]) -> list[Any]:
    if all(type(item) is str for item in items):
        return list(dict.fromkeys(items))
    unique: list[Any] = []
    for item in items:
        if not any(same(item, held) for held in unique):
            unique.append(item)
    return unique


def _sort_by(make: MacroScope, target: Node | None, args: Sequence[Node]) -> Node:
    """`list.sortBy(e, key)`: the list bound to a name, sorted by the list of its keys."""
    if not isinstance(target, (ListExpr, Select, Ident, Comprehension, Call)):
        raise MacroError(
            "sortBy can only be applied to a list, identifier, comprehension, call or select expression", target
        )
    bound = make.ident(_INPUT)
    keys = _mapped(make, make.ident(_INPUT), args)
    call = make.member(_SORTED_BY, make.ident(_INPUT), keys)
    return make.fold(make.list(), ("#unused", ""), _INPUT, (target, make.constant(False), bound, call))


def _mapped(make: MacroScope, target: Node, args: Sequence[Node]) -> Node:
    """`target.map(e, key)`."""
    variable, key = args
    if not isinstance(variable, Ident):
        raise MacroError("argument is not an identifier", variable)
    if variable.name == make.accumulator:
        raise MacroError("iteration variable overwrites accumulator variable", variable)
    parts = (make.list(), make.constant(True), make.call("_+_", make.accu(), make.list(key)), make.accu())
    return make.fold(target, (variable.name, ""), make.accumulator, parts)


_LIST: Final = t.list_of(t.param("T"))
_LIST_OF_LISTS: Final = t.list_of(_LIST)

LIST_EXTENSIONS: Final = Library(
    "cel.lib.ext.lists",
    (
        function("slice", member("list_slice", (_LIST, t.INT, t.INT), _LIST, _slice)),
        function(
            "flatten",
            member("list_flatten", (_LIST_OF_LISTS,), _LIST, _flatten),
            member("list_flatten_int", (t.list_of(t.DYN), t.INT), t.list_of(t.DYN), _flatten),
        ),
        singleton(
            "sort",
            _sort,
            *(
                member(f"list_{element.name}_sort", (t.list_of(element),), t.list_of(element), _sort)
                for element in COMPARABLE.values()
            ),
        ),
        singleton(
            _SORTED_BY,
            _sort_by_keys,
            *(
                member(f"list_{key.name}_sortByAssociatedKeys", (_LIST, t.list_of(key)), _LIST, _sort_by_keys)
                for key in COMPARABLE.values()
            ),
        ),
        function("lists.range", plain("lists_range", (t.INT,), t.list_of(t.INT), _range)),
        function("reverse", member("list_reverse", (_LIST,), _LIST, _reverse)),
        function("distinct", member("list_distinct", (_LIST,), _LIST, _distinct)),
    ),
    macros=(Macro("sortBy", True, 2, _sort_by),),
)
