"""Strategic merge patch: what kubectl and controllers send to built-in kinds.

Called by `endpoints.patch` (PATCH with application/strategic-merge-patch+json) with the current object in the
request's version and the decoded patch; hands on the merged tree, which the caller checks and defaults like
any body. Objects are merged here, lists in `strategic_list`. Rules and messages are those of apimachinery's
`util/strategicpatch/patch.go` as kube-apiserver calls it: directives are carried out, and nulls of the patch
that meet nothing vanish.

Neither argument is changed: what lies on the way to a change is copied, everything else is shared with the
document or the patch. A patch that changes nothing gives back the document itself.
"""

from __future__ import annotations

from orlop.api.tree import Tree, Value
from orlop.patching.directives import (
    DELETE_FROM,
    PATCH,
    RETAIN_KEYS,
    SET_ORDER,
    drop_directives,
    drop_nulls,
    expected,
    field_of,
    unknown_patch_type,
)
from orlop.patching.errors import BadPatch, PatchCrashed
from orlop.patching.json_operation import json_name
from orlop.patching.merge_schema import inside, list_field, merges, replaces, struct_field
from orlop.patching.strategic_list import delete_scalars, merge_lists, merge_ordered
from orlop.schema.interface import MergeField, MergeSchema

__all__ = ["MergeField", "MergeSchema", "apply", "check"]


def check(patch: Value) -> Tree:
    """A decoded body as patch: an object, or null for the empty one. BadPatch for anything else."""
    if patch is None:
        return {}
    if type(patch) is not dict:
        target = "Go value of type map[string]interface {}"
        raise BadPatch(f"json: cannot unmarshal {json_name(patch)} into {target}")
    return patch


def apply(document: Tree, patch: Tree, schema: MergeSchema) -> Tree:
    """The document with the patch merged in, under the schema of its kind."""
    return merge_objects(document, patch, schema)


def merge_objects(original: Tree, patch: Tree, schema: MergeSchema) -> Tree:
    if PATCH in patch:
        return _replace_or_delete(patch)
    merged = original
    for key in patch:
        if key[:1] == "$":
            merged, patch = _before_members(original, patch, schema)
            break
    for key, value in patch.items():
        if key[:1] == "$" and key.startswith(DELETE_FROM):
            key = field_of(key, DELETE_FROM) or key
            if value is not None:
                merged = _without_scalars(merged, key, value, schema)
                continue
        if value is None:
            if key in merged:
                merged = merged.copy() if merged is original else merged
                del merged[key]
            continue
        current = merged.get(key)
        if type(value) is type(current) and not isinstance(value, (dict, list)) and value == current:
            continue
        merged = _merge_member(merged, original, key, value, schema)
    return merged


def _merge_member(merged: Tree, original: Tree, key: str, value: Value, schema: MergeSchema) -> Tree:
    """Merge one member of a patch; `merged` is copied first if it still is the original."""
    current = merged.get(key)
    kind = type(value)
    keep = True
    if kind is dict and type(current) is dict:
        field = struct_field(schema, key)
        new: Value = value if replaces(field) else merge_objects(current, value, inside(field))
    elif kind is list and type(current) is list:
        field = list_field(schema, key)
        new = merge_lists(current, value, field, merge_objects) if merges(field) else value
    else:
        new, keep = drop_directives(drop_nulls(value))
    if keep and new is current and key in merged:
        return merged
    if merged is original:
        merged = merged.copy()
    if keep:
        merged[key] = new
    else:
        merged.pop(key, None)
    return merged


def _replace_or_delete(patch: Tree) -> Tree:
    """The whole object that a $patch directive leaves."""
    directive = patch[PATCH]
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != PATCH}
    if directive == "delete":
        return {}
    raise unknown_patch_type(directive, patch)


def _without_scalars(merged: Tree, key: str, value: Value, schema: MergeSchema) -> Tree:
    """$deleteFromPrimitiveList: ignored unless both sides are of one type."""
    current: Value = merged.get(key)
    if type(current) is not type(value):
        return merged
    new: Value
    if type(current) is list:
        new = delete_scalars(current, value, list_field(schema, key), merge_objects)
    elif type(current) is dict:
        field = struct_field(schema, key)
        new = value if replaces(field) else merge_objects(current, value, inside(field))
    else:
        new = value
    return merged if new is current else {**merged, key: new}


def _before_members(original: Tree, patch: Tree, schema: MergeSchema) -> tuple[Tree, Tree]:
    """Carry out $retainKeys and $setElementOrder; what is left of the patch is merged member by member."""
    left = patch.copy()
    merged = original
    if RETAIN_KEYS in left:
        merged = _retain(original, left, left.pop(RETAIN_KEYS))
    for key, order in patch.items():
        if key.startswith(SET_ORDER):
            del left[key]
            merged = _reorder(merged, left, key, order, schema)
    return (merged.copy() if merged is original else merged), left


def _retain(original: Tree, patch: Tree, retained: Value) -> Tree:
    """Keep only the named members of the original; the patch may set no others."""
    if type(retained) is not list:
        raise BadPatch("invalid patch format of retainKeys")
    if any(isinstance(name, (dict, list)) for name in retained):
        raise PatchCrashed
    names = {name for name in retained if type(name) is str}
    for key, value in patch.items():
        if value is not None and not key.startswith((DELETE_FROM, SET_ORDER)) and key not in names:
            raise BadPatch("invalid patch format of retainKeys")
    return {key: value for key, value in original.items() if key in names}


def _reorder(merged: Tree, patch: Tree, key: str, order: Value, schema: MergeSchema) -> Tree:
    """$setElementOrder/name: merge the list `name` and order it. Takes the list out of the patch."""
    _expect_list(order)
    name = field_of(key, SET_ORDER)
    found, patched = name in merged, name in patch
    current = _expect_list(merged[name]) if found else []
    changes = _expect_list(patch[name]) if patched else []
    field = list_field(schema, name)
    new = merge_ordered(current if found else None, changes if patched else None, order, field, merge_objects)
    if new is None:
        return merged
    patch.pop(name, None)
    return {**merged, name: new}


def _expect_list(value: Value) -> list[Value]:
    if type(value) is not list:
        raise expected([], value)
    return value
