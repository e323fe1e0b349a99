"""Every limit of the HTTP server: what happens at it, by sizes and by a clock that the test moves."""

from __future__ import annotations

import asyncio
import tracemalloc

import orjson
import pytest
from listener_wire import Seen, answering, get, on_loop, post, site, turn

from orlop.api.http import Answer, Request, Response
from orlop.server.limits import Limits
from orlop.server.listener import Listener


@on_loop
async def test_a_body_of_the_limit_passes_and_one_more_byte_does_not() -> None:
    """3 MiB pass; beyond, the refusal is upstream's Status, before the body is read."""
    limit = 3145728
    async with site(lambda r: Response(200, str(len(r.body)).encode())) as here:
        assert (await here.ask(post(bytes(limit)))).body == str(limit).encode()
        wire = await here.connect()
        wire.send(get("/", f"Content-Length: {limit + 1}", "Expect: 100-continue", method="POST"))
        got = await wire.answer()
        assert await wire.rest() == b""
    assert got.status == 413 and got.headers["connection"] == "close"
    assert orjson.loads(got.body) == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 413,
        "reason": "RequestEntityTooLarge", "message": "Request entity too large: limit is 3145728",
    }  # fmt: skip


@on_loop
async def test_a_chunked_body_is_counted_as_it_comes() -> None:
    """A chunked body over the limit is refused although its length was never told."""
    seen = Seen()
    async with site(seen, Limits(body=1000)) as here:
        wire = await here.connect()
        wire.send(get("/", "Transfer-Encoding: chunked", method="POST") + b"190\r\n" + bytes(400) + b"\r\n")
        wire.send(b"400\r\n" + bytes(1024))
        assert (await wire.answer()).status == 413
    assert seen.requests == []


@pytest.mark.parametrize("filler", [
    b"3;" + b"x" * 200_000, b"1\r\na\r\n1;" + b"y" * 200_000, b"0\r\nA: " + b"z" * 200_000,
])  # fmt: skip
@on_loop
async def test_a_chunked_body_of_framing_only_is_refused(filler: bytes) -> None:
    """Endless chunk extensions or trailers are 400."""
    async with site(Seen()) as here:
        wire = await here.connect()
        wire.send(get("/", "Transfer-Encoding: chunked", method="POST") + filler)
        assert (await wire.answer()).status == 400


@on_loop
async def test_after_a_refusal_the_rest_is_discarded_then_cut() -> None:
    """A client that sends on after a refusal can read it; one that never stops is cut at `discard`."""
    limits = Limits(body=10, discard=100_000)
    async with site(Seen(), limits) as here:
        polite = await here.connect()
        polite.send(get("/", "Content-Length: 90000", method="POST"))
        assert (await polite.answer()).status == 413
        polite.send(bytes(90_000))
        polite.writer.write_eof()
        await here.until(lambda: here.listener.counters.open == 0)
        endless = await here.connect()
        endless.send(get("/", "Content-Length: 900000", method="POST"))
        assert (await endless.answer()).status == 413
        endless.send(bytes(100_001))
        await here.until(lambda: here.listener.counters.open == 0)


@on_loop
async def test_lingering_after_a_refusal_ends() -> None:
    """A client that neither sends nor leaves after a refusal is cut after `linger_seconds`."""
    async with site(Seen()) as here:
        wire = await here.connect()
        wire.send(b"nonsense\r\n\r\n")
        assert (await wire.answer()).status in (400, 405)
        assert here.listener.counters.open == 1
        here.later(2)
        await here.until(lambda: here.listener.counters.open == 0)


@pytest.mark.parametrize(("sent", "status"), [
    (get("/", "X-A: " + "a" * 3000), 431),
    (get("/", *[f"X-{n}: a" for n in range(60)]), 431),
    (b"GET / HTTP/1.1\r\nX-A: " + b"a" * 3000, 431),
    (b"\r\n" * 1200, 431),
    (get("/" + "a" * 1000), 414),
    (b"GET /" + b"a" * 1000, 414),
])  # fmt: skip
@on_loop
async def test_heads_over_the_limits(sent: bytes, status: int) -> None:
    """Headers too large or too many are 431, a target too long is 414, complete or not, and closed."""
    limits = Limits(head=2048, fields=50, target=500)
    async with site(Seen(), limits) as here:
        assert (await here.ask(get("/" + "a" * 400, "X-A: " + "a" * 1000))).status == 200
        wire = await here.connect()
        wire.send(sent)
        got = await wire.answer()
        assert got.status == status and await wire.rest() == b""


@on_loop
async def test_a_long_target_behind_remembered_headers() -> None:
    """The limit of targets holds on the short way too."""
    async with site(Seen(), Limits(target=100)) as here:
        wire = await here.connect()
        wire.send(get())
        await wire.answer()
        wire.send(get("/" + "a" * 100))
        assert (await wire.answer()).status == 414


@on_loop
async def test_bodies_together() -> None:
    """When all bodies being received pass their common limit, the one that passes it is told to come again."""
    async with site(Seen(), Limits(bodies=100_000)) as here:
        first, second = await here.connect(), await here.connect()
        for wire in (first, second):
            wire.send(get("/", "Content-Length: 70000", method="POST") + bytes(60_000))
            await here.until(lambda: here.listener.counters.bytes_in % 60_000 < 1000)
        got = await second.answer()
        assert got.status == 429 and got.headers["retry-after"] == "1"
        first.send(bytes(10_000))
        assert (await first.answer()).status == 200
        assert here.listener.counters.receiving == 0


