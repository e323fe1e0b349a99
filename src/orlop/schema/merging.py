"""How strategic merge patch sees the built-in types: facts for `patching.strategic`, which does the merging.

The strategies come from the types' patchStrategy and patchMergeKey tags, as apimachinery's
`strategicpatch/meta.go` (PatchMetaFromStruct) reads them.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final, Literal

from orlop.schema import types as t
from orlop.schema.types import Field, Type

_KINDS: Final[dict[str, Literal["object", "list", "map"]]] = {
    t.STRUCT: "object", t.LIST: "list", t.MAP: "map",
}


class StructMerge:
    """The merge schema of a struct type (`interface.MergeSchema`)."""

    __slots__ = ("_fields", "_type", "name")

    def __init__(self, type: Type) -> None:
        self._type = type
        self.name = type.name
        self._fields: dict[str, FieldMerge] = {}

    def field(self, name: str) -> FieldMerge | None:
        found = self._fields.get(name)
        if found is None and name in self._type.fields:
            found = self._fields[name] = FieldMerge(self._type.fields[name])
        return found


class FieldMerge:
    """The merge schema of one field (`interface.MergeField`)."""

    def __init__(self, field: Field) -> None:
        self._type = field.type.target
        self.kind: Literal["object", "list", "map", "scalar"] = _KINDS.get(self._type.shape, "scalar")
        self.strategies = field.patch_strategies
        self.merge_key = field.merge_key

    @cached_property
    def element(self) -> StructMerge | None:
        kind = self._type if self.kind == "object" else None
        if self.kind in ("list", "map"):
            kind = self._type.element.target
        return StructMerge(kind) if kind is not None and kind.shape == t.STRUCT else None
