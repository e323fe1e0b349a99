"""The type table: every built-in kind's Go types as facts, read on demand from the packaged data.

`structural`, `exact`, `defaults` and `merging` compile or interpret these facts; `kind` hands the results to
the floors above; `codec` takes the protobuf numbers from here. No rule about values lives here.

A `Type` is one Go type, told apart by its `shape` (constants below, the letters of `data/README.md`). Types
refer to each other by index and are made when first asked for, so that loading costs a few milliseconds once
and a kind that nobody uses costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, Final, TypeAlias

import orjson

from orlop.api.gvk import GroupVersion, GroupVersionKind
from orlop.data import load

STRING: Final = "s"
BOOL: Final = "b"
INT32: Final = "i"
INT64: Final = "l"
FLOAT: Final = "f"
BYTES: Final = "y"
ANY: Final = "a"
POINTER: Final = "*"
LIST: Final = "["
MAP: Final = "{"
STRUCT: Final = "S"
QUANTITY: Final = "Q"
TIME: Final = "T"
MICRO_TIME: Final = "M"
INT_OR_STRING: Final = "I"
RAW: Final = "R"
FIELDS: Final = "F"
SCHEMA_OR_BOOL: Final = "OB"
SCHEMA_OR_LIST: Final = "OA"
SCHEMA_OR_STRINGS: Final = "OS"

_DATA: Final = "types-1.36.json.gz"
_OMITEMPTY, _OMITZERO, _REQUIRED = 1, 2, 4


class Field:
    """One JSON field of a struct. `embedded` names the Go structs it comes through ("" when direct), as error
    texts show them; `number` is its protobuf number within the struct that declares it."""

    __slots__ = ("_index", "_types", "embedded", "extras", "flags", "name", "number")

    def __init__(self, types: TypeTable, row: list[Any]) -> None:
        self._types = types
        self.name: str = row[0]
        self._index: int = row[1]
        self.flags: int = row[2]
        self.number: int = row[3] if len(row) > 3 else 0
        self.embedded: str = row[4] if len(row) > 4 else ""
        self.extras: dict[str, Any] = row[5] if len(row) > 5 else {}

    @property
    def type(self) -> Type:
        return self._types[self._index]

    @property
    def omitempty(self) -> bool:
        return bool(self.flags & _OMITEMPTY)

    @property
    def omitzero(self) -> bool:
        return bool(self.flags & _OMITZERO)

    @property
    def required(self) -> bool:
        """Listed as required in OpenAPI."""
        return bool(self.flags & _REQUIRED)

    @property
    def patch_strategies(self) -> frozenset[str]:
        """merge, replace, retainKeys: how strategic merge patch treats the field."""
        text: str = self.extras.get("patch", "")
        return frozenset(text.split(",")) if text else frozenset()

    @property
    def merge_key(self) -> str:
        key: str = self.extras.get("key", "")
        return key

    @property
    def list_type(self) -> str:
        """atomic, set, map, or "" (atomic by omission)."""
        kind: str = self.extras.get("list", "")
        return kind

    @property
    def list_keys(self) -> tuple[str, ...]:
        return tuple(self.extras.get("keys", ()))

    @property
    def map_type(self) -> str:
        """atomic or granular; a struct's own type may say atomic for all its uses (`Type.map_type`)."""
        kind: str = self.extras.get("map", "")
        return kind or self.type.map_type

    @property
    def always_printed(self) -> bool:
        """Whether encoding prints the field although nothing was set: Go's omitempty knows no empty
        structs."""
        if self.omitzero:
            return False
        shape = self.type.shape
        return not self.omitempty or shape in _NEVER_EMPTY

    def __repr__(self) -> str:
        return f"<Field {self.name}>"


_NEVER_EMPTY: Final = frozenset({
    STRUCT, QUANTITY, TIME, MICRO_TIME, INT_OR_STRING, RAW, FIELDS,
    SCHEMA_OR_BOOL, SCHEMA_OR_LIST, SCHEMA_OR_STRINGS,
})


