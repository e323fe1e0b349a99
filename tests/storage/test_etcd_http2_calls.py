"""Calls over our own HTTP/2, against a server that a script plays: answers, failures, and what they say of a write."""

from __future__ import annotations

import asyncio

import hpack
import pytest
from etcd_http2_peer import BEGIN, METADATA, PATH, Etcd, answer, data, field, headers, message, play, status

from orlop.storage import etcd_http2_channel, etcd_http2_connection
from orlop.storage import etcd_http2_frames as h2
from orlop.storage.etcd_error import EtcdError


async def failure(call: asyncio.Future[bytes]) -> tuple[str, str, bool]:
    with pytest.raises(EtcdError) as caught:
        await call
    assert caught.value.where == "etcd" or caught.value.words == "an answer without a message"
    return caught.value.code, caught.value.words, caught.value.perhaps_applied


def test_a_call() -> None:
    """What goes out is a gRPC request, and what comes back is its answer."""

    async def scene(etcd: Etcd) -> None:
        call = etcd.call(b"question", 2.5)
        peer = await etcd.peer()
        assert peer.settings[h2.HEADER_TABLE_SIZE] == 0
        assert peer.settings[h2.ENABLE_PUSH] == 0
        number, block, body = await peer.request()
        fields = dict(hpack.Decoder().decode(block))
        assert (fields[":path"], fields["hasleader"], fields["grpc-timeout"]) == (PATH, "true", "2500m")
        assert body == b"question"
        peer.send(answer(number, b"answer"))
        assert await call == b"answer"

    play(scene)


def test_calls_of_one_turn_share_a_connection() -> None:
    """Many calls at a time, answered in another order."""

    async def scene(etcd: Etcd) -> None:
        calls = [etcd.call(b"%d" % i) for i in range(50)]
        peer = await etcd.peer()
        asked = [await peer.request() for _ in calls]
        assert [number for number, _, _ in asked] == list(range(1, 101, 2))
        peer.send(*(answer(number, b"to " + body) for number, _, body in reversed(asked)))
        assert await asyncio.gather(*calls) == [b"to %d" % i for i in range(50)]

    play(scene)


