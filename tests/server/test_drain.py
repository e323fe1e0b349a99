"""Stopping: nobody new, idle clients go, answers are finished, streams end with last words, the rest is cut."""

from __future__ import annotations

import asyncio

import pytest
from listener_wire import Seen, get, on_loop, post, site, turn
from test_channel import Streams, opened

from orlop.api.http import Answer, Frame, Request, Response, Stream


@on_loop
async def test_idle_clients_are_let_go_and_nobody_new_is_taken() -> None:
    """Idle and half-asked connections are closed at once; connecting fails."""
    async with site(Seen()) as here:
        idle, asking = await here.connect(), await here.connect()
        idle.send(get())
        await idle.answer()
        asking.send(b"GET / HT")
        await here.until(lambda: here.listener.counters.bytes_in > len(get()))
        await here.listener.drain(10)
        assert await idle.rest() == b"" and await asking.rest() == b""
        with pytest.raises(ConnectionRefusedError):
            await here.connect()


@on_loop
async def test_answers_in_flight_are_finished() -> None:
    """Requests being answered or received are answered, with Connection: close; drain waits for them."""
    gate = asyncio.Event()

    async def slow(request: Request) -> Answer:
        await gate.wait()
        return Response(200, request.method.encode() + request.body)

    async with site(slow) as here:
        waiting, sending = await here.connect(), await here.connect()
        waiting.send(get() + get())
        sending.send(post(b"body")[:-2])
        await here.until(lambda: here.listener.counters.requests == 1 and here.listener.counters.receiving == 2)
        drained = asyncio.create_task(here.listener.drain(10))
        await asyncio.sleep(0)
        sending.send(b"dy")
        await here.until(lambda: here.listener.counters.requests == 2)
        assert not drained.done()
        gate.set()
        for wire, body in ((waiting, b"GET"), (sending, b"POSTbody")):
            got = await wire.answer()
            assert got.body == body and got.headers["connection"] == "close" and await wire.rest() == b""
        await drained


@on_loop
async def test_streams_end_with_their_writers_last_words() -> None:
    """Hooks run first, awaited or not, and end their streams themselves; clients see a clean end."""
    streams = Streams()

    def at_once() -> None:
        streams.channels[0].write(Frame(b"last words"))
        streams.channels[0].close()

    async def later() -> None:
        await asyncio.sleep(0)
        streams.channels[1].write(Frame(b"later words"))
        streams.channels[1].close()

    async with site(streams) as here:
        here.listener.on_drain += [at_once, later]
        first, _ = await opened(here, streams)
        second, _ = await opened(here, streams)
        await here.listener.drain(10)
        assert [await first.chunk(), await first.chunk(), await first.rest()] == [b"last words", b"", b""]
        assert [await second.chunk(), await second.chunk(), await second.rest()] == [b"later words", b"", b""]
    assert streams.lost == []


@on_loop
async def test_streams_nobody_ends_are_ended_cleanly() -> None:
    """A stream without a hook gets its last chunk from the listener, and its writer is told."""
    streams = Streams()
    async with site(streams) as here:
        wire, channel = await opened(here, streams)
        channel.write(Frame(b"before"))
        await here.listener.drain(10)
        assert [await wire.chunk(), await wire.chunk(), await wire.rest()] == [b"before", b"", b""]
        channel.write(Frame(b"after"))
    assert streams.lost == [0]


@on_loop
async def test_a_stream_that_finishes_by_itself_is_left_to() -> None:
    """A long list goes out whole: ended before, it would look complete. Drain waits for it."""
    streams = Streams(lambda channel: setattr(channel, "finishes", True))
    async with site(streams) as here:
        wire, channel = await opened(here, streams)
        channel.write(Frame(b"first"))
        drained = asyncio.create_task(here.listener.drain(10))
        assert await wire.chunk() == b"first"
        assert not drained.done() and streams.lost == []
        channel.write(Frame(b"last"))
        channel.close()
        assert [await wire.chunk(), await wire.chunk()] == [b"last", b""]
        await drained


@on_loop
async def test_a_stream_that_finishes_by_itself_outlives_a_half_close() -> None:
    """A client that has nothing more to ask gets the whole long list; of a watch it is taken for gone."""
    finishing = Streams(lambda channel: setattr(channel, "finishes", True))
    async with site(finishing) as here:
        wire, channel = await opened(here, finishing)
        wire.writer.write_eof()
        await turn()
        channel.write(Frame(b"whole"))
        channel.close()
        assert [await wire.chunk(), await wire.chunk()] == [b"whole", b""]
    watching = Streams()
    async with site(watching) as here:
        wire, channel = await opened(here, watching)
        wire.writer.write_eof()
        await here.until(lambda: watching.lost == [0])


@on_loop
async def test_a_stream_opened_while_draining_ends_at_once() -> None:
    """An answer that turns out to be a stream after the drain began is a short one."""
    gate = asyncio.Event()
    streams = Streams()

    async def slow(request: Request) -> Answer:
        await gate.wait()
        return Stream("text/plain", streams.open)

    async with site(slow) as here:
        wire = await here.connect()
        wire.send(get())
        await here.until(lambda: here.listener.counters.in_flight == 1)
        drained = asyncio.create_task(here.listener.drain(10))
        await asyncio.sleep(0)
        gate.set()
        assert (await wire.answer()).body == b""
        await drained


@on_loop
async def test_after_the_grace_the_rest_is_cut() -> None:
    """What does not end in time is cut: pending handlers are cancelled, and nothing is left."""
    cancelled = asyncio.Event()
    hook_cancelled = asyncio.Event()

    async def forever(request: Request) -> Answer:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return Response(200, b"")

    async def endless_hook() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            hook_cancelled.set()

    async with site(forever) as here:
        here.listener.on_drain.append(endless_hook)
        wire = await here.connect()
        wire.send(post(b"x"))
        await here.until(lambda: here.listener.counters.in_flight == 1)
        await here.listener.drain(0)
        assert cancelled.is_set() and here.listener.counters.open == 0
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await wire.reader.readexactly(1)
    assert hook_cancelled.is_set()


@on_loop
async def test_draining_twice_or_never_started() -> None:
    """Draining a listener that never started, or again, does nothing."""
    async with site(Seen()) as here:
        await here.listener.drain(0)
        await here.listener.drain(0)
        assert here.listener.counters.open == 0
