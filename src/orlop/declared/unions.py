"""Unions, as far as structural schemas can say them.

Used by `schema` with the schemas of a union's members. What can be said: the same thing twice, int | str, int | float,
several sets of values, and classes whose members have the same types where they have the same names; a tag then says
which fields each needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orlop.api.tree import Tree

_INT_OR_STRING = {"x-kubernetes-int-or-string": True}


def union(made: Sequence[Tree], tags: Sequence[tuple[str, Any] | None]) -> Tree | None:
    """One schema for all, None where there is none."""
    first = made[0]
    if all(each == first for each in made):
        return dict(first)
    if any(set(each) == {"x-kubernetes-preserve-unknown-fields"} for each in made):
        return {"x-kubernetes-preserve-unknown-fields": True}
    kinds = [each.get("type") for each in made]
    if set(kinds) == {"object"} and all(not each.get("additionalProperties") for each in made):
        return _objects(made, tags)
    if len(set(kinds)) == 1 and all("enum" in each for each in made):
        return {**first, "enum": list(dict.fromkeys(value for each in made for value in each["enum"]))}
    if all(set(each) <= {"type", "format"} for each in made):
        return _scalars(set(kinds))
    return None


def _scalars(kinds: set[Any]) -> Tree | None:
    if kinds == {"integer", "string"}:
        return dict(_INT_OR_STRING)
    if kinds == {"integer", "number"}:
        return {"type": "number"}
    return {"type": "string"} if kinds == {"string"} else None


def _objects(made: Sequence[Tree], tags: Sequence[tuple[str, Any] | None]) -> Tree | None:
    """All fields of all classes. With tags each value of the tag has the requirements of its class."""
    names = {tag[0] for tag in tags if tag is not None}
    tagged = len(names) == 1 and None not in tags
    properties: Tree = {}
    for each in made:
        for name, schema in each.get("properties", {}).items():
            if name in names and tagged:
                known = properties.setdefault(name, {**schema, "enum": []})
                known["enum"] = [*known["enum"], *schema["enum"]]
            elif properties.setdefault(name, schema) != schema:
                return None
    schema = {"type": "object", "properties": properties}
    needs = [each.get("required", []) for each in made]
    common = [name for name in needs[0] if all(name in each for each in needs)]
    if common:
        schema["required"] = common
    if tagged:
        name = next(iter(names))
        schema["oneOf"] = [_branch(name, tag[1], [n for n in need if n not in common])
                           for tag, need in zip(tags, needs, strict=True) if tag is not None]
    elif any(set(need) - set(common) for need in needs):
        schema["anyOf"] = [{"required": need} for need in needs if need]
    return schema


def _branch(name: str, value: Any, needed: Sequence[str]) -> Tree:
    found: Tree = {"properties": {name: {"enum": [value]}}}
    if needed:
        found["required"] = list(needed)
    return found
