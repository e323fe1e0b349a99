"""Port-forward: SPDY handed over, SPDY tunnelled through a WebSocket, and the older WebSocket form."""

from __future__ import annotations

import asyncio
import os
import re

import pytest
from kubelet_site import POD, Cluster, cluster
from listener_wire import on_loop

PORT_FORWARD = f"{POD}/portforward"


async def forwarding(here: Cluster, port: int, **environment: str) -> tuple[asyncio.subprocess.Process, int]:
    process = await here.kubectl_process("port-forward", "p", f":{port}", **environment)
    line = await process.stdout.readline()
    found = re.search(rb"127\.0\.0\.1:(\d+)", line)
    assert found, (line, await process.stderr.read())
    return process, int(found[1])


async def echoed(port: int, data: bytes) -> bytes:
    """Send, end our half, and read what comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def send() -> None:
        writer.write(data)
        await writer.drain()
        writer.write_eof()

    _, back = await asyncio.gather(send(), reader.read())
    writer.close()
    return back


@pytest.mark.parametrize("websockets", ["true", "false"])
def test_many_connections(websockets: str) -> None:
    """Fifty at once, each with its own bytes, each half-closed by the client before the answer is complete."""
    @on_loop
    async def run() -> None:
        async with cluster() as here:
            process, port = await forwarding(here, 80, KUBECTL_PORT_FORWARD_WEBSOCKETS=websockets)
            sent = [os.urandom(64 << 10) for _ in range(50)]
            assert await asyncio.gather(*(echoed(port, data) for data in sent)) == sent
            process.terminate()
            await process.wait()
            await here.quiet()
    run()


@on_loop
async def test_kubelet_dies() -> None:
    """kubectl learns that the connection is lost, and nothing is left."""
    async with cluster() as here:
        process, port = await forwarding(here, 80)
        assert await echoed(port, b"before") == b"before"
        here.kubelet.cut()
        await process.wait()
        assert b"lost connection" in await process.stderr.read()
        await here.quiet()


@on_loop
async def test_error_of_a_port() -> None:
    """What the kubelet says of a port reaches the client."""
    async with cluster() as here:
        process, port = await forwarding(here, 9)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"x")
        assert await reader.read() == b""
        assert b"nobody listens on 9" in await process.stderr.readuntil(b"on 9")
        writer.close()
        process.kill()
        await process.wait()


@pytest.mark.parametrize("protocol", ["v4.channel.k8s.io", ""])
def test_older_form(protocol: str) -> None:
    """Two channels a port, each beginning with the port's number."""
    @on_loop
    async def run() -> None:
        async with cluster() as here:
            socket = await here.websocket(f"{PORT_FORWARD}?ports=80&ports=9", protocol)
            first = {bytes(message or b"") for message in [await socket.receive() for _ in range(4)]}
            assert first == {b"\0P\0", b"\x01P\0", b"\x02\x09\0", b"\x03\x09\0"}
            socket.send(b"\0hello")
            got = {await socket.receive(), await socket.receive()}
            assert got == {b"\0hello", b"\x03nobody listens on 9"}
            socket.wire.cut()
            await here.quiet()
    run()


@on_loop
async def test_tunnel_without_a_kubelet() -> None:
    """The client of a tunnel is told as any other."""
    async with cluster() as here:
        await here.listener.drain(0.1)
        wire = await here.ask(PORT_FORWARD, "Connection: Upgrade", "Upgrade: websocket",
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13",
                              "Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io")
        got = await wire.answer()
        assert got.status == 500 and b"error dialing backend: dial tcp" in got.body
