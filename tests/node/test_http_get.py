"""GETs as probes and hooks make them, against a server on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from orlop.node.http_get import ActionError, HttpAnswer, HttpFailure, HttpGet, fetch, get_of, port_of
from orlop.node.identity import issue

CONTAINER = {"name": "main", "ports": [{"name": "web", "containerPort": 8080}]}


def here(address: str) -> str:
    """All addresses are this machine."""
    return "127.0.0.1"


class Server:
    """Answers each request as told, and keeps what it was sent."""

    def __init__(self, *answers: bytes) -> None:
        self.answers, self.heads = list(answers), list[str]()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        except asyncio.IncompleteReadError:
            writer.close()
            return
        writer.write(self.answers.pop(0))
        await writer.drain()
        writer.close()


@asynccontextmanager
async def serving(*answers: bytes, tls: bool = False) -> AsyncIterator[Server]:
    found = Server(*answers)
    own = issue(b"", "", ["localhost"], 1.8e9) if tls else None
    context = replace(own, authority=own.certificate).context() if own else None
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0, ssl=context)
    found.port = server.sockets[0].getsockname()[1]
    async with server:
        yield found


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    async def playing() -> None:
        async with asyncio.timeout(20):
            await scenario()

    asyncio.run(playing())


async def got(port: int, timeout: float | None = 10, **action: Any) -> HttpAnswer:
    return await fetch(get_of({"port": port, **action}, CONTAINER, "10.0.0.1", "probe"), timeout, here)


def test_what_is_sent() -> None:
    """Path with its query, the pod's address as host, the kubelet's name; the action's own headers go before."""

    async def scenario() -> None:
        async with serving(*[b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"] * 2) as server:
            assert await got(server.port, path="/health?deep=1") == (200, "ok")
            headers = [{"name": "host", "value": "web"}, {"name": "x-token", "value": "1"},
                       {"name": "accept", "value": ""}, {"name": "user-agent", "value": "me"}]
            await got(server.port, path="plain path", httpHeaders=headers)
        assert server.heads == [
            f"GET /health?deep=1 HTTP/1.1\r\nHost: 10.0.0.1:{server.port}\r\nUser-Agent: kube-probe/1.36\r\n"
            "Accept: */*\r\nConnection: close\r\n\r\n",
            "GET /plain%20path HTTP/1.1\r\nHost: web\r\nX-Token: 1\r\nUser-Agent: me\r\nConnection: close\r\n\r\n"]

    play(scenario)


def test_certificates_are_not_checked() -> None:
    async def scenario() -> None:
        async with serving(b"HTTP/1.1 204 No Content\r\n\r\n", tls=True) as server:
            assert (await got(server.port, scheme="HTTPS")).status == 204

    play(scenario)


def test_redirects_are_followed_to_the_same_host() -> None:
    """To another, the redirect itself is the answer."""

    async def scenario() -> None:
        away = b"HTTP/1.1 302 Found\r\nLocation: http://other/\r\nContent-Length: 4\r\n\r\nbye!"
        async with serving(b"HTTP/1.1 301 Moved\r\nLocation: /next\r\n\r\n", away) as server:
            assert await got(server.port) == (302, "bye!")
        assert server.heads[1].startswith("GET /next HTTP/1.1\r\n")

    play(scenario)


def test_only_the_beginning_of_a_body_is_read() -> None:
    async def scenario() -> None:
        async with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + b"x" * 99999) as server:
            assert len((await got(server.port)).body) == 10240

    play(scenario)


@pytest.mark.parametrize(("answer", "text"), [
    (b"", "EOF"),
    (b"what?\r\n\r\n", 'net/http: HTTP/1.x transport connection broken: malformed HTTP response "what?"')])
def test_what_is_no_answer(answer: bytes, text: str) -> None:
    async def scenario() -> None:
        async with serving(answer) as server:
            with pytest.raises(HttpFailure) as caught:
                await got(server.port, path="/x")
        assert str(caught.value) == f'Get "http://10.0.0.1:{server.port}/x": {text}'

    play(scenario)


def test_nobody_listens() -> None:
    """The words of Go's dialer, with the address that the API shows."""

    async def scenario() -> None:
        async with serving() as server:
            port = server.port
        with pytest.raises(HttpFailure) as caught:
            await got(port, path="/")
        assert str(caught.value) == (f'Get "http://10.0.0.1:{port}/": dial tcp 10.0.0.1:{port}: connect: '
                                     "connection refused")

    play(scenario)


def test_too_late() -> None:
    async def scenario() -> None:
        waiting = asyncio.Event()

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await waiting.wait()
            writer.close()

        async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(HttpFailure, match="context deadline exceeded"):
                await got(port, timeout=0.05)
            waiting.set()

    play(scenario)


def test_plain_text_is_no_tls() -> None:
    async def scenario() -> None:
        async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(HttpFailure, match="server gave HTTP response to HTTPS client"):
                await fetch(HttpGet(f"https://10.0.0.1:{port}/", {}), 10, here)

    play(scenario)


def test_ports() -> None:
    """By number, by name, and what is neither."""
    assert port_of(80, CONTAINER) == 80
    assert port_of("web", CONTAINER) == 8080
    assert port_of("81", CONTAINER) == 81
    for port, text in (("none", 'strconv.Atoi: parsing "none": invalid syntax'), (0, "invalid port number: 0")):
        with pytest.raises(ActionError) as caught:
            port_of(port, CONTAINER)
        assert str(caught.value) == text
