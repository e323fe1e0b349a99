"""The directives of strategic merge patches: their names, and what becomes of those that meet nothing.

Used by `strategic` and `strategic_list`. Rules and messages: apimachinery's `util/strategicpatch/patch.go`
and `util/mergepatch/errors.go`.
"""

from __future__ import annotations

from orlop.api.tree import Tree, Value
from orlop.patching import go_value
from orlop.patching.errors import BadPatch, PatchFailed

PATCH = "$patch"
RETAIN_KEYS = "$retainKeys"
DELETE_FROM = "$deleteFromPrimitiveList"
SET_ORDER = "$setElementOrder"

_FORMATS = {
    DELETE_FROM: "invalid patch format of primitive list",
    SET_ORDER: "invalid patch format of setElementOrder list",
}


def field_of(key: str, directive: str) -> str:
    """The field a parallel list speaks of: what follows the slash."""
    front, slash, name = key.partition("/")
    if not slash or front != directive:
        raise BadPatch(_FORMATS[directive])
    return name


def expected(wanted: Value, found: Value) -> PatchFailed:
    """A value of another type than a wanted one, an empty object or list."""
    return PatchFailed(f"expected a {go_value.type_name(wanted)}, but received a {go_value.type_name(found)}")


def no_merge_key(item: Tree, key: str) -> PatchFailed:
    return PatchFailed(f"map: {go_value.plain(item)} does not contain declared merge key: {key}")


def unknown_patch_type(directive: Value, holder: Tree) -> PatchFailed:
    return PatchFailed(f"unknown patch type: {go_value.text(directive)} in map: {go_value.plain(holder)}")


def drop_nulls(value: Value) -> Value:
    """The value without members that are null, at any depth; null items of lists stay."""
    kind = type(value)
    if kind is dict:
        return {key: drop_nulls(member) for key, member in value.items() if member is not None}
    if kind is list:
        return [drop_nulls(item) for item in value]
    return value


def drop_directives(value: Value) -> tuple[Value, bool]:
    """The value without the objects in it that carry $patch, and whether the value itself is to be kept."""
    kind = type(value)
    if kind is dict:
        if PATCH in value:
            return None, False
        pairs = ((key, drop_directives(member)) for key, member in value.items())
        return {key: member for key, (member, keep) in pairs if keep}, True
    if kind is list:
        return [item for item, keep in map(drop_directives, value) if keep], True
    return value, True
