"""What a strategic merge must know of a kind's fields, and what it says of fields that nobody knows.

The facts are `schema.interface.MergeSchema` and `MergeField`, asked by `strategic` and `strategic_list`
through this module. Upstream reads them from tags of Go structs (apimachinery's `strategicpatch/meta.go`), so
messages name Go types: a schema may have an attribute `name` ("PodSpec"), which only they show.
"""

from __future__ import annotations

from orlop.api.field import quote
from orlop.patching.errors import PatchFailed
from orlop.schema.interface import MergeField, MergeSchema


class Opaque:
    """The schema of an object of any content: in Go a struct without fields that JSON could name."""

    name = "RawExtension"

    def field(self, name: str) -> MergeField | None:
        return None


class Keyed:
    """Stands for a map with free keys, in which upstream cannot look up fields."""

    def field(self, name: str) -> MergeField | None:
        raise PatchFailed("merging an object in json but data type is not struct, instead is: map")


OPAQUE = Opaque()
KEYED = Keyed()


def struct_field(schema: MergeSchema, name: str) -> MergeField:
    """The field, known or not at all: PatchFailed."""
    field = schema.field(name)
    if field is None:
        owner = getattr(schema, "name", "")
        raise PatchFailed(f"unable to find api field in struct {owner} for the json field {quote(name)}")
    return field


def list_field(schema: MergeSchema, name: str) -> MergeField:
    """As `struct_field`, for a field that a patch takes for a list."""
    field = struct_field(schema, name)
    if field.kind != "list":
        raise PatchFailed("expected slice or array type, but got: struct")
    return field


def inside(field: MergeField) -> MergeSchema:
    """The schema below an object or a list."""
    if field.kind == "map":
        return KEYED
    return OPAQUE if field.element is None else field.element


def merges(field: MergeField) -> bool:
    """A list whose items are merged, not replaced as a whole."""
    return "merge" in field.strategies


def replaces(field: MergeField) -> bool:
    """An object whose place the patch takes."""
    return "replace" in field.strategies
