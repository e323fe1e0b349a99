"""Merge patches: RFC 7386 and where upstream leaves it."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from json_trees import objects, values

from orlop.patching import merge_patch
from orlop.patching.errors import BadPatch

RFC = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"a": "b"}, ["c"], ["c"]),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("document", "patch", "result"), RFC)
def test_rfc_examples(document, patch, result):
    """The examples of RFC 7386 appendix A that start from an object come out as printed there."""
    assert merge_patch.apply(document, patch) == result


def test_nulls_vanish_inside_lists():
    """Objects in a list of the patch lose their nulls, null items stay."""
    assert merge_patch.apply({"a": 1}, {"a": [{"b": None, "c": 1}, None]}) == {"a": [{"c": 1}, None]}


def test_nulls_stay_in_a_list_that_replaces_an_object():
    """A list that takes the place of an object is taken as it is."""
    assert merge_patch.apply({"a": {"x": 1}}, {"a": [{"b": None}]}) == {"a": [{"b": None}]}


def test_null_members_of_the_document_count_as_absent():
    """A null in the document is replaced by the pruned value."""
    assert merge_patch.apply({"a": None}, {"a": {"b": None, "c": 1}}) == {"a": {"c": 1}}


def test_false_and_zero_differ():
    """A member changes when only its type does."""
    assert merge_patch.apply({"a": 0}, {"a": False})["a"] is False


@pytest.mark.parametrize("patch", [None, 5, "text", True])
def test_patches_of_other_types(patch):
    """null and scalars are no patches: 400."""
    with pytest.raises(BadPatch, match="Invalid JSON Patch"):
        merge_patch.apply({}, patch)


@pytest.mark.parametrize(
    ("patch", "name"), [([], "array"), ("x", "string"), (5, "number"), (1.5, "number"), (True, "bool")]
)
def test_check_wants_an_object(patch, name):
    """With field validation a patch that is no object is refused in the decoder's words."""
    with pytest.raises(BadPatch) as caught:
        merge_patch.check(patch)
    target = "Go value of type map[string]interface {}"
    assert str(caught.value) == f"error decoding patch: json: cannot unmarshal {name} into {target}"


def test_check_accepts_objects_and_null():
    """Objects pass, and so does null, which fails only when it is applied."""
    merge_patch.check({})
    merge_patch.check(None)


def test_untouched_subtrees_are_shared():
    """Only what lies on the way to a change is copied."""
    document = {"metadata": {"labels": {"a": "1"}}, "data": {"k": "v"}, "other": {"x": [1]}}
    result = merge_patch.apply(document, {"data": {"k": "w"}})
    assert result["metadata"] is document["metadata"]
    assert result["other"] is document["other"]
    assert document["data"] == {"k": "v"}


def test_a_patch_without_effect_gives_back_the_document():
    """No change, no copy."""
    document = {"metadata": {"labels": {"a": "1"}}, "n": 1}
    assert merge_patch.apply(document, {"metadata": {"labels": {"a": "1", "b": None}}, "n": 1}) is document


def difference(old, new):
    """The merge patch from one object to another that has no nulls."""
    patch = {key: None for key in old if key not in new}
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(old.get(key), dict):
            patch[key] = difference(old[key], value)
        else:
            patch[key] = value
    return patch


@given(objects(), objects(nulls=False))
def test_applying_a_difference_gives_the_target(old, new):
    """apply(a, difference(a, b)) is b."""
    assert merge_patch.apply(old, difference(old, new)) == new


@given(objects(), objects())
def test_neither_argument_changes(document, patch):
    """Document and patch are the same before and after, also where they are nested deeply."""
    before = copy.deepcopy((document, patch))
    merge_patch.apply(document, patch)
    assert (document, patch) == before


@given(objects(), objects(nulls=False))
def test_applying_twice_changes_nothing_more(document, target):
    """A merge patch whose lists hold no nulls is idempotent."""
    patch = difference(document, target)
    once = merge_patch.apply(document, patch)
    assert merge_patch.apply(once, patch) == once


@given(objects(nulls=False), objects(nulls=False))
def test_a_patch_without_nulls_keeps_every_member(document, patch):
    """Without nulls nothing is deleted."""
    assert set(merge_patch.apply(document, patch)) == set(document) | set(patch)


@given(values(nulls=False))
def test_new_members_are_taken_whole(value):
    """A value without nulls arrives as it was sent."""
    assert merge_patch.apply({}, {"k": value}) == {"k": value}
