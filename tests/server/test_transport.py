"""The in-process transport: the same answers as through a socket."""

from __future__ import annotations

import asyncio

import pytest
from listener_wire import get, on_loop, site

from orlop.api.http import Answer, Channel, Frame, Request, Response, Stream, Upgrade
from orlop.server.limits import Limits
from orlop.server.transport import InProcess
from orlop.world.clock import ManualClock


def shop(request: Request) -> object:
    """A handler with every kind of answer."""
    async def later() -> Answer:
        await asyncio.sleep(0)
        if request.path == "/late-error":
            raise ValueError("late")
        return Response(201, [b"la", b"ter"], headers=(("Audit-Id", "x"), ("Warning", "a"), ("Retry-After", "1")))

    def speak(channel: Channel) -> None:
        for word in (b"one", b"", b"two"):
            channel.write(Frame(word))
        channel.close()

    if request.path == "/error":
        raise ValueError("now")
    if request.path.startswith("/late"):
        return later()
    kinds: dict[str, Answer] = {
        "/stream": Stream("application/json;stream=watch", speak, (("X-A", "b"),)),
        "/204": Response(204, b"", ""), "/304": Response(304, b"", "", (("Etag", '"e"'),)),
    }  # fmt: skip
    echo = (f"{request.method}|{request.path}|{request.raw_path}|{request.query}|{sorted(request.header_list)}|"
            f"{sorted(request.headers.items())}|").encode() + request.body  # fmt: skip
    return kinds.get(request.path) or Response(200, echo, "text/plain")


TABLE = [
    ("GET", "/", {}, b""), ("GET", "/a%2Fb?c=%20d", {"X-A": "1", "Accept": "x"}, b""), ("HEAD", "/a", {}, b""),
    ("OPTIONS", "/a", {}, b""), ("POST", "/a", {}, b"body"), ("PATCH", "/a", {"Content-Type": "x/y"}, b"p" * 5000),
    ("GET", "/%zz", {}, b""), ("GET", "/a b", {}, b""), ("GET", "/\x7f", {}, b""), ("GET", "no-slash", {}, b""),
    ("GET", "/" + "a" * 3000, {}, b""), ("PUT", "/a", {}, b"x" * 10_001), ("DELETE", "/late", {}, b""),
    ("GET", "/late-error", {}, b""), ("GET", "/error", {}, b""), ("GET", "/stream", {}, b""),
    ("HEAD", "/stream", {}, b""), ("GET", "/204", {}, b""), ("GET", "/304", {}, b""), ("HEAD", "/late", {}, b""),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "headers", "body"), TABLE)
@on_loop
async def test_parity_with_the_socket(method: str, path: str, headers: dict[str, str], body: bytes) -> None:
    """Each request of the table gets the same status, headers and body both ways."""
    limits = Limits(target=2000, body=10_000)
    sent = {"Host": "here", **headers, **({"Content-Length": str(len(body))} if body else {})}
    lines = [f"{name}: {value}" for name, value in sent.items() if name != "Host"]
    async with site(shop, limits) as here:
        wire = await here.connect()
        wire.send(get(path, *lines, method=method) + body)
        over = await wire.answer(method)
    over.headers.pop("connection", None)
    reply = await InProcess(shop, limits, ManualClock()).request(method, path, sent, body)
    assert (reply.status, reply.headers, reply.body) == (over.status, over.headers, over.body)


@on_loop
async def test_a_stream_in_chunks() -> None:
    """A stream's chunks come as they are written; leaving it tells its writer once."""
    channels: list[Channel] = []
    lost: list[str] = []

    def open_(channel: Channel) -> None:
        channels.append(channel)
        channel.on_lost = lambda: lost.append("lost")

    reply = await InProcess(lambda r: Stream("text/plain", open_)).stream("GET", "/")
    assert reply.status == 200 and reply.headers["content-type"] == "text/plain"
    waiting = asyncio.ensure_future(anext(reply))
    await asyncio.sleep(0)
    channels[0].write(Frame(b"a"))
    assert await waiting == b"a"
    channels[0].write(Frame(b"bcd"))
    assert channels[0].backlog == 3
    assert await anext(reply) == b"bcd" and channels[0].backlog == 0
    await reply.aclose()
    await reply.aclose()
    channels[0].write(Frame(b"late"))
    assert [chunk async for chunk in reply] == [] and lost == ["lost"]


@on_loop
async def test_streams_that_end_or_break() -> None:
    """A closed stream ends the iteration after its last chunk; an aborted or overfull one raises."""
    def closing(channel: Channel) -> None:
        channel.write(Frame(b"a"))
        channel.close()

    def aborting(channel: Channel) -> None:
        channel.abort()

    def overfull(channel: Channel) -> None:
        channel.write(Frame(b"a" * 11))

    async def read(opening: object) -> list[bytes]:
        reply = await InProcess(lambda r: Stream("", opening), Limits(stream_backlog=10)).stream("GET", "/")
        return [chunk async for chunk in reply]

    assert await read(closing) == [b"a"]
    for breaking in (aborting, overfull):
        with pytest.raises(ConnectionResetError):
            await read(breaking)


@on_loop
async def test_whole_answers_as_streams_and_upgrades() -> None:
    """A whole answer is one chunk; an upgrade is refused, as it needs a connection."""
    client = InProcess(lambda r: Response(200, b"abc") if r.path == "/" else Upgrade((), lambda raw, early: None),
                       peer_certificate=b"der")  # fmt: skip
    reply = await client.stream("GET", "/")
    assert [chunk async for chunk in reply] == [b"abc"] and reply.headers["content-length"] == "3"
    assert (await client.request("GET", "/up")).status == 400


@on_loop
async def test_the_peer_certificate_is_shown() -> None:
    """Requests of one client carry the certificate it was made with."""
    client = InProcess(lambda r: Response(200, r.peer_certificate or b""), peer_certificate=b"der")
    assert (await client.request("GET", "/", [("A", "b"), ("A", "c")])).body == b"der"
