"""Leaving out the plain parts of a schema changes nothing of what rules say about it."""

from __future__ import annotations

from typing import Any

import pytest
from crd_shapes import ALL
from hypothesis import given
from hypothesis import strategies as st

from orlop.kinds.definitions import definition, formats, plain
from orlop.kinds.definitions.structure import complaint_about

Tree = dict[str, Any]
KEYWORDS: Tree = {
    "description": st.just("words"), "nullable": st.booleans(), "format": st.sampled_from(["int32", "byte", "odd"]),
    "default": st.sampled_from([None, 1, "a", {}]), "enum": st.just(["a"]), "pattern": st.sampled_from(["^a", "("]),
    "required": st.just(["a"]), "maxLength": st.just(3), "uniqueItems": st.booleans(), "id": st.just("x"),
    "x-kubernetes-preserve-unknown-fields": st.booleans(), "x-kubernetes-list-type": st.sampled_from(["set", "map"]),
    "x-kubernetes-int-or-string": st.booleans(), "x-kubernetes-embedded-resource": st.booleans(),
    "additionalProperties": st.booleans(), "anyOf": st.just([{"required": ["a"]}]),
    "not": st.just({"properties": {"a": {"type": "string"}}})}
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "object", "array", "null", "odd", ""])
LEAVES = st.fixed_dictionaries({}, optional={"type": TYPES, **KEYWORDS})


def around(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    holding = {"properties": st.dictionaries(st.sampled_from(["a", "b", "metadata"]), inner, max_size=3),
               "items": inner, "additionalProperties": inner | st.booleans()}
    return st.fixed_dictionaries({}, optional={"type": TYPES, **KEYWORDS, **holding})


SCHEMAS = st.recursive(LEAVES, around, max_leaves=6)


def defined(schema: Tree) -> Tree:
    return {"metadata": {"name": "boats.example.com"}, "spec": {
        "group": "example.com", "scope": "Namespaced", "names": {
            "plural": "boats", "singular": "boat", "kind": "Boat", "listKind": "BoatList"},
        "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
            "type": "object", "properties": {"spec": schema}}}}]}, "status": {"storedVersions": ["v1"]}}


def said(tree: Tree) -> tuple[list[str], list[str], Any]:
    told = complaint_about(tree)
    return sorted(map(str, definition.rules(tree))), formats.unrecognized(tree), told and told["message"]


def without_shortcut(tree: Tree) -> tuple[list[str], list[str], Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "_look", lambda schema, found: False)
        return said(tree)


@given(SCHEMAS)
def test_rules_say_the_same_of_any_schema(schema: Tree) -> None:
    """Complaints, unknown formats and the condition of schemas that are not structural."""
    assert said(defined(schema)) == without_shortcut(defined(schema))


@pytest.mark.parametrize("kind", sorted(ALL))
def test_real_shapes_have_plain_parts(kind: str) -> None:
    """Nothing is wrong with them, looked at in either way."""
    tree = {**ALL[kind], "status": {"storedVersions": [ALL[kind]["spec"]["versions"][0]["name"]]}}
    tree["spec"] = tree["spec"] | {"names": tree["spec"]["names"] | {"singular": "x", "listKind": f"{kind}List"}}
    schemas = [each["schema"]["openAPIV3Schema"] for each in tree["spec"]["versions"]]
    assert plain.plain(*schemas)
    assert said(tree) == without_shortcut(tree) == ([], [], None)


def test_what_is_plain() -> None:
    """A struct with one member that is not plain is not; its other members are."""
    good: Tree = {"type": "object", "properties": {"a": {"type": "string"}}}
    bad: Tree = {"type": "string", "default": "a"}
    whole: Tree = {"type": "object", "properties": {"good": good, "bad": bad}}
    assert plain.plain(whole) == {id(good), id(good["properties"]["a"])}
