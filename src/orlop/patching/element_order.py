"""The order of a merged list: items of a patch in the patch's order, woven into the original's.

Called by `strategic_list` with lists that are merged already. Rules and messages, odd corners included, are
those of apimachinery's `util/strategicpatch/patch.go`: an item that the wanted order does not know moves to
the front of those sorted before it.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeAlias

from orlop.api.tree import Value
from orlop.patching import go_value
from orlop.patching.directives import PATCH, expected, no_merge_key
from orlop.patching.errors import PatchCrashed, PatchFailed

Items: TypeAlias = list[Value]

_NOWHERE = -1


def identity(value: Value) -> Hashable:
    """By what two scalars are the same: type and value. Comparing anything else makes upstream panic."""
    kind = type(value)
    if kind is dict or kind is list:
        raise PatchCrashed
    return kind, value


def partition(merged: Items, wanted: Items, key: str) -> tuple[Items, Items]:
    """The items that are among the wanted ones, and the others."""
    if not key:
        names = {identity(item) for item in wanted}
        inside = [identity(item) in names for item in merged]
    else:
        names, limit = _keys(wanted, key)
        inside = []
        for item in merged:
            if type(item) is not dict:
                raise expected({}, item)
            if key not in item:
                raise no_merge_key(item, key)
            found = identity(item[key]) in names
            if not found and limit < len(wanted):
                raise PatchFailed(f"value for key {limit} is not a map")
            inside.append(found)
    chosen = [item for item, found in zip(merged, inside, strict=True) if found]
    others = [item for item, found in zip(merged, inside, strict=True) if not found]
    return chosen, others


def _keys(wanted: Items, key: str) -> tuple[set[Hashable], int]:
    """The keys of wanted items, up to the first that is no object, and the place of that one."""
    names: set[Hashable] = set()
    for place, item in enumerate(wanted):
        if type(item) is not dict:
            return names, place
        if key in item:
            names.add(identity(item[key]))
    return names, len(wanted)


def interleave(
    chosen: Items, others: Items, wanted: Items, original: Items, key: str, of_objects: bool
) -> Items:
    """Chosen items in the wanted order and the others in the original's, woven by the original's order."""
    chosen = _sorted(chosen, wanted, key, of_objects)
    others = _sorted(others, original, key, of_objects)
    if not others:
        return chosen
    places = _places(original, key, of_objects)
    left = [places.get(_name(item, key, of_objects), _NOWHERE) for item in others]
    right = [places.get(_name(item, key, of_objects), _NOWHERE) for item in chosen]
    woven: Items = []
    at = 0
    for place, item in zip(right, chosen, strict=True):
        while at < len(others) and place >= 0 and 0 <= left[at] < place:
            woven.append(others[at])
            at += 1
        woven.append(item)
    return woven + others[at:]


def _name(item: Value, key: str, of_objects: bool) -> Hashable:
    if not of_objects:
        return identity(item)
    return identity(item.get(key)) if type(item) is dict else identity(None)


def _places(order: Items, key: str, of_objects: bool) -> dict[Hashable, int]:
    places: dict[Hashable, int] = {}
    for place, item in enumerate(order):
        places.setdefault(_name(item, key, of_objects), place)
    return places


def _sorted(items: Items, order: Items, key: str, of_objects: bool) -> Items:
    """The items in the given order, those with `$patch: delete` last."""
    deleted: Items = []
    if of_objects:
        for item in (*items, *order):
            if type(item) is not dict:
                raise expected({}, item)
            if key not in item:
                raise no_merge_key(item, key)
        deleted = [item for item in items if item.get(PATCH) == "delete"]
        if deleted:
            items = [item for item in items if item.get(PATCH) != "delete"]
    if len(items) < 2:
        return items + deleted
    places = _places(order, key, of_objects)
    ranked = [(places.get(_name(item, key, of_objects), _NOWHERE), item) for item in items]
    if any(place == _NOWHERE for place, _ in ranked):
        _insertion_sort(ranked)
    else:
        ranked.sort(key=lambda pair: pair[0])
    return [item for _, item in ranked] + deleted


def _insertion_sort(ranked: list[tuple[int, Value]]) -> None:
    """Sort as Go does when the comparison contradicts itself: unknown items go before any other."""
    for start in range(1, len(ranked)):
        at = start
        while at > 0:
            before, place = ranked[at - 1][0], ranked[at][0]
            if before != _NOWHERE and place != _NOWHERE and place >= before:
                break
            ranked[at], ranked[at - 1] = ranked[at - 1], ranked[at]
            at -= 1


def check_order(patch: Items, order: Items, key: str) -> None:
    """The patch's items must be in $setElementOrder, and in its order. Deletions do not count."""
    if not order or not patch:
        return
    items = patch
    if key:
        for item in patch:
            if type(item) is not dict:
                raise expected({}, item)
        items = [item for item in patch if item.get(PATCH) != "delete"]
    at = place = 0
    while at < len(items) and place < len(order):
        if type(items[at]) is dict and PATCH in items[at]:
            at += 1
            continue
        at += _same(items[at], order[place], key)
        place += 1
    if at < len(items) and place >= len(order):
        text = f"The order in patch list:\n{go_value.plain(patch)}\n doesn't match $setElementOrder list:\n"
        raise PatchFailed(f"{text}{go_value.plain(order)}\n")


def _same(left: Value, right: Value, key: str) -> bool:
    if not key:
        if type(left) is not type(right):
            return False
        return identity(left) == identity(right)
    for item in (left, right):
        if type(item) is not dict:
            raise expected({}, item)
    for item in (left, right):
        if key not in item:
            raise no_merge_key(item, key)
    if type(left[key]) is not type(right[key]):
        return False
    return identity(left[key]) == identity(right[key])
