"""Objects go from one version of a kind to another and back, and come as the same objects."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from orlop.api.gvk import GroupVersionKind
from orlop.kinds.custom.conversion import Renaming
from orlop.kinds.custom.window import Window
from orlop.storage.interface import Entry
from orlop.structural.kind import CustomSchema

Tree = dict[str, Any]
V1, V2 = (GroupVersionKind("example.com", version, "Boat") for version in ("v1", "v2"))
SAILS: Tree = {"type": "array", "items": {"type": "object", "properties": {
    "area": {"type": "number"}, "name": {"type": "string", "nullable": True}}}}
OPEN: Tree = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
BOTH: Tree = {"length": {"type": "integer"}, "sails": SAILS, "notes": OPEN}
SCHEMAS = {"v1": BOTH, "v2": BOTH | {"keel": {"type": "string"}}}

JSON = st.recursive(st.none() | st.booleans() | st.integers(-2**53, 2**53) | st.text(max_size=5),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3))
SAIL = st.fixed_dictionaries({}, optional={"area": st.integers(0, 99) | st.sampled_from([0.5, 1.25]),
                                           "name": st.none() | st.text(max_size=4)})
SPECS = st.fixed_dictionaries({}, optional={
    "length": st.integers(-2**63, 2**63 - 1), "sails": st.lists(SAIL, max_size=3),
    "notes": st.dictionaries(st.text(max_size=3), JSON, max_size=3)})


def schema(version: str) -> CustomSchema:
    kind = GroupVersionKind("example.com", version, "Boat")
    return CustomSchema(kind, {"type": "object", "properties": {
        "spec": {"type": "object", "properties": SCHEMAS.get(version, {})}}})


COMPILED = {version: schema(version) for version in SCHEMAS}


def window(shown: GroupVersionKind, settled: int = 0) -> Window:
    """Objects are stored as v2. Nothing is taken for alike, so that everything is really converted."""
    return Window(shown, V2, COMPILED.__getitem__, Renaming(), settled, lambda: False)


def body(spec: Tree) -> bytes:
    return orjson.dumps({"metadata": {"name": "a", "generation": 1, "uid": "u"}, "spec": spec})


def stored(through: Window, bare: bytes, revision: int = 1) -> Entry:
    made = through.to_storage(bare)
    assert made is not None
    return Entry("/registry/example.com/boats/a", revision, made, None)


def shown(through: Window, entry: Entry) -> Tree:
    seen = through.now(entry)
    assert seen is not None
    tree: Tree = orjson.loads(seen.body)
    return tree


@given(SPECS, st.sampled_from([0, 5]))
def test_what_is_written_through_a_version_is_read_through_it(spec: Tree, settled: int) -> None:
    """Whatever version objects are stored in, and whether rules changed since."""
    for kind in (V1, V2):
        through = window(kind, settled)
        seen = shown(through, stored(through, body(spec)))
        assert seen["spec"] == spec
        assert (seen["apiVersion"], seen["kind"]) == (kind.api_version, kind.kind)


@given(SPECS)
def test_a_way_through_another_version_and_back_changes_nothing(spec: Tree) -> None:
    """Read as v2, written as v2, read as v1."""
    one, two = window(V1), window(V2)
    first = stored(one, body(spec))
    seen = two.now(first)
    assert seen is not None
    assert seen.body.endswith(b',"apiVersion":"example.com/v2","kind":"Boat"}')
    again = stored(two, two.bare(seen).body, 2)
    assert shown(one, again)["spec"] == spec == shown(two, again)["spec"]
    assert two.named(two.bare(seen)).body == seen.body


@given(SPECS, st.text(max_size=5))
def test_what_a_version_does_not_know_is_not_shown_by_it(spec: Tree, keel: str) -> None:
    """The stored object keeps it until somebody writes through that version."""
    one, two = window(V1), window(V2)
    entry = stored(two, body(spec | {"keel": keel}))
    assert shown(one, entry)["spec"] == spec
    assert shown(two, entry)["spec"] == spec | {"keel": keel}
    seen = one.now(entry)
    assert seen is not None
    assert shown(two, stored(one, one.bare(seen).body, 2))["spec"] == spec
