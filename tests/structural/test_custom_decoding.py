"""Bodies of custom kinds: what strict decoding tells of a text, metadata, numbers, objects read from storage."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest
from custom_schemas import GVK

from orlop.codec import json
from orlop.codec.protobuf import ProtobufError
from orlop.schema.interface import DecodeError, Schema
from orlop.structural.kind import CustomSchema

Tree = dict[str, Any]
EMBEDDED = {"type": "object", "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True}
SPEC = {"type": "object", "properties": {"size": {"type": "integer"}, "name": {"type": "string", "default": "n"},
                                         "ratio": {"type": "number"}, "template": EMBEDDED,
                                         "any": {"x-kubernetes-preserve-unknown-fields": True}}}
SCHEMA = CustomSchema(GVK, {"type": "object", "properties": {"spec": SPEC}})
HEAD = b'{"apiVersion":"example.com/v1","kind":"Widget",'


def decode(text: bytes, schema: CustomSchema = SCHEMA) -> tuple[Tree, list[str]]:
    tree: Tree = json.decode(text)
    strict: list[str] = []
    schema.decode(tree, strict, text)
    return tree, strict


def test_a_custom_schema_keeps_the_promises_of_schemas() -> None:
    """It can stand wherever the schema of a built-in kind stands."""
    schema: Schema = SCHEMA
    tree: Tree = {"spec": {}}
    schema.compile_defaults({})(tree)
    assert tree == {"spec": {"name": "n"}}
    assert schema.merge_schema is None
    with pytest.raises(ProtobufError):
        schema.to_protobuf({})
    with pytest.raises(ProtobufError):
        schema.from_protobuf(b"")


def test_complaints_come_in_upstreams_order() -> None:
    """Repeated fields as the text has them, then unknown ones: of metadata, of the object, of embedded resources."""
    _, strict = decode(HEAD + b'"zz":1,"metadata":{"name":"x","name":"y","bogus":1,"abc":2},"spec":{"size":1,"size":2,'
                              b'"beta":1,"template":{"kind":"A","apiVersion":"v1","metadata":{"q":1}}}}')
    assert strict == [f'{what} field "{name}"' for what, name in (
        ("duplicate", "metadata.name"), ("duplicate", "spec.size"), ("unknown", "metadata.abc"),
        ("unknown", "metadata.bogus"), ("unknown", "spec.beta"), ("unknown", "zz"),
        ("unknown", "spec.template.metadata.q"))]


def test_without_strictness_unknown_fields_go_quietly() -> None:
    """fieldValidation=Ignore prunes as well."""
    tree: Tree = json.decode(HEAD + b'"metadata":{"name":"x","q":1},"spec":{"size":1,"q":1}}')
    SCHEMA.decode(tree)
    assert tree["metadata"] == {"name": "x"} and tree["spec"] == {"size": 1}


@pytest.mark.parametrize(("metadata", "error"), [
    (b'"x"', "json: cannot unmarshal string into Go value of type v1.ObjectMeta"),
    (b'{"finalizers":"x"}',
     "json: cannot unmarshal string into Go struct field ObjectMeta.finalizers of type []string"),
    (b'{"labels":["x"]}',
     "json: cannot unmarshal array into Go struct field ObjectMeta.labels of type map[string]string"),
    (b'{"name":1,"labels":{"a":1}}',
     "json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string"),
])
def test_metadata_of_a_wrong_type_is_refused(metadata: bytes, error: str) -> None:
    """In the words of Go's decoder, which reads its members in the order of their names."""
    with pytest.raises(DecodeError) as told:
        decode(HEAD + b'"metadata":' + metadata + b"}")
    assert str(told.value) == error


@pytest.mark.parametrize(("metadata", "kept"), [
    (b"null", {}), (b'{"annotations":null,"labels":{}}', {}),
    (b'{"annotations":{"a":null}}', {"annotations": {"a": ""}}),
    (b'{"name":"x","creationTimestamp":null}', {"name": "x"}),
])
def test_metadata_is_printed_as_upstream_prints_it(metadata: bytes, kept: Tree) -> None:
    """Nothing of a nothing."""
    assert decode(HEAD + b'"metadata":' + metadata + b"}")[0]["metadata"] == kept


