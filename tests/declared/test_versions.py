"""Kinds of several versions: conversion by functions, through the hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

import orlop
from orlop.declared.conversion import FunctionConverter
from orlop.declared.declaration import declaration
from orlop.declared.hub import Hub

GROUP = "tools.example.com"
PATH = f"/apis/{GROUP}/{{}}/namespaces/default/hammers"


class Spec(msgspec.Struct):
    grams: int
    material: Literal["wood", "steel"] = "steel"


@orlop.kind(group=GROUP, version="v2", stored_version="v1")
class Hammer(msgspec.Struct):
    spec: Spec
    metadata: dict[str, Any] = {}

    @orlop.validates
    def liftable(self) -> Iterator[orlop.Problem]:
        if self.spec.grams > 10_000:
            yield orlop.Problem("spec.grams", "is too heavy", self.spec.grams)

    @orlop.before("create")
    def round_up(self) -> None:
        self.spec.grams += -self.spec.grams % 1000


class OldSpec(pydantic.BaseModel):
    kilos: int


@orlop.version(Hammer, "v1", deprecated=True)
class HammerV1(pydantic.BaseModel):
    spec: OldSpec
    metadata: dict[str, Any] = {}

    def to_hub(self) -> Hammer:
        if self.spec.kilos < 0:
            raise orlop.Problem("spec.kilos", "must not float")
        material = self.metadata.get("annotations", {}).get("material", "steel")
        return Hammer(Spec(self.spec.kilos * 1000, material), metadata=self.metadata)

    @classmethod
    def from_hub(cls, hub: Hammer) -> HammerV1:
        metadata = {**hub.metadata, "annotations": {**hub.metadata.get("annotations", {}),
                                                    "material": hub.spec.material}}
        return cls(spec=OldSpec(kilos=hub.spec.grams // 1000), metadata=metadata)


@orlop.version(Hammer, "v2beta1")
class HammerV2Beta1(msgspec.Struct):
    spec: Spec


@pytest.fixture(scope="module")
def server() -> Iterator[orlop.ThreadedServer]:
    """A server without a socket."""
    with orlop.Server.in_thread(listen=False, kinds=[Hammer]) as started:
        yield started


def create(server: orlop.ThreadedServer, version: str, name: str, **spec: Any) -> orlop.Reply:
    return server.request("POST", PATH.format(version), {
        "apiVersion": f"{GROUP}/{version}", "kind": "Hammer", "metadata": {"name": name}, "spec": spec})


def read(server: orlop.ThreadedServer, version: str, name: str) -> Any:
    return server.request("GET", f"{PATH.format(version)}/{name}").json()


def test_every_version_shows_the_same(server: orlop.ThreadedServer) -> None:
    """What is written in one version is read in all, with the functions of the hub having had their say."""
    assert create(server, "v2", "a", grams=1500, material="wood").json()["spec"] == {"grams": 2000, "material": "wood"}
    old = read(server, "v1", "a")
    assert old["spec"] == {"kilos": 2} and old["metadata"]["annotations"] == {"material": "wood"}
    beta = read(server, "v2beta1", "a")
    assert beta["apiVersion"] == f"{GROUP}/v2beta1" and beta["spec"] == {"grams": 2000, "material": "wood"}
    assert read(server, "v2", "a")["spec"] == {"grams": 2000, "material": "wood"}
    listed = server.request("GET", PATH.format("v1")).json()
    assert {item["apiVersion"] for item in listed["items"]} == {f"{GROUP}/v1"}


def test_the_hub_judges_all_versions(server: orlop.ThreadedServer) -> None:
    """Functions of the hub's class are asked about objects of every version, and a conversion may refuse."""
    assert create(server, "v1", "b", kilos=11).json()["details"]["causes"] == [{
        "reason": "FieldValueInvalid", "field": "spec.grams", "message": "Invalid value: 11000: is too heavy"}]
    refused = create(server, "v1", "b", kilos=-1)
    assert refused.json()["details"]["causes"][0]["field"] == "spec.kilos"


def test_hooks_change_objects_of_other_versions(server: orlop.ThreadedServer) -> None:
    """What a function does to the hub's object comes back to the version that was written."""
    made = create(server, "v2beta1", "c", grams=10)
    assert made.json()["spec"] == {"grams": 1000, "material": "steel"}
    assert made.headers.get("warning") is None
    assert "tools.example.com/v1 Hammer is deprecated" in create(server, "v1", "d", kilos=1).headers["warning"]


