"""Lists under a strategic merge: merged item by item, emptied of named scalars, brought into order.

Called by `strategic` for fields whose strategy is "merge", and for $setElementOrder. Objects in lists are
known by the field's merge key, scalars by themselves. The order of a merged list: items of the patch stand as
in the patch (or in $setElementOrder), the others as in the original, and where either could go next the
patch's item goes, unless the original has the other one before it. Rules and messages: apimachinery's
`util/strategicpatch/patch.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeAlias

from orlop.api.tree import Tree, Value
from orlop.patching import go_value
from orlop.patching.directives import PATCH, drop_directives, no_merge_key, unknown_patch_type
from orlop.patching.element_order import check_order, identity, interleave, partition
from orlop.patching.errors import PatchCrashed, PatchFailed, Unprocessable
from orlop.patching.merge_schema import inside, merges
from orlop.schema.interface import MergeField, MergeSchema

Items: TypeAlias = list[Value]
Merge: TypeAlias = Callable[[Tree, Tree, MergeSchema], Tree]
"""How two items with the same key become one: `strategic.merge_objects`, passed in."""


def merge_lists(original: Items, patch: Items, field: MergeField, merge: Merge) -> Items:
    """The original with the items of the patch merged in; the original itself if that changes nothing."""
    if not original and not patch:
        return original
    arranged = _merge(original, patch, field, merge)[0]
    return original if _same(original, arranged) else arranged


def delete_scalars(original: Items, unwanted: Items, field: MergeField, merge: Merge) -> Items:
    """The original without the unwanted scalars. Objects are merged instead, as upstream does."""
    if not original and not unwanted:
        return original
    if _of_objects(original, unwanted):
        return merge_lists(original, unwanted, field, merge)
    gone = {identity(item) for item in unwanted}
    return [item for item in original if identity(item) not in gone]


def merge_ordered(original: Items | None, patch: Items | None, order: Items, field: MergeField,
                  merge: Merge) -> Items | None:
    """The merged list in the order of a $setElementOrder list; None if neither side has the list."""
    key = field.merge_key
    check_order(patch or [], order, key)
    server = original or []
    if patch is None:
        if original is None:
            return None
        merged = original
    elif original is None:
        merged = drop_directives(patch)[0]
    elif merges(field) and (original or patch):
        merged, server = _merge(original, patch, field, merge)
    else:
        merged = patch
    chosen, others = partition(merged, order, key)
    of_objects = _of_objects(original or [], patch or [])
    return interleave(chosen, others, order, server, key, of_objects)


def _merge(original: Items, patch: Items, field: MergeField, merge: Merge) -> tuple[Items, Items]:
    """The merged list, in order, and what the merge leaves of the original for $setElementOrder to go by.

    Upstream merges in the memory of the original: deleting moves items up, new items come to stand where
    deleted ones made room. That list, not the original, then says where items go that the patch leaves out.
    """
    of_objects = _of_objects(original, patch)
    if of_objects:
        kept, plain, replaced = _carry_out(original, patch, field)
        merged = _merge_items(kept, plain, field, merge)
        server = original if replaced else merged[: len(original)]
    else:
        plain, merged = patch, _distinct(original + patch)
        kept = server = original if patch else merged + original[len(merged) :]
    chosen, others = partition(merged, plain, field.merge_key)
    return interleave(chosen, others, plain, kept, field.merge_key, of_objects), server


def _of_objects(*lists: Items) -> bool:
    """Whether the items are objects. All must be of one type, and none a list."""
    kind = None
    for items in lists:
        for item in items:
            if kind is None:
                if item is None:
                    raise PatchCrashed
                if type(item) is list:
                    raise Unprocessable("lists of lists are not supported")
                kind = go_value.type_name(item)
            elif kind != go_value.type_name(item):
                raise PatchFailed(f"list element types are not identical: {go_value.plain(list(lists))}")
    if kind is None:
        raise PatchFailed("no elements in any of the given slices")
    return kind == go_value.OBJECT


def _carry_out(original: Items, patch: Items, field: MergeField) -> tuple[Items, Items, bool]:
    """Carry out the $patch directives of a patch: what is left of the original and of the patch.

    The last says whether the patch's items took the place of the original's.
    """
    key = field.merge_key
    if not key:
        kind = "struct" if field.element is not None else "string"
        raise PatchFailed(f"cannot merge lists without merge key for {kind}")
    plain: Items = []
    gone: set[Hashable] = set()
    replace = False
    for item in patch:
        if PATCH not in item:
            plain.append(item)
            continue
        directive = item[PATCH]
        if directive == "delete":
            if key not in item:
                raise no_merge_key(item, key)
            gone.add(identity(item[key]))
        elif directive == "replace":
            replace = True
        elif directive == "merge":
            raise PatchFailed("merging lists cannot yet be specified in the patch")
        else:
            raise unknown_patch_type(directive, item)
    if replace:
        return plain, [], True
    if gone:
        original = [item for item in original if key not in item or identity(item[key]) not in gone]
    return original, plain, False


def _merge_items(original: Items, patch: Items, field: MergeField, merge: Merge) -> Items:
    key, schema = field.merge_key, inside(field)
    merged = original.copy()
    places: dict[Hashable, int] = {}
    for place, item in enumerate(merged):
        if key in item:
            places.setdefault(identity(item[key]), place)
    for item in patch:
        if key not in item:
            raise no_merge_key(item, key)
        known = places.setdefault(identity(item[key]), len(merged))
        if known < len(merged):
            merged[known] = merge(merged[known], item, schema)
        else:
            merged.append(item)
    return merged


def _distinct(items: Items) -> Items:
    """Without repeated scalars. Upstream puts the last item into the place of a repeated one."""
    if len({identity(item) for item in items}) == len(items):
        return items
    first = 0
    while first < len(items):
        other = first + 1
        while other < len(items):
            if items[first] == items[other]:
                last = items.pop()
                if other < len(items):
                    items[other] = last
            else:
                other += 1
        first += 1
    return items


def _same(left: Items, right: Items) -> bool:
    return len(left) == len(right) and all(a is b for a, b in zip(left, right, strict=True))
