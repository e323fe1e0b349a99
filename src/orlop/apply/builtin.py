"""Nodes of the built-in kinds, compiled from the packaged facts about their Go types.

`types_of` makes what a `Versions` asks for; a struct is compiled once for all its uses, each member when first needed.
How a type becomes a node follows kube-openapi's `schemaconv`: quantities and times are untyped scalars, RawExtension is
kept as a whole, everything without an OpenAPI type is what its value says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from orlop.api.gvk import GroupVersion
from orlop.api.tree import Value
from orlop.apply.anything import ANYTHING
from orlop.apply.items import Associative, Atomic, Key
from orlop.apply.members import Members
from orlop.apply.node import Node
from orlop.apply.scalar import BOOLEAN, NUMERIC, OPAQUE, STRING, UNTYPED
from orlop.schema import types as t
from orlop.schema.kind import Types
from orlop.schema.types import Field, Type

_SCALARS: Final[dict[str, Node]] = {
    t.STRING: STRING, t.BYTES: STRING, t.BOOL: BOOLEAN, t.INT32: NUMERIC, t.INT64: NUMERIC, t.FLOAT: NUMERIC,
    t.QUANTITY: UNTYPED, t.TIME: UNTYPED, t.MICRO_TIME: UNTYPED,
}
_EMPTY_DECLARED: Final = frozenset({"io.k8s.api.core.v1.LocalObjectReference"})
"""Types whose key may be left out and is declared to be "" then, which the facts do not say."""


class Compiler:
    """Makes and keeps the nodes of one table of types."""

    def __init__(self, types: Types) -> None:
        self._types = types
        self._structs: dict[tuple[Type, bool], Node] = {}

    def kind(self, api_version: str, kind: str) -> Node | None:
        """The root of a kind in a version; None when there is no such type."""
        try:
            return self.node(self._types.kind(GroupVersion.parse(api_version).kind(kind)).type)
        except (KeyError, ValueError):
            return None

    def node(self, kind: Type, map_type: str = "") -> Node:
        """The node of a type; `map_type` is said of one use and outdoes what the type says of itself."""
        kind = kind.target
        shape = kind.shape
        if shape == t.STRUCT:
            return self._struct(kind, (map_type or kind.map_type) == "atomic")
        if shape == t.LIST:
            return Atomic(self.node(kind.element))
        if shape == t.MAP:
            return Members(_none_declared, self.node(kind.element), atomic=map_type == "atomic")
        if shape == t.RAW and kind.openapi.endswith(".RawExtension"):
            return OPAQUE
        return _SCALARS.get(shape, ANYTHING)

    def _struct(self, kind: Type, atomic: bool) -> Node:
        found = self._structs.get((kind, atomic))
        if found is None:
            found = self._structs[kind, atomic] = self._compiled(kind, atomic)
        return found

    def _compiled(self, kind: Type, atomic: bool) -> Node:
        fields = kind.fields
        if not fields:
            return Members(_none_declared, ANYTHING, atomic, deduced=True)

        def declared(name: str) -> Node | None:
            field = fields.get(name)
            return None if field is None else self._member(field)

        return Members(declared, None, atomic)

    def _member(self, field: Field) -> Node:
        kind = field.type.target
        if kind.shape == t.LIST and field.list_type in ("map", "set"):
            keys: tuple[Key, ...] = ()
            if field.list_type == "map":
                item = kind.element.target
                keys = tuple((name, _key_default(item, name)) for name in field.list_keys)
            return Associative(self.node(kind.element), keys)
        return self.node(kind, field.extras.get("map", ""))


def _none_declared(name: str) -> Node | None:
    return None


def _key_default(item: Type, name: str) -> Value:
    """What stands for a key that an item leaves out: what is declared, else Go's zero value of a field that is always
    there, which the OpenAPI document calls its default."""
    field = item.fields[name]
    declared = field.extras.get("default")
    if declared is not None:
        return declared
    if item.openapi not in _EMPTY_DECLARED and (field.omitempty or not field.required):
        return None
    return "" if field.type.target.shape == t.STRING else 0


def types_of(compiler: Compiler, kind: str) -> Callable[[str], Node | None]:
    """By API version, the type of a kind, for `versions.Versions`."""
    return lambda api_version: compiler.kind(api_version, kind)
