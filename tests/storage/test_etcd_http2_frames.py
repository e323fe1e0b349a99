"""Frames, headers and messages: bytes cut anywhere mean the same; what is out of bounds is refused."""

from __future__ import annotations

import hpack
import pytest
from etcd_http2_peer import BEGIN, METADATA, PATH, field, message, status
from hypothesis import given
from hypothesis import strategies as st

from orlop.storage import etcd_http2_frames as h2
from orlop.storage import etcd_http2_headers, etcd_http2_messages
from orlop.storage.etcd_http2_headers import Head, HeadReader, RequestHeaders
from orlop.storage.etcd_http2_messages import Reassembly, Refusal

PAYLOADS = st.binary(max_size=40)
FRAMES = st.lists(
    st.tuples(st.integers(0, 255), st.integers(0, 255), st.integers(0, (1 << 31) - 1), PAYLOADS), max_size=8
)


def pieces(whole: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted({cut % (len(whole) + 1) for cut in cuts})
    return [whole[start:stop] for start, stop in zip([0, *at], [*at, len(whole)], strict=True)]


@given(FRAMES, st.lists(st.integers(0, 1 << 16)))
def test_frames_cut_anywhere(frames: list[h2.Frame], cuts: list[int]) -> None:
    """However the bytes come, the same frames come out."""
    reader = h2.FrameReader(40)
    whole = b"".join(h2.frame(*frame) for frame in frames)
    assert [frame for piece in pieces(whole, cuts) for frame in reader.feed(piece)] == frames


@given(st.lists(PAYLOADS, max_size=8), st.lists(st.integers(0, 1 << 16)))
def test_messages_cut_anywhere(bodies: list[bytes], cuts: list[int]) -> None:
    """However a stream is cut into frames, the same messages come out."""
    reassembly = Reassembly()
    whole = b"".join(map(message, bodies))
    assert [body for piece in pieces(whole, cuts) for body in reassembly.feed(piece)] == bodies
    assert reassembly.partial == 0


@given(st.binary(max_size=200), st.lists(st.integers(0, 1 << 16)))
def test_any_bytes(noise: bytes, cuts: list[int]) -> None:
    """Nonsense is taken apart or refused, never worse, and at every cut in the same way."""

    def outcome(parts: list[bytes]) -> tuple[bool, list[h2.Frame]]:
        reader, frames = h2.FrameReader(30), []
        try:
            for part in parts:
                frames += reader.feed(part)
        except h2.Violation:
            return True, []
        return False, frames

    assert outcome(pieces(noise, cuts)) == outcome([noise])


def test_frame_beyond_the_limit() -> None:
    """A frame larger than announced is refused at its head, before its payload is held."""
    with pytest.raises(h2.Violation) as caught:
        h2.FrameReader(100).feed(h2.frame(h2.DATA, 0, 1, bytes(101))[:9])
    assert caught.value.code == h2.FRAME_SIZE_ERROR


def test_reserved_bit() -> None:
    """The highest bit of a stream's number means nothing."""
    assert h2.FrameReader(9).feed(b"\0\0\0\0\0\x80\0\0\x07") == [(0, 0, 7, b"")]


@pytest.mark.parametrize(
    ("flags", "payload", "rest"),
    [
        (h2.PADDED, b"\x02abc\0\0", b"abc"),
        (h2.PADDED, b"\0", b""),
        (h2.PRIORITISED, b"\0\0\0\0\0abc", b"abc"),
        (h2.PADDED | h2.PRIORITISED, b"\x01\0\0\0\0\0abc\0", b"abc"),
    ],
)
def test_padding(flags: int, payload: bytes, rest: bytes) -> None:
    """Padding and priority are taken away."""
    assert h2.unpadded(flags, payload) == rest


@pytest.mark.parametrize(
    ("flags", "payload"), [(h2.PADDED, b""), (h2.PADDED, b"\x03abc"[:3]), (h2.PRIORITISED, b"abc")]
)
def test_too_much_padding(flags: int, payload: bytes) -> None:
    """More padding than frame is refused."""
    with pytest.raises(h2.Violation):
        h2.unpadded(flags, payload)


@pytest.mark.parametrize("size", [0, 3, 7])
def test_odd_sizes(size: int) -> None:
    """Frames of a fixed size are refused at another one."""
    for read in (h2.read_number, h2.read_goaway):
        with pytest.raises(h2.Violation):
            read(bytes(size))
    if size:
        with pytest.raises(h2.Violation):
            h2.read_settings(bytes(size))


@pytest.mark.parametrize(
    ("block", "head"),
    [
        (BEGIN, Head(200, "", "")),
        (b"\x20" + BEGIN, Head(200, "", "")),
        (status(), Head(0, "OK", "")),
        (BEGIN + status(14, "caf%C3%A9 100%25 %zz"), Head(200, "UNAVAILABLE", "café 100% %zz")),
        (status(99), Head(0, "UNKNOWN", "")),
        (field("grpc-status", "x"), Head(0, "UNKNOWN", "")),
        (field(":status", "404"), Head(404, "", "", "HTTP status 404")),
        (b"\x88" + field("content-type", "text/html"), Head(200, "", "", "an answer of type 'text/html', not gRPC")),
        (b"", Head(0, "", "")),
    ],
)
def test_heads(block: bytes, head: Head) -> None:
    """What blocks of headers say, first and when they are known."""
    reader = HeadReader()
    assert reader.read(block) == head
    assert reader.read(block) == head


def test_huffman() -> None:
    """Blocks as other encoders make them, also those that would enter a table if there were one."""
    block = hpack.Encoder().encode([(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "5")])
    assert HeadReader().read(block) == Head(200, "NOT_FOUND", "")


@pytest.mark.parametrize("block", [b"\xbe", b"\x3f\x01" + BEGIN, b"\0\x7f", field("a", "b" * 100) * 600])
def test_refused_blocks(block: bytes) -> None:
    """The dynamic table that we forbade, cut strings, and too much are refused."""
    with pytest.raises(h2.Violation) as caught:
        HeadReader().read(block)
    assert caught.value.code == h2.COMPRESSION_ERROR


def test_memo_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks that never come again do not pile up."""
    monkeypatch.setattr(etcd_http2_headers, "HEADER_MEMO", 3)
    reader, requests = HeadReader(), RequestHeaders("a:1", False)
    for i in range(10):
        assert reader.read(status(2, str(i))).words == str(i)
        requests.block(PATH, METADATA, i + 1)
    assert len(reader._memo) <= 3
    assert len(requests._memo) <= 3


@pytest.mark.parametrize("length", [1, 126, 127, 128, 255, 5000])
def test_requests(length: int) -> None:
    """A request's headers, as any decoder reads them, with metadata of any length."""
    metadata = (*METADATA, ("Token", "t" * length))
    block = RequestHeaders("host:2379", True).block(PATH, metadata, 2.5)
    assert [tuple(pair) for pair in hpack.Decoder().decode(block)] == [
        (":method", "POST"), (":scheme", "https"), (":authority", "host:2379"), (":path", PATH), ("te", "trailers"),
        ("content-type", "application/grpc"), ("user-agent", "orlop"), ("hasleader", "true"),
        ("token", "t" * length), ("grpc-timeout", "2500m"),
    ]  # fmt: skip


def test_refused_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compressed and too large ones, at their heads."""
    monkeypatch.setattr(etcd_http2_messages, "MESSAGE_BYTES", 10)
    for prefix, code in ((message(b"", 1), "INTERNAL"), (message(bytes(11))[:5], "RESOURCE_EXHAUSTED")):
        with pytest.raises(Refusal) as caught:
            Reassembly().feed(prefix)
        assert caught.value.code == code
