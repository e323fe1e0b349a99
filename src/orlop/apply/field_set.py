"""Sets of fields, kept as the very trees that FieldsV1 is in JSON.

A set is a dict from path elements to what is in the set below them. An element is itself in the set when its dict is
empty (a leaf) or has the member "."; so `{"f:a": {}, "f:b": {".": {}, "f:c": {}}, "f:d": {"f:e": {}}}` holds a, b, b.c
and d.e, but not d. Reading and writing managedFields therefore costs nothing: what is stored is the set.

Sets are never changed once made; operations share what they can, and give back an argument itself where nothing
differs, so `is` answers whether something happened. Keys stand in upstream's order (`path_element.sort_key`). Meaning
of each operation: structured-merge-diff `fieldpath/set.go`; reading: `fieldpath/serialize.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from orlop.apply import path_element
from orlop.apply.path_element import BadElement

FieldSet: TypeAlias = dict[str, Any]
FieldPath: TypeAlias = tuple[str, ...]

LEAF: Final[FieldSet] = {}
"""An element that is in the set and has nothing below it. Also the empty set."""
ITSELF: Final = "."
_BARE: Final[FieldSet] = {ITSELF: LEAF}


def of(*paths: FieldPath) -> FieldSet:
    """The set of these paths."""
    result: FieldSet = LEAF
    for path in paths:
        below: FieldSet = LEAF
        for element in reversed(path):
            below = {element: below}
        result = union(result, below)
    return result


def ordered(fields: FieldSet) -> FieldSet:
    """The same with its own keys (not those below) in order; `fields` itself when they are."""
    keys = sort(fields)
    return fields if keys == list(fields) else {key: fields[key] for key in keys}


def sort(elements: FieldSet | tuple[str, ...] | list[str]) -> list[str]:
    """Elements in upstream's order."""
    keys = sorted(elements)
    if keys and keys[-1][0] != "f" and keys[-1] != ITSELF:
        keys.sort(key=path_element.sort_key)
    return keys


def is_member(below: FieldSet) -> bool:
    """Whether the element with this below it is itself in the set."""
    return not below or ITSELF in below


def has(fields: FieldSet, path: FieldPath) -> bool:
    for element in path:
        if element not in fields:
            return False
        fields = fields[element]
    return bool(path) and is_member(fields)


def with_itself(below: FieldSet) -> FieldSet:
    """The same as a member of the set."""
    return below if not below or ITSELF in below else {ITSELF: LEAF, **below}


def union(left: FieldSet, right: FieldSet) -> FieldSet:
    """What is in either."""
    if left is right or not right:
        return left
    if not left:
        return right
    result: FieldSet | None = None
    grown = False
    for key, theirs in right.items():
        mine = left.get(key)
        if mine is None:
            grown = True
            new = theirs
        else:
            new = _union_below(mine, theirs)
            if new is mine:
                continue
        if result is None:
            result = left.copy()
        result[key] = new
    if result is None:
        return left
    return ordered(result) if grown else result


def _union_below(mine: FieldSet, theirs: FieldSet) -> FieldSet:
    if mine is theirs:
        return mine
    if not mine:
        return with_itself(theirs)
    return union(mine, theirs) if theirs else with_itself(mine)


def difference(left: FieldSet, right: FieldSet) -> FieldSet:
    """What is in the first and not in the second. What lies below a member of the second stays."""
    return _without(left, right, _difference_below)


def recursive_difference(left: FieldSet, right: FieldSet) -> FieldSet:
    """What is in the first, neither in the second nor below a member of it."""
    return _without(left, right, _nothing_below)


def _without(left: FieldSet, right: FieldSet, below: Callable[[FieldSet, FieldSet], FieldSet | None]) -> FieldSet:
    """`below` says what is left under an element that both have; None for not even the element."""
    result: FieldSet | None = None
    for key, theirs in right.items():
        mine = left.get(key)
        if mine is None or key == ITSELF:
            continue
        new = below(mine, theirs)
        if new is mine:
            continue
        if result is None:
            result = left.copy()
        if new is None:
            del result[key]
        else:
            result[key] = new
    return left if result is None else result


def _difference_below(mine: FieldSet, theirs: FieldSet) -> FieldSet | None:
    taken = is_member(theirs)
    if not mine:
        return None if taken else mine
    return _tidy(difference(mine, theirs), taken)


def _nothing_below(mine: FieldSet, theirs: FieldSet) -> FieldSet | None:
    if is_member(theirs):
        return None
    return _tidy(recursive_difference(mine, theirs), False) if mine else mine


def _tidy(below: FieldSet, taken: bool) -> FieldSet | None:
    """Spell what is left below an element that had something below it: None for nothing, LEAF for itself only."""
    if ITSELF not in below:
        return below or None
    if len(below) == 1:
        return None if taken else LEAF
    return {key: value for key, value in below.items() if key != ITSELF} if taken else below


def intersection(left: FieldSet, right: FieldSet) -> FieldSet:
    """What is in both."""
    if left is right:
        return left
    result: FieldSet = {}
    for key, mine in left.items():
        theirs = right.get(key)
        if theirs is None or key == ITSELF:
            continue
        below = intersection(mine, theirs)
        if is_member(mine) and is_member(theirs):
            result[key] = with_itself(below)
        elif below:
            result[key] = below
    return result


def covers(fields: FieldSet, others: FieldSet) -> bool:
    """Whether all members of the second are in the first."""
    for key, theirs in others.items():
        mine = fields.get(key)
        if mine is None:
            return False
        if theirs:
            if mine is not theirs and not covers(mine, theirs) and not (not mine and theirs == _BARE):
                return False
        elif mine and ITSELF not in mine:
            return False
    return True


def leaves(fields: FieldSet) -> FieldSet:
    """The members that have nothing in the set below them."""
    return {key: leaves(below) for key, below in fields.items() if key != ITSELF}


def paths(fields: FieldSet, prefix: FieldPath = ()) -> Iterator[FieldPath]:
    """All members: those of a level before those below it, as upstream walks a set."""
    for key, below in fields.items():
        if key != ITSELF and is_member(below):
            yield (*prefix, key)
    for key, below in fields.items():
        if below and key != ITSELF:
            yield from paths(below, (*prefix, key))


def read(text: Any) -> FieldSet:
    """The set that a client wrote as FieldsV1. BadElement for what is none; elements of kinds unknown are ignored."""
    if text is None:
        return LEAF
    below, _ = _read(text)
    return below


def _read(tree: Any) -> tuple[FieldSet, bool]:
    """What is below an element, and whether it is itself in the set."""
    if type(tree) is not dict:
        if tree is None:
            return LEAF, True
        raise BadElement("ReadMapCB: expect { or n")
    result: FieldSet = {}
    itself = False
    for key, value in tree.items():
        if key == ITSELF:
            itself = True
            continue
        element = path_element.canonical(key)
        if not element:
            continue
        below, member = _read(value)
        new = with_itself(below) if member else below
        result[element] = _union_below(result[element], new) if element in result else new
    return (ordered(result), itself) if result else (LEAF, True)
