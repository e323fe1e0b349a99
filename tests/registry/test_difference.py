"""The difference of two trees: complete, small, and in the words of RFC 6902."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.patching import json_patch
from orlop.registry import difference as room
from orlop.registry.difference import Change, difference

SCALARS = (st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 1.0, 1.5])
           | st.text("ab/~0-", max_size=3))
NAMED = st.fixed_dictionaries({"name": st.sampled_from("abcde")}, optional={"value": SCALARS, "port": SCALARS})


def _containers(inner: Any) -> Any:
    return (st.lists(inner, max_size=5) | st.lists(NAMED, max_size=6)
            | st.dictionaries(st.text("ab/~-0", max_size=3), inner, max_size=4))


VALUES = st.recursive(SCALARS, _containers, max_leaves=25)
TREES = st.dictionaries(st.text("ab/~-0", max_size=2), VALUES, max_size=5)


def text(tree: Any) -> bytes:
    """What tells 1, 1.0 and true apart."""
    return orjson.dumps(tree, option=orjson.OPT_SORT_KEYS)


def applied(tree: Any, changes: list[Change]) -> Any:
    return json_patch.apply(tree, json_patch.operations([change.operation() for change in changes]))


@given(TREES, TREES)
def test_the_difference_makes_the_one_of_the_other(before: Any, after: Any) -> None:
    """Applied by our own JSON patch, it gives exactly the second tree, whatever the trees are."""
    frozen = text(before)
    assert text(applied(before, difference(before, after))) == text(after)
    assert text(before) == frozen


@given(TREES, TREES)
def test_nothing_is_said_of_what_stayed(before: Any, after: Any) -> None:
    """There is a change exactly when the trees differ, and each change is one."""
    changes = difference(before, after)
    assert bool(changes) == (text(before) != text(after))
    assert all(change.op != "replace" or text(change.before) != text(change.after) for change in changes)


@given(TREES, TREES)
def test_backwards_is_the_reverse(before: Any, after: Any) -> None:
    """What was before is told truly: undoing each change from the last to the first gives the first tree."""
    reverse = {"add": "remove", "remove": "add", "replace": "replace"}
    back = [Change(reverse[c.op], c.path, c.after, c.before) for c in difference(before, after)]  # type: ignore[arg-type]
    assert text(applied(after, back[::-1])) == text(before)


@given(st.lists(SCALARS, max_size=8), st.lists(SCALARS, max_size=8))
def test_long_lists_are_compared_by_place(before: Any, after: Any) -> None:
    """Also beyond the limit of alignment the result is complete."""
    limit = room.MAX_ALIGNED
    try:
        room.MAX_ALIGNED = 2  # type: ignore[misc]
        assert text(applied({"l": before}, difference({"l": before}, {"l": after}))) == text({"l": after})
    finally:
        room.MAX_ALIGNED = limit  # type: ignore[misc]


def containers(*names: str, **images: str) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": name, "image": images.get(name, "i")} for name in names]}}


@pytest.mark.parametrize(("before", "after", "expected"), [
    (containers("a", "b"), containers("new", "a", "b"),
     [Change("add", "/spec/containers/0", None, {"name": "new", "image": "i"})]),
    (containers("a", "b", "c"), containers("a", "c", c="j"),
     [Change("remove", "/spec/containers/1", {"name": "b", "image": "i"}),
      Change("replace", "/spec/containers/1/image", "i", "j")]),
    ({"args": ["a", "b", "c"]}, {"args": ["a", "x", "b", "c"]}, [Change("add", "/args/1", None, "x")]),
    ({"args": ["a"]}, {"args": ["b"]}, [Change("replace", "/args/0", "a", "b")]),
    ({"metadata": {"labels": {"a/b": "1"}}}, {"metadata": {"labels": {"a/b": "2"}}},
     [Change("replace", "/metadata/labels/a~1b", "1", "2")]),
    ({"n": 1}, {"n": 1.0}, [Change("replace", "/n", 1, 1.0)]),
    ({"a": None}, {}, [Change("remove", "/a", None)]),
])  # fmt: skip
def test_elements_keep_their_identity(before: Any, after: Any, expected: list[Change]) -> None:
    """A named element that moved is not a change of all that stand behind it."""
    assert difference(before, after) == expected


def test_left_out_places() -> None:
    """Neither the places named nor what is below them."""
    before = {"metadata": {"resourceVersion": "1", "managedFields": [{"manager": "a"}], "name": "x"}}
    after = {"metadata": {"resourceVersion": "2", "labels": {"a": "b"}, "name": "x"}}
    without = {"/metadata/resourceVersion", "/metadata/managedFields"}
    assert difference(before, after, without) == [Change("add", "/metadata/labels", None, {"a": "b"})]


def test_forms() -> None:
    """An operation as RFC 6902 has it, and the form for people with both values."""
    assert Change("replace", "/a", 1, None).operation() == {"op": "replace", "path": "/a", "value": None}
    assert Change("replace", "/a", 1, None).tree() == {"op": "replace", "path": "/a", "from": 1, "to": None}
    assert Change("remove", "/a", 1).tree() == {"op": "remove", "path": "/a", "from": 1}
    assert Change("add", "/a", None, 2).tree() == {"op": "add", "path": "/a", "to": 2}
