"""Rules of CustomResourceDefinitions, against answers of a kube-apiserver (`tests/data/definitions`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from kind_bench import Kind, causes, copied

from orlop.api.errors import APIError
from orlop.api.field import FieldError, quote
from orlop.kinds.definitions import conditions, structure
from orlop.kinds.definitions import definition as rules
from orlop.kinds.definitions.keywords import TYPES
from orlop.registry.update import before_update

Tree = dict[str, Any]
_DATA = Path(__file__).parents[1] / "data" / "definitions"
GROUP = "t.example.com"


def read(name: str) -> list[Tree]:
    return [orjson.loads(line) for line in (_DATA / name).read_bytes().splitlines()]


CREATED, UPDATED = read("created.jsonl"), read("updated.jsonl")


def kind() -> Kind:
    return Kind("customresourcedefinitions", "apiextensions.k8s.io")


def definition(root: Tree, **spec: Any) -> Tree:
    """A definition with this schema."""
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": root}}
    return {"metadata": {"name": f"widgets.{GROUP}"},
            "spec": {"group": GROUP, "names": {"plural": "widgets", "kind": "Widget"}, "scope": "Namespaced",
                     "versions": [version], **spec}}


def within(schema: Tree) -> Tree:
    spec = {"type": "object", "properties": {"a": schema}}
    return definition({"type": "object", "properties": {"spec": spec}})


def body(row: Tree) -> Tree:
    if "definition" in row:
        found: Tree = row["definition"]
        return found
    return within(row["within"]) if "within" in row else definition(row["root"])


@pytest.mark.parametrize("theme", sorted({row["theme"] for row in CREATED}))
def test_new_definitions(theme: str) -> None:
    """Each is refused in the words of a kube-apiserver, or let in with its warnings."""
    bench = kind()
    for row in CREATED:
        if row["theme"] == theme:
            assert sorted(bench.refused(body(row))) == row.get("causes", []), row
            if "causes" not in row:
                assert [quote(text) for text in bench.warnings] == row.get("warnings", []), row


@pytest.mark.parametrize("about", sorted({row["about"] for row in UPDATED}))
def test_changed_definitions(about: str) -> None:
    """What was wrong before may stay; what is new must be right. Names and scope of what is established are fixed."""
    bench = kind()
    for row in UPDATED:
        if row["about"] != about:
            continue
        old, ctx = row["old"], bench.context()
        new = bench.decoded({name: row["new"].get(name, value) for name, value in old.items()})
        try:
            before_update(bench.strategy(row.get("room", "")), ctx, new, copied(old))
        except APIError as refusal:
            assert sorted(causes(refusal)) == sorted(row.get("causes", [])), row
        else:
            assert "causes" not in row, row
            assert [quote(text) for text in ctx.warnings] == row.get("warnings", []), row


def test_causes_come_in_upstreams_order() -> None:
    """The name first, then the spec from the group to the conversion, then the status."""
    bad = {"metadata": {"name": "x"}, "spec": {"conversion": {"strategy": "Magic"}}}
    assert [cause.partition(":")[0] for cause in kind().refused(bad)] == [
        "metadata.name", "spec.group", "spec.scope", "spec.versions", "spec.names.plural", "spec.names.singular",
        "spec.names.kind", "spec.names.listKind", "spec.conversion.strategy", "status.storedVersions"]


def test_old_schemas_that_are_not_structural_are_told() -> None:
    """The condition says what a kube-apiserver says of the same stored definition."""
    told = 0
    for row in UPDATED:
        recorded = conditions.find(row["old"], conditions.NON_STRUCTURAL)
        found = structure.complaint_about(kind().decoded(row["old"]))
        assert (found is None) == (recorded is None) and (found is None or conditions.says(recorded, found)), row
        told += recorded is not None
    assert told


def test_a_schema_that_cannot_be_read_is_told() -> None:
    """What no structural schema can be made of is no violation but an error."""
    found = structure.complaint_about(definition({"type": "object", "id": "x"}))
    assert found == {
        "type": "NonStructuralSchema", "status": "Unknown", "reason": "StructuralError",
        "message": "failed to check validation schema for version v1: OpenAPIV3Schema 'id' is not supported"}


# --- any schema at all -------------------------------------------------------------------------------------------

_NAMES = some.sampled_from(["a", "kind", "metadata", "name", "x.y", ""])
_SCALARS = some.none() | some.booleans() | some.integers(-3, 3) | some.floats(-2, 2) | some.text(max_size=3)
_VALUES = some.recursive(_SCALARS,
                         lambda inner: some.lists(inner, max_size=2) | some.dictionaries(_NAMES, inner, max_size=2),
                         max_leaves=4)
_RULES = some.fixed_dictionaries({}, optional={
    "rule": some.sampled_from(["", " ", "true", "a\nb"]), "message": some.sampled_from(["", " ", "a\nb"]),
    "messageExpression": some.sampled_from(["", " ", "'a'"]), "reason": some.text(max_size=3),
    "fieldPath": some.sampled_from(["", ".a", "a", ".a['x']", "['", ".a[", "."]), "optionalOldSelf": some.booleans()})
_NUMBERS = some.integers(-2, 5)


def _schemas(inner: some.SearchStrategy[Tree]) -> some.SearchStrategy[Tree]:
    lists = some.lists(inner, max_size=2)
    members = some.dictionaries(_NAMES, inner, max_size=3)
    flags = {name: some.booleans() for name in (
        "nullable", "uniqueItems", "exclusiveMinimum", "x-kubernetes-preserve-unknown-fields",
        "x-kubernetes-embedded-resource", "x-kubernetes-int-or-string")}
    return some.fixed_dictionaries({}, optional={
        "type": some.sampled_from([*TYPES, "null", "odd", ""]), "format": some.sampled_from(["date", "odd", ""]),
        "default": _VALUES, "example": _VALUES, "enum": some.lists(_VALUES, max_size=2),
        "maximum": _NUMBERS, "minLength": _NUMBERS, "maxItems": _NUMBERS, "multipleOf": _NUMBERS,
        "pattern": some.sampled_from(["", "[", "a+", "\\"]), "required": some.lists(_NAMES, max_size=2),
        "items": inner | lists, "properties": members, "additionalProperties": inner | some.booleans(),
        "additionalItems": inner | some.booleans(), "patternProperties": members, "definitions": members,
        "dependencies": some.dictionaries(_NAMES, inner | some.lists(_NAMES, max_size=2), max_size=2),
        "allOf": lists, "anyOf": lists, "oneOf": lists, "not": inner, "id": some.sampled_from(["", "x"]),
        "$ref": some.sampled_from(["", "#/x"]), "externalDocs": some.just({"url": "x"}),
        "x-kubernetes-list-type": some.sampled_from(["", "map", "set", "atomic", "odd"]),
        "x-kubernetes-map-type": some.sampled_from(["atomic", "granular", "odd"]),
        "x-kubernetes-list-map-keys": some.lists(_NAMES, max_size=3),
        "x-kubernetes-validations": some.lists(_RULES, max_size=2), **flags})


SCHEMAS = some.recursive(some.just({}), _schemas, max_leaves=8)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(SCHEMAS, SCHEMAS, some.booleans(), some.booleans())
def test_rules_judge_any_schema(schema: Tree, other: Tree, preserve: bool, status: bool) -> None:
    """Whatever a body says that decodes, the answer is a list of errors, for new and for changed definitions."""
    bench = kind()
    old = bench.decoded(definition(schema, preserveUnknownFields=preserve))
    new = bench.decoded(definition(other))
    if status:
        new["spec"]["versions"][0].update(subresources={"status": {}}, selectableFields=[{"jsonPath": ".a.name"}])
    before = copied(new)
    found = [*rules.rules(old), *rules.rules(new), *rules.update_rules(new, old), *rules.status_rules(new)]
    assert all(isinstance(error, FieldError) and str(error) for error in found)
    structure.complaint_about(old)
    if not rules.rules(new):
        assert rules.update_rules(new, before) == [], "what may be created may stay as it is"