class Type:
    """One Go type. `go` is its name in error texts, `openapi` its name in OpenAPI documents ("" when it has
    none)."""

    def __init__(self, types: TypeTable, node: list[Any]) -> None:
        self._types, self._node = types, node
        self.shape: str = node[0]

    @cached_property
    def go(self) -> str:
        if self.shape == POINTER:
            return "*" + self.element.go
        name: str = self._node[1]
        return name

    @cached_property
    def openapi(self) -> str:
        name = self._node[2] if len(self._node) > 2 and self.shape not in (LIST, MAP) else ""
        return name if isinstance(name, str) else ""

    @cached_property
    def name(self) -> str:
        """The bare Go name, as error texts name the struct that holds a field."""
        return self.go.rpartition(".")[2]

    @cached_property
    def element(self) -> Type:
        """What a pointer points to, a list or map holds, or the schema beside a schema-or-something."""
        return self._types[self._node[-1]]

    @cached_property
    def fields(self) -> dict[str, Field]:
        """A struct's JSON fields in Go's order; empty for other shapes."""
        rows = self._node[3] if self.shape == STRUCT else ()
        members = self._types.members(self.openapi) if self.openapi else None
        return {row[0]: Field(self._types, row) for row in rows if members is None or row[0] in members}

    @cached_property
    def inline(self) -> dict[str, tuple[int, Type]]:
        """Structs that JSON flattens and protobuf nests: Go name to protobuf number and type."""
        rows = self._node[4] if self.shape == STRUCT and len(self._node) > 4 else ()
        return {name: (number, self._types[index]) for number, index, name in rows}

    @cached_property
    def extras(self) -> dict[str, Any]:
        return self._node[5] if self.shape == STRUCT and len(self._node) > 5 else {}

    @property
    def map_type(self) -> str:
        kind: str = self.extras.get("map", "")
        return kind

    @property
    def target(self) -> Type:
        """The type itself, or what it points to."""
        return self.element if self.shape == POINTER else self

    def __repr__(self) -> str:
        return f"<Type {self.go}>"


Members: TypeAlias = Callable[[str], frozenset[str] | None]


def _all_members(openapi: str) -> frozenset[str] | None:
    return None


class TypeTable:
    """The whole table. `kinds` and `registered` map "group/version" to kinds; registered ones have no
    facts. `members`, where given, says which fields of a type an older release has (None: all)."""

    def __init__(self, facts: dict[str, Any], members: Members | None = None) -> None:
        self.members: Members = members or _all_members
        self.release: str = facts["release"]
        self.kinds: dict[str, dict[str, int]] = facts["kinds"]
        self.registered: dict[str, list[str]] = facts["registered"]
        self._nodes: list[list[Any]] = facts["types"]
        self._types: dict[int, Type] = {}

    @classmethod
    def load(cls, members: Members | None = None) -> TypeTable:
        """The packaged table; a few milliseconds."""
        return cls(orjson.loads(load(_DATA)), members)

    def __getitem__(self, index: int) -> Type:
        found = self._types.get(index)
        if found is None:
            found = self._types[index] = Type(self, self._nodes[index])
        return found

    def root(self, gvk: GroupVersionKind) -> Type:
        """The struct of a kind. KeyError for kinds without facts."""
        return self[self.kinds[gvk.api_version][gvk.kind]]

    def knows(self, gvk: GroupVersionKind) -> bool:
        """Whether upstream's scheme has the kind registered, with facts here or without."""
        version = gvk.api_version
        return gvk.kind in self.kinds.get(version, ()) or gvk.kind in self.registered.get(version, ())

    def named(self, openapi: str) -> Type:
        """The type with an OpenAPI name. KeyError when there is none."""
        return self[self._by_name[openapi]]

    @cached_property
    def _by_name(self) -> dict[str, int]:
        return {node[2]: index for index, node in enumerate(self._nodes)
                if len(node) > 2 and isinstance(node[2], str)}

    def group_versions(self) -> list[GroupVersion]:
        return [GroupVersion.parse(text) for text in self.kinds]
