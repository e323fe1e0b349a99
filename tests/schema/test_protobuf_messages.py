"""Objects as protobuf messages: byte for byte as recorded, and back without loss."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_objects import TYPES, any_object

from orlop.api.gvk import GroupVersionKind
from orlop.codec import protobuf

CONFIG_MAP = TYPES.kind(GroupVersionKind("", "v1", "ConfigMap"))
STATUS = TYPES.kind(GroupVersionKind("", "v1", "Status"))


def test_a_status_is_written_as_recorded() -> None:
    """The body of a 404, as kube-apiserver 1.36 answered it."""
    status = {"metadata": {}, "status": "Failure", "message": 'configmaps "none" not found', "reason": "NotFound",
              "details": {"name": "none", "kind": "configmaps"}, "code": 404}
    body = protobuf.wrap("v1", "Status", STATUS.to_protobuf(status))
    assert body == (b"k8s\x00\n\x0c\n\x02v1\x12\x06Status\x12U\n\x06\n\x00\x12\x00\x1a\x00\x12\x07Failure\x1a\x1b"
                    b'configmaps "none" not found"\x08NotFound*\x18\n\x04none\x12\x00\x1a\nconfigmaps(\x002\x000'
                    b"\x94\x03\x1a\x00\"\x00")


def test_a_recorded_body_is_read() -> None:
    """A ConfigMap as a client sent it; unknown fields are skipped."""
    body = b"k8s\x00\n\x0f\n\x02v1\x12\tConfigMap\x12\r\n\x03\n\x01x\x12\x06\n\x01k\x12\x01v\x1a\x00\"\x00"
    envelope = protobuf.unwrap(body)
    assert (envelope.api_version, envelope.kind) == ("v1", "ConfigMap")
    assert CONFIG_MAP.from_protobuf(envelope.raw) == {"metadata": {"name": "x"}, "data": {"k": "v"}}
    assert CONFIG_MAP.from_protobuf(b"\n\x05\n\x03unkz\x02zz") == {"metadata": {"name": "unk"}}


@given(st.integers(0, 2**32))
def test_a_message_keeps_what_the_tree_says(seed: int) -> None:
    """Read and written again, the message of an object of any kind is the same; so is a stored kind's tree."""
    gvk, tree = any_object(seed)
    schema = TYPES.kind(gvk)
    if not schema.has_protobuf:
        return
    schema.decode(tree)
    message = schema.to_protobuf(tree)
    again = schema.from_protobuf(message)
    assert schema.to_protobuf(again) == message
    # Claim templates of a StatefulSet carry a kind and apiVersion that no message has room for.
    if gvk.group == "apps" and not gvk.kind.endswith("List") and gvk.kind != "StatefulSet":
        assert again == {key: value for key, value in tree.items() if key not in ("kind", "apiVersion")}


@pytest.mark.parametrize(("message", "error"), [
    (b"\n\x02\n\x7f", "unexpected EOF"),
    (b"\x08\x01", "proto: wrong wireType = 0 for field Metadata"),
    (b"\x0c", "proto: ConfigMap: wiretype end group for non-group"),
    (b"\x00\x00", "proto: ConfigMap: illegal tag 0 (wire type 0)"),
    (b"\x0f", "proto: illegal wireType 7"),
    (b"\xff" * 11, "proto: integer overflow"),
])
def test_a_broken_message_is_refused(message: bytes, error: str) -> None:
    """The complaint is the generated code's."""
    with pytest.raises(protobuf.ProtobufError) as caught:
        CONFIG_MAP.from_protobuf(message)
    assert str(caught.value) == error


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(message: bytes) -> None:
    """Nothing but a ProtobufError comes of garbage."""
    try:
        tree = CONFIG_MAP.from_protobuf(message)
    except protobuf.ProtobufError:
        return
    assert "metadata" in tree


def test_tables_cannot_travel_as_protobuf() -> None:
    """A kind without protobuf numbers says so."""
    assert not TYPES.kind(GroupVersionKind("meta.k8s.io", "v1", "Table")).has_protobuf
    assert CONFIG_MAP.has_protobuf
