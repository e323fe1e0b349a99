"""Typed values and trees: random objects there and back, for both libraries."""

from __future__ import annotations

import base64
import copy
import datetime
import enum
import ipaddress
import uuid
from typing import Annotated, Any, Literal

import msgspec
import orjson
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

import orlop
from orlop.api.gvk import GroupVersionKind
from orlop.declared.changes import carry
from orlop.declared.declaration import declaration
from orlop.declared.models import Model, Unreadable
from orlop.structural.kind import CustomSchema


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Port(msgspec.Struct):
    name: str
    number: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 80
    target: int | str | None = None


class Spec(msgspec.Struct, rename="camel"):
    color: Color
    ports: Annotated[list[Port], orlop.ListMap("name")] = []
    by_name: dict[str, Port] = {}
    tags: set[str] = set()
    address: ipaddress.IPv4Address | None = None
    must_be_said: str | None = msgspec.field(default="x")
    when: datetime.datetime | None = None
    key: uuid.UUID | None = None
    mode: Literal["on", "off"] = "off"
    data: bytes = b""
    loose: dict[str, Any] = {}
    size: float = 1.5


@orlop.kind(group="random.example.com")
class Thing(msgspec.Struct):
    spec: Spec


class PydanticPort(pydantic.BaseModel):
    name: str
    number: int = pydantic.Field(80, ge=1, le=65535)
    target: int | str | None = None


class PydanticSpec(pydantic.BaseModel):
    color: Color
    ports: Annotated[list[PydanticPort], orlop.ListMap("name")] = []
    by_name: dict[str, PydanticPort] = pydantic.Field({}, alias="byName")
    tags: set[str] = set()
    address: ipaddress.IPv4Address | None = None
    must_be_said: str | None = pydantic.Field("x", alias="mustBeSaid")
    when: datetime.datetime | None = None
    key: uuid.UUID | None = None
    mode: Literal["on", "off"] = "off"
    loose: dict[str, Any] = {}
    size: float = 1.5


@orlop.kind(group="random.example.com", name="Other")
class PydanticThing(pydantic.BaseModel):
    spec: PydanticSpec


TEXT = st.text("abc-ä\n", max_size=4)
LOOSE = st.dictionaries(TEXT, st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | TEXT,
                                           lambda inner: st.lists(inner, max_size=2), max_leaves=3), max_size=3)
PORT = st.fixed_dictionaries({"name": TEXT}, optional={
    "number": st.integers(1, 65535), "target": st.none() | st.integers(0, 9) | TEXT})
TREES = st.fixed_dictionaries({"color": st.sampled_from(["red", "blue"])}, optional={
    "ports": st.lists(PORT, max_size=3, unique_by=lambda port: port["name"]),
    "byName": st.dictionaries(TEXT, PORT, max_size=2),
    "tags": st.lists(TEXT, max_size=3, unique=True),
    "address": st.ip_addresses(v=4).map(str),
    "mustBeSaid": st.none() | TEXT,
    "when": st.datetimes(timezones=st.just(datetime.UTC)).map(lambda each: each.isoformat().replace("+00:00", "Z")),
    "key": st.uuids().map(str),
    "mode": st.sampled_from(["on", "off"]),
    "loose": LOOSE, "data": st.binary(max_size=5).map(lambda each: base64.b64encode(each).decode()),
    "size": st.floats(-9, 9),
}).map(lambda spec: {"spec": spec})  # fmt: skip

CLASSES = pytest.mark.parametrize("cls", [Thing, PydanticThing])


def model(cls: Any) -> Model:
    return declaration(cls).hub.model


def whole(cls: Any, tree: dict[str, Any]) -> dict[str, Any]:
    kind = declaration(cls).kind
    return {"apiVersion": "random.example.com/v1", "kind": kind, "metadata": {"name": "a"}, **tree}


def schema(cls: Any) -> CustomSchema:
    found = declaration(cls)
    return CustomSchema(GroupVersionKind(found.group, "v1", found.kind), copy.deepcopy(found.hub.schema))


