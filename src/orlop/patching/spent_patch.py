"""What is left of a strategic merge patch after upstream has applied it.

Called by `endpoints.patch` when the merged object does not decode: the message then shows the patch, and
upstream's merge has by that time taken directives and unmatched nulls out of it (apimachinery's
`util/strategicpatch/patch.go` merges in place). Not on the way of a patch that succeeds.
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
    field_of,
)
from orlop.patching.element_order import identity
from orlop.patching.merge_schema import inside, list_field, merges, replaces, struct_field
from orlop.schema.interface import MergeField, MergeSchema


def spent(document: Tree, patch: Tree, schema: MergeSchema) -> Tree:
    """The patch without what the merge took out. `strategic.apply` must have accepted the same arguments.

    Several items of one key in a list of the patch, which upstream merges into each other, stay as they are.
    """
    if PATCH in patch:
        if patch[PATCH] == "replace":
            return {key: value for key, value in patch.items() if key != PATCH}
        return patch
    ordered = {field_of(key, SET_ORDER) for key in patch if key.startswith(SET_ORDER)}
    return {
        key: _member(document.get(key), key, value, schema)
        for key, value in patch.items()
        if key != RETAIN_KEYS and not key.startswith(SET_ORDER) and key not in ordered
    }


def _member(current: Value, key: str, value: Value, schema: MergeSchema) -> Value:
    kind = type(value)
    if key.startswith(DELETE_FROM):
        return value
    if kind is dict and type(current) is dict:
        field = struct_field(schema, key)
        return value if replaces(field) else spent(current, value, inside(field))
    if kind is list and type(current) is list:
        field = list_field(schema, key)
        return _items(current, value, field) if merges(field) else value
    return _without_directives(drop_nulls(value))


def _items(current: list[Value], patch: list[Value], field: MergeField) -> list[Value]:
    key = field.merge_key
    if not patch or type(patch[0]) is not dict or any(item.get(PATCH) == "replace" for item in patch):
        return patch
    gone = {identity(item[key]) for item in patch if PATCH in item}
    known = {identity(item[key]): item for item in reversed(current) if key in item}
    left: list[Value] = []
    for item in patch:
        name = identity(item[key])
        if PATCH in item or name not in known or name in gone:
            left.append(item)
        else:
            left.append(spent(known[name], item, inside(field)))
    return left


def _without_directives(value: Value) -> Value:
    """An object loses the directives in it. The value itself stays, as do the items of a list."""
    if type(value) is list:
        return [_without_directives(item) for item in value]
    kept, keep = drop_directives(value)
    return kept if keep else value
