"""Pruning, slowly: drops what a schema does not know, and nulls that it does not allow.

`decoding` comes here for an object that its quick look did not pass, `defaulting` for default values, the rules of
definitions to find defaults that are not pruned. Trees are changed in place; what was dropped is told as the paths
of strict decoding. Behaviour: apiextensions-apiserver `pkg/apiserver/schema/pruning` and `schema/defaulting`
(prunenulls.go).
"""

from __future__ import annotations

from orlop.api.tree import Tree, Value
from orlop.structural.schema import META_FIELDS, Node

EMPTY = Node({})
"""A schema that says nothing."""


def prune(value: Value, node: Node | None, is_root: bool) -> list[str]:
    """Drop members that the schema does not name; `is_root` keeps kind, apiVersion and metadata at the top. The paths
    of what was dropped, sorted."""
    unknown: list[str] = []
    _prune(value, EMPTY if is_root and node is None else node, "", unknown, is_root)
    unknown.sort()
    return unknown


def _prune(value: Value, node: Node | None, path: str, unknown: list[str], is_resource: bool) -> None:
    if node is not None and node.preserve:
        _prune_kept(value, node, path, unknown, is_resource)
    elif type(value) is dict:
        if node is None:
            unknown.extend(_join(path, key) for key in value)
            value.clear()
        else:
            _prune_object(value, node, path, unknown, is_resource)
    elif type(value) is list:
        items = node.items if node is not None else None
        for index, item in enumerate(value):
            _prune(item, items, f"{path}[{index}]", unknown, items is not None and items.embedded)


def _prune_object(value: Tree, node: Node, path: str, unknown: list[str], is_resource: bool) -> None:
    dropped: list[str] = []
    for key, inner in value.items():
        if is_resource and key in META_FIELDS:
            continue
        if key in node.properties or node.open is not None:
            below = node.member(key)
            _prune(inner, below, _join(path, key), unknown, below is not None and below.embedded)
        else:
            dropped.append(key)
    for key in dropped:
        if path or key not in META_FIELDS:
            unknown.append(_join(path, key))
        del value[key]


def _prune_kept(value: Value, node: Node, path: str, unknown: list[str], is_resource: bool) -> None:
    """Prune only below members that have a schema of their own."""
    if type(value) is dict:
        for key, inner in value.items():
            if is_resource and key in META_FIELDS:
                continue
            if key in node.properties or node.open is not None:
                below = node.member(key)
                _prune(inner, below, _join(path, key), unknown, below is not None and below.embedded)
    elif type(value) is list and node.items is not None:
        for index, item in enumerate(value):
            _prune_kept(item, node.items, f"{path}[{index}]", unknown, node.items.embedded)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def prune_nulls(value: Value, node: Node | None, untyped: bool = False) -> None:
    """Drop the null members that are neither nullable nor have a default to take their place. `untyped` keeps those
    that validation refuses because they have a type."""
    if type(value) is dict:
        dropped: list[str] = []
        for key, inner in value.items():
            below = node.member(key) if node is not None else None
            if inner is None:
                if below is not None and not below.nullable and below.default is None and not (untyped and below.types):
                    dropped.append(key)
            else:
                prune_nulls(inner, below, untyped)
        for key in dropped:
            del value[key]
    elif type(value) is list:
        items = node.items if node is not None else None
        for inner in value:
            prune_nulls(inner, items, untyped)
