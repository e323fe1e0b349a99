"""Nodes compiled from an OpenAPI schema, as custom kinds declare theirs.

`compile_schema` takes a structural schema of a CustomResourceDefinition; `with_metadata` puts what every object has
into its root. Which schema means what follows kube-openapi's `schemaconv/openapi.go` and, for the root, apiextensions'
`pkg/controller/openapi/builder`.
"""

from __future__ import annotations

from orlop.api.tree import Tree, Value
from orlop.apply.anything import ANYTHING
from orlop.apply.items import Associative, Atomic
from orlop.apply.members import Members
from orlop.apply.node import Node
from orlop.apply.scalar import BOOLEAN, NUMERIC, OPAQUE, STRING, UNTYPED

_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_EMBEDDED = "x-kubernetes-embedded-resource"


def compile_schema(schema: Tree, preserve: bool = False, metadata: Node | None = None) -> Node:
    """The node of a schema. `preserve`: a schema around it keeps unknown fields, which holds for all within. `metadata`
    is the type of the metadata of embedded resources."""
    preserve = preserve or schema.get(_PRESERVE) is True
    kind = schema.get("type", "")
    if kind == "object":
        return _object(schema, preserve, metadata)
    if kind == "array":
        return _list(schema, preserve, metadata)
    if kind in ("integer", "number"):
        return NUMERIC
    if kind == "boolean":
        return BOOLEAN
    if kind == "string":
        return STRING if schema.get("format", "") in ("", "byte") else UNTYPED
    return ANYTHING


def with_metadata(root: Node, metadata: Node) -> Node:
    """A custom kind's root with apiVersion, kind and the metadata of all kinds."""
    standard: dict[str, Node] = {"apiVersion": STRING, "kind": STRING, "metadata": metadata}
    if not isinstance(root, Members):
        return root
    return Members(lambda name: standard.get(name) or root.declared(name), root.others)


def _object(schema: Tree, preserve: bool, metadata: Node | None) -> Node:
    properties: Tree = schema.get("properties") or {}
    made: dict[str, Node] = {}
    if metadata is not None and schema.get(_EMBEDDED) is True:
        made = {"apiVersion": STRING, "kind": STRING, "metadata": metadata}

    def declared(name: str) -> Node | None:
        if name not in made and name in properties:
            made[name] = compile_schema(properties[name], preserve, metadata)
        return made.get(name)

    others = _additional(schema, preserve, bool(properties) or bool(made), metadata)
    atomic = schema.get("x-kubernetes-map-type") == "atomic"
    return Members(declared, others, atomic, deduced=others is ANYTHING and not properties and not made)


def _additional(schema: Tree, preserve: bool, properties: bool, metadata: Node | None) -> Node | None:
    """The type of members that are not declared; None when there may be none."""
    additional: Value = schema.get("additionalProperties")
    if isinstance(additional, dict):
        return compile_schema(additional, preserve, metadata)
    if additional is None:
        return ANYTHING if preserve or not properties else None
    return ANYTHING if additional else None


def _list(schema: Tree, preserve: bool, metadata: Node | None) -> Node:
    items: Tree | None = schema.get("items")
    element = OPAQUE if items is None else compile_schema(items, preserve, metadata)
    kind = schema.get("x-kubernetes-list-type", "atomic")
    if kind == "set":
        return Associative(element)
    if kind != "map" or items is None:
        return Atomic(element)
    members: Tree = items.get("properties") or {}
    keys = schema.get("x-kubernetes-list-map-keys") or ()
    return Associative(element, tuple((name, (members.get(name) or {}).get("default")) for name in keys))
