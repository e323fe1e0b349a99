"""Watches over WebSocket: one message an event, in text or in protobuf, and the handshakes that are refused."""

from __future__ import annotations

import asyncio
import json

import pytest
from kubelet_site import Cluster, Socket, cluster
from listener_wire import on_loop

from orlop.websocket.framing import CLOSE, PING, TEXT

SECRETS = "/api/v1/namespaces/default/secrets"
HANDSHAKE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
             "Sec-WebSocket-Version: 13")
ORIGIN = "Origin: https://page.example"


async def watch(here: Cluster, query: str, *headers: str) -> Socket:
    wire = await here.ask(f"{SECRETS}?watch=1{query}", *HANDSHAKE, ORIGIN, *headers)
    assert (await wire.head()).status == 101
    return Socket(wire)


async def make(here: Cluster, name: str) -> None:
    body = json.dumps({"metadata": {"name": name}}).encode()
    wire = await here.ask(SECRETS, "Content-Type: application/json", method="POST", body=body)
    assert (await wire.answer()).status == 201


@on_loop
async def test_each_event_is_a_text_message() -> None:
    """Those of the state, the bookmark after them and live ones; each ends with a line end, as upstream's encoder
    leaves it."""
    async with cluster() as here:
        await make(here, "a")
        await make(here, "b")
        socket = await watch(here, "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true")
        seen = [await socket.receive() for _ in range(3)]
        await make(here, "c")
        seen.append(await socket.receive())
        assert all(text is not None and text.endswith(b"}\n") for text in seen)
        events = [json.loads(text or b"") for text in seen]
        assert [(e["type"], e["object"]["metadata"].get("name")) for e in events] == [
            ("ADDED", "a"), ("ADDED", "b"), ("BOOKMARK", None), ("ADDED", "c")]


@on_loop
async def test_protobuf_is_binary_and_without_lengths() -> None:
    """A message is the event alone: WebSocket frames say how long it is."""
    async with cluster() as here:
        await make(here, "a")
        socket = await watch(here, "", "Accept: application/vnd.kubernetes.protobuf;stream=watch")
        first = await socket.receive()
        assert first is not None and first.startswith(b"\x0a\x05ADDED")


@on_loop
async def test_a_watch_ends_with_a_goodbye() -> None:
    """When its time is over the server closes normally; what the client says is ignored, pings are answered."""
    async with cluster() as here:
        socket = await watch(here, "&timeoutSeconds=1")
        socket.send(b"hello", TEXT)
        socket.send(b"mark", PING)
        assert await socket.everything() == {}
        assert socket.closed


@on_loop
async def test_a_client_that_leaves_is_forgotten() -> None:
    """By a close frame, and by cutting the connection."""
    async with cluster() as here:
        open_watches = here.server.application.watches
        before = len(open_watches)
        polite, rude = await watch(here, ""), await watch(here, "")
        assert len(open_watches) == before + 2
        polite.send(b"\x03\xe8", CLOSE)
        assert await polite.receive() is None
        rude.wire.writer.transport.abort()
        while len(open_watches) > before:
            await asyncio.sleep(0)


@pytest.mark.parametrize(("headers", "status", "body"), [
    ((*HANDSHAKE,), 403, b""),
    ((*HANDSHAKE, "Origin: no address"), 403, b""),
    ((*HANDSHAKE, ORIGIN, "Sec-WebSocket-Protocol: a, b"), 400, b""),
    ((*HANDSHAKE[:2], *HANDSHAKE[3:], ORIGIN), 400, b"mismatch challenge/response"),
    ((*HANDSHAKE[:3], ORIGIN), 400, b"missing or bad WebSocket Version"),
])
def test_refused_handshakes(headers: tuple[str, ...], status: int, body: bytes) -> None:
    """Without an origin, with several subprotocols, without a key or a version; the connection ends."""
    @on_loop
    async def run() -> None:
        async with cluster() as here:
            wire = await here.ask(f"{SECRETS}?watch=1", *headers)
            got = await wire.answer()
            assert (got.status, got.body, got.headers["connection"]) == (status, body, "close")
            assert await wire.rest() == b""
    run()


@on_loop
async def test_what_cannot_be_watched_is_refused_before_the_upgrade() -> None:
    """As a Status, which upstream gives the code 500 for a revision that is no number."""
    async with cluster() as here:
        wire = await here.ask(f"{SECRETS}?watch=1&resourceVersion=x", *HANDSHAKE, ORIGIN)
        got = await wire.answer()
        assert (got.status, json.loads(got.body)["message"]) == (
            500, 'resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax')