def test_answer_in_pieces() -> None:
    """Headers over CONTINUATION frames, padding, priority, DATA cut anywhere, an interim answer, unknown frames."""

    async def scene(etcd: Etcd) -> None:
        call, peer = await etcd.asked()
        whole = message(b"answer")
        peer.send(
            headers(1, field(":status", "103")),
            h2.frame(h2.HEADERS, h2.PRIORITISED | h2.PADDED, 1, b"\x02\0\0\0\0\0" + BEGIN[:3] + b"\0\0"),
            h2.frame(h2.CONTINUATION, 0, 1, BEGIN[3:7]),
            h2.frame(h2.CONTINUATION, h2.END_HEADERS, 1, BEGIN[7:]),
            h2.frame(h2.PRIORITY, 0, 1, bytes(5)),
            h2.frame(0xEE, 0xFF, 1, b"of the future"),
            data(1, whole[:2]),
            data(1, b""),
            h2.frame(h2.DATA, h2.PADDED, 1, b"\x03" + whole[2:7] + b"\0\0\0"),
            data(1, whole[7:]),
            h2.frame(h2.HEADERS, h2.END_STREAM, 1, status()[:4]),
            h2.frame(h2.CONTINUATION, h2.END_HEADERS, 1, status()[4:]),
        )
        assert await call == b"answer"

    play(scene)


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([headers(1, BEGIN + status(9, "no%20way"), end=True)], ("FAILED_PRECONDITION", "no way", False)),
        (
            [headers(1, BEGIN + status(14, "etcdserver: no leader"), end=True)],
            ("UNAVAILABLE", "etcdserver: no leader", False),
        ),
        (
            [headers(1, BEGIN), data(1, message(b"x")), headers(1, status(14, "late"), end=True)],
            ("UNAVAILABLE", "late", True),
        ),
        ([headers(1, field(":status", "503"), end=True)], ("UNAVAILABLE", "HTTP status 503", True)),
        ([headers(1, field(":status", "404")), data(1, b"<html>")], ("UNIMPLEMENTED", "HTTP status 404", False)),
        ([headers(1, BEGIN), headers(1, b"", end=True)], ("UNKNOWN", "an answer without a status", True)),
        ([headers(1, BEGIN), data(1, message(b"x"), end=True)], ("INTERNAL", "an answer without a status", True)),
        ([headers(1, BEGIN), headers(1, status(), end=True)], ("INTERNAL", "an answer without a message", True)),
        (
            [headers(1, BEGIN), data(1, message(b"x") * 2)],
            ("INTERNAL", "a second answer to one request", True),
        ),
        (
            [headers(1, BEGIN), data(1, message(b"x", 1))],
            ("INTERNAL", "a compressed message, which nobody asked for", True),
        ),
        ([data(1, message(b"x"))], ("INTERNAL", "data before headers", True)),
        ([headers(1, BEGIN), headers(1, BEGIN)], ("INTERNAL", "headers in the middle of an answer", True)),
        ([h2.reset(1, h2.REFUSED_STREAM)], ("UNAVAILABLE", "etcd reset the stream: REFUSED_STREAM", False)),
        ([h2.reset(1, h2.CANCEL)], ("CANCELLED", "etcd reset the stream: CANCEL", True)),
        ([h2.reset(1, 99)], ("INTERNAL", "etcd reset the stream: error 99", True)),
    ],
)
def test_failures_of_one_call(frames: list[bytes], expected: tuple[str, str, bool]) -> None:
    """Each with gRPC's code, words, and whether a write may have been applied; other calls are not touched."""

    async def scene(etcd: Etcd) -> None:
        call, peer = await etcd.asked()
        other = etcd.call()
        await peer.request()
        peer.send(*frames, answer(3, b"fine"))
        assert await failure(call) == expected
        assert await other == b"fine"

    play(scene)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (h2.frame(h2.DATA, 0, 1, bytes(100))[:2] + b"\xff" + bytes(6), None),
        (b"\xff\xff\xff" + bytes(6), h2.FRAME_SIZE_ERROR),
        (headers(1, b"\xbe"), h2.COMPRESSION_ERROR),
        (data(0, b""), h2.PROTOCOL_ERROR),
        (data(2, b""), h2.PROTOCOL_ERROR),
        (headers(3, BEGIN), h2.PROTOCOL_ERROR),
        (h2.frame(h2.PUSH_PROMISE, 4, 1, bytes(8)), h2.PROTOCOL_ERROR),
        (h2.frame(h2.CONTINUATION, 4, 1, BEGIN), h2.PROTOCOL_ERROR),
        (h2.frame(h2.HEADERS, 0, 1, BEGIN) + data(1, b""), h2.PROTOCOL_ERROR),
        (h2.frame(h2.HEADERS, 0, 1, b"") + h2.frame(h2.CONTINUATION, 0, 1, bytes(16000)) * 5, h2.PROTOCOL_ERROR),
        (h2.frame(h2.SETTINGS, 0, 1), h2.PROTOCOL_ERROR),
        (h2.frame(h2.SETTINGS, 0, 0, bytes(5)), h2.FRAME_SIZE_ERROR),
        (h2.settings({h2.INITIAL_WINDOW_SIZE: 1 << 31}), h2.FLOW_CONTROL_ERROR),
        (h2.settings({h2.MAX_FRAME_SIZE: 100}), h2.PROTOCOL_ERROR),
        (h2.window_update(0, 0), h2.PROTOCOL_ERROR),
        (h2.window_update(0, (1 << 31) - 1), h2.FLOW_CONTROL_ERROR),
        (h2.frame(h2.WINDOW_UPDATE, 0, 0, b"abc"), h2.FRAME_SIZE_ERROR),
        (h2.frame(h2.PING, 0, 0, b"abc"), h2.PROTOCOL_ERROR),
        (h2.frame(h2.RST_STREAM, 0, 1, b"abc"), h2.FRAME_SIZE_ERROR),
        (h2.frame(h2.GOAWAY, 0, 0, b"abc"), h2.FRAME_SIZE_ERROR),
        (h2.frame(h2.DATA, h2.PADDED, 1, b"\x09abc"), h2.PROTOCOL_ERROR),
    ],
)
def test_violations(frame: bytes, code: int | None) -> None:
    """What breaks HTTP/2 breaks the connection: the call fails, perhaps applied, and the next one gets another."""

    async def scene(etcd: Etcd) -> None:
        call, peer = await etcd.asked()
        peer.send(frame)
        if code is None:  # a frame that never ends is for the deadline to find
            peer.cut()
        else:
            assert h2.read_goaway((await peer.expect(h2.GOAWAY))[3])[1] == h2.error_name(code)
            await peer.closed()
        assert (await failure(call))[::2] == ("UNAVAILABLE", True)
        call, peer = await etcd.asked()
        peer.send(answer(1, b"fine"))
        assert await call == b"fine"

    play(scene)


