"""JSON merge patch: RFC 7386 as evanphx/json-patch v4.13 does it, which is what kube-apiserver applies.

Called by `endpoints.patch` (PATCH with application/merge-patch+json). Beyond the RFC, nulls are also removed
from objects inside the lists of a patch, except where such a list takes the place of an object.

Neither argument is changed: an object on the way to a change is copied, everything else is shared with the
document or the patch. A patch that changes nothing gives back the document itself.
"""

from __future__ import annotations

from orlop.api.tree import Tree, Value
from orlop.patching.errors import BadPatch
from orlop.patching.json_operation import json_name


def check(patch: Value) -> None:
    """What fieldValidation Warn (the default) and Strict check of a decoded patch: an object, or null."""
    if patch is not None and type(patch) is not dict:
        target = "Go value of type map[string]interface {}"
        raise BadPatch(f"error decoding patch: json: cannot unmarshal {json_name(patch)} into {target}")


def apply(document: Tree, patch: Value) -> Value:
    """The patched document. A list as patch takes its place; null and scalars are no patches (BadPatch)."""
    if type(patch) is dict:
        return _merge(document, patch)
    if type(patch) is list:
        return _without_nulls(patch)
    raise BadPatch("Invalid JSON Patch")


def _merge(target: Tree, patch: Tree) -> Tree:
    merged = target
    for key, value in patch.items():
        current = target.get(key)
        if value is None:
            if key in target:
                if merged is target:
                    merged = target.copy()
                del merged[key]
            continue
        kind = type(value)
        if kind is dict:
            value = _merge(current, value) if type(current) is dict else _without_nulls(value)
        elif kind is list:
            if type(current) is not dict:
                value = _without_nulls(value)
        elif kind is type(current) and value == current:
            continue
        if value is not current:
            if merged is target:
                merged = target.copy()
            merged[key] = value
    return merged


def _without_nulls(value: Value) -> Value:
    """The value without members that are null, at any depth; null items of lists stay."""
    kind = type(value)
    if kind is dict:
        return {key: _without_nulls(member) for key, member in value.items() if member is not None}
    if kind is list:
        return [_without_nulls(item) for item in value]
    return value
