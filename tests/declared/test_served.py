"""Kinds declared in Python, served: what the library, functions and rules of a class do to requests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
import pydantic
import pytest

import orlop

PATH = "/apis/shop.example.com/v1/namespaces/default/{}"
CALLS: list[tuple[Any, ...]] = []


class Spec(msgspec.Struct):
    size: Annotated[int, msgspec.Meta(ge=1)]
    color: Literal["red", "blue"] = "red"
    note: str | None = None
    parts: list[str] = []
    extra: dict[str, Any] = {}


class Status(msgspec.Struct):
    ready: bool = False
    replicas: int = 0


@orlop.kind(group="shop.example.com", short_names=["w"], categories=["all"], selectable_fields=["spec.color"],
            scale=orlop.Scale("spec.size"), printer_columns=["spec.size", orlop.Column("Ok", "status.ready")],
            rules=[orlop.Rule("self.spec.size < 100", "is too big")])
class Widget(msgspec.Struct):
    spec: Spec
    status: Status | None = None
    metadata: dict[str, Any] = {}

    @orlop.validates
    def never_shrinks(self, old: Widget | None) -> Iterator[orlop.Problem]:
        if self.spec.size == 13:
            yield orlop.Problem("spec.size", "is unlucky", 13)
        if old is not None and old.spec.size > self.spec.size:
            yield orlop.Problem("spec.size", "must not shrink", sort="forbidden")

    @orlop.validates
    def has_a_good_name(self) -> None:
        if self.metadata["name"] == "bad":
            raise ValueError("bad is no name")

    @orlop.before("create", "update")
    async def note(self, old: Widget | None, write: orlop.Write) -> None:
        await asyncio.sleep(0)
        CALLS.append((write.event, write.name, write.namespace, write.dry_run, old is not None))
        if self.spec.note is None:
            self.spec.note = f"by {write.user.name}"
        if self.spec.color == "blue" and self.spec.size == 3:
            raise orlop.Refused("no small blue ones")
        if self.spec.color == "blue" and self.spec.size == 4:
            raise orlop.Problem("spec.color", "must not be blue", self.spec.color)

    @orlop.before("status")
    def settle(self, write: orlop.Write) -> None:
        assert self.status is not None
        self.status.replicas = self.spec.size

    @orlop.before("delete")
    def stay(self, write: orlop.Write) -> None:
        if self.spec.size == 50:
            raise orlop.Refused(f"{write.name} stays")


class GadgetSpec(pydantic.BaseModel):
    size: int = pydantic.Field(ge=1)
    email: str = ""

    @pydantic.field_validator("email")
    @classmethod
    def at(cls, value: str) -> str:
        if value and "@" not in value:
            raise ValueError("no @ in it")
        return value


@orlop.kind(group="shop.example.com", scope="Cluster")
class Gadget(pydantic.BaseModel):
    """A Pydantic model."""

    spec: GadgetSpec

    @orlop.before("create")
    def grow(self) -> None:
        self.spec.size += 1


@pytest.fixture(scope="module")
def server() -> Iterator[orlop.ThreadedServer]:
    """A server without a socket."""
    with orlop.Server.in_thread(listen=False, kinds=[Widget, Gadget]) as started:
        yield started


def widget(name: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "shop.example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec}


def create(server: orlop.ThreadedServer, name: str, **spec: Any) -> orlop.Reply:
    return server.request("POST", PATH.format("widgets"), widget(name, **spec))


def test_defaults_and_hooks(server: orlop.ThreadedServer) -> None:
    """An object gets the defaults of its class and what its functions say, and nothing more than that."""
    made = create(server, "a", size=2, extra={"x": {"y": None}})
    assert made.status == 201
    assert made.json()["spec"] == {"size": 2, "color": "red", "note": "by orlop-admin", "extra": {"x": {"y": None}}}
    assert ("create", "a", "default", False, False) in CALLS
    changed = server.request("PATCH", PATH.format("widgets/a"), {"spec": {"size": 4, "note": None}},
                             headers={"Content-Type": "application/merge-patch+json"}, query={"dryRun": "All"})
    assert changed.json()["spec"]["note"] == "by orlop-admin"
    assert CALLS[-1] == ("update", "a", "default", True, True)


@pytest.mark.parametrize(("spec", "message"), [
    ({"size": 13}, "spec.size: Invalid value: 13: is unlucky"),
    ({"size": 0}, "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"),
    ({"size": 13, "color": "pink"},
     '[spec.color: Unsupported value: "pink": supported values: "red", "blue", <nil>: Invalid value: null: some '
     "validation rules were not checked because the object was invalid; correct the existing errors to complete "
     "validation]"),
    ({"size": 4, "color": "blue"}, 'spec.color: Invalid value: "blue": must not be blue'),
])  # fmt: skip
def test_refused(server: orlop.ThreadedServer, spec: dict[str, Any], message: str) -> None:
    """422 with the causes of the schema; the functions are asked about objects that fit it only."""
    refused = create(server, "r", **spec)
    assert refused.status == 422
    assert refused.json()["message"] == f'Widget.shop.example.com "r" is invalid: {message}'


def test_rules_and_functions_together(server: orlop.ThreadedServer) -> None:
    """What CEL says comes first, then what the functions say."""
    refused = create(server, "bad", size=113)
    causes = refused.json()["details"]["causes"]
    assert [cause["message"] for cause in causes] == ["Invalid value: is too big", "Invalid value: bad is no name"]


def test_forbidden(server: orlop.ThreadedServer) -> None:
    """Refused is a 403 in the words of the function."""
    refused = create(server, "f", size=3, color="blue")
    assert refused.status == 403
    assert refused.json()["message"] == 'widgets.shop.example.com "f" is forbidden: no small blue ones'


def test_updates_see_the_old_object(server: orlop.ThreadedServer) -> None:
    """Functions are given the object before."""
    assert create(server, "u", size=5).ok
    refused = server.request("PATCH", PATH.format("widgets/u"), {"spec": {"size": 4}},
                             headers={"Content-Type": "application/merge-patch+json"})
    assert refused.status == 422
    assert refused.json()["message"].endswith("spec.size: Forbidden: must not shrink")


def test_scale_and_status(server: orlop.ThreadedServer) -> None:
    """Writes through scale are judged as well; those of the status have an event of their own."""
    assert create(server, "s", size=5).ok
    merge = {"Content-Type": "application/merge-patch+json"}
    path = PATH.format("widgets/s")
    assert server.request("PATCH", path + "/scale", {"spec": {"replicas": 13}}, headers=merge).status == 422
    assert server.request("PATCH", path + "/scale", {"spec": {"replicas": 6}}, headers=merge).ok
    done = server.request("PATCH", path + "/status", {"status": {"ready": True}}, headers=merge).json()
    assert done["status"] == {"ready": True, "replicas": 6} and done["spec"]["size"] == 6


def test_deletion(server: orlop.ThreadedServer) -> None:
    """A function may keep an object, alone or in a collection."""
    assert create(server, "d", size=50).ok
    refused = server.request("DELETE", PATH.format("widgets/d"))
    assert refused.status == 403
    assert refused.json()["message"] == 'widgets.shop.example.com "d" is forbidden: d stays'


def test_tables_and_discovery(server: orlop.ThreadedServer) -> None:
    """Columns, with the age last; names and rooms."""
    table = server.request("GET", PATH.format("widgets"), headers={
        "Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}).json()
    assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Size", "Ok", "Age"]
    found = {each["name"]: each for each in server.request("GET", "/apis/shop.example.com/v1").json()["resources"]}
    assert set(found) == {"widgets", "widgets/status", "widgets/scale", "gadgets"}
    assert found["widgets"]["shortNames"] == ["w"] and found["widgets"]["categories"] == ["all"]
    assert found["gadgets"]["namespaced"] is False


def test_pydantic(server: orlop.ThreadedServer) -> None:
    """Validators of the model itself judge, with the place and the value."""
    path = "/apis/shop.example.com/v1/gadgets"
    body = {"apiVersion": "shop.example.com/v1", "kind": "Gadget", "metadata": {"name": "g"}}
    made = server.request("POST", path, {**body, "spec": {"size": 1}})
    assert made.json()["spec"] == {"size": 2, "email": ""}
    body["metadata"]["name"] = "h"  # type: ignore[index]
    refused = server.request("POST", path, {**body, "spec": {"size": 1, "email": "x"}})
    assert refused.status == 422
    assert refused.json()["details"]["causes"] == [{
        "reason": "FieldValueInvalid", "field": "spec.email",
        "message": 'Invalid value: "x": Value error, no @ in it'}]


def test_the_definition_is_there(server: orlop.ThreadedServer) -> None:
    """A declared kind is a CustomResourceDefinition like any other, owned by the program."""
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.shop.example.com"
    found = server.request("GET", path).json()
    spec = orlop.crd(Widget)["spec"]
    assert found["spec"] == {**spec, "conversion": {"strategy": "None"}}
    assert "orlop" in {each["manager"] for each in found["metadata"]["managedFields"]}


def test_forks_serve_the_kinds_too(server: orlop.ThreadedServer) -> None:
    """The functions go with a fork."""
    with server.fork() as other:
        assert create(other, "fork", size=13).status == 422
