"""Brings what the programmer's functions changed in a typed value into the tree it was made of.

Used by `functions`. Only what differs between the two encodings is touched: fields that the class does not name, and
fields that a client did not send, stay as they are.
"""

from __future__ import annotations

from typing import Any

from orlop.api.tree import Tree
from orlop.declared.models import is_free, slim


def carry(before: Tree, after: Tree, into: Tree, schema: Tree) -> None:
    """`before` and `after` are full encodings of the value, `into` is the tree, `schema` that of all three."""
    properties = schema.get("properties", {})
    every = schema.get("additionalProperties") or {}
    for name in before.keys() - after.keys():
        into.pop(name, None)
    for name, value in after.items():
        if (name in before and before[name] == value) or not (name in properties or every or is_free(schema)):
            continue
        inner = properties.get(name, every)
        there = into.get(name)
        if isinstance(value, dict) and isinstance(there, dict) and isinstance(before.get(name), dict):
            carry(before[name], value, there, inner)
        elif value is None and name in properties and not inner.get("nullable"):
            into.pop(name, None)
        else:
            into[name] = slim(copied(value), inner)


def copied(value: Any) -> Any:
    """A tree of its own."""
    if isinstance(value, dict):
        return {name: copied(each) for name, each in value.items()}
    return [copied(each) for each in value] if isinstance(value, list) else value
