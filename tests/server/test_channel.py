"""Streams: chunks as they are written, a backlog the writer sees, and clean ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from listener_wire import Site, Wire, get, on_loop, site, turn

from orlop.api.http import Channel, Frame, Request, Response, Stream
from orlop.server.handler import Handler
from orlop.server.limits import Limits


class Streams:
    """A handler whose every GET opens a stream the test holds."""

    def __init__(self, opened: Callable[[Channel], None] = lambda channel: None) -> None:
        self.channels: list[Channel] = []
        self.lost: list[int] = []
        self._opened = opened

    def __call__(self, request: Request) -> Response | Stream:
        return Response(200, b"plain") if request.path == "/plain" else Stream("application/json", self.open)

    def open(self, channel: Channel) -> None:
        number = len(self.channels)
        self.channels.append(channel)
        channel.on_lost = lambda: self.lost.append(number)
        self._opened(channel)


async def opened(here: Site, streams: Streams, **options: int) -> tuple[Wire, Channel]:
    wire = await here.connect(**options)
    wire.send(get("/"))
    got = await wire.head()
    assert got.status == 200 and got.headers["transfer-encoding"] == "chunked"
    assert "content-length" not in got.headers
    return wire, streams.channels[-1]


@on_loop
async def test_head_comes_before_the_first_frame() -> None:
    """The headers are sent at once, frames as they are written, each once in its chunk."""
    streams = Streams()
    async with site(streams) as here:
        wire, channel = await opened(here, streams)
        for text in (b"one\n", b"two\n"):
            channel.write(Frame(text))
            assert await wire.chunk() == text


@on_loop
async def test_frames_of_one_turn_become_one_write() -> None:
    """What is written in one turn of the loop reaches the transport together; a frame is chunked once."""
    streams = Streams()
    async with site(streams) as here:
        first, one = await opened(here, streams)
        second, two = await opened(here, streams)
        frames = [Frame(b"a"), Frame(b""), Frame(b"b" * 300)]
        for frame in frames:
            one.write(frame)
            two.write(frame)
        assert one.backlog == len(b"1\r\na\r\n") + len(b"12c\r\n") + 302
        assert frames[0].chunk is frames[0].chunk
        for wire in (first, second):
            assert [await wire.chunk(), await wire.chunk()] == [b"a", b"b" * 300]
        assert one.backlog == 0


@on_loop
async def test_a_closed_stream_ends_cleanly_and_the_connection_goes_on() -> None:
    """After `close` come all frames and the last chunk; then the next, already sent request is served."""
    streams = Streams()
    async with site(streams) as here:
        wire, channel = await opened(here, streams)
        wire.send(get("/plain"))
        await turn()
        channel.write(Frame(b"last"))
        channel.close()
        channel.close()
        channel.write(Frame(b"late"))
        assert [await wire.chunk(), await wire.chunk()] == [b"last", b""]
        assert (await wire.answer()).body == b"plain"
        wire.cut()
        await here.until(lambda: here.listener.counters.open == 0)
    assert streams.lost == []


@on_loop
async def test_a_stream_may_end_in_open() -> None:
    """A stream whose writer closes it at once is a whole chunked answer."""
    def last_words(channel: Channel) -> None:
        channel.write(Frame(b"gone\n"))
        channel.close()

    async with site(Streams(last_words)) as here:
        wire = await here.connect()
        for _ in range(3):
            wire.send(get())
            assert (await wire.answer()).body == b"gone\n"


@on_loop
async def test_a_lost_client_is_told_once() -> None:
    """When the client leaves, `on_lost` is called once; writing and closing afterwards do nothing."""
    streams = Streams()
    async with site(streams) as here:
        wire, channel = await opened(here, streams)
        wire.cut()
        await here.until(lambda: streams.lost == [0])
        channel.write(Frame(b"x"))
        channel.close()
        channel.abort()
        await turn()
        assert channel.backlog == 0
    assert streams.lost == [0]


@on_loop
async def test_an_aborted_stream_is_cut() -> None:
    """`abort` breaks the stream off without a last chunk and without calling its writer."""
    streams = Streams()
    async with site(streams) as here:
        wire, channel = await opened(here, streams)
        channel.abort()
        assert b"0\r\n\r\n" not in await wire.rest()
        await here.until(lambda: here.listener.counters.open == 0)
    assert streams.lost == []


@on_loop
async def test_failing_writers_harm_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """A stream that fails to open is cut, a failing `on_lost` is logged, and others are served."""
    def fail(channel: Channel) -> None:
        raise RuntimeError("open")

    async with site(Streams(fail)) as here:
        wire = await here.connect()
        wire.send(get())
        assert b"0\r\n\r\n" not in await wire.rest()
        assert (await here.ask(get("/plain"))).body == b"plain"
    streams = Streams(lambda channel: setattr(channel, "on_lost", lambda: 1 / 0))
    async with site(streams) as here:
        wire, _ = await opened(here, streams)
        wire.cut()
        await here.until(lambda: here.listener.counters.open == 0)
    assert [r.message for r in caplog.records] == [
        "GET /: the stream failed to open", "a stream's writer failed when told that its client left",
    ]  # fmt: skip


@on_loop
async def test_the_backlog_of_a_slow_client_waits_as_frames() -> None:
    """Frames behind a client that does not read are counted, stay shared, and arrive in order later."""
    streams = Streams()
    limits = Limits(stream_backlog=64 << 20)
    async with site(streams, limits) as here:
        wire, channel = await opened(here, streams, limit=1024)
        frame = Frame(bytes(100_000))
        for _ in range(200):
            channel.write(frame)
        await here.rest(lambda: here.listener.counters.bytes_out)
        (connection,) = here.listener._shared.connections
        backlog = channel.backlog
        assert backlog > 1 << 20 and connection.unsent() <= limits.write_high + limits.join
        channel.write(Frame(b"last"))
        channel.close()
        for _ in range(200):
            assert len(await wire.chunk()) == 100_000
        assert [await wire.chunk(), await wire.chunk()] == [b"last", b""]
        assert backlog < 200 * 101_000


@on_loop
async def test_the_last_resort_of_the_backlog() -> None:
    """A writer that ignores the backlog loses the client at `stream_backlog`, and is told."""
    streams = Streams()
    async with site(streams, Limits(stream_backlog=1 << 20)) as here:
        _, channel = await opened(here, streams, limit=1024)
        for _ in range(12):
            channel.write(Frame(bytes(100_000)))
        await here.until(lambda: streams.lost == [0])


@on_loop
async def test_the_rest_of_a_closed_stream_has_a_deadline() -> None:
    """A client that does not take the rest of a closed stream is cut after `stall_seconds`."""
    streams = Streams()
    async with site(streams, Limits(stream_backlog=64 << 20)) as here:
        _, channel = await opened(here, streams, limit=1024)
        for _ in range(200):
            channel.write(Frame(bytes(100_000)))
        here.later(1000)
        channel.close()
        await here.rest(lambda: here.listener.counters.bytes_out)
        assert here.listener.counters.open == 1
        here.later(60)
        await here.until(lambda: here.listener.counters.open == 0)
    assert streams.lost == []


@on_loop
async def test_http_1_0_gets_bare_payloads() -> None:
    """A client of HTTP/1.0 gets the payloads without chunks, ended by the connection's end."""
    streams = Streams()
    async with site(streams) as here:
        wire = await here.connect()
        wire.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        got = await wire.head()
        assert got.headers["connection"] == "close" and "transfer-encoding" not in got.headers
        streams.channels[0].write(Frame(b"a"))
        streams.channels[0].write(Frame(b"b"))
        streams.channels[0].close()
        assert await wire.rest() == b"ab"