def test_deadline() -> None:
    """A call that is not answered in time fails, perhaps applied; etcd is told, and asked whether it lives."""

    async def scene(etcd: Etcd) -> None:
        call, patient = etcd.call(timeout=0.05), etcd.call()
        peer = await etcd.peer()
        await peer.request()
        assert await failure(call) == ("DEADLINE_EXCEEDED", "no answer in time", True)
        assert h2.read_number((await peer.expect(h2.RST_STREAM, 1))[3]) == h2.CANCEL
        await peer.expect(h2.PING)
        peer.send(answer(1, b"too late"), answer(3, b"in time"))
        assert await patient == b"in time"

    play(scene)


def test_cancellation() -> None:
    """A caller that gives up takes its stream with it, and nothing is left of it."""

    async def scene(etcd: Etcd) -> None:
        call, peer = await etcd.asked()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert h2.read_number((await peer.expect(h2.RST_STREAM, 1))[3]) == h2.CANCEL
        connection = etcd.channel._connection
        assert connection is not None
        assert not connection._calls
        peer.send(answer(1, b"nobody waits"))
        other = etcd.call()
        peer.send(answer((await peer.request())[0], b"fine"))
        assert await other == b"fine"

    play(scene)


def test_connection_lost() -> None:
    """Who waits fails, perhaps applied; the next call connects anew, at once."""

    async def scene(etcd: Etcd) -> None:
        call, peer = await etcd.asked()
        peer.cut()
        code, words, perhaps = await failure(call)
        assert (code, perhaps) == ("UNAVAILABLE", True)
        assert words.startswith("the connection was lost")
        call, peer = await etcd.asked()
        peer.send(answer(1, b"fine"))
        assert await call == b"fine"

    play(scene)


def test_goaway() -> None:
    """Calls above the last stream were surely not applied; those up to it go on; new ones get a new connection."""

    async def scene(etcd: Etcd) -> None:
        first, peer = await etcd.asked()
        second = etcd.call()
        await peer.request()
        peer.send(h2.frame(h2.GOAWAY, 0, 0, b"\0\0\0\1\0\0\0\x0benough"))
        assert await failure(second) == (
            "UNAVAILABLE", "etcd closes the connection: ENHANCE_YOUR_CALM enough", False
        )  # fmt: skip
        third, next_peer = await etcd.asked()
        next_peer.send(answer(1, b"third"))
        assert await third == b"third"
        peer.send(answer(1, b"first"))
        assert await first == b"first"
        await peer.closed()

    play(scene)


def test_goaway_instead_of_settings() -> None:
    """A server that is closing takes no call: surely not applied."""

    async def scene(etcd: Etcd) -> None:
        call = etcd.call()
        peer = await etcd.accept()
        peer.send(h2.goaway(h2.NO_ERROR))
        assert await failure(call) == ("UNAVAILABLE", "etcd closes the connection: NO_ERROR", False)

    play(scene)


