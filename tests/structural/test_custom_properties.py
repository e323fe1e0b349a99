"""Compiled schemas of custom kinds against a plain reference, over random schemas and objects."""

from __future__ import annotations

import copy
from typing import Any

import orjson
from custom_schemas import GVK, defaulted, is_valid, kind, kinds_and_objects, pruned, roots, values
from hypothesis import given
from hypothesis import strategies as st

from orlop.structural.checking import compile_check
from orlop.structural.schema import Node
from orlop.structural.validation import examine

Tree = dict[str, Any]
META = ("apiVersion", "kind", "metadata")


def content(tree: Tree) -> Tree:
    return {name: value for name, value in tree.items() if name not in META}


def decoded(root: Tree, obj: Tree) -> tuple[Tree, list[str]]:
    tree, strict = copy.deepcopy(obj), list[str]()
    kind(root).decode(tree, strict)
    return tree, strict


@given(kinds_and_objects())
def test_decoding_prunes(pair: tuple[Tree, Tree]) -> None:
    """Unknown members and nulls go, everything else stays, and what went is told in order."""
    root, obj = pair
    tree, strict = decoded(root, obj)
    assert content(tree) == pruned(content(obj), root)
    assert strict == sorted(strict)
    assert {name: tree[name] for name in META} == {name: obj[name] for name in META}


@given(kinds_and_objects())
def test_decoding_twice_changes_nothing_more(pair: tuple[Tree, Tree]) -> None:
    """What was decoded decodes to itself, without complaints."""
    root, obj = pair
    once, _ = decoded(root, obj)
    assert decoded(root, once) == (once, [])


@given(kinds_and_objects())
def test_defaulting(pair: tuple[Tree, Tree]) -> None:
    """Defaults stand where nothing stood, once and for all, and belong to the object alone."""
    root, obj = pair
    schema = kind(root)
    tree = copy.deepcopy(obj)
    schema.decode(tree)
    before = copy.deepcopy(tree)
    schema.default(tree)
    assert content(tree) == defaulted(content(before), root)
    again = copy.deepcopy(tree)
    schema.default(again)
    assert again == tree
    assert schema.props == root


@given(kinds_and_objects())
def test_validity(pair: tuple[Tree, Tree]) -> None:
    """There is an error exactly where the reference finds one, and validation changes nothing."""
    root, obj = pair
    schema = kind(root)
    tree = copy.deepcopy(obj)
    schema.decode(tree)
    schema.default(tree)
    before = copy.deepcopy(tree)
    assert (schema.validate(tree) == []) == is_valid(content(tree), root)
    assert tree == before


@given(kinds_and_objects())
def test_valid_objects_survive(pair: tuple[Tree, Tree]) -> None:
    """A valid object with all its defaults comes through text, decoding and defaulting as it was."""
    root, obj = pair
    schema = kind(root)
    tree = copy.deepcopy(obj)
    schema.decode(tree)
    schema.default(tree)
    text = orjson.dumps(tree)
    again: Tree = orjson.loads(text)
    strict: list[str] = []
    schema.decode(again, strict, text)
    schema.default(again)
    assert (again, strict) == (tree, [])
    stored = content(tree) | {"metadata": {**tree["metadata"], "generation": 1}}
    before = copy.deepcopy(stored)
    schema.read_stored(stored)
    assert stored == before


@given(roots, st.dictionaries(st.sampled_from(("spec", "data")), values))
def test_the_quick_check_agrees_with_the_slow_one(root: Tree, obj: Tree) -> None:
    """`checking` passes what `validation` finds nothing against, whatever the value."""
    for name, props in root["properties"].items():
        node = Node(props)
        value = obj.get(name)
        assert compile_check(node)(value) == examine(node, value, "").valid


@given(kinds_and_objects())
def test_an_unchanged_object_can_always_be_written(pair: tuple[Tree, Tree]) -> None:
    """However invalid it is, an update that changes metadata only is not refused."""
    root, obj = pair
    schema = kind(root)
    tree = copy.deepcopy(obj)
    schema.decode(tree)
    closed = not any(props.get("x-kubernetes-preserve-unknown-fields") for props in _all(root))
    assert not closed or schema.validate_update(tree, copy.deepcopy(tree)) == []


def _all(props: Tree) -> list[Tree]:
    """The schema and those below it."""
    found = [props]
    for below in (*props.get("properties", {}).values(), props.get("items"), props.get("additionalProperties")):
        if isinstance(below, dict):
            found += _all(below)
    return found


@given(kinds_and_objects())
def test_updates_are_told_no_more_than_creations(pair: tuple[Tree, Tree]) -> None:
    """Ratcheting only leaves errors out; without anything in common with the old object it leaves out none."""
    root, obj = pair
    schema = kind(root)
    tree = copy.deepcopy(obj)
    schema.decode(tree)
    told = [str(error) for error in schema.validate(tree)]
    bare = {"apiVersion": GVK.api_version, "kind": GVK.kind, "metadata": {"name": "x"}}
    assert [str(error) for error in schema.validate_update(tree, bare)] == told
