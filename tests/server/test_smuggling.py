"""Requests that two readers could cut differently are refused, and nothing behind them is served."""

from __future__ import annotations

import pytest
from listener_wire import Seen, get, on_loop, site

HOST = b"Host: here\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: here\r\n\r\n"


def with_headers(*lines: bytes, body: bytes = b"") -> bytes:
    return b"POST / HTTP/1.1\r\n" + HOST + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


CHUNKED = b"Transfer-Encoding: chunked"
REFUSED = {
    "length and chunked": with_headers(b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n"),
    "chunked and length": with_headers(CHUNKED, b"Content-Length: 5", body=b"0\r\n\r\n"),
    "two lengths": with_headers(b"Content-Length: 0", b"Content-Length: 44"),
    "the same length twice": with_headers(b"Content-Length: 3", b"Content-Length: 3", body=b"abc"),
    "a list of lengths": with_headers(b"Content-Length: 3, 3", body=b"abc"),
    "a signed length": with_headers(b"Content-Length: +3", body=b"abc"),
    "a negative length": with_headers(b"Content-Length: -1"),
    "a hexadecimal length": with_headers(b"Content-Length: 0x3", body=b"abc"),
    "an empty length": with_headers(b"Content-Length:"),
    "a length over 64 bits": with_headers(b"Content-Length: 18446744073709551617"),
    "digits apart": with_headers(b"Content-Length: 1 0", body=b"abc"),
    "space before the colon": with_headers(b"Content-Length : 3", body=b"abc"),
    "tab before the colon": with_headers(b"Transfer-Encoding\t: chunked", body=b"0\r\n\r\n"),
    "a folded line": with_headers(b"X-A: b", b" c"),
    "a folded coding": with_headers(b"Transfer-Encoding:", b" chunked", body=b"0\r\n\r\n"),
    "space before the first header": b"GET / HTTP/1.1\r\n " + HOST + b"\r\n",
    "NUL in a value": with_headers(b"X-A: b\0c"),
    "NUL in a name": with_headers(b"X\0A: b"),
    "a control character in a value": with_headers(b"X-A: b\x01"),
    "no name": with_headers(b": b"),
    "no colon": with_headers(b"X-A"),
    "bare LF in the request line": b"GET / HTTP/1.1\n" + HOST + b"\r\n",
    "bare LF in a header": b"GET / HTTP/1.1\r\nHost: here\nX-A: b\r\n\r\n",
    "bare LF at the end": b"GET / HTTP/1.1\r\n" + HOST + b"\n",
    "bare CR in a header": with_headers(b"X-A: b\rX-B: c"),
    "the coding twice": with_headers(CHUNKED, CHUNKED, body=b"0\r\n\r\n"),
    "another coding": with_headers(b"Transfer-Encoding: identity", body=b"0\r\n\r\n"),
    "a coding like chunked": with_headers(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "a vertical tab before the coding": with_headers(b"Transfer-Encoding:\x0bchunked", body=b"0\r\n\r\n"),
    "chunked in HTTP/1.0": b"POST / HTTP/1.0\r\n" + CHUNKED + b"\r\n\r\n0\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": with_headers(b"Host: there"),
    "a host with a path": b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
    "no version": b"GET /\r\n\r\n",
    "words too many": b"GET / / HTTP/1.1\r\n" + HOST + b"\r\n",
    "a control character in the target": b"GET /\x01 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a target without a slash": b"GET api HTTP/1.1\r\n" + HOST + b"\r\n",
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    "chunk size with a prefix": with_headers(CHUNKED, body=b"0x3\r\nabc\r\n0\r\n\r\n"),
    "a negative chunk size": with_headers(CHUNKED, body=b"-3\r\nabc\r\n0\r\n\r\n"),
    "space after the chunk size": with_headers(CHUNKED, body=b"3 \r\nabc\r\n0\r\n\r\n"),
    "bare LF after the chunk size": with_headers(CHUNKED, body=b"3\nabc\r\n0\r\n\r\n"),
    "bare LF in an extension": with_headers(CHUNKED, body=b"3;a\nabc\r\n0\r\n\r\n"),
    "bare LF after a chunk": with_headers(CHUNKED, body=b"3\r\nabc\n0\r\n\r\n"),
    "a chunk too long": with_headers(CHUNKED, body=b"3\r\nabcd\r\n0\r\n\r\n"),
    "a chunk size over 64 bits": with_headers(CHUNKED, body=b"ffffffffffffffff0\r\nabc\r\n0\r\n\r\n"),
    "an empty chunk size": with_headers(CHUNKED, body=b"\r\nabc\r\n0\r\n\r\n"),
}


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED.keys())
@on_loop
async def test_ambiguous_requests_are_refused(sent: bytes) -> None:
    """400, closed, and neither the request nor what follows it reaches the handler."""
    seen = Seen()
    async with site(seen) as here:
        wire = await here.connect()
        wire.send(sent + SMUGGLED)
        got = await wire.answer()
        rest = await wire.rest()
    assert got.status in (400, 501) and got.headers["connection"] == "close" and rest == b""
    assert got.headers["content-type"].startswith("text/plain") and got.body
    assert seen.requests == []


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED.keys())
@on_loop
async def test_ambiguous_requests_behind_a_good_one(sent: bytes) -> None:
    """The same behind a good request, whose headers are remembered: only the good one is served."""
    seen = Seen()
    async with site(seen) as here:
        wire = await here.connect()
        wire.send(get("/good"))
        assert (await wire.answer()).status == 200
        wire.send(sent + SMUGGLED)
        assert (await wire.answer()).status in (400, 501)
        await wire.rest()
    assert [r.path for r in seen.requests] == ["/good"]


