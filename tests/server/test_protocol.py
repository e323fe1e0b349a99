"""One connection: requests in, answers out, in order."""

from __future__ import annotations

import asyncio
import gc

import pytest
from listener_wire import Seen, answering, get, on_loop, post, site, turn

from orlop.api.http import Answer, Request, Response
from orlop.server.limits import Limits
from orlop.server.parser import Parser
from orlop.server.protocol import Connection


@on_loop
async def test_answers_with_length_date_and_given_headers() -> None:
    """A whole answer carries its status, type, length, the date, and the handler's headers."""
    headers = (("Audit-Id", "one"), ("Cache-Control", "no-cache, private"))
    async with site(answering(Response(201, b'{"a":1}', headers=headers))) as here:
        got = await here.ask(get())
    assert got.status == 201 and got.body == b'{"a":1}'
    assert got.headers == {
        "audit-id": "one", "cache-control": "no-cache, private", "content-type": "application/json",
        "content-length": "7", "date": "Tue, 14 Nov 2023 22:13:20 GMT",
    }  # fmt: skip


@on_loop
async def test_date_follows_the_clock() -> None:
    """The Date header moves with the sweep."""
    async with site(answering(Response(200, b""))) as here:
        here.later(61)
        got = await here.ask(get())
    assert got.headers["date"] == "Tue, 14 Nov 2023 22:14:21 GMT"


@on_loop
async def test_varying_first_header_is_not_remembered() -> None:
    """Answers that differ in Audit-Id only do not show each other's."""
    ids = iter(("a", "b"))
    async with site(lambda r: Response(200, b"", headers=(("Audit-Id", next(ids)), ("X-Y", "z")))) as here:
        wire = await here.connect()
        wire.send(get() * 2)
        first, second = await wire.answer(), await wire.answer()
    assert (first.headers["audit-id"], second.headers["audit-id"]) == ("a", "b")
    assert first.headers["x-y"] == second.headers["x-y"] == "z"


@on_loop
async def test_header_values_cannot_end_their_line() -> None:
    """A line break in an answer's header value is sent as a space, also in the varying one."""
    for name in ("Audit-Id", "Warning"):
        async with site(answering(Response(200, b"", headers=((name, "a\r\nX-Evil: b"),)))) as here:
            got = await here.ask(get())
        assert "x-evil" not in got.headers and got.headers[name.lower()] == "a  X-Evil: b"


@on_loop
async def test_keep_alive_serves_many_requests() -> None:
    """One connection serves request after request, remembered headers or not, with and without body."""
    seen = Seen()
    async with site(seen) as here:
        wire = await here.connect()
        for number in range(30):
            path = f"/p{number % 3}?n={number}"
            wire.send(post(b"x" * number, path=path) if number % 5 == 4 else get(path, f"X-N: {number // 7}"))
            got = await wire.answer()
            assert got.body.startswith(f"{'POST' if number % 5 == 4 else 'GET'} {path}".encode())
        assert here.listener.counters.accepted == 1
    assert [r.headers.get("x-n") for r in seen.requests[:4]] == ["0"] * 4
    assert seen.requests[8].headers["x-n"] == "1"


@on_loop
async def test_repeated_headers_are_each_requests_own() -> None:
    """A handler that changes a request's headers does not change those of the next, equal request."""
    def handler(request: Request) -> Response:
        text = request.headers.pop("x-a") + dict(request.header_list)["x-a"]
        request.header_list.clear()
        return Response(200, text.encode())

    async with site(handler) as here:
        wire = await here.connect()
        for _ in range(4):
            wire.send(get("/", "X-A: kept"))
            assert (await wire.answer()).body == b"keptkept"


@on_loop
async def test_request_shows_all_of_the_head() -> None:
    """Headers are lower-case and joined, the list keeps them apart, paths are decoded once, the query is raw."""
    seen = Seen()
    async with site(seen) as here:
        await here.ask(get("/a%2Fb%20c?x=%20y&z", "X-A: 1", "x-a:  2 \t", "X-Empty:", "X-U: \xe9"))
        (request,) = seen.requests
        assert request.headers["x-a"] == "1, 2" and request.headers["x-empty"] == ""
        assert request.headers["x-u"] == "\xe9"
        assert [v for n, v in request.header_list if n == "x-a"] == ["1", "2"]
        assert (request.path, request.raw_path, request.query) == ("/a/b c", "/a%2Fb%20c", "x=%20y&z")
        assert request.peer.startswith("127.0.0.1:") and request.peer_certificate is None
        assert request.parameter("x") == " y"


