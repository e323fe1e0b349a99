"""What no structural schema can be made of: keywords and forms that have no place in one.

Asked before anything else is said about structure; a schema has at most one such complaint, the first met. Behaviour:
apiextensions-apiserver `pkg/apiserver/schema/convert.go` NewStructural.
"""

from __future__ import annotations

from typing import Final

from orlop.api.tree import Tree
from orlop.kinds.definitions.plain import NOTHING_PLAIN, Plain

_KEYWORDS: Final = (("id", "id"), ("$schema", "schema"), ("$ref", "$ref"), ("patternProperties", "patternProperties"),
                    ("dependencies", "dependencies"), ("additionalItems", "additionalItems"),
                    ("definitions", "definitions"))


def complaint(schema: Tree, plain: Plain = NOTHING_PLAIN) -> str:
    """The first thing that is unsupported, "" when nothing is."""
    return _unsupported(schema) or _junctors(schema) or _preserving(schema) or _members(schema, plain)


def _unsupported(schema: Tree) -> str:
    for name, shown in _KEYWORDS:
        value = schema.get(name)
        if value or (name == "additionalItems" and value is not None):
            return f"OpenAPIV3Schema '{shown}' is not supported"
    return ""


def _preserving(schema: Tree) -> str:
    if schema.get("x-kubernetes-preserve-unknown-fields") is False:
        return "internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined"
    return ""


def _junctors(schema: Tree) -> str:
    juncts: list[Tree] = [schema["not"]] if isinstance(schema.get("not"), dict) else []
    for junctor in ("allOf", "anyOf", "oneOf"):
        juncts += schema.get(junctor) or ()
    return next(filter(None, map(complaint, juncts)), "")


def _members(schema: Tree, plain: Plain) -> str:
    items, properties = schema.get("items"), schema.get("properties") or {}
    if isinstance(items, list) and items:
        return "OpenAPIV3Schema 'items' must be a schema, but is an array"
    members: list[object] = [items, *(properties[name] for name in sorted(properties)),
                             schema.get("additionalProperties")]
    return next((found for member in members if isinstance(member, dict) and id(member) not in plain
                 and (found := complaint(member, plain))), "")