def test_watches_speak_their_version() -> None:
    """Events of writes through another version."""
    import asyncio

    async def scenario() -> None:
        body = {"apiVersion": f"{GROUP}/v2", "kind": "Hammer", "metadata": {"name": "w"}, "spec": {"grams": 3000}}
        async with (orlop.Server(listen=False, kinds=[Hammer]) as server,
                    await server.watch(PATH.format("v1")) as events):
            assert (await server.request("POST", PATH.format("v2"), body)).ok
            event = await anext(events)
            assert event["type"] == "ADDED" and event["object"]["spec"] == {"kilos": 3}

    asyncio.run(scenario())


@given(st.integers(0, 100), st.sampled_from(["wood", "steel"]), st.dictionaries(st.text("ab", min_size=1), st.text()))
def test_there_and_back(kilos: int, material: str, labels: dict[str, str]) -> None:
    """A conversion to the version that is stored and back loses nothing that the functions keep."""
    converter = FunctionConverter(Hub(declaration(Hammer)))
    tree = {"apiVersion": f"{GROUP}/v2", "kind": "Hammer", "metadata": {"name": "a", "labels": labels, "uid": "1"},
            "spec": {"grams": kilos * 1000, "material": material}}
    stored = converter.now(dict(tree), f"{GROUP}/v1")
    assert stored["spec"] == {"kilos": kilos} and stored["metadata"]["uid"] == "1"
    back = converter.now(stored, f"{GROUP}/v2")
    assert back["spec"] == tree["spec"] and back["metadata"].get("labels", {}) == labels


def _apply(server: orlop.ThreadedServer, version: str, manager: str, **spec: Any) -> orlop.Reply:
    return server.request("PATCH", f"{PATH.format(version)}/applied", {
        "apiVersion": f"{GROUP}/{version}", "kind": "Hammer", "metadata": {"name": "applied"}, "spec": spec},
        query={"fieldManager": manager}, headers={"Content-Type": "application/apply-patch+yaml"})


def test_owners_are_compared_in_their_own_version(server: orlop.ThreadedServer) -> None:
    """Who applied in one version conflicts with who applies in another, and may go on in that other."""
    assert _apply(server, "v1", "one", kilos=2).status == 201
    assert _apply(server, "v2", "two", grams=2000).status == 200
    refused = _apply(server, "v2", "two", grams=3000)
    assert (refused.status, refused.json()["message"]) == (
        409, 'Apply failed with 1 conflict: conflict with "one": .spec.kilos')
    assert _apply(server, "v2", "one", grams=2000, material="wood").json()["spec"] == {
        "grams": 2000, "material": "wood"}
    managers = {entry["manager"]: entry["apiVersion"] for entry in
                read(server, "v2", "applied")["metadata"]["managedFields"]}
    assert managers == {"one": f"{GROUP}/v2", "two": f"{GROUP}/v2"}


def test_a_program_that_changed(tmp_path: Path) -> None:
    """The definition follows the class at the next start; objects from before are there."""

    class Before(msgspec.Struct):
        spec: dict[str, int]

    class After(msgspec.Struct):
        spec: dict[str, int]
        extra: str = "e"

    place = "/apis/tools.example.com/v1/namespaces/default/saws"
    for cls in (Before, After):
        orlop.kind(group=GROUP, name="Saw")(cls)
    with orlop.Server.in_thread(listen=False, data_dir=tmp_path, kinds=[Before]) as server:
        body = {"apiVersion": f"{GROUP}/v1", "kind": "Saw", "metadata": {"name": "s"}, "spec": {"a": 1}}
        assert server.request("POST", place, body).ok
    with orlop.Server.in_thread(listen=False, data_dir=tmp_path, kinds=[After]) as server:
        found = server.request("GET", f"{place}/s").json()
        assert found["spec"] == {"a": 1} and found["extra"] == "e"


def test_what_does_not_fit() -> None:
    """Versions that cannot be are refused when they are declared, or when the kind is used."""
    with pytest.raises(orlop.DeclarationError, match="has a version v1 already"):
        orlop.version(Hammer, "v1")(type("Again", (msgspec.Struct,), {}))

    class Half(msgspec.Struct):
        def to_hub(self) -> Hammer:
            return Hammer(Spec(1))

    with pytest.raises(orlop.DeclarationError, match="to_hub and from_hub go together"):
        orlop.version(Hammer, "v3")(Half)

    @orlop.kind(group=GROUP, stored_version="v9")
    class Lost(msgspec.Struct):
        pass

    with pytest.raises(orlop.DeclarationError, match="v9 is to be stored, and is none of its versions"):
        orlop.crd(Lost)
    with pytest.raises(orlop.DeclarationError, match="is declared twice"):
        orlop.Server(kinds=[Hammer, Hammer])
    with pytest.raises(orlop.DeclarationError, match="HammerV1 is no kind"):
        orlop.Server(kinds=[HammerV1])
