"""Results of strategic merges read under a type: converter words, whole floats, sorted complaints."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_objects import TYPES, any_object

from orlop.api.gvk import GroupVersionKind
from orlop.schema.interface import DecodeError

DEPLOYMENT = TYPES.kind(GroupVersionKind("apps", "v1", "Deployment"))
SECRET = TYPES.kind(GroupVersionKind("", "v1", "Secret"))


@pytest.mark.parametrize(("tree", "error"), [
    ({"spec": {"template": {"spec": {"containers": {"name": "a"}}}}}, "cannot restore slice from map"),
    ({"spec": {"replicas": "three"}}, "unrecognized type: int32"),
    ({"spec": "text"}, "cannot restore struct from: string"),
    ({"metadata": {"finalizers": [{"a": "b"}]}}, "unrecognized type: string"),
    ({"metadata": {"name": 5}}, "cannot convert int64 to string"),
    ({"spec": {"replicas": 1.5}}, "cannot convert float64 to int32"),
    ({"metadata": {"labels": []}}, "cannot restore map from slice"),
    ({"metadata": {"creationTimestamp": 5}}, "json: cannot unmarshal number into Go value of type string"),
])
def test_a_wrong_type_is_told_in_the_converter_s_words(tree: Any, error: str) -> None:
    """No path, Go's kinds of values."""
    with pytest.raises(DecodeError) as caught:
        DEPLOYMENT.restore(tree, [])
    assert str(caught.value) == error


def test_bad_base64_is_an_error_of_decoding() -> None:
    """Secret data that is no base64 names the byte."""
    with pytest.raises(DecodeError, match="error decoding from json: illegal base64 data at input byte 1"):
        SECRET.restore({"data": {"k": "a!"}})


def test_whole_floats_are_integers_and_unknown_fields_are_sorted() -> None:
    """Merging may leave 3.0 where 3 is meant; complaints come in alphabetical order without map keys."""
    tree: dict[str, Any] = {"zz": 1, "spec": {"replicas": 3.0, "aa": 1}}
    strict: list[str] = []
    DEPLOYMENT.restore(tree, strict)
    assert tree["spec"]["replicas"] == 3
    assert strict == ['unknown field "spec.aa"', 'unknown field "zz"']


@given(st.integers(0, 2**32))
def test_restoring_a_decoded_object_changes_nothing(seed: int) -> None:
    """Both ways of reading agree on objects without mistakes."""
    gvk, tree = any_object(seed)
    schema = TYPES.kind(gvk)
    schema.decode(tree)
    again = TYPES.kind(gvk)
    copy = dict(tree)
    again.restore(copy)
    assert copy == tree
