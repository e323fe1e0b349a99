"""Bodies of JSON patches: what is read, what is refused, in which words."""

from __future__ import annotations

import orjson
import pytest

from orlop.patching import json_patch
from orlop.patching.errors import BadPatch, TooManyOperations

UNMARSHAL = "json: cannot unmarshal"
MALFORMED = [
    ("{}", f"{UNMARSHAL} object into Go value of type []handlers.jsonPatchOp"),
    ('"x"', f"{UNMARSHAL} string into Go value of type []handlers.jsonPatchOp"),
    ("5", f"{UNMARSHAL} number into Go value of type []handlers.jsonPatchOp"),
    ('["text"]', f"{UNMARSHAL} string into Go value of type handlers.jsonPatchOp"),
    ("[[1]]", f"{UNMARSHAL} array into Go value of type handlers.jsonPatchOp"),
    ('[{"op":5}]', f"{UNMARSHAL} number into Go struct field jsonPatchOp.op of type string"),
    ('[{"op":"add","path":{}}]', f"{UNMARSHAL} object into Go struct field jsonPatchOp.path of type string"),
    ('[{"from":true}]', f"{UNMARSHAL} bool into Go struct field jsonPatchOp.from of type string"),
    ("not json", "invalid character 'o' in literal null (expecting 'u')"),
    ("", "unexpected end of JSON input"),
]


@pytest.mark.parametrize(("body", "text"), MALFORMED)
def test_malformed_bodies(body, text):
    """A body that is no list of operations is a 400 in the decoder's words."""
    with pytest.raises(BadPatch) as caught:
        json_patch.parse(body.encode())
    assert str(caught.value) == f"error decoding patch: {text}"


UNCHECKED = [
    ("{}", f"{UNMARSHAL} object into Go value of type jsonpatch.Patch"),
    ("[5]", f"{UNMARSHAL} number into Go value of type jsonpatch.Operation"),
    ("[", "unexpected end of JSON input"),
]


@pytest.mark.parametrize(("body", "text"), UNCHECKED)
def test_malformed_bodies_without_field_validation(body, text):
    """With fieldValidation=Ignore only the library decodes, and its words stand alone."""
    with pytest.raises(BadPatch) as caught:
        json_patch.parse(body.encode(), checked=False)
    assert str(caught.value) == text


@pytest.mark.parametrize("body", ["null", "[]", "[ ]"])
def test_patches_without_operations(body):
    """null and the empty list are patches that do nothing."""
    assert json_patch.parse(body.encode()) == []


def test_members_are_looked_at_only_when_applied():
    """Without checks ill-typed members and null operations are read."""
    found = json_patch.parse(b'[{"op":5,"path":[]},null]', checked=False)
    assert [operation.kind for operation in found] == ["unknown", "unknown"]


def test_ten_thousand_operations_are_enough():
    """10,000 operations pass, one more is a 413."""
    operation = {"op": "test", "path": "/a"}
    assert len(json_patch.parse(orjson.dumps([operation] * 10_000))) == 10_000
    with pytest.raises(TooManyOperations) as caught:
        json_patch.parse(orjson.dumps([operation] * 10_001))
    assert str(caught.value) == "The allowed maximum operations in a JSON patch is 10000, got 10001"


def test_unknown_members_are_named():
    """Each member that no operation has is named with its place."""
    found = json_patch.parse(b'[{"op":"add","path":"/a","extra":1},{"Op":"x","value":{"y":1}}]')
    assert json_patch.unknown_members(found) == [
        'json patch unknown field "[0].extra"',
        'json patch unknown field "[1].Op"',
    ]


def test_repeated_members_are_named_with_the_body():
    """With the text at hand repeated members and keys are named too, operation by operation."""
    body = b'[{"op":"add","op":"add","path":"/a","x":1,"value":{"k":1,"k":2}},{"y":1}]'
    assert json_patch.unknown_members(json_patch.parse(body), body) == [
        'json patch unknown field "[0].x"',
        'json patch duplicate field "[0].op"',
        'json patch duplicate field "[0].value.k"',
        'json patch unknown field "[1].y"',
    ]


def test_unknown_members_are_limited():
    """No more than a hundred are named."""
    found = json_patch.operations([{"x": 1}] * 150)
    assert len(json_patch.unknown_members(found)) == 100


def test_the_last_of_repeated_members_counts():
    """As in Go's maps."""
    (operation,) = json_patch.parse(b'[{"op":"add","op":"remove","path":"/a"}]')
    assert operation.kind == "remove"


def test_spellings_are_kept_only_for_tests():
    """A patch without `test` does not pay for the comparison of spellings."""
    assert json_patch.parse(b'[{"op":"add","path":"/a","value":"<"}]')[0].respelled == frozenset()
    assert json_patch.parse(b'[{"op":"test","path":"/a","value":"<"}]')[0].respelled == {"<"}