@on_loop
async def test_head_of_a_stream() -> None:
    """HEAD on a stream gets the headers, with nothing about a body, and nothing is opened."""
    streams = Streams()
    async with site(streams) as here:
        wire = await here.connect()
        wire.send(get(method="HEAD") + get("/plain"))
        assert "transfer-encoding" not in (await wire.answer("HEAD")).headers
        assert (await wire.answer()).body == b"plain"
    assert streams.channels == []


@on_loop
async def test_a_stream_keeps_what_its_client_sends() -> None:
    """What a client sends during its stream is held up to a limit, and is served after."""
    streams = Streams()
    async with site(streams, Limits(held=1000)) as here:
        wire, channel = await opened(here, streams)
        wire.send(get("/plain") * 3000)
        stopped = await here.rest(lambda: here.listener.counters.bytes_in)
        assert stopped < 3000 * len(get("/plain")) or stopped < 300_000
        channel.close()
        assert await wire.chunk() == b""
        for _ in range(3000):
            assert (await wire.answer()).body == b"plain"


@on_loop
async def test_streams_are_observed_at_their_end() -> None:
    """The observer is told of a stream once, when it ends or is lost, with the bytes written."""
    calls: list[tuple[int, int]] = []
    streams = Streams()
    handler: Handler = streams
    async with site(handler, observe=lambda r, status, start, end, size: calls.append((status, size))) as here:
        wire, channel = await opened(here, streams)
        channel.write(Frame(b"abc"))
        await wire.chunk()
        assert calls == []
        channel.close()
        assert await wire.chunk() == b""
        wire, _ = await opened(here, streams)
        wire.cut()
        await here.until(lambda: len(calls) == 2)
    assert calls == [(200, len(b"3\r\nabc\r\n0\r\n\r\n")), (200, 0)]