@pytest.mark.parametrize(("sent", "path", "query"), [
    ("http://other:6443/api?a", "/api", "a"), ("https://other", "/", ""), ("http://other?q", "/", "q"),
    ("//double/x", "//double/x", ""), ("/a?b?c", "/a", "b?c"), ("/%E2%82%AC", "/€", ""), ("/a#b", "/a#b", ""),
])  # fmt: skip
@on_loop
async def test_forms_of_targets(sent: str, path: str, query: str) -> None:
    """Absolute forms lose scheme and host; only the first question mark counts."""
    seen = Seen()
    async with site(seen) as here:
        for _ in range(2):  # the second time through the remembered headers
            await here.ask(get(sent))
    assert {(r.path, r.query) for r in seen.requests} == {(path, query)}


@pytest.mark.parametrize("sent", ["/%", "/%a", "/%zz", "/a%2", "/%%30"])
@on_loop
async def test_bad_escapes_are_refused(sent: str) -> None:
    """A path that cannot be decoded is 400, on a fresh connection and behind remembered headers."""
    seen = Seen()
    async with site(seen) as here:
        wire = await here.connect()
        wire.send(get("/fine"))
        assert (await wire.answer()).status == 200
        wire.send(get(sent))
        assert (await wire.answer()).status == 400
        assert (await here.ask(get(sent))).status == 400
    assert len(seen.requests) == 1


@on_loop
async def test_pipelined_answers_keep_their_order() -> None:
    """Requests sent together are answered in order, although the first takes longest, one at a time."""
    running = most = 0

    async def slow(request: Request) -> Answer:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(0 if request.path == "/b" else 5):
            await asyncio.sleep(0)
        running -= 1
        return Response(200, request.path.encode() + request.body)

    async with site(lambda r: Response(200, b"/now") if r.path == "/now" else slow(r)) as here:
        wire = await here.connect()
        wire.send(get("/a") + get("/b") + get("/now") + post(b"body", path="/c") + get("/d"))
        answers = [(await wire.answer()).body for _ in range(5)]
    assert answers == [b"/a", b"/b", b"/now", b"/cbody", b"/d"] and most == 1


@on_loop
async def test_many_pipelined_requests_give_others_their_turn() -> None:
    """A client that pipelines a hundred requests gets them in portions: another is served in between."""
    order: list[str] = []

    def handler(request: Request) -> Response:
        order.append(request.path)
        return Response(200, b"")

    async with site(handler, Limits(pipelined=4)) as here:
        greedy, modest = await here.connect(), await here.connect()
        greedy.send(get("/greedy") * 100)
        modest.send(get("/modest"))
        await modest.answer()
        for _ in range(100):
            await greedy.answer()
    assert 0 < order.index("/modest") < 90


@on_loop
async def test_head_has_length_but_no_body() -> None:
    """HEAD is answered with the headers of GET and nothing after them."""
    async with site(answering(Response(200, [b"abc", b"def"]))) as here:
        wire = await here.connect()
        wire.send(get(method="HEAD") + get())
        head = await wire.answer("HEAD")
        assert head.headers["content-length"] == "6"
        assert (await wire.answer()).body == b"abcdef"


@pytest.mark.parametrize("status", [204, 304])
@on_loop
async def test_bodiless_statuses(status: int) -> None:
    """204 and 304 have neither body nor length, even if the handler gave one."""
    async with site(answering(Response(status, b"stray", ""))) as here:
        wire = await here.connect()
        wire.send(get() * 2)
        for _ in range(2):
            got = await wire.answer()
            assert got.status == status and "content-length" not in got.headers
            assert "content-type" not in got.headers


@on_loop
async def test_options_reaches_the_handler() -> None:
    """OPTIONS is a method like others."""
    async with site(Seen()) as here:
        assert (await here.ask(get("/x", method="OPTIONS"))).body == b"OPTIONS /x? "


