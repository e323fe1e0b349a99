"""Flow control both ways, streams, and signs of life, against a server that a script plays."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from etcd_http2_peer import BEGIN, METADATA, PATH, SECONDS, Etcd, Peer, answer, data, headers, message, play, status

from orlop.storage import etcd_http2_calls, etcd_http2_connection
from orlop.storage import etcd_http2_frames as h2
from orlop.storage.etcd_endpoint import Endpoint
from orlop.storage.etcd_error import EtcdError
from orlop.storage.etcd_http2_calls import Duplex
from orlop.storage.etcd_http2_keepalive import Keepalive
from orlop.storage.etcd_http2_limits import KEEPALIVE_ANSWER, KEEPALIVE_LEAST, KEEPALIVE_SECONDS, STREAM_WINDOW
from orlop.storage.etcd_messages import Messages
from orlop.storage.etcd_options import EtcdTls

BIG = 1 << 20


async def sent(peer: Peer, number: int, size: int) -> list[int]:
    """Sizes of the DATA frames of a stream until `size` bytes came."""
    sizes: list[int] = []
    while sum(sizes) < size:
        sizes.append(len((await peer.expect(h2.DATA, number))[3]))
    return sizes


def test_large_request_waits_for_windows() -> None:
    """It is cut to what etcd takes at a time, and stops where the stream's or the connection's window ends; small
    requests pass it as far as there is room."""

    async def scene(etcd: Etcd) -> None:
        large = etcd.call(bytes(BIG))
        peer = await etcd.peer({h2.INITIAL_WINDOW_SIZE: 40000, h2.MAX_FRAME_SIZE: 20000})
        assert (await peer.expect(h2.HEADERS))[2] == 1
        assert await sent(peer, 1, 40000) == [20000, 20000]
        small = etcd.call(b"small")
        assert (await peer.request())[::2] == (3, b"small")
        peer.send(answer(3, b"passed"))
        assert await small == b"passed"
        peer.send(h2.window_update(1, 1 << 24))
        left = 65535 - 40000 - len(message(b"small"))
        assert await sent(peer, 1, left) == [20000, left - 20000]
        peer.send(h2.window_update(0, 1 << 24))
        await sent(peer, 1, BIG + 5 - 40000 - left)
        peer.send(answer(1, b"taken"))
        assert await large == b"taken"

    play(scene)


def test_window_of_open_streams_changes() -> None:
    """New settings shrink and widen also the windows of streams that wait."""

    async def scene(etcd: Etcd) -> None:
        large = etcd.call(bytes(3000))
        peer = await etcd.peer({h2.INITIAL_WINDOW_SIZE: 1000})
        await sent(peer, 1, 1000)
        peer.send(h2.settings({h2.INITIAL_WINDOW_SIZE: 500}), h2.window_update(1, 600))
        assert await sent(peer, 1, 1) == [100]
        peer.send(h2.settings({h2.INITIAL_WINDOW_SIZE: 65535}))
        await sent(peer, 1, 1905)
        peer.send(answer(1, b"taken"))
        assert await large == b"taken"

    play(scene)


@pytest.mark.parametrize("ending", ["deadline", "lost", "early answer", "cancelled"])
def test_half_sent(ending: str) -> None:
    """A request that was not sent whole was surely not applied; what is left of it is dropped, and etcd is told."""

    async def scene(etcd: Etcd) -> None:
        call = etcd.call(bytes(BIG), 0.05 if ending == "deadline" else SECONDS)
        peer = await etcd.peer()
        await sent(peer, 1, 65535)
        if ending == "lost":
            peer.cut()
        elif ending == "early answer":
            peer.send(headers(1, BEGIN + status(8, "too large"), end=True))
        elif ending == "cancelled":
            call.cancel()
        with pytest.raises((EtcdError, asyncio.CancelledError)) as caught:
            await call
        if isinstance(caught.value, EtcdError):
            assert not caught.value.perhaps_applied
        if ending != "lost":
            await peer.expect(h2.RST_STREAM, 1)
            connection = etcd.channel._connection
            assert connection is not None
            assert not connection._sender._waiting

    play(scene)


def test_large_request_is_refused() -> None:
    """Before anything of it is sent."""

    async def scene(etcd: Etcd) -> None:
        with pytest.raises(EtcdError) as caught:
            await etcd.call(bytes(3 * BIG))
        assert (caught.value.code, caught.value.perhaps_applied) == ("RESOURCE_EXHAUSTED", False)

    play(scene)


def test_large_answer_widens_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer larger than its stream's window is let through, and the connection's window is opened again."""
    monkeypatch.setattr(etcd_http2_connection, "CONNECTION_STEP", BIG)
    size = 2 * STREAM_WINDOW

    async def scene(etcd: Etcd) -> None:
        call, peer = await etcd.asked()
        assert peer.settings[h2.INITIAL_WINDOW_SIZE] == STREAM_WINDOW
        peer.send(headers(1, BEGIN))
        whole = message(bytes(size))
        window, at, connection = STREAM_WINDOW, 0, 0
        while at < len(whole):
            piece = whole[at : at + min(window, 1 << 18)]
            peer.send(data(1, piece))
            at, window = at + len(piece), window - len(piece)
            while not window:
                _, _, number, increment = await peer.expect(h2.WINDOW_UPDATE)
                window += h2.read_number(increment) if number else 0
                connection += 0 if number else h2.read_number(increment)
        peer.send(headers(1, status(), end=True))
        assert len(await call) == size
        assert connection >= STREAM_WINDOW // 2

    play(scene)