def test_stream_numbers_run_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before they do, another connection is made; the old one ends with its last call."""
    monkeypatch.setattr(etcd_http2_connection, "LAST_STREAM", 3)

    async def scene(etcd: Etcd) -> None:
        calls = [etcd.call(b"%d" % i) for i in range(3)]
        peer = await etcd.peer()
        peer.send(answer((await peer.request())[0], b"a"), answer((await peer.request())[0], b"b"))
        await peer.closed()
        peer = await etcd.peer()
        peer.send(answer((await peer.request())[0], b"c"))
        assert await asyncio.gather(*calls) == [b"a", b"b", b"c"]

    play(scene)


def test_most_streams_at_a_time() -> None:
    """Calls beyond what etcd takes wait; one that waits in vain was surely not applied."""

    async def scene(etcd: Etcd) -> None:
        first, peer = await etcd.asked({h2.MAX_CONCURRENT_STREAMS: 1})
        vain, gone, second = etcd.call(timeout=0.05), etcd.call(), etcd.call(b"second")
        assert await failure(vain) == ("DEADLINE_EXCEEDED", "no connection in time", False)
        gone.cancel()
        peer.send(answer(1, b"first"))
        number, _, body = await peer.request()
        assert (number, body) == (3, b"second")
        third, fourth = etcd.call(), etcd.call()
        await asyncio.sleep(0)
        peer.send(h2.settings({h2.MAX_CONCURRENT_STREAMS: 3}))
        peer.send(answer(3, b""), answer((await peer.request())[0], b""), answer((await peer.request())[0], b""))
        assert await asyncio.gather(first, second, third, fourth) == [b"first", b"", b"", b""]

    play(scene)


def test_refused_connection() -> None:
    """Surely not applied; for a moment the next calls fail at once, without another attempt."""

    async def scene(etcd: Etcd) -> None:
        async def dial(_: object) -> tuple[asyncio.BaseTransport, etcd_http2_connection.Connection]:
            nonlocal attempts
            attempts += 1
            raise ConnectionRefusedError(111, "refused")

        attempts = 0
        etcd.channel._dial = dial
        for _ in range(3):
            assert await failure(etcd.call()) == ("UNAVAILABLE", "failed to connect: [Errno 111] refused", False)
        assert attempts == 1
        etcd.channel._retry_at = 0
        await failure(etcd.call())
        assert attempts == 2

    play(scene)


def test_another_protocol() -> None:
    """A server of something else is found out by its first bytes, before a call is sent."""

    async def scene(etcd: Etcd) -> None:
        call = etcd.call()
        (await etcd.accept()).send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        code, words, perhaps = await failure(call)
        assert (code, perhaps) == ("UNAVAILABLE", False)
        assert "HTTP/2" in words

    play(scene)


def test_silent_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that accepts and says nothing (a stopped process) is not sent anything."""
    monkeypatch.setattr(etcd_http2_channel, "CONNECT_SECONDS", 0.05)

    async def scene(etcd: Etcd) -> None:
        assert await failure(etcd.call()) == ("UNAVAILABLE", "failed to connect in 0.05 s", False)
        peer = await etcd.accept()
        await peer.greet()
        with pytest.raises(EOFError):
            await peer.expect(h2.HEADERS)

    play(scene)


def test_closing() -> None:
    """Who waits is told; later calls fail for good; the server gets a GOAWAY."""

    async def scene(etcd: Etcd) -> None:
        call, peer = await etcd.asked()
        await etcd.channel.close()
        assert await failure(call) == ("CLOSED", "the client was closed", False)
        assert await failure(etcd.call()) == ("CLOSED", "the client was closed", False)
        await peer.expect(h2.GOAWAY)
        await peer.closed()

    play(scene)


def test_closing_while_connecting() -> None:
    """Who waits for the connection is told."""

    async def scene(etcd: Etcd) -> None:
        call = etcd.call()
        await etcd.accept()
        await etcd.channel.close()
        assert await failure(call) == ("CLOSED", "the client was closed", False)

    play(scene)


def test_pings_are_answered() -> None:
    """With what they carry."""

    async def scene(etcd: Etcd) -> None:
        call, peer = await etcd.asked()
        peer.send(h2.frame(h2.PING, 0, 0, b"whocalls"))
        assert await peer.expect(h2.PING) == (h2.PING, h2.ACK, 0, b"whocalls")
        peer.send(answer(1, b""))
        assert await call == b""

    play(scene)


def test_metadata_too_large() -> None:
    """It is refused before anything is sent, and the connection goes on."""

    async def scene(etcd: Etcd) -> None:
        call, peer = await etcd.asked()
        large = asyncio.ensure_future(etcd.channel.call(PATH, b"", 5, (*METADATA, ("token", "t" * 20000))))
        assert await failure(large) == ("INVALID_ARGUMENT", "metadata that fits into no frame", False)
        peer.send(answer(1, b"fine"))
        assert await call == b"fine"

    play(scene)