@CLASSES
@given(tree=TREES)
def test_there_and_back(cls: Any, tree: dict[str, Any]) -> None:
    """Every value that the class can have fits its schema, and is the same after it was stored and completed."""
    value = model(cls).decode(tree)
    stored = whole(cls, orjson.loads(orjson.dumps(model(cls).encode(value))))
    judge = schema(cls)
    judge.decode(stored)
    judge.default(stored)
    assert judge.validate(stored) == [] and judge.validate_lists(stored) == []
    assert model(cls).decode(stored) == value


@CLASSES
@given(before=TREES, after=TREES)
def test_changes_are_carried(cls: Any, before: dict[str, Any], after: dict[str, Any]) -> None:
    """A tree with the differences of two values brought in is one of the second value; what the class does not name
    stays."""
    first, second = model(cls).decode(before), model(cls).decode(after)
    tree = {**copy.deepcopy(before), "unknown": 1}
    carry(model(cls).full(first), model(cls).full(second), tree, model(cls).schema)
    assert tree["unknown"] == 1
    assert model(cls).decode(tree) == second


@CLASSES
@given(tree=TREES)
def test_no_change_changes_nothing(cls: Any, tree: dict[str, Any]) -> None:
    """A value that nobody changed leaves its tree as the client sent it."""
    full = model(cls).full(model(cls).decode(tree))
    after = copy.deepcopy(tree)
    carry(full, model(cls).full(model(cls).decode(tree)), after, model(cls).schema)
    assert after == tree


class Careful(msgspec.Struct):
    size: int

    def __post_init__(self) -> None:
        if self.size == 1:
            raise orlop.Problem("size", "must not be one", self.size)
        if self.size == 2:
            raise ValueError("two is no size")


class CarefulModel(pydantic.BaseModel):
    size: int

    @pydantic.model_validator(mode="after")
    def check(self) -> CarefulModel:
        if self.size == 1:
            raise orlop.Problem("size", "must not be one", self.size)
        return self


def test_computed_fields_are_not_stored() -> None:
    """What a model shows but does not have is not brought into objects."""

    class Square(pydantic.BaseModel):
        side: int

        @pydantic.computed_field  # type: ignore[prop-decorator]
        @property
        def area(self) -> int:
            return self.side**2

    made = Model(Square, {"type": "object", "properties": {"side": {"type": "integer"}}})
    value = made.decode({"side": 2})
    assert made.encode(value) == {"side": 2}
    before, tree = made.full(value), {"side": 2}
    value.side = 3
    carry(before, made.full(value), tree, made.schema)
    assert tree == {"side": 3}


def test_problems_of_constructors() -> None:
    """A Problem that a class raises while it is made is told as it is, another error with its text."""
    for cls in (Careful, CarefulModel):
        made = Model(cls, {"properties": {"size": {}}})
        with pytest.raises(Unreadable) as caught:
            made.decode({"size": 1})
        assert [str(error) for error in caught.value.errors] == ["size: Invalid value: 1: must not be one"]
    with pytest.raises(Unreadable) as caught:
        Model(Careful, {"properties": {"size": {}}}).decode({"size": 2})
    assert [error.detail for error in caught.value.errors] == ["two is no size"]


@pytest.mark.parametrize(("spec", "field", "message"), [
    ({"color": "red", "ports": [{"name": 1}]}, "spec.ports[0].name", ("Expected `str`, got `int`",
                                                                      "Input should be a valid string")),
    ({}, "spec", ("Object missing required field `color`", "")),
    ({"color": "pink"}, "spec.color", ("Invalid enum value 'pink'", "Input should be 'red' or 'blue'")),
    ({"color": "red", "byName": {"x": {}}}, "spec.byName[...]", ("Object missing required field `name`", "")),
    ({"color": "red", "address": "no"}, "spec.address", ("", "Input is not a valid IPv4 address")),
])  # fmt: skip
def test_unreadable(spec: dict[str, Any], field: str, message: tuple[str, str]) -> None:
    """What a library complains about is told with the place, as Kubernetes names it."""
    for cls, expected in zip((Thing, PydanticThing), message, strict=True):
        if not expected:
            continue
        with pytest.raises(Unreadable) as caught:
            model(cls).decode({"spec": spec})
        assert [(error.field, error.detail) for error in caught.value.errors] == [(field, expected)]