async def opened(etcd: Etcd) -> tuple[Duplex, Peer]:
    opening = asyncio.ensure_future(etcd.channel.stream(PATH, SECONDS, METADATA))
    peer = await etcd.peer()
    stream = await opening
    stream.write(b"watch")
    _, flags, number, _ = await peer.expect(h2.HEADERS)
    assert (number, flags) == (1, h2.END_HEADERS)
    assert await peer.expect(h2.DATA) == (h2.DATA, 0, 1, message(b"watch"))
    peer.send(headers(1, BEGIN))
    return stream, peer


def test_stream() -> None:
    """Messages both ways, several in a frame and one in several; then the end, again and again."""

    async def scene(etcd: Etcd) -> None:
        stream, peer = await opened(etcd)
        waiting = asyncio.ensure_future(stream.read())
        await asyncio.sleep(0)
        whole = b"".join(message(b"%d" % i) for i in range(5))
        peer.send(data(1, whole[:-3]))
        assert [await waiting, *[await stream.read() for _ in range(3)]] == [b"0", b"1", b"2", b"3"]
        peer.send(data(1, whole[-3:]), headers(1, status(14, "moved"), end=True))
        assert await stream.read() == b"4"
        for _ in range(2):
            with pytest.raises(EtcdError, match="moved"):
                await stream.read()
        with pytest.raises(EtcdError, match="moved"):
            stream.write(b"more")

    play(scene)


@pytest.mark.parametrize("ending", ["status", "reset", "lost", "closed", "compressed"])
def test_end_of_a_stream(ending: str) -> None:
    """However it ends, the reader that waits is told."""
    codes = {"reset": "CANCELLED", "closed": "CLOSED", "compressed": "INTERNAL"}

    async def scene(etcd: Etcd) -> None:
        stream, peer = await opened(etcd)
        waiting = asyncio.ensure_future(stream.read())
        await asyncio.sleep(0)
        if ending == "status":
            peer.send(headers(1, status(), end=True))
        elif ending == "reset":
            peer.send(h2.reset(1, h2.CANCEL))
        elif ending == "lost":
            peer.cut()
        elif ending == "closed":
            await etcd.channel.close()
        else:
            peer.send(data(1, message(b"", 1)))
        with pytest.raises(EtcdError) as caught:
            await waiting
        assert caught.value.code == codes.get(ending, "UNAVAILABLE")

    play(scene)


def test_cancelled_stream() -> None:
    """etcd is told, once; what it sent meanwhile is dropped."""

    async def scene(etcd: Etcd) -> None:
        stream, peer = await opened(etcd)
        stream.cancel()
        stream.cancel()
        assert h2.read_number((await peer.expect(h2.RST_STREAM, 1))[3]) == h2.CANCEL
        peer.send(data(1, message(b"late")))
        call = etcd.call()
        peer.send(answer((await peer.request())[0], b"fine"))
        assert await call == b"fine"
        with pytest.raises(EtcdError, match="cancelled"):
            await stream.read()

    play(scene)