@pytest.mark.parametrize(("sent", "status"), [
    (with_headers(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"), 501),
    (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505),
    (b"FOO / HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    (b"CONNECT here:443 HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
])  # fmt: skip
@on_loop
async def test_what_is_not_spoken_here(sent: bytes, status: int) -> None:
    """Other codings, versions and methods are told apart from nonsense, and closed as well."""
    seen = Seen()
    async with site(seen) as here:
        wire = await here.connect()
        wire.send(sent + SMUGGLED)
        assert (await wire.answer()).status == status and await wire.rest() == b""
    assert seen.requests == []


@on_loop
async def test_messages_of_refusals() -> None:
    """The texts are those of Go's server."""
    async with site(Seen()) as here:
        assert (await here.ask(b"GET / HTTP/1.1\r\n\r\n")).body == b"400 Bad Request: missing required Host header"
        assert (await here.ask(b"?\r\n\r\n")).body == b"400 Bad Request"
        got = await here.ask(b"GET / HTTP/2.0\r\n" + HOST + b"\r\n")
        assert got.body == b"505 HTTP Version Not Supported: unsupported protocol version"


@pytest.mark.parametrize("second", [
    b"GET /x HTTP/1.1 \r\n", b"GET  /x HTTP/1.1\r\n", b"GET /x\tHTTP/1.1\r\n", b"get /x HTTP/1.1\r\n",
    b"GET /\xc3 HTTP/1.1\r\n", b"GET /x HTTP/1.1\r\nContent-Length: 3\r\n", b"GET /x HTTP/1.0\r\n",
    b"GET /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", b"\r\nGET /x HTTP/1.1\r\n",
])  # fmt: skip
@on_loop
async def test_remembered_headers_vouch_for_themselves_only(second: bytes) -> None:
    """Behind remembered headers a request line or further headers are judged as on a fresh connection."""
    block = b"Host: here\r\nX-A: b\r\n\r\n"
    outcomes = []
    for first in (b"", b"GET /first HTTP/1.1\r\n" + block):
        seen = Seen()
        async with site(seen) as here:
            wire = await here.connect()
            if first:
                wire.send(first)
                await wire.answer()
            wire.send(second + block)
            await here.rest(lambda: here.listener.counters.bytes_in)
            wire.writer.write_eof()
            rest = await wire.rest()
        outcomes.append((rest[:12], [(r.method, r.path, r.headers, r.body) for r in seen.requests][bool(first):]))
    assert outcomes[0] == outcomes[1]
