"""The types of CEL: immutable, hashable and printed as cel-go prints them in its messages.

Every module of the room builds on these: the checker infers them, the compiler specialises by them, declarations and
libraries name them. `Declared` adds what a schema knows beyond the type (size estimates, adapters of stored values).
Assignability and unification are the checker's (`unification`); values are in `values`. Behaviour: cel-go
common/types/types.go and checker/format.go; Kubernetes' DeclType (apiserver pkg/cel/types.go).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final


class Kind(enum.Enum):
    """The general category of a type."""

    ANY = "any"
    BOOL = "bool"
    BYTES = "bytes"
    DOUBLE = "double"
    DURATION = "duration"
    DYN = "dyn"
    ERROR = "error"
    INT = "int"
    LIST = "list"
    MAP = "map"
    NULL = "null"
    OBJECT = "object"
    OPAQUE = "opaque"
    PARAM = "param"
    STRING = "string"
    TIMESTAMP = "timestamp"
    TYPE = "type"
    UINT = "uint"


NO_FIELDS: Final[Mapping[str, Type]] = {}

_PRINTED = {
    Kind.ANY: "any",
    Kind.DURATION: "duration",
    Kind.TIMESTAMP: "timestamp",
    Kind.NULL: "null",
    Kind.ERROR: "!error!",
}


class Type:
    """A CEL type. Equal by kind, run-time name and parameters; fields of object types do not take part."""

    __slots__ = ("_hash", "fields", "kind", "name", "nullable", "parameters")

    kind: Kind
    name: str  # the run-time (erased) name: what `type(x)` prints
    parameters: tuple[Type, ...]
    fields: Mapping[str, Type]  # of object types, by escaped name
    nullable: bool  # a wrapper type such as google.protobuf.Int64Value

    def __init__(
        self,
        kind: Kind,
        name: str,
        parameters: tuple[Type, ...] = (),
        fields: Mapping[str, Type] = NO_FIELDS,
        nullable: bool = False,
    ) -> None:
        self.kind = kind
        self.name = name
        self.parameters = parameters
        self.fields = fields
        self.nullable = nullable
        self._hash = hash((kind, name, parameters, nullable))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, Type)
            and self._hash == other._hash
            and self.kind is other.kind
            and self.name == other.name
            and self.nullable == other.nullable
            and self.parameters == other.parameters
        )

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"Type({self})"

    def __str__(self) -> str:
        """The spelling of checker messages: `list(map(string, dyn))`, `timestamp`, `null`."""
        printed = _PRINTED.get(self.kind)
        if printed is not None:
            return printed
        if self.nullable:
            return f"wrapper({self.name})"
        if not self.parameters:
            return self.name
        shown = [parameter.__str__() for parameter in self.parameters]  # one frame a level: types may nest deeply
        return f"{self.name}({', '.join(shown)})"

    @property
    def dynamic(self) -> bool:
        """Whether nothing is known of values of this type before they are seen."""
        return self.kind in (Kind.DYN, Kind.ANY, Kind.PARAM)


BOOL: Final = Type(Kind.BOOL, "bool")
INT: Final = Type(Kind.INT, "int")
UINT: Final = Type(Kind.UINT, "uint")
DOUBLE: Final = Type(Kind.DOUBLE, "double")
STRING: Final = Type(Kind.STRING, "string")
BYTES: Final = Type(Kind.BYTES, "bytes")
NULL: Final = Type(Kind.NULL, "null_type")
TIMESTAMP: Final = Type(Kind.TIMESTAMP, "google.protobuf.Timestamp")
DURATION: Final = Type(Kind.DURATION, "google.protobuf.Duration")
DYN: Final = Type(Kind.DYN, "dyn")
ANY: Final = Type(Kind.ANY, "google.protobuf.Any")
ERROR: Final = Type(Kind.ERROR, "error")
TYPE: Final = Type(Kind.TYPE, "type")


def list_of(element: Type) -> Type:
    """`list(element)`."""
    return Type(Kind.LIST, "list", (element,))


def map_of(key: Type, value: Type) -> Type:
    """`map(key, value)`."""
    return Type(Kind.MAP, "map", (key, value))


def opaque(name: str, *parameters: Type) -> Type:
    """A type known by its name only, possibly with parameters (cel.OpaqueType)."""
    return Type(Kind.OPAQUE, name, parameters)


def optional_of(value: Type) -> Type:
    """`optional_type(value)`."""
    return Type(Kind.OPAQUE, "optional_type", (value,))


def type_of(value: Type) -> Type:
    """`type(value)`: the type of type values."""
    return Type(Kind.TYPE, "type", (value,))


def param(name: str) -> Type:
    """A type parameter of an overload, such as `T`."""
    return Type(Kind.PARAM, name)


def object_type(name: str, fields: Mapping[str, Type] = NO_FIELDS) -> Type:
    """A type with fields (cel.ObjectType); libraries use it without fields for `kubernetes.URL` and the like."""
    return Type(Kind.OBJECT, name, (), fields)


LIST: Final = list_of(DYN)
MAP: Final = map_of(DYN, DYN)

UNBOUNDED: Final = (1 << 63) - 1
"""`max_elements` of what has no bound (Go's math.MaxInt)."""

Adapter = Callable[[Any], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Declared:
    """A type as a schema declares it: with the estimates of its size, and how stored JSON becomes a CEL value.

    `adapt` is None where the stored value already is the CEL value, all the way down: such subtrees cost nothing.
    `fields` is None for what is no object; `key`/`element` are None for what is no map or list.
    """

    type: Type
    max_elements: int = 0  # of strings, bytes, lists and maps; 0 where the schema gives none (as DeclType has it)
    min_serialized_size: int = 0
    element: Declared | None = None
    key: Declared | None = None
    fields: Mapping[str, DeclaredField] | None = None
    adapt: Adapter | None = None
    name: str = ""

    def child(self, name: str) -> Declared | None:
        """What `value.name` is declared as: a field of an object or the element of a map."""
        if self.fields is not None:
            found = self.fields.get(name)
            return found.declared if found is not None else None
        return self.element if self.key is not None else None


@dataclass(frozen=True, slots=True, eq=False)
class DeclaredField:
    """A field of a declared object type: `key` is its JSON name, unescaped."""

    declared: Declared
    key: str
    required: bool = False
    enum: tuple[Any, ...] = field(default=())