def test_slow_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """While messages wait for their reader beyond the limit, the window stays closed; when it reads on, it opens."""
    monkeypatch.setattr(etcd_http2_calls, "UNREAD_BYTES", STREAM_WINDOW // 4)
    piece, count = 1 << 18, STREAM_WINDOW >> 18

    async def scene(etcd: Etcd) -> None:
        stream, peer = await opened(etcd)
        for _ in range(count):
            peer.send(data(1, message(bytes(piece - 5))))
        peer.send(h2.frame(h2.PING, 0, 0, bytes(8)))
        frame = await peer.next()
        while frame[0] != h2.PING:
            assert frame[0] != h2.WINDOW_UPDATE
            frame = await peer.next()
        for _ in range(count * 3 // 4 + 1):
            await stream.read()
        _, _, number, increment = await peer.expect(h2.WINDOW_UPDATE)
        assert (number, h2.read_number(increment)) == (1, STREAM_WINDOW)

    play(scene)


def test_message_larger_than_the_window() -> None:
    """A message of which the end cannot come yet does not keep the window closed."""

    async def scene(etcd: Etcd) -> None:
        stream, peer = await opened(etcd)
        whole = message(bytes(STREAM_WINDOW + 100))
        for at in range(0, STREAM_WINDOW, 1 << 18):
            peer.send(data(1, whole[at : at + (1 << 18)]))
        assert (await peer.expect(h2.WINDOW_UPDATE))[2] == 1
        peer.send(data(1, whole[STREAM_WINDOW:]))
        assert len(await stream.read()) == STREAM_WINDOW + 100

    play(scene)


def test_more_than_there_was_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that ignores the window of a stream loses the stream."""
    monkeypatch.setattr(etcd_http2_calls, "UNREAD_BYTES", 0)

    async def scene(etcd: Etcd) -> None:
        stream, peer = await opened(etcd)
        for _ in range((2 * STREAM_WINDOW >> 18) + 1):
            peer.send(data(1, message(bytes(1 << 18))))
        await peer.expect(h2.RST_STREAM, 1)
        assert stream._ended

    play(scene)


def test_stream_writes_are_bounded() -> None:
    """What etcd does not take piles up to a limit."""

    async def scene(etcd: Etcd) -> None:
        stream, _ = await opened(etcd)
        with pytest.raises(EtcdError) as caught:
            for _ in range(10):
                stream.write(bytes(BIG))
        assert caught.value.code == "RESOURCE_EXHAUSTED"

    play(scene)


class Watch:
    """A loop's clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[list[Any]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, what: Callable[[], None]) -> Any:
        timer = [self.now + delay, what]
        self.timers.append(timer)

        class Handle:
            def cancel(_) -> None:
                timer[1] = lambda: None

        return Handle()

    def turn(self, to: float) -> None:
        while due := sorted((timer for timer in self.timers if timer[0] <= to), key=lambda timer: timer[0]):
            self.timers.remove(due[0])
            self.now = due[0][0]
            due[0][1]()
        self.now = to


class Silence:
    """A keepalive that writes down what it does. `waited_for`: calls wait."""

    def __init__(self) -> None:
        self.clock, self.pings, self.died = Watch(), [], []
        self.waited_for = True
        self.keepalive = Keepalive(
            self.clock,  # type: ignore[arg-type]
            lambda: self.waited_for,
            lambda: self.pings.append(self.clock.now),
            lambda: self.died.append(self.clock.now),
        )
        self.keepalive.heard = False


def test_silence() -> None:
    """After a silence comes a PING, and without any sign of life after it the end."""
    silence = Silence()
    silence.clock.turn(KEEPALIVE_SECONDS + KEEPALIVE_ANSWER)
    assert silence.pings == [KEEPALIVE_SECONDS]
    assert silence.died == [KEEPALIVE_SECONDS + KEEPALIVE_ANSWER]


def test_signs_of_life() -> None:
    """Whoever is heard is not asked; who answers lives."""
    silence = Silence()
    silence.keepalive.heard = True
    silence.clock.turn(KEEPALIVE_SECONDS)
    assert silence.pings == []
    silence.clock.turn(2 * KEEPALIVE_SECONDS)
    assert silence.pings == [2 * KEEPALIVE_SECONDS]
    silence.keepalive.heard = True
    silence.clock.turn(3 * KEEPALIVE_SECONDS - 0.1)
    assert silence.died == []


def test_nobody_waits() -> None:
    """A connection at rest is left in peace; the first call after it asks."""
    silence = Silence()
    silence.waited_for = False
    silence.clock.turn(5 * KEEPALIVE_SECONDS)
    assert silence.pings == []
    assert silence.keepalive.quiet
    silence.keepalive.probe()
    assert len(silence.pings) == 1


def test_not_too_often() -> None:
    """etcd hangs up on who asks too often."""
    silence = Silence()
    for tenth in range(300):
        silence.clock.turn(tenth / 10)
        silence.keepalive.heard = True
        silence.keepalive.probe()
    assert len(silence.pings) > 4
    assert all(b - a >= KEEPALIVE_LEAST for a, b in zip(silence.pings, silence.pings[1:], strict=False))


def test_stopped() -> None:
    """Then nothing happens any more."""
    silence = Silence()
    silence.keepalive.probe()
    silence.keepalive.stop()
    silence.keepalive.probe()
    silence.clock.turn(100)
    assert (len(silence.pings), silence.died) == (1, [])


@pytest.mark.parametrize("asked", ["a call after a silence", "a stream"])
def test_dead_connection(asked: str) -> None:
    """When a PING is not answered, all calls and streams fail, perhaps applied, and the next call connects anew."""

    async def scene(etcd: Etcd) -> None:
        waiting: Awaitable[bytes]
        if asked == "a stream":
            stream, peer = await opened(etcd)
            waiting = stream.read()
        else:
            call, peer = await etcd.asked()
            peer.send(answer(1, b""))
            await call
        connection = etcd.channel._connection
        assert connection is not None
        connection._keepalive.heard = False
        connection._keepalive._tick()
        if asked != "a stream":
            waiting = etcd.call()
        await peer.expect(h2.PING)
        connection._keepalive.heard = False
        connection._keepalive._judge()
        with pytest.raises(EtcdError, match="PING was not answered") as caught:
            await waiting
        assert caught.value.perhaps_applied
        call, peer = await etcd.asked()
        peer.send(answer(1, b"fine"))
        assert await call == b"fine"

    play(scene)


def test_garbled_messages() -> None:
    """An answer, or a message of a watch, that is no message of etcd's is a failure like others."""

    async def scene(etcd: Etcd) -> None:
        messages = Messages()
        endpoint = Endpoint(f"http://127.0.0.1:{etcd.port}", EtcdTls(), messages)
        call = asyncio.ensure_future(endpoint.call("Range", messages.RangeRequest(), SECONDS, METADATA))
        peer = await etcd.peer()
        peer.send(answer((await peer.request())[0], b"\xff"))
        with pytest.raises(EtcdError, match="cannot be decoded") as caught:
            await call
        assert caught.value.code == "INTERNAL"
        watch = endpoint.stream(METADATA)
        await watch.write(messages.WatchRequest(progress=messages.WatchProgress()))
        peer.send(headers(3, BEGIN), data(3, message(b"\xff")))
        with pytest.raises(EtcdError, match="cannot be decoded"):
            await watch.read()
        await endpoint.close()

    play(scene)


def test_watch_cancelled_before_it_is_open() -> None:
    """It ends as soon as there is something to end."""

    async def scene(etcd: Etcd) -> None:
        messages = Messages()
        endpoint = Endpoint(f"http://127.0.0.1:{etcd.port}", EtcdTls(), messages)
        watch = endpoint.stream(METADATA)
        with pytest.raises(EtcdError, match="not opened"):
            await watch.read()
        opening = asyncio.ensure_future(watch.write(messages.WatchRequest()))
        peer = await etcd.accept()
        watch.cancel()
        await peer.greet()
        with pytest.raises(EtcdError, match="cancelled"):
            await opening
        await peer.expect(h2.RST_STREAM, 1)
        await endpoint.close()

    play(scene)
