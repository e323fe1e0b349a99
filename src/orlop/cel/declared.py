"""Schemas into declared types: which fields rules see, how large values may be, and how stored JSON becomes values.

Whoever compiles rules of a schema calls `declared_type`, and `named` with the name messages use for the type; the
compiler reads `Declared.adapt` to convert only what is looked at. Schemas are OpenAPI v3 trees with x-kubernetes
extensions. Behaviour: apiserver pkg/cel/common/schemas.go, typeprovider.go and valuesunstructured.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from orlop.cel import types as t
from orlop.cel.adapters import list_adapter, map_adapter, object_adapter, scalar_adapter
from orlop.cel.escaping import escape
from orlop.cel.types import Declared, DeclaredField

MAX_REQUEST_SIZE: Final = 3 * 1024 * 1024
"""The largest request body: nothing without a bound of its own can be larger."""

_LONGEST_DURATION: Final = 32
_DATE_SIZE: Final = 12
_LONGEST_TIME: Final = 32
_SHORTEST_TIME: Final = 21
_SHORTEST_DURATION: Final = 3
_LONGEST_TEXT: Final = MAX_REQUEST_SIZE - 2

Schema = Mapping[str, Any]

STRING: Final = Declared(t.STRING, _LONGEST_TEXT, 2, name="string")
BOOL: Final = Declared(t.BOOL, 0, 4, name="bool")
INT: Final = Declared(t.INT, 0, 1, name="int")
DOUBLE: Final = Declared(t.DOUBLE, 0, 1, adapt=scalar_adapter("number"), name="double")
KEY: Final = Declared(t.STRING, 0, 2, name="string")
"""The keys of maps, which have no bound of their own."""

_META: Final[Schema] = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "generateName": {"type": "string"}},
}


def declared_type(schema: Schema, resource_root: bool = False) -> Declared | None:
    """What rules see of a schema; None where they see nothing. A resource's root shows its type and name always."""
    if schema.get("x-kubernetes-int-or-string"):
        longest = schema.get("maxLength")
        return Declared(t.DYN, _LONGEST_TEXT if longest is None else max(0, longest) * 4, 1, name="dyn")
    if resource_root:
        schema = with_type_and_meta(schema)
    kind = schema.get("type")
    if kind == "array":
        return _list(schema)
    if kind == "object":
        return _map(schema) if isinstance(schema.get("additionalProperties"), Mapping) else _object(schema)
    if kind == "string":
        return _string(schema)
    return {"boolean": BOOL, "integer": INT, "number": DOUBLE}.get(str(kind))


def with_type_and_meta(schema: Schema) -> Schema:
    """The schema of a resource with apiVersion, kind, metadata.name and metadata.generateName in it."""
    properties = schema.get("properties") or {}
    meta = properties.get("metadata", {}).get("properties") or {}
    texts = (properties.get("kind"), properties.get("apiVersion"), meta.get("name"), meta.get("generateName"))
    if all(one is not None and one.get("type") == "string" for one in texts):
        return schema
    text = {"type": "string"}
    return {**schema, "properties": {**properties, "kind": text, "apiVersion": text, "metadata": _META}}


def _list(schema: Schema) -> Declared | None:
    items = schema.get("items")
    element = None if items is None else declared_type(items, bool(items.get("x-kubernetes-embedded-resource")))
    if element is None:
        return None
    most = schema.get("maxItems")
    most = _LONGEST_TEXT // (element.min_serialized_size + 1) if most is None else max(0, most)
    keys = tuple(escape(key) or key for key in schema.get("x-kubernetes-list-map-keys") or ())
    adapt = list_adapter(element, str(schema.get("x-kubernetes-list-type") or ""), keys)
    return Declared(t.list_of(element.type), most, 2, element=element, adapt=adapt, name="list")


def _map(schema: Schema) -> Declared | None:
    values = schema["additionalProperties"]
    element = declared_type(values, bool(values.get("x-kubernetes-embedded-resource")))
    if element is None:
        return None
    most = schema.get("maxProperties")
    most = _LONGEST_TEXT // (element.min_serialized_size + 6) if most is None else max(0, most)
    return Declared(
        t.map_of(t.STRING, element.type), most, 2, element=element, key=KEY, adapt=map_adapter(element), name="map"
    )


def _object(schema: Schema) -> Declared:
    required = frozenset(schema.get("required") or ())
    fields: dict[str, DeclaredField] = {}
    size = 2
    for name, inner in (schema.get("properties") or {}).items():
        found = declared_type(inner, bool(inner.get("x-kubernetes-embedded-resource")))
        if found is None:
            continue
        escaped = escape(name)
        if escaped is not None:
            fields[escaped] = DeclaredField(found, name, name in required, tuple(inner.get("enum") or ()))
        if name in required and inner.get("default") is None:
            size += len(name.encode()) + found.min_serialized_size + 4
    return _object_of("object", fields, size)


def _object_of(name: str, fields: Mapping[str, DeclaredField], size: int) -> Declared:
    type_ = t.object_type(name, {field: found.declared.type for field, found in fields.items()})
    return Declared(type_, 0, size, fields=fields, adapt=object_adapter(fields), name=name)


def _string(schema: Schema) -> Declared:
    form = schema.get("format")
    longest = schema.get("maxLength")
    if form == "byte":
        most = _LONGEST_TEXT if longest is None else max(0, longest)
        return Declared(t.BYTES, most, 2, adapt=scalar_adapter("byte"), name="bytes")
    if form == "duration":
        return Declared(
            t.DURATION, _LONGEST_DURATION, _SHORTEST_DURATION, adapt=scalar_adapter("duration"), name="duration"
        )
    if form == "date":
        return Declared(t.TIMESTAMP, _DATE_SIZE, _DATE_SIZE, adapt=scalar_adapter("date"), name="timestamp")
    if form == "date-time":
        return Declared(
            t.TIMESTAMP, _LONGEST_TIME, _SHORTEST_TIME, adapt=scalar_adapter("date-time"), name="timestamp"
        )
    if longest is not None:
        return replace(STRING, max_elements=max(0, longest) * 4)
    values = schema.get("enum")
    if values:
        lengths = (len(one.encode()) for one in values if isinstance(one, str))
        return replace(STRING, max_elements=max(lengths, default=0))
    return STRING


def named(declared: Declared, name: str) -> Declared:
    """The declaration with names for its object types: `name`, and `name.field`, `name.@idx`, `name.@elem` below it."""
    if declared.fields is not None:
        if declared.name != "object":
            name = declared.name
        fields = {
            field: replace(found, declared=named(found.declared, f"{name}.{field}"))
            for field, found in declared.fields.items()
        }
        return _object_of(name, fields, declared.min_serialized_size)
    if declared.element is None:
        return declared
    element = named(declared.element, f"{name}.{'@idx' if declared.key is None else '@elem'}")
    type_ = t.list_of(element.type) if declared.key is None else t.map_of(t.STRING, element.type)
    return replace(declared, element=element, type=type_)
