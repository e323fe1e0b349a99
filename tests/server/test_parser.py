"""The parser alone: what arrives is understood alike however it is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from listener_wire import get, post

from orlop.api.http import Request
from orlop.server.limits import Limits
from orlop.server.parser import BETWEEN, Parser
from orlop.server.refusal import Refusal

Plain = tuple[str, str, str, list[tuple[str, str]], bytes]


def plain(request: Request) -> Plain:
    return (request.method, request.raw_path, request.query, request.header_list, request.body)


def parse(*parts: bytes, parser: Parser | None = None) -> list[Plain]:
    """All requests of the parts, fed as the connection does."""
    parser = parser or Parser(Limits(), "peer", None)
    found: list[Plain] = []
    for part in parts:
        if parser.phase == BETWEEN and (whole := parser.repeated(part)) is not None:
            found.append(plain(whole))
            continue
        start = 0
        while start < len(part):
            start = parser.feed(part, start)
            if parser.complete:
                found.append(plain(parser.take()))
    return found


def chunked(body: bytes, sizes: list[int]) -> bytes:
    out, at = b"", 0
    for size in sizes:
        if piece := body[at:at + size]:
            out += b"%x\r\n%b\r\n" % (len(piece), piece)
            at += size
    rest = body[at:]
    if rest:
        out += b"%X\r\n%b\r\n" % (len(rest), rest)
    return get("/", "Transfer-Encoding: chunked", method="POST") + out + b"0\r\n\r\n"


BODIES = st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b"0", b"GET / HTTP/1.1\r\n", b"x"]), max_size=8).map(b"".join)
REQUESTS = st.one_of(
    st.sampled_from([get("/a"), get("/b?c"), get("/d", "X-A: b"), get("/e", "X-A: b", "X-A: c"), b"\r\n" + get("/f")]),
    BODIES.map(post),
    st.builds(chunked, BODIES, st.lists(st.integers(1, 5), max_size=4)),
)


@given(st.lists(REQUESTS, min_size=1, max_size=6), st.data())
def test_cuts_do_not_matter(requests: list[bytes], data: st.DataObject) -> None:
    """Any requests, cut anywhere, are the same requests."""
    stream = b"".join(requests)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    parts = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    expected = [one for request in requests for one in parse(request)]
    assert len(expected) == len(requests)
    assert parse(*[part for part in parts if part]) == expected
    assert parse(*requests) == expected


@given(st.lists(REQUESTS, min_size=2, max_size=5))
def test_one_message_at_a_time(requests: list[bytes]) -> None:
    """`feed` never reads past the end of a message: what follows could still be refused or handed over."""
    stream = b"".join(requests)
    parser = Parser(Limits(), "", None)
    start, ends = 0, []
    while start < len(stream):
        start = parser.feed(stream, start)
        if parser.complete:
            parser.take()
            ends.append(start)
    lengths = [sum(map(len, requests[:n])) for n in range(1, len(requests) + 1)]
    assert ends == lengths


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_or_understood(data: bytes) -> None:
    """Whatever arrives, alone or behind a good request, ends in requests or in a refusal, never otherwise."""
    for parser in (Parser(Limits(), "", None), Parser(Limits(), "", None)):
        try:
            parse(data, parser=parser)
            parse(get() + data)
        except Refusal as refused:
            assert 400 <= refused.response.status <= 505


def test_repeated_headers_take_the_short_way() -> None:
    """The second request with the same headers is recognised without llhttp, and equals the first."""
    parser = Parser(Limits(), "peer", b"der")
    request = get("/a?b", "X-A: c")
    assert parser.repeated(request) is None
    assert parser.feed(request, 0) == len(request)
    first = parser.take()
    second = parser.repeated(request)
    assert second is not None and plain(second) == plain(first)
    assert (second.peer, second.peer_certificate) == ("peer", b"der")
    assert parser.repeated(get("/a?b", "X-A: d")) is None
    assert parser.repeated(request + request) is None
    assert parser.repeated(request[1:]) is None
    parser.feed(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\n", 0)
    assert parser.repeated(request) is None, "in the middle of a body nothing is a request"


@pytest.mark.parametrize("lines", [
    ("Connection: close",), ("Connection: Upgrade", "Upgrade: x"), ("Content-Length: 0",), ("Expect: 100-continue",),
])  # fmt: skip
def test_headers_that_frame_are_not_remembered(lines: tuple[str, ...]) -> None:
    """What decides about bodies and the connection is read anew each time."""
    parser = Parser(Limits(), "", None)
    request = get("/", *lines)
    for _ in range(2):
        assert parser.repeated(request) is None
        parser.feed(request, 0)
        assert parser.complete
        keep = parser.keep_alive
        parser.take()
        assert keep == (lines != ("Connection: close",))
        if not keep:
            return
