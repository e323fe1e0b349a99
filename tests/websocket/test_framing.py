"""Frames of WebSockets, however they are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.websocket.channels import FORMS, ChannelError, Decoder, Encoder
from orlop.websocket.framing import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    TEXT,
    Control,
    FramingError,
    Piece,
    Receiver,
    frame,
    mask,
)

KEY = b"\x01\x80\xff\x33"


@given(st.binary(max_size=100), st.binary(min_size=4, max_size=4))
def test_masking_twice_is_nothing(data: bytes, key: bytes) -> None:
    """The mask is its own inverse."""
    assert mask(mask(data, key), key) == data
    assert mask(data, key) == bytes(byte ^ key[at % 4] for at, byte in enumerate(data))


@given(st.lists(st.tuples(st.sampled_from([TEXT, BINARY, PING]),
                          st.one_of(st.binary(max_size=125), st.binary(min_size=126, max_size=400))), max_size=8),
       st.booleans(), st.data())
def test_any_cut_means_the_same(messages: list[tuple[int, bytes]], masked: bool, data: st.DataObject) -> None:
    """Messages and pings come out whole and in order."""
    messages = [(opcode, payload[:125] if opcode == PING else payload) for opcode, payload in messages]
    wire = b"".join(frame(opcode, payload, KEY if masked else b"") for opcode, payload in messages)
    receiver, got, text = Receiver(masked), [], b""
    while wire:
        cut = data.draw(st.integers(1, len(wire)))
        for part in receiver.receive(wire[:cut]):
            if isinstance(part, Control):
                got.append((part.opcode, part.data))
                continue
            text = part.data if part.first else text + part.data
            if part.last:
                got.append((part.opcode, text))
        wire = wire[cut:]
    assert got == messages


@given(st.binary(max_size=300))
def test_nonsense(junk: bytes) -> None:
    """Nothing but FramingError comes out of any bytes."""
    try:
        Receiver().receive(junk)
    except FramingError:
        return


def test_fragments_are_one_message() -> None:
    """With a ping in between."""
    first = bytes((BINARY, 0x80 | 2)) + KEY + mask(b"ab", KEY)
    wire = first + frame(PING, b"p", KEY) + frame(CONTINUATION, b"cd", KEY)
    assert Receiver().receive(wire) == [Piece(BINARY, b"ab", True, False), Control(PING, b"p"),
                                        Piece(BINARY, b"cd", False, True)]


def test_long_frames() -> None:
    """64 bits of length."""
    payload = bytes(70_000)
    parts = Receiver(masked=False).receive(frame(BINARY, payload))
    assert parts == [Piece(BINARY, payload, True, True)]


@pytest.mark.parametrize("wire", [
    frame(BINARY, b"x"), b"\xc2\x80" + KEY, frame(3, b"", KEY), frame(CONTINUATION, b"", KEY),
    bytes((CLOSE, 0x80)) + KEY, b"\x89\xfe\x00\x7e" + KEY,
])
def test_what_is_not_allowed(wire: bytes) -> None:
    """Frames without a mask, of unknown kinds, out of order, or control frames in parts."""
    with pytest.raises(FramingError):
        Receiver().receive(wire)


def pieces(payload: bytes, cut: int) -> list[Piece]:
    if not 0 < cut < len(payload):
        return [Piece(BINARY, payload, True, True)]
    return [Piece(BINARY, payload[:cut], True, False), Piece(BINARY, payload[cut:], False, True)]


@given(st.sampled_from(sorted(FORMS)), st.integers(0, 4), st.binary(max_size=50), st.integers(0, 60))
def test_channels_round_trip(name: str, channel: int, data: bytes, cut: int) -> None:
    """What is encoded for a channel is decoded for it, however the message is cut."""
    _, payload = Encoder(FORMS[name]).message(channel, data)
    decoder = Decoder(FORMS[name])
    got = [found for piece in pieces(payload, cut) for found in decoder.receive(piece)]
    assert b"".join(part or b"" for _, part in got) == data
    assert all(at == channel for at, _ in got)


def test_end_of_a_channel() -> None:
    """Only v5 knows it, and only for channels that exist."""
    v5, v4 = Decoder(FORMS["v5.channel.k8s.io"]), Decoder(FORMS["v4.channel.k8s.io"])
    assert [*v5.receive(Piece(BINARY, b"\xff\0", True, True))] == [(0, None)]
    assert [*v4.receive(Piece(BINARY, b"\xff\0", True, True))] == [(255, b"\0")]
    for wrong in (b"\xff", b"\xff\0\0", b"\xff\x09"):
        with pytest.raises(ChannelError):
            list(Decoder(FORMS["v5.channel.k8s.io"]).receive(Piece(BINARY, wrong, True, True)))
