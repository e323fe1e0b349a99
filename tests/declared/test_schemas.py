"""Python types as structural schemas, for both libraries."""

from __future__ import annotations

import datetime
import enum
import ipaddress
import re
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, NewType, Optional, TypedDict

import msgspec
import pydantic
import pytest
from pydantic.alias_generators import to_camel

import orlop
from orlop.declared.schema import SchemaMaker

Name = NewType("Name", str)


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Point(TypedDict):
    x: int


@dataclass
class Plain:
    a: int
    b: str = "b"


class Cat(msgspec.Struct, tag="cat"):
    lives: int


class Dog(msgspec.Struct, tag="dog"):
    tricks: list[str] = []


INT = {"type": "integer", "format": "int64"}
TEXT = {"type": "string"}
ANY = {"x-kubernetes-preserve-unknown-fields": True}


@pytest.mark.parametrize(("annotation", "schema"), [
    (int, INT), (str, TEXT), (bool, {"type": "boolean"}), (float, {"type": "number"}),
    (bytes, {"type": "string", "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"}),
    (Decimal, TEXT), (Name, TEXT), (Any, ANY), (object, ANY),
    (datetime.datetime, {"type": "string", "format": "date-time"}),
    (datetime.date, {"type": "string", "format": "date"}),
    (uuid.UUID, {"type": "string", "format": "uuid"}), (ipaddress.IPv4Address, {"type": "string", "format": "ipv4"}),
    (ipaddress.IPv6Address, {"type": "string", "format": "ipv6"}),
    (ipaddress.IPv4Network, {"type": "string", "format": "cidr"}),
    (Color, {"type": "string", "enum": ["red", "blue"]}), (Level, {"type": "integer", "enum": [1, 2]}),
    (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
    (Literal["a", None], {"type": "string", "enum": ["a", None], "nullable": True}),
    (Optional[int], {**INT, "nullable": True}), (int | None, {**INT, "nullable": True}),  # noqa: UP045
    (int | str, {"x-kubernetes-int-or-string": True}), (int | float, {"type": "number"}),
    (Literal["a"] | Literal["b"], {"type": "string", "enum": ["a", "b"]}),
    (list[int], {"type": "array", "items": INT}), (tuple[str, ...], {"type": "array", "items": TEXT}),
    (tuple[int, int], {"type": "array", "items": INT, "minItems": 2, "maxItems": 2}),
    (set[str], {"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"}),
    (dict[str, int], {"type": "object", "additionalProperties": INT}), (dict[str, Any], {"type": "object", **ANY}),
    (Annotated[list[str], orlop.ListSet()], {"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"}),
    (Annotated[int, orlop.Schema(format="int32")], {"type": "integer", "format": "int32"}),
    (Annotated[dict[str, str], orlop.Atomic()],
     {"type": "object", "additionalProperties": TEXT, "x-kubernetes-map-type": "atomic"}),
    (Annotated[Any, orlop.Embedded()], {"type": "object", "x-kubernetes-embedded-resource": True, **ANY}),
    (Annotated[str, orlop.Immutable()],
     {**TEXT, "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "is immutable"}]}),
    (Annotated[int, msgspec.Meta(gt=0, le=9, multiple_of=3, description="d")],
     {**INT, "minimum": 0, "exclusiveMinimum": True, "maximum": 9, "multipleOf": 3, "description": "d"}),
    (Annotated[int, pydantic.Field(gt=0, le=9, description="d")],
     {**INT, "minimum": 0, "exclusiveMinimum": True, "maximum": 9, "description": "d"}),
    (Annotated[str, msgspec.Meta(pattern="^a", max_length=3)], {**TEXT, "maxLength": 3, "pattern": "^a"}),
    (Annotated[str, pydantic.StringConstraints(pattern="^a", max_length=3)], {**TEXT, "maxLength": 3, "pattern": "^a"}),
    (Annotated[list[int], msgspec.Meta(min_length=1)], {"type": "array", "items": INT, "minItems": 1}),
    (Annotated[dict[str, int], pydantic.Field(max_length=2)],
     {"type": "object", "additionalProperties": INT, "maxProperties": 2}),
    (pydantic.AnyUrl, {"type": "string", "format": "uri", "minLength": 1}),
    (Point, {"type": "object", "properties": {"x": INT}, "required": ["x"]}),
    (Plain, {"type": "object", "properties": {"a": INT, "b": {**TEXT, "default": "b"}}, "required": ["a"]}),
    (Cat | Dog, {
        "type": "object", "required": ["type"],
        "properties": {"lives": INT, "tricks": {"type": "array", "items": TEXT},
                       "type": {"type": "string", "enum": ["cat", "dog"]}},
        "oneOf": [{"properties": {"type": {"enum": ["cat"]}}, "required": ["lives"]},
                  {"properties": {"type": {"enum": ["dog"]}}}]}),
])  # fmt: skip
def test_types(annotation: Any, schema: dict[str, Any]) -> None:
    """Each type has the schema that says the same."""
    assert SchemaMaker().of(annotation) == schema


class Struct(msgspec.Struct, rename="camel"):
    """Words about it."""

    first_one: int
    second: str | None
    third: str | None = None
    fourth: str | None = "4"
    fifth: list[int] = []
    sixth: Plain = msgspec.field(default_factory=lambda: Plain(1))
    seventh: Annotated[Plain, orlop.Rule("self.a > 0")] = msgspec.field(name="VII", default_factory=lambda: Plain(1))
    eighth: Color = Color.RED


class Model(pydantic.BaseModel, alias_generator=to_camel):
    """Words about it."""

    first_one: int
    second: str | None
    third: str | None = None
    fourth: str | None = "4"
    fifth: list[int] = []
    sixth: Plain = pydantic.Field(default_factory=lambda: Plain(1))
    seventh: Annotated[Plain, orlop.Rule("self.a > 0")] = pydantic.Field(
        alias="VII", default_factory=lambda: Plain(1))
    eighth: Color = Color.RED


@pytest.mark.parametrize("cls", [Struct, Model])
def test_members(cls: Any) -> None:
    """Names, requirements, null, defaults and docstrings, the same for both libraries. None as a default means absent;
    what a function makes as a default is no default of the schema."""
    plain = {"type": "object", "properties": {"a": INT, "b": {**TEXT, "default": "b"}}, "required": ["a"]}
    assert SchemaMaker().of(cls) == {
        "type": "object", "description": "Words about it.", "required": ["firstOne", "second"],
        "properties": {
            "firstOne": INT, "second": {**TEXT, "nullable": True}, "third": TEXT,
            "fourth": {**TEXT, "nullable": True, "default": "4"}, "fifth": {"type": "array", "items": INT},
            "sixth": plain, "VII": {**plain, "x-kubernetes-validations": [{"rule": "self.a > 0"}]},
            "eighth": {"type": "string", "enum": ["red", "blue"], "default": "red"}}}


class Node(msgspec.Struct):
    inner: list[Node] = []


class Keys(msgspec.Struct):
    by_number: dict[int, str]


class Mixed(msgspec.Struct):
    value: list[int] | dict[str, int]


class TwoNames(pydantic.BaseModel):
    value: int = pydantic.Field(validation_alias="in", serialization_alias="out")


class Secretive(pydantic.BaseModel):
    value: pydantic.SecretStr


class Strange(msgspec.Struct):
    value: complex


@pytest.mark.parametrize(("cls", "why"), [
    (Node, "inner: Node contains itself, which no structural schema can say; annotate the inner one as "
           "Annotated[Any, ...] or list[Any] and check it in a function"),
    (Keys, "by_number: keys of maps are strings"),
    (Mixed, "value: list | dict is a union that no structural schema can say; use Any, or classes with a tag"),
    (TwoNames, "TwoNames.value: is read as in and written as out; objects have one name for it"),
    (Secretive, "value: SecretStr does not show what it has, so it cannot be stored; use str"),
    (Strange, "value: the type complex has no schema"),
])  # fmt: skip
def test_what_cannot_be_said(cls: Any, why: str) -> None:
    """Is refused with the place and the way out."""
    with pytest.raises(orlop.DeclarationError, match=re.escape(why)):
        SchemaMaker().of(cls)


def test_open_models() -> None:
    """A Pydantic model that allows more keeps it."""

    class Open(pydantic.BaseModel, extra="allow"):
        a: int = 1

    assert SchemaMaker().of(Open) == {"type": "object", "properties": {"a": {**INT, "default": 1}}, **ANY}
