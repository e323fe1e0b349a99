"""Decoding bodies of built-in kinds: what comes out, what is complained of, and what stays as it is."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_objects import TYPES, any_object

from orlop.api.gvk import GroupVersionKind
from orlop.schema.interface import DecodeError
from orlop.schema.kind import KindSchema
from orlop.schema.structural import Structural

RECORDED = json.loads((Path(__file__).parents[1] / "data" / "schema" / "decoded.json").read_text())
CONFIG_MAP, SECRET = GroupVersionKind("", "v1", "ConfigMap"), GroupVersionKind("", "v1", "Secret")
SERVICE, POD = GroupVersionKind("", "v1", "Service"), GroupVersionKind("", "v1", "Pod")
ROLE = GroupVersionKind("rbac.authorization.k8s.io", "v1", "Role")
CRD = GroupVersionKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition")


def decoded(gvk: GroupVersionKind, tree: Any, strict: list[str] | None = None) -> Any:
    tree = copy.deepcopy(tree)
    TYPES.kind(gvk).decode(tree, strict)
    return tree


def error_of(gvk: GroupVersionKind, text: str) -> str:
    with pytest.raises(DecodeError) as caught:
        TYPES.kind(gvk).decode(json.loads(text), [], text.encode())
    return str(caught.value)


@pytest.mark.parametrize("case", RECORDED, ids=[f"{case['kind'][2]}-{n}" for n, case in enumerate(RECORDED)])
def test_a_body_decodes_as_go_decodes_it(case: dict[str, Any]) -> None:
    """The printed object, the error and the complaints are those of Go, for a body read with its text."""
    gvk = GroupVersionKind(*case["kind"])
    schema = KindSchema(gvk, TYPES.table.root(gvk), Structural(nil_empty=False), TYPES.codec)
    text, strict = case["text"].encode(), []
    tree = orjson.loads(text)
    if "error" in case:
        with pytest.raises(DecodeError) as caught:
            schema.decode(tree, strict, text)
        assert str(caught.value) == case["error"]
    else:
        schema.decode(tree, strict, text)
        assert (tree, strict) == (case["printed"], case.get("strict", []))


@given(st.integers(0, 2**32))
def test_decoding_what_was_decoded_changes_nothing(seed: int) -> None:
    """A decoded object is in the form that decoding gives, whatever its kind."""
    gvk, tree = any_object(seed)
    once = decoded(gvk, tree, [])
    complaints: list[str] = []
    assert decoded(gvk, once, complaints) == once
    assert complaints == []


@given(st.integers(0, 2**32))
def test_the_text_beside_the_tree_makes_no_difference_to_a_good_body(seed: int) -> None:
    """A body without mistakes decodes to the same with and without its text, compact or spaced."""
    gvk, tree = any_object(seed)
    for text in (orjson.dumps(tree), json.dumps(tree).encode()):
        read, complaints = orjson.loads(text), []
        TYPES.kind(gvk).decode(read, complaints, text)
        assert (read, complaints) == (decoded(gvk, tree), [])


@pytest.mark.parametrize(("gvk", "text", "error"), [
    (CONFIG_MAP, '{"data":{"k":1}}',
     "json: cannot unmarshal number into Go struct field ConfigMap.data of type string"),
    (CONFIG_MAP, '{"data":["x"]}',
     "json: cannot unmarshal array into Go struct field ConfigMap.data of type map[string]string"),
    (CONFIG_MAP, '{"metadata":"a"}',
     "json: cannot unmarshal string into Go struct field ConfigMap.metadata of type v1.ObjectMeta"),
    (CONFIG_MAP, '{"metadata":{"labels":{"a":1}}}',
     "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string"),
    (CONFIG_MAP, '{"metadata":{"creationTimestamp":"yesterday"}}',
     'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"'),
    (CONFIG_MAP, '{"kind":5}',
     "json: cannot unmarshal number into Go struct field ConfigMap.TypeMeta.kind of type string"),
    (SECRET, '{"data":{"k":"not base64!"}}', "illegal base64 data at input byte 3"),
    (SECRET, '{"data":{"k":7}}', "json: cannot unmarshal number into Go struct field Secret.data of type []uint8"),
    (SERVICE, '{"spec":{"ports":[{"port":80.5}]}}',
     "json: cannot unmarshal number 80.5 into Go struct field ServicePort.spec.ports.port of type int32"),
    (SERVICE, '{"spec":{"ports":[{"port":8e1}]}}',
     "json: cannot unmarshal number 8e1 into Go struct field ServicePort.spec.ports.port of type int32"),
    (SERVICE, '{"spec":{"ports":[{"targetPort":8080.0}]}}',
     "json: cannot unmarshal number 8080.0 into Go struct field ServicePort.spec.ports.targetPort of type int32"),
    (SERVICE, '{"spec":{"ports":{"port":80}}}',
     "json: cannot unmarshal object into Go struct field ServiceSpec.spec.ports of type []v1.ServicePort"),
    (POD, '{"spec":{"containers":[{"livenessProbe":{"httpGet":5}}]}}',
     "json: cannot unmarshal number into Go struct field Probe.spec.containers.livenessProbe.ProbeHandler.httpGet "
     "of type v1.HTTPGetAction"),
    (POD, '{"spec":{"priority":99999999999}}',
     "json: cannot unmarshal number 99999999999 into Go struct field PodSpec.spec.priority of type int32"),
    (CRD, '{"spec":{"versions":[{"schema":{"openAPIV3Schema":{"additionalProperties":5}}}]}}',
     "boolean or JSON schema expected"),
])
def test_a_wrong_type_is_told_in_go_s_words(gvk: GroupVersionKind, text: str, error: str) -> None:
    """The innermost struct and the path of JSON names from the root are named, lists and map keys are not."""
    assert error_of(gvk, text) == error


def test_the_first_wrong_type_is_reported_unless_a_value_refuses_itself() -> None:
    """A type mismatch waits for the end of the body; a time that does not parse ends it at once and wins."""
    assert "ConfigMap.data of type" in error_of(CONFIG_MAP, '{"data":5,"immutable":"x"}')
    assert error_of(CONFIG_MAP, '{"data":5,"metadata":{"creationTimestamp":"x"}}').startswith("parsing time")


def test_unknown_and_repeated_fields_are_named_in_the_order_of_the_text() -> None:
    """One list of complaints, with paths through lists and maps; keys that differ in case are unknown."""
    text = (b'{"metadata":{"name":"a","name":"b","nope":1},"data":{},"data":{"z":"1","z":"2"},'
            b'"Data":{},"x":1,"binaryData":{}}')
    tree, strict = orjson.loads(text), []
    TYPES.kind(CONFIG_MAP).decode(tree, strict, text)
    assert strict == [
        'duplicate field "metadata.name"', 'unknown field "metadata.nope"', 'duplicate field "data"',
        'duplicate field "data.z"', 'unknown field "Data"', 'unknown field "x"',
    ]
    assert tree == {"metadata": {"name": "b"}, "data": {"z": "2"}}


def test_paths_of_complaints_count_list_items() -> None:
    """Deep places read like spec.containers[1].env[0].vale."""
    strict: list[str] = []
    decoded(POD, {"spec": {"containers": [{}, {"env": [{"vale": "1"}]}]}}, strict)
    assert strict == ['unknown field "spec.containers[1].env[0].vale"']


def test_a_repeated_key_is_read_into_what_the_first_one_left() -> None:
    """Objects under a repeated key are merged, as Go reads both into one struct or map."""
    text = b'{"metadata":{"name":"a"},"metadata":{"namespace":"n"},"data":{"a":"1"},"data":{"b":"2"}}'
    tree = orjson.loads(text)
    TYPES.kind(CONFIG_MAP).decode(tree, None, text)
    assert tree == {"metadata": {"name": "a", "namespace": "n"}, "data": {"a": "1", "b": "2"}}


def test_nulls_and_empty_members_go_and_always_printed_members_come() -> None:
    """omitempty hides what is empty unless it is behind a pointer; structs and unmarked fields always print."""
    pod = {"metadata": {"labels": {}, "name": ""}, "spec": {"containers": [{"name": "c", "stdin": False, "env": None}],
           "hostNetwork": False, "automountServiceAccountToken": False, "securityContext": {}, "priority": 0}}
    assert decoded(POD, pod) == {
        "metadata": {}, "status": {},
        "spec": {"containers": [{"name": "c", "resources": {}}], "automountServiceAccountToken": False,
                 "securityContext": {}, "priority": 0},
    }


def test_null_in_a_map_is_the_empty_value() -> None:
    """Labels and Secret data keep a key whose value is null."""
    assert decoded(SECRET, {"metadata": {"labels": {"x": None}}, "data": {"k": None}}) == {
        "metadata": {"labels": {"x": ""}}, "data": {"k": ""}}


def test_an_empty_list_that_is_always_printed_becomes_null_where_storage_is_protobuf() -> None:
    """A rule cannot tell no verbs from none given; a CRD, stored as JSON, can. That a Role was given no rules is known
    until its strategy is done, for the sake of who owns them."""
    assert decoded(ROLE, {"rules": [{"verbs": []}]})["rules"] == [{"verbs": None}]
    assert (decoded(ROLE, {"rules": []})["rules"], decoded(ROLE, {})["rules"]) == ([], None)
    assert decoded(CRD, {"spec": {"versions": []}})["spec"]["versions"] == []


def test_quantities_times_and_bytes_are_spelled_canonically() -> None:
    """Limits, timestamps and base64 come out as upstream prints them, other JSON below raw members as it is."""
    tree = decoded(POD, {
        "metadata": {"creationTimestamp": "2024-01-01T02:00:00.5+02:00", "managedFields": [{"fieldsV1": {"f:a": {}}}]},
        "spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": "0.5", "memory": "1024Mi", "x": 0.1}}}]},
    })
    assert tree["metadata"]["creationTimestamp"] == "2024-01-01T00:00:00Z"
    assert tree["metadata"]["managedFields"] == [{"fieldsV1": {"f:a": {}}}]
    assert tree["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "500m", "memory": "1Gi", "x": "100m"}


def test_a_number_s_spelling_counts_in_a_quantity() -> None:
    """1.500 without quotes stays 1.500, while 1.5 becomes 1500m."""
    text = b'{"spec":{"containers":[{"name":"c","resources":{"limits":{"a":1.500,"b":1.5,"c":1e3}}}]}}'
    tree = orjson.loads(text)
    TYPES.kind(POD).decode(tree, [], text)
    limits = tree["spec"]["containers"][0]["resources"]["limits"]
    assert limits == {"a": "1.500", "b": "1500m", "c": "1e3"}


def test_deep_schemas_end_in_an_error_not_in_a_crash() -> None:
    """A document nested deeper than the stack allows is refused."""
    text = b'{"not":' * 3000 + b"{}" + b"}" * 3000
    body = b'{"spec":{"versions":[{"schema":{"openAPIV3Schema":' + text + b"}}]}}"
    with pytest.raises(DecodeError, match="exceeded max depth"):
        TYPES.kind(CRD).decode({}, [], body)


def test_kinds_that_are_never_stored_have_schemas_too() -> None:
    """Options, reviews and subresource bodies decode; kinds of other versions are known by name only."""
    for group, kind in (("", "DeleteOptions"), ("apps", "DeleteOptions"), ("autoscaling", "Scale"),
                        ("policy", "Eviction"), ("", "Binding"), ("", "Status"), ("", "ListOptions"),
                        ("authentication.k8s.io", "TokenRequest")):
        assert TYPES.kind(GroupVersionKind(group, "v1", kind)).fields
    old = GroupVersionKind("apps", "v1beta1", "Deployment")
    assert TYPES.knows(old)
    assert not TYPES.knows(GroupVersionKind("apps", "v1", "Nonsense"))
    with pytest.raises(KeyError):
        TYPES.kind(old)