@on_loop
async def test_connections_over_the_limit_are_refused_politely() -> None:
    """The connection over the limit is answered 429 with Retry-After; when one leaves, there is room again."""
    async with site(Seen(), Limits(connections=10)) as here:
        wires = [await here.connect() for _ in range(10)]
        for wire in wires:
            wire.send(get())
            assert (await wire.answer()).status == 200
        over = await here.connect()
        over.send(get())
        got = await over.answer()
        assert got.status == 429 and got.headers["retry-after"] == "1" and got.headers["connection"] == "close"
        await here.until(lambda: here.listener.counters.open == 10)
        wires[0].cut()
        await here.until(lambda: here.listener.counters.open == 9)
        assert (await here.ask(get())).status == 200
        assert here.listener.counters.refused == 1


@pytest.mark.parametrize(("sent", "seconds"), [
    (b"", 32), (b"GET / HTTP/1.1\r\nHost", 32), (get(), 90), (get() + b"GET", 32), (b"\r\n", 32),
])  # fmt: skip
@on_loop
async def test_silent_clients_are_let_go(sent: bytes, seconds: int) -> None:
    """Unfinished heads last `head_seconds`, idle connections `idle_seconds`: closed without a word."""
    async with site(Seen()) as here:
        wire = await here.connect()
        here.later(5)
        wire.send(sent)
        if sent.startswith(get()):
            await wire.answer()
        await here.until(lambda: here.listener.counters.bytes_in == len(sent))
        here.later(seconds - 6 if not sent else seconds - 1)
        await turn()
        assert here.listener.counters.open == 1
        here.later(1)
        assert await wire.rest() == b""
        await here.until(lambda: here.listener.counters.open == 0)


@on_loop
async def test_a_trickled_head_gains_no_time() -> None:
    """A head that comes byte by byte has no more time than one that stops."""
    async with site(Seen()) as here:
        wire = await here.connect()
        for number, byte in enumerate(get()[:16], 1):
            wire.send(bytes([byte]))
            await here.until(lambda number=number: here.listener.counters.bytes_in == number)
            assert here.listener.counters.open == 1
            here.later(2)
        assert await wire.rest() == b""


@on_loop
async def test_slow_bodies_are_told_and_closed() -> None:
    """A body that does not end in `body_seconds`, however it trickles, is 504."""
    async with site(Seen()) as here:
        wire = await here.connect()
        wire.send(get("/", "Content-Length: 100", method="POST"))
        for number in range(1, 60):
            wire.send(b"x")
            before = here.listener.counters.bytes_in
            await here.until(lambda before=before: here.listener.counters.bytes_in > before)
            here.later(1)
            assert here.listener.counters.open == 1, number
        here.later(1)
        got = await wire.answer()
        assert got.status == 504 and await wire.rest() == b""
        assert orjson.loads(got.body)["message"] == "Timeout: request did not complete within the allotted timeout"


@on_loop
async def test_thinking_handlers_have_no_deadline_here() -> None:
    """However long a handler takes, the connection waits: deadlines of requests are the filters' business."""
    pending: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    async with site(lambda r: pending) as here:
        wire = await here.connect()
        wire.send(get())
        await here.until(lambda: here.listener.counters.in_flight == 1)
        here.later(10_000)
        pending.set_result(Response(200, b"at last"))
        assert (await wire.answer()).body == b"at last"


@on_loop
async def test_clients_that_take_nothing_are_cut() -> None:
    """An answer of which nothing is taken for `stall_seconds` is cut."""
    async with site(answering(Response(200, [bytes(64 << 10)] * 1000))) as here:
        wire = await here.connect(limit=1024)
        wire.send(get())
        await wire.head()
        await here.rest(lambda: here.listener.counters.bytes_out)
        here.later(59)
        await turn()
        assert here.listener.counters.open == 1
        here.later(1)
        await here.until(lambda: here.listener.counters.open == 0)


@on_loop
async def test_idle_connections_cost_little() -> None:
    """Five hundred idle connections, each having been served, cost a few KiB each, and all are swept at once."""
    async with site(lambda r: Response(200, b"")) as here:
        warm = await here.connect()
        warm.send(get())
        await warm.answer()
        transports = []
        loop = asyncio.get_running_loop()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(500):
            transport, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", here.port)
            transport.write(get())
            transports.append(transport)
        await here.until(lambda: here.listener.counters.requests == 501)
        used = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        assert here.listener.counters.open == 501 and used / 500 < 8192
        here.later(90)
        await here.until(lambda: here.listener.counters.open == 0)


@on_loop
async def test_the_sweep_runs_by_itself() -> None:
    """Without anybody's doing the listener sweeps every `tick` seconds."""
    ticks = asyncio.Event()

    class Counting(Listener):
        count = 0

        def tick(self) -> None:
            super().tick()
            self.count += 1
            if self.count == 3:
                ticks.set()

    listener = Counting(Seen(), Limits(tick=0.001))
    await listener.start()
    await ticks.wait()
    await listener.drain(0)
    assert listener.count >= 3


@on_loop
async def test_requests_are_made_with_what_the_limits_leave() -> None:
    """Held bytes over their limit pause reading until the answer, then all is served."""
    gate = asyncio.Event()

    async def slow(request: Request) -> Answer:
        await gate.wait()
        return Response(200, request.body[:1])

    async with site(slow, Limits(held=1000)) as here:
        wire = await here.connect()
        wire.send(post(b"a") + post(b"b" * 2_000_000) + post(b"c"))
        stopped = await here.rest(lambda: here.listener.counters.bytes_in)
        assert stopped < 2_000_000
        gate.set()
        assert [(await wire.answer()).body for _ in range(3)] == [b"a", b"b", b"c"]
