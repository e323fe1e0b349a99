"""Handing a connection over: 101, then bytes both ways."""

from __future__ import annotations

import asyncio

import pytest
from listener_wire import Site, get, on_loop, post, site

from orlop.api.http import Answer, RawConnection, Request, Response, Upgrade
from orlop.server.limits import Limits

ASK = ("Connection: Upgrade", "Upgrade: SPDY/3.1")
HEADERS = (("Upgrade", "SPDY/3.1"),)


class Echo:
    """Takes connections and sends back what arrives, in brackets."""

    def __init__(self) -> None:
        self.taken: list[tuple[RawConnection, bytes]] = []
        self.lost = 0
        self.bodies: list[bytes] = []

    def __call__(self, request: Request) -> Answer:
        self.bodies.append(request.body)
        return Upgrade(HEADERS, self.take) if request.path == "/up" else Response(200, request.body or b"plain")

    def take(self, raw: RawConnection, early: bytes) -> None:
        self.taken.append((raw, early))
        raw.on_data = lambda data: raw.write(b"[" + data + b"]")
        raw.on_lost = self.gone
        if early:
            raw.write(b"[" + early + b"]")

    def gone(self) -> None:
        self.lost += 1


async def upgraded(here: Site, more: bytes = b"", sent: bytes = get("/up", *ASK), **options: int):
    wire = await here.connect(**options)
    wire.send(sent + more)
    got = await wire.head()
    assert got.status == 101 and got.headers == {"connection": "Upgrade", "upgrade": "SPDY/3.1"}
    return wire


@on_loop
async def test_bytes_flow_both_ways() -> None:
    """After 101 the taker gets the bytes and its bytes reach the client; closing flushes."""
    echo = Echo()
    async with site(echo) as here:
        wire = await upgraded(here)
        wire.send(b"GET / HTTP/1.1\r\n\r\n")
        assert await wire.reader.readexactly(20) == b"[GET / HTTP/1.1\r\n\r\n]"
        raw, early = echo.taken[0]
        assert early == b""
        raw.write(b"bye")
        raw.close()
        raw.write(b"late")
        assert await wire.rest() == b"bye"
    assert echo.lost == 0


@pytest.mark.parametrize("more", [b"x", b"\0\1binary", get("/not-http")])
@on_loop
async def test_bytes_already_here_are_handed_over(more: bytes) -> None:
    """What came in one packet with the request belongs to the taker."""
    echo = Echo()
    async with site(echo) as here:
        wire = await upgraded(here, more)
        assert await wire.reader.readexactly(len(more) + 2) == b"[" + more + b"]"
        assert echo.taken[0][1] == more and len(echo.bodies) == 1


@on_loop
async def test_an_upgrade_decided_later() -> None:
    """A handler may take its time; what arrives meanwhile is handed over."""
    gate = asyncio.Event()
    echo = Echo()

    async def slow(request: Request) -> Answer:
        await gate.wait()
        return Upgrade(HEADERS, echo.take)

    async with site(slow, Limits(held=10)) as here:
        wire = await here.connect()
        wire.send(get("/up", *ASK) + b"first")
        await here.until(lambda: here.listener.counters.in_flight == 1)
        wire.send(b" and second")
        await here.rest(lambda: here.listener.counters.bytes_in)
        gate.set()
        assert (await wire.head()).status == 101
        assert await wire.reader.readexactly(18) == b"[first and second]"
        wire.send(b"more")
        assert await wire.reader.readexactly(6) == b"[more]"


@pytest.mark.parametrize("framing", ["length", "chunked"])
@on_loop
async def test_an_upgrade_with_a_body(framing: str) -> None:
    """The body of an upgrade request is read before the connection is handed over."""
    head = get("/up", *ASK, "Content-Length: 4" if framing == "length" else "Transfer-Encoding: chunked",
               method="POST")  # fmt: skip
    echo = Echo()
    async with site(echo) as here:
        wire = await upgraded(here, b"early", head + (b"body" if framing == "length" else b"4\r\nbody\r\n0\r\n\r\n"))
        assert await wire.reader.readexactly(7) == b"[early]"
    assert echo.bodies == [b"body"]


@on_loop
async def test_an_upgrade_nobody_wants() -> None:
    """A handler that answers an upgrade request as any other keeps the connection in HTTP, pipelined or not."""
    echo = Echo()
    async with site(echo) as here:
        wire = await here.connect()
        wire.send(get("/a", *ASK) * 300 + post(b"b", *ASK) + get("/c") + get("/up", *ASK) + b"x")
        for _ in range(300):
            assert (await wire.answer()).body == b"plain"
        assert (await wire.answer()).body == b"b"
        assert (await wire.answer()).body == b"plain"
        assert (await wire.head()).status == 101
        assert await wire.reader.readexactly(3) == b"[x]"


@on_loop
async def test_the_taker_learns_of_the_loss() -> None:
    """`on_lost` is called once when the client leaves; no time-out of HTTP ends the connection before."""
    echo = Echo()
    async with site(echo) as here:
        wire = await upgraded(here)
        here.later(100_000)
        wire.send(b"x")
        assert await wire.reader.readexactly(3) == b"[x]"
        wire.cut()
        await here.until(lambda: echo.lost == 1)
        echo.taken[0][0].write(b"x")
        echo.taken[0][0].resume_reading()
    assert echo.lost == 1


@on_loop
async def test_the_taker_may_pause() -> None:
    """While the taker has paused reading nothing is delivered; resuming delivers all in order."""
    echo = Echo()
    async with site(echo) as here:
        wire = await upgraded(here)
        raw = echo.taken[0][0]
        raw.pause_reading()
        wire.send(b"x" * 3_000_000)
        arrived = await here.rest(lambda: here.listener.counters.bytes_in)
        assert arrived < 1_000_000
        got: list[bytes] = []
        raw.on_data = got.append
        raw.resume_reading()
        await here.until(lambda: sum(map(len, got)) == 3_000_000)


@on_loop
async def test_a_taker_that_listens_late() -> None:
    """Bytes that arrive before anybody listens are kept until the taker listens and resumes."""
    raws: list[RawConnection] = []
    async with site(lambda r: Upgrade(HEADERS, lambda raw, early: raws.append(raw))) as here:
        wire = await upgraded(here)
        wire.send(b"early")
        await here.rest(lambda: here.listener.counters.bytes_in)
        got: list[bytes] = []
        raws[0].on_data = got.append
        raws[0].resume_reading()
        assert got == [b"early"]


@on_loop
async def test_who_does_not_read_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    """A client that takes nothing is cut at `stream_backlog`; a failing taker cuts only its own connection."""
    echo = Echo()
    async with site(echo, Limits(stream_backlog=1 << 20)) as here:
        await upgraded(here, limit=1024)
        for _ in range(200):
            echo.taken[0][0].write(bytes(100_000))
        await here.until(lambda: echo.lost == 1)
        wire = await upgraded(here)
        echo.taken[1][0].on_data = lambda data: 1 / 0
        wire.send(b"x")
        assert await wire.rest() == b""
        await here.until(lambda: echo.lost == 2)
    assert "the taker of an upgraded connection failed" in caplog.text
