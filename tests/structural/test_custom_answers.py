"""Schemas of custom kinds against what a kube-apiserver answered: data in tests/data/structural, origin there."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from custom_schemas import GVK

from orlop.api.field import FieldError
from orlop.api.field import Path as Place
from orlop.api.gvk import GroupVersionKind
from orlop.schema.interface import DecodeError
from orlop.structural.default_rules import validate_defaults
from orlop.structural.formats import checker
from orlop.structural.kind import CustomSchema
from orlop.structural.openapi import Publisher
from orlop.structural.schema import compile

_DATA = Path(__file__).parents[1] / "data" / "structural"


def recorded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_DATA / f"{name}.json").read_text())
    return found


VALIDATION = recorded("validation")["cases"]
RATCHETING = recorded("ratcheting")["cases"]


def causes(errors: Sequence[FieldError]) -> list[dict[str, str]]:
    return sorted((error.cause() for error in errors), key=lambda cause: json.dumps(cause, sort_keys=True))


def outcome(schema: CustomSchema, name: str, value: Any) -> dict[str, Any]:
    """What becomes of an object with one member, in the words of the recording."""
    text = orjson.dumps({"apiVersion": GVK.api_version, "kind": GVK.kind, "metadata": {"name": "x"}, name: value})
    tree: dict[str, Any] = orjson.loads(text)
    strict: list[str] = []
    try:
        schema.decode(tree, strict, text)
    except DecodeError as error:
        return {"refused": str(error)}
    schema.default(tree)
    errors = schema.validate(tree) + schema.validate_embedded(tree) + schema.validate_lists(tree)
    found: dict[str, Any] = {"causes": causes(errors)} if errors else {}
    if not errors and name in tree:
        found["stored"] = orjson.loads(orjson.dumps(tree[name]))
    if strict:
        found["warnings"] = strict
    return found


@pytest.mark.parametrize("case", VALIDATION, ids=[case["name"] for case in VALIDATION])
def test_objects_fare_as_they_do_upstream(case: dict[str, Any]) -> None:
    """What is stored, refused, warned of and complained about equals the recording, for every value."""
    schema = CustomSchema(GVK, {"type": "object", "properties": {case["name"]: case["schema"]}})
    for answer in case["answers"]:
        value = answer["value"]
        expected = {key: answer[key] for key in ("stored", "causes", "refused", "warnings") if key in answer}
        assert outcome(schema, case["name"], value) == expected, value


@pytest.mark.parametrize("case", RATCHETING, ids=[case["name"] for case in RATCHETING])
def test_updates_ratchet_as_they_do_upstream(case: dict[str, Any]) -> None:
    """Errors of what did not change are left out of updates, and only those."""
    name = case["name"]
    schema = CustomSchema(GVK, {"type": "object", "properties": {name: case["schema"]}})
    base = {"apiVersion": GVK.api_version, "kind": GVK.kind, "metadata": {"name": "x", "resourceVersion": "1"}}
    for answer in case["answers"]:
        new, old = copy.deepcopy({**base, name: answer["new"]}), copy.deepcopy({**base, name: case["old"]})
        schema.decode(new)
        schema.default(new)
        errors = schema.validate_update(new, old) + schema.validate_embedded(new) + schema.validate_lists(new, old)
        assert causes(errors) == answer.get("causes", []), answer["new"]


@pytest.mark.parametrize("case", recorded("formats")["formats"], ids=lambda case: str(case["format"]))
def test_formats_accept_what_upstream_accepts(case: dict[str, Any]) -> None:
    """Each text is judged as a string of that format is."""
    schema = CustomSchema(GVK, {"type": "object", "properties": {"f": {"type": "string", "format": case["format"]}}})
    for text in case["accepted"]:
        assert schema.validate({"f": text}) == [], text
    for text in case["refused"]:
        assert [error.value for error in schema.validate({"f": text})] == [text]
        assert checker(case["format"]) is not None


@pytest.mark.parametrize("case", recorded("defaults")["cases"], ids=lambda case: json.dumps(case["schema"])[:60])
def test_defaults_are_judged_as_upstream_judges_them(case: dict[str, Any]) -> None:
    """A definition with a wrong default is told what is wrong with it, where it stands."""
    node = compile({"type": "object", "properties": {"p": case["schema"]}})
    errors = validate_defaults(node, Place("spec.validation.openAPIV3Schema"), is_root=True, require_pruned=True)
    assert causes(errors) == case["causes"]


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_published_schemas_are_upstreams(version: str) -> None:
    """Both types of a kind, in both versions of OpenAPI."""
    data = recorded("openapi")
    gvk = GroupVersionKind("struct-rec5.example.com", "v1", "Widget")
    publisher = Publisher(v2=version == "v2")
    before = copy.deepcopy(data["schema"])
    assert publisher.published(data["schema"], gvk) == data[version]["kind"]
    assert publisher.published_list(gvk, "WidgetList", "widgets") == data[version]["list"]
    assert data["schema"] == before
