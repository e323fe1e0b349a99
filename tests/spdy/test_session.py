"""Sessions: two over a pair of connections that only live in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from orlop.spdy.connection import Role
from orlop.spdy.errors import StreamClosed, StreamRefused
from orlop.spdy.session import MOST_UNREAD, Session, Stream


class Half:
    """One end of a wire. What is written arrives in the next turn; while the peer does not read it waits here."""

    LIMIT = 64 * 1024

    def __init__(self) -> None:
        self.on_data: Callable[[bytes], None] | None = None
        self.on_lost: Callable[[], None] | None = None
        self.on_drained: Callable[[], None] | None = None
        self.peer: Half
        self.waiting = b""
        self.reading, self.closed = True, False

    @property
    def congested(self) -> bool:
        return len(self.waiting) > self.LIMIT

    def write(self, data: bytes) -> None:
        if not self.closed:
            self.waiting += data
            asyncio.get_running_loop().call_soon(self._move)

    def _move(self) -> None:
        if self.waiting and self.peer.reading and self.peer.on_data is not None:
            data, self.waiting = self.waiting, b""
            self.peer.on_data(data)
            if self.on_drained is not None:
                self.on_drained()

    def close(self) -> None:
        if not self.closed:
            self.closed = self.peer.closed = True
            self._move()
            self.on_lost = None
            if self.peer.on_lost is not None:
                asyncio.get_running_loop().call_soon(self.peer.on_lost)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True
        asyncio.get_running_loop().call_soon(self.peer._move)


def sessions(test: Callable[[Session, Session], Awaitable[None]]) -> Callable[[], None]:
    def run() -> None:
        async def work() -> None:
            one, other = Half(), Half()
            one.peer, other.peer = other, one
            async with asyncio.timeout(20):
                await test(Session(Role.CLIENT, one), Session(Role.SERVER, other))
        asyncio.run(work())
    run.__doc__ = test.__doc__
    return run


async def both(client: Session, server: Session) -> tuple[Stream, Stream]:
    opening = asyncio.ensure_future(client.open({"streamtype": "data"}))
    there = await server.accept()
    assert there is not None and there.headers == {"streamtype": "data"}
    there.reply()
    return await opening, there


@sessions
async def test_echo(client: Session, server: Session) -> None:
    """Bytes both ways, half-close, and the end."""
    here, there = await both(client, server)
    await here.write(b"hello")
    here.close()
    assert await there.read_all(100) == b"hello"
    await there.write(b"you")
    there.close()
    assert await here.read_all(100) == b"you"
    assert not here.broken and not client._streams and not server._streams


@sessions
async def test_refusal(client: Session, server: Session) -> None:
    """A refused stream is told as such."""
    opening = asyncio.ensure_future(client.open({}))
    there = await server.accept()
    assert there is not None
    there.refuse()
    with pytest.raises(StreamRefused, match="Stream reset"):
        await opening


@sessions
async def test_no_answer(client: Session, server: Session) -> None:
    """A peer that does not answer a new stream in time has refused it."""
    with pytest.raises(StreamRefused, match="Timeout occurred"):
        await client.open({}, seconds=0.001)


@sessions
async def test_unread_bytes_stop_the_writer(client: Session, server: Session) -> None:
    """Who is not read waits, and goes on when it is."""
    here, there = await both(client, server)
    size = 20 * MOST_UNREAD
    writing = asyncio.ensure_future(here.write(bytes(size)))
    for _ in range(200):
        await asyncio.sleep(0)
    assert not writing.done() and server._unread <= MOST_UNREAD + Half.LIMIT + (1 << 20)
    got = 0
    while got < size:
        got += len(await there.read())
    await writing
    assert server._unread == 0


@sessions
async def test_discarded_stream_stops_nobody(client: Session, server: Session) -> None:
    """What is thrown away does not count as unread."""
    here, there = await both(client, server)
    there.discard()
    await here.write(bytes(8 * MOST_UNREAD))
    assert server._unread == 0


@sessions
async def test_close_ends_everything(client: Session, server: Session) -> None:
    """Readers, writers, and those who wait for streams learn of the end."""
    here, there = await both(client, server)
    reading = asyncio.ensure_future(there.read())
    accepting = asyncio.ensure_future(server.accept())
    client.close()
    assert await reading == b"" and there.broken
    assert await accepting is None
    await server.over()
    with pytest.raises(StreamClosed):
        await there.write(b"x")
    with pytest.raises(StreamClosed):
        await here.write(b"x")
    client.close()


@sessions
async def test_nonsense_ends_the_session(client: Session, server: Session) -> None:
    """What is no SPDY closes the connection."""
    client._raw.write(b"\x80\x03\x00\x63\0\0\0\0")
    await server.over()
    await client.over()
