"""Protobuf's wire format and the envelope around it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.codec import protobuf as p


@given(st.integers(-(2**63), 2**63 - 1))
def test_varints_are_read_back(number: int) -> None:
    """Also negative ones, which take ten bytes."""
    data = b"\x08" + p.varint(number)
    assert [p.signed(content) for _, _, content in p.fields(data, "M") if isinstance(content, int)] == [number]
    assert len(data) <= 11


@given(st.text(max_size=20), st.text(max_size=20), st.binary(max_size=300))
def test_an_envelope_is_opened_again(version: str, kind: str, message: bytes) -> None:
    """What was wrapped comes out."""
    assert p.unwrap(p.wrap(version, kind, message)) == p.Envelope(version, kind, message)


@pytest.mark.parametrize(("body", "error"), [
    (b"", "empty data"),
    (b"k8s", "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"),
    (b"{}", "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"),
    (b"k8s\x00", "empty body"),
    (b"k8s\x00\n\x0f\n\x02v1\x12\tConfigMap\x12\r\n\x03\n\x01x\x12\x06\n\x01k\x12\x01v\x1a", "unexpected EOF"),
    (b"k8s\x00\x08\x01", "proto: wrong wireType = 0 for field TypeMeta"),
])
def test_what_is_no_envelope_is_refused(body: bytes, error: str) -> None:
    """In upstream's words."""
    with pytest.raises(p.ProtobufError) as caught:
        p.unwrap(body)
    assert str(caught.value) == error


def test_groups_and_unknown_wire_types_are_skipped_or_refused() -> None:
    """A group is passed over, nested ones too."""
    data = b"\x0b\x10\x05\x13\x1a\x01x\x14\x0c\x08\x07"
    assert list(p.fields(data, "M")) == [(1, p.VARINT, 7)]


def test_a_watch_event_is_framed_by_its_length() -> None:
    """Four bytes of length, then type and object."""
    event = p.watch_event("ADDED", b"body")
    assert event == b"\x00\x00\x00\x0f\n\x05ADDED\x12\x06\n\x04body"
