"""Which schemas within a schema are so plain that no rule has anything to say about them.

Most of a big definition is structs of texts and numbers. One walk finds those parts, and every other walk leaves them
out: `spec_rules`, `root`, `formats` and `structure` ask for them once and hand them down. Plain means: a known type,
only keywords that are always right, nothing but plain schemas within. What stands around a schema may still say
something of it; rules that look at inner schemas from outside look at plain ones too.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any, Final

from orlop.api.tree import Tree

_TEXT_FORMATS: Final = frozenset({"byte", "date", "date-time", "duration", "uri"})
_FORMATS: Final = {"string": _TEXT_FORMATS, "integer": frozenset({"int32", "int64"}),
                   "number": frozenset({"float", "double"})}
"""Formats of plain schemas: not all that are known, those that are met."""

_ANY: Final = frozenset({"type", "description", "title", "nullable", "enum"})
_SCALAR: Final = _ANY | {"format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength",
                         "maxLength"}
_OBJECT: Final = _ANY | {"properties", "required", "additionalProperties", "minProperties", "maxProperties"}
_ARRAY: Final = _ANY | {"items", "minItems", "maxItems"}
_KEYWORDS: Final = {"string": _SCALAR, "integer": _SCALAR, "number": _SCALAR, "boolean": _SCALAR, "object": _OBJECT,
                    "array": _ARRAY}
_NONE: Final[frozenset[str]] = frozenset()

Plain = Set[int]
"""The identities of plain schemas, good for as long as the tree they are in."""
NOTHING_PLAIN: Final[Plain] = frozenset()


def plain(*schemas: Tree) -> Plain:
    found: set[int] = set()
    for schema in schemas:
        _look(schema, found)
    return found


def _look(schema: Tree, found: set[int]) -> bool:
    kind = schema.get("type", "")
    good = kind in _KEYWORDS and schema.keys() <= _KEYWORDS[kind]
    format = schema.get("format")
    if format is not None:
        good = good and format in _FORMATS.get(kind, _NONE)
    properties: dict[str, Any] | None = schema.get("properties")
    values = schema.get("additionalProperties")
    if properties:
        good = good and (values is None or values is True)
        for member in properties.values():
            good = _look(member, found) and good
    if isinstance(values, dict):
        good = _look(values, found) and good
    items = schema.get("items")
    if isinstance(items, dict):
        good = _look(items, found) and good
    elif kind == "array" or items is not None:
        good = False
    if good:
        found.add(id(schema))
    return good
