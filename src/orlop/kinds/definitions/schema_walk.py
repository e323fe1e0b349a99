"""All schemas within a schema, itself first, in the order in which upstream's SchemaHas meets them.

Behaviour: apiextensions-apiserver `pkg/apis/apiextensions/validation/validation.go` SchemaHas. Members of a map come
by name: upstream's order is that of chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeGuard

from orlop.api.tree import Tree
from orlop.kinds.definitions.plain import NOTHING_PLAIN, Plain


def is_schema(value: Any) -> TypeGuard[Tree]:
    return isinstance(value, dict)


def every(schema: Tree, plain: Plain = NOTHING_PLAIN) -> Iterator[Tree]:
    """Those that are `plain` are left out."""
    waiting = [schema]
    while waiting:
        schema = waiting.pop()
        yield schema
        waiting += reversed([one for one in inner(schema) if id(one) not in plain])


def inner(schema: Tree) -> Iterator[Tree]:
    """The schemas right within one."""
    items = schema.get("items")
    for item in items if isinstance(items, list) else (items,):
        if is_schema(item):
            yield item
    for junctor in ("allOf", "anyOf", "oneOf"):
        yield from filter(is_schema, schema.get(junctor) or ())
    if is_schema(schema.get("not")):
        yield schema["not"]
    yield from _members(schema, "properties")
    if is_schema(schema.get("additionalProperties")):
        yield schema["additionalProperties"]
    yield from _members(schema, "patternProperties")
    if is_schema(schema.get("additionalItems")):
        yield schema["additionalItems"]
    yield from _members(schema, "definitions")
    yield from _members(schema, "dependencies")


def _members(schema: Tree, name: str) -> Iterator[Tree]:
    members = schema.get(name)
    if not members:
        return iter(())
    return (members[key] for key in sorted(members) if is_schema(members[key]))


def some(schema: Tree, wanted: Callable[[Tree], bool], plain: Plain = NOTHING_PLAIN) -> bool:
    return any(map(wanted, every(schema, plain)))
