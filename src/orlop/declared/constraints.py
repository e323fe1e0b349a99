"""Bounds, lengths, patterns and descriptions as msgspec's `Meta`, Pydantic's `Field` and `annotated_types` say them.

Used by `schema` for what stands in `Annotated`. Nothing of these libraries is imported: what a piece of metadata says
is asked by the names of its attributes, which all of them share. Keywords: OpenAPI v3.0, as structural schemas have it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from orlop.api.tree import Tree
from orlop.declared.markers import Marker

_LENGTHS: Final = {"string": ("minLength", "maxLength"), "array": ("minItems", "maxItems"),
                   "object": ("minProperties", "maxProperties")}
_BOUNDS: Final = (("ge", "minimum", ""), ("gt", "minimum", "exclusiveMinimum"),
                  ("le", "maximum", ""), ("lt", "maximum", "exclusiveMaximum"))


def flattened(metadata: Iterable[Any]) -> Iterator[Any]:
    """What stands in `Annotated`, with what stands within Pydantic's `Field`."""
    for piece in metadata:
        inner = getattr(piece, "metadata", None)
        if isinstance(inner, list):
            yield from flattened(inner)
        yield piece


def constrain(schema: Tree, metadata: Iterable[Any]) -> None:
    """Say in `schema` what the pieces of metadata say. Markers come last: they have the last word."""
    pieces = list(flattened(metadata))
    for piece in pieces:
        if not isinstance(piece, Marker):
            _bound(schema, piece)
            _measure(schema, piece)
            _describe(schema, piece)
    for piece in pieces:
        if isinstance(piece, Marker):
            piece.orlop_mark(schema)


def _bound(schema: Tree, piece: Any) -> None:
    for attribute, keyword, exclusive in _BOUNDS:
        value = getattr(piece, attribute, None)
        if isinstance(value, int | float) and not isinstance(value, bool):
            schema[keyword] = value
            if exclusive:
                schema[exclusive] = True
    multiple = getattr(piece, "multiple_of", None)
    if isinstance(multiple, int | float):
        schema["multipleOf"] = multiple


def _measure(schema: Tree, piece: Any) -> None:
    names = _LENGTHS.get(schema.get("type", ""))
    if names is not None:
        for attribute, keyword in zip(("min_length", "max_length"), names, strict=True):
            value = getattr(piece, attribute, None)
            if isinstance(value, int) and (value or keyword.startswith("max")):
                schema[keyword] = value
    pattern = getattr(piece, "pattern", None)
    if pattern is not None and schema.get("type") == "string":
        schema["pattern"] = pattern if isinstance(pattern, str) else pattern.pattern


def _describe(schema: Tree, piece: Any) -> None:
    for attribute in ("title", "description"):
        text = getattr(piece, attribute, None)
        if isinstance(text, str) and text and not isinstance(piece, str):
            schema[attribute] = text
    extra = getattr(piece, "extra_json_schema", None)
    if extra is None:
        extra = getattr(piece, "json_schema_extra", None)
    if isinstance(extra, dict):
        schema.update(extra)