def test_whole_floats_become_integers_when_written() -> None:
    """1.0 is stored as 1, also where the schema keeps what it does not know; validation still knows what it was."""
    tree, _ = decode(HEAD + b'"metadata":{"name":"x"},"spec":{"ratio":2.0,"name":1.0,"any":{"deep":[1e3,1.5]}}}')
    assert b'"ratio":2,"name":1,"any":{"deep":[1000,1.5]}' in orjson.dumps(tree)
    assert [str(error) for error in SCHEMA.validate(tree)] == [
        'spec.name: Invalid value: "number": spec.name in body must be of type string: "number"']


def test_numbers_beyond_all_floats_are_refused() -> None:
    """As they were written."""
    with pytest.raises(DecodeError) as told:
        decode(HEAD + b'"metadata":{"name":"x"},"spec":{"any":[1e2,-1e999]}}')
    assert str(told.value) == "json: cannot unmarshal number -1e999 into Go value of type float64"


def test_objects_of_another_kind_are_not_pruned() -> None:
    """They are refused later, with all they brought."""
    tree, strict = decode(b'{"apiVersion":"example.com/v1","kind":"Other","metadata":{"name":"x"},"zz":{"a":1}}')
    assert tree["zz"] == {"a": 1} and strict == []


def test_definitions_that_preserve_unknown_fields_prune_metadata_only() -> None:
    """spec.preserveUnknownFields of old definitions."""
    schema = CustomSchema(GVK, {"type": "object", "properties": {"spec": SPEC}}, preserve_unknown=True)
    tree, strict = decode(HEAD + b'"metadata":{"name":"x","q":1},"zz":null,"spec":{"size":null,"q":1.0}}', schema)
    assert strict == ['unknown field "metadata.q"']
    assert (tree["zz"], tree["spec"]) == (None, {"size": None, "q": 1})


def test_without_a_schema_nothing_but_metadata_stays() -> None:
    """A version without a schema knows no fields."""
    schema = CustomSchema(GVK, None)
    tree, strict = decode(HEAD + b'"metadata":{"name":"x"},"spec":{}}', schema)
    assert list(tree) == ["apiVersion", "kind", "metadata"] and strict == ['unknown field "spec"']
    assert schema.validate(tree) == [] and schema.validate_status(tree, tree) == []


def test_stored_objects_are_read_under_the_schema_of_today() -> None:
    """Pruned and defaulted; malformed metadata is dropped and a generation made up, as of very old objects."""
    tree: Tree = {"metadata": {"name": "x", "labels": {"a": 1}, "q": 1}, "spec": {"size": 1, "old": {}}}
    SCHEMA.read_stored(tree)
    assert tree == {"metadata": {"name": "x", "generation": 1}, "spec": {"size": 1, "name": "n"}}


def test_what_is_nested_too_deeply_is_refused() -> None:
    """Not by a crash."""
    deep: Any = {}
    for _ in range(50_000):
        deep = {"a": deep}
    tree: Tree = {"apiVersion": GVK.api_version, "kind": GVK.kind, "metadata": {}, "spec": {"any": deep}}
    with pytest.raises(DecodeError, match="exceeded max depth"):
        SCHEMA.decode(tree)
    while deep:  # taken apart from the outside: freeing it at once would recurse as deeply
        deep = deep.pop("a")


def test_defaults_are_pruned_where_they_stand() -> None:
    """A default with unknown fields is cut down once, not on every object."""
    props = {"type": "object", "properties": {"o": {"type": "object", "default": {"a": 1, "zz": 1},
                                                    "properties": {"a": {"type": "integer"}}}}}
    before = copy.deepcopy(props)
    tree: Tree = {}
    CustomSchema(GVK, props).default(tree)
    assert tree == {"o": {"a": 1}} and props == before