@on_loop
async def test_http_1_0_closes_unless_asked() -> None:
    """HTTP/1.0 is answered in kind and closed, or kept when the client asks for it."""
    async with site(Seen()) as here:
        wire = await here.connect()
        wire.send(b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        kept = await wire.answer()
        assert kept.version == "HTTP/1.0" and kept.headers["connection"] == "keep-alive"
        wire.send(b"GET /b HTTP/1.0\r\n\r\n")
        last = await wire.answer()
        assert last.headers["connection"] == "close" and last.body == b"GET /b? "
        assert await wire.rest() == b""


@on_loop
async def test_connection_close_is_honoured() -> None:
    """After a request with Connection: close the answer says so and nothing more is served."""
    seen = Seen()
    async with site(seen) as here:
        wire = await here.connect()
        wire.send(get("/a", "Connection: close") + get("/b"))
        got = await wire.answer()
        assert got.headers["connection"] == "close" and await wire.rest() == b""
    assert [r.path for r in seen.requests] == ["/a"]


@on_loop
async def test_expect_continue_asks_for_the_body() -> None:
    """A client that waits for 100 Continue gets it, sends its body, and gets one final answer."""
    async with site(Seen()) as here:
        wire = await here.connect()
        for _ in range(2):
            wire.send(get("/x", "Expect: 100-continue", "Content-Length: 4", method="PUT"))
            assert (await wire.head()).status == 100
            wire.send(b"body")
            assert (await wire.answer()).body == b"PUT /x? body"


@on_loop
async def test_expect_without_body_or_unknown() -> None:
    """Nothing to wait for: no 100. An unknown expectation: 417."""
    async with site(Seen()) as here:
        assert (await here.ask(get("/", "Expect: 100-continue"))).status == 200
        assert (await here.ask(get("/", "Expect: magic", "Content-Length: 1"))).status == 417


@on_loop
async def test_chunked_bodies_with_extensions_and_trailers() -> None:
    """A chunked body is put together; extensions and trailers are dropped and harm no later request."""
    chunked = b"3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\nHost: evil\r\n\r\n"
    seen = Seen()
    async with site(seen) as here:
        wire = await here.connect()
        wire.send((get("/", "Transfer-Encoding: chunked", method="POST") + chunked) * 2 + get("/next"))
        for _ in range(2):
            assert (await wire.answer()).body == b"POST /? abcde"
        assert (await wire.answer()).body == b"GET /next? "
    assert all("x-trailer" not in r.headers and r.headers["host"] == "here" for r in seen.requests)


@on_loop
async def test_bytes_arrive_one_by_one() -> None:
    """However the network cuts a request, it is understood."""
    async with site(Seen()) as here:
        wire = await here.connect()
        for byte in get("/a") + post(b"\r\n\r\n", path="/b"):
            before = here.listener.counters.bytes_in
            wire.send(bytes([byte]))
            await here.until(lambda before=before: here.listener.counters.bytes_in > before)
        assert (await wire.answer()).body == b"GET /a? "
        assert (await wire.answer()).body == b"POST /b? \r\n\r\n"


@on_loop
async def test_a_raising_handler_is_a_500_and_the_connection_stays(caplog: pytest.LogCaptureFixture) -> None:
    """What a handler raises, at once or awaited, or answers wrongly, is told as a Status and logged."""
    async def late(request: Request) -> Answer:
        raise KeyError("secret")

    def handler(request: Request) -> object:
        if request.path == "/now":
            raise ValueError("secret")
        return late(request) if request.path == "/late" else None

    async with site(handler) as here:
        wire = await here.connect()
        for path in ("/now", "/late", "/wrong", "/now"):
            wire.send(get(path))
            got = await wire.answer()
            assert got.status == 500 and b'"reason":"InternalError"' in got.body and b"secret" not in got.body
            assert got.headers["content-type"] == "application/json"
    assert sum("the handler failed" in r.message for r in caplog.records) == 4


@on_loop
async def test_an_awaitable_may_be_a_future() -> None:
    """A handler may answer with a future somebody else completes; many may share it."""
    shared: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    async with site(lambda r: shared) as here:
        gone, staying = await here.connect(), await here.connect()
        gone.send(get())
        staying.send(get())
        await here.until(lambda: here.listener.counters.in_flight == 2)
        gone.cut()
        await here.until(lambda: here.listener.counters.in_flight == 1)
        shared.set_result(Response(200, b"done"))
        assert (await staying.answer()).body == b"done"


@on_loop
async def test_large_bodies_in_pieces_arrive_whole() -> None:
    """Lists of small and huge pieces arrive as one body of the right length, and the next answer after it."""
    pieces = [b"a" * 10, b"", b"b" * 1_000_000, *([b"c" * 700] * 2000), b"d"]
    async with site(lambda r: Response(200, pieces if r.path == "/" else b"next")) as here:
        wire = await here.connect()
        wire.send(get() + get("/next"))
        assert (await wire.answer()).body == b"".join(pieces)
        assert (await wire.answer()).body == b"next"


@on_loop
async def test_a_slow_reader_holds_back_the_answer() -> None:
    """Of a large list only a bounded part is handed to the transport while the client does not read."""
    pieces = [bytes(64 << 10)] * 1000
    limits = Limits()
    async with site(answering(Response(200, pieces)), limits) as here:
        wire = await here.connect(limit=1024)
        wire.send(get())
        await wire.head()
        sent = await here.rest(lambda: here.listener.counters.bytes_out)
        (connection,) = here.listener._shared.connections
        assert connection.paused and sent < 40 << 20
        assert connection.unsent() <= limits.write_high + limits.join
        assert len(await wire.reader.readexactly(64_000 << 10)) == 64_000 << 10


@on_loop
async def test_pipelining_against_a_client_that_does_not_read() -> None:
    """Pipelined requests are not answered into a full transport: they wait as bytes, then reading pauses."""
    limits = Limits(held=4096)
    answered = 0

    def handler(request: Request) -> Response:
        nonlocal answered
        answered += 1
        return Response(200, bytes(100_000))

    async with site(handler, limits) as here:
        wire = await here.connect(limit=1024)
        wire.send(get() * 2000)
        await here.rest(lambda: answered)
        (connection,) = here.listener._shared.connections
        assert answered < 400 and connection.unsent() < limits.write_high + 101_000
        for _ in range(2000):
            await wire.answer()
    assert answered == 2000


@on_loop
async def test_half_closed_clients_get_their_answers() -> None:
    """A client that ends its sending after its requests is answered in full, then closed."""
    async def later(request: Request) -> Answer:
        await asyncio.sleep(0)
        return Response(200, request.path.encode())

    async with site(lambda r: later(r) if r.method == "POST" else Response(200, b"now")) as here:
        wire = await here.connect()
        wire.send(get() + post(b"", path="/a") + get() + post(b"", path="/b") + get() + get()[:-2])
        wire.writer.write_eof()
        assert [(await wire.answer()).body for _ in range(5)] == [b"now", b"/a", b"now", b"/b", b"now"]
        assert await wire.rest() == b""


@pytest.mark.parametrize("sent", [b"", b"GET", get()[:-2], post(b"whole body")[:-3]])
@on_loop
async def test_clients_vanishing_while_asking(sent: bytes) -> None:
    """A client that goes before its request is complete leaves nothing behind, not even for the collector."""
    seen = Seen()
    async with site(seen) as here:
        gc.collect()
        wire = await here.connect()
        wire.send(sent)
        await here.until(lambda: here.listener.counters.bytes_in == len(sent))
        wire.cut()
        await here.until(lambda: here.listener.counters.open == 0)
        await turn()
        assert not any(isinstance(left, Connection | Parser) or type(left).__name__ == "_Sink"
                       for left in gc.get_objects())  # fmt: skip
    assert seen.requests == []


@on_loop
async def test_clients_vanishing_before_the_answer() -> None:
    """A pending GET is cancelled when its client goes; a pending write runs to its end; both are forgotten."""
    release = asyncio.Event()
    ends: list[str] = []

    async def pending(request: Request) -> Answer:
        try:
            await release.wait()
        except asyncio.CancelledError:
            ends.append(f"{request.method} cancelled")
            raise
        ends.append(f"{request.method} done")
        return Response(200, b"")

    async with site(pending) as here:
        for sent in (get(), post(b"x")):
            wire = await here.connect()
            wire.send(sent)
            await here.until(lambda: here.listener.counters.in_flight == 1)
            wire.reset()
            await here.until(lambda: here.listener.counters.in_flight == 0 and here.listener.counters.open == 0)
        release.set()
        await here.until(lambda: len(ends) == 2 and not here.listener._shared.tasks)
    assert ends == ["GET cancelled", "POST done"]


@on_loop
async def test_clients_vanishing_in_the_middle_of_an_answer() -> None:
    """A client that stops in the middle of a large answer and goes leaves nothing behind."""
    async with site(answering(Response(200, [bytes(64 << 10)] * 1000))) as here:
        wire = await here.connect(limit=1024)
        wire.send(get())
        await wire.head()
        wire.cut()
        await here.until(lambda: here.listener.counters.open == 0)
        assert here.listener.counters.in_flight == 0


@on_loop
async def test_the_observer_sees_every_answer() -> None:
    """The observer gets request, status, times and size, 499 for who left, and its failure harms nobody."""
    calls: list[tuple[str, int, float, int]] = []
    pending: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def observe(request: Request, status: int, start: float, end: float, size: int) -> None:
        calls.append((request.path, status, end - start, size))
        raise RuntimeError("observer")

    def handler(request: Request) -> object:
        here.clock.advance(2)
        return pending if request.path == "/pending" else Response(201, b"abc")

    async with site(handler, observe=observe) as here:
        wire = await here.connect()
        wire.send(get("/a") + get("/pending"))
        assert (await wire.answer()).status == 201
        await here.until(lambda: here.listener.counters.requests == 2)
        wire.cut()
        await here.until(lambda: len(calls) == 2)
    assert calls == [("/a", 201, 2.0, 3), ("/pending", 499, 2.0, 0)]
