"""Merge schemas written out by hand, shared by the tests of this room."""

from __future__ import annotations

from typing import Literal, NamedTuple

from orlop.schema.interface import MergeSchema


class MergeField(NamedTuple):
    """A `schema.interface.MergeField`."""

    kind: Literal["object", "list", "map", "scalar"]
    strategies: frozenset[str] = frozenset()
    merge_key: str = ""
    element: MergeSchema | None = None


class Fields:
    """A MergeSchema from a table of fields."""

    def __init__(self, name: str, /, **fields: MergeField) -> None:
        self.name = name
        self.fields = fields

    def field(self, name: str) -> MergeField | None:
        return self.fields.get(name)


SCALAR = MergeField("scalar")
MAP = MergeField("map")


def items(schema: MergeSchema | None, key: str = "", *strategies: str) -> MergeField:
    return MergeField("list", frozenset(strategies), key, schema)


def member(schema: MergeSchema | None, *strategies: str) -> MergeField:
    return MergeField("object", frozenset(strategies), "", schema)
