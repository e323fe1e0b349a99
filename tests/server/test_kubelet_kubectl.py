"""What people do with kubectl: a terminal, copies, much of everything."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import struct
import termios

from kubelet_site import POD, cluster
from listener_wire import on_loop

from orlop.api.http import Channel, Frame


@on_loop
async def test_terminal() -> None:
    """`exec -it` under a pseudo-terminal tells its size, and every change."""
    async with cluster() as here:
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 90, 0, 0))
        process = await asyncio.create_subprocess_exec(
            "setsid", "--ctty", "--wait", "kubectl", "--kubeconfig", str(here.place / "admin.kubeconfig"), "exec",
            "-it", "p", "--", "sizes", "2", stdin=theirs, stdout=theirs, stderr=theirs)
        while not here.kubelet.sizes:
            await asyncio.sleep(0.005)
        assert here.kubelet.sizes == [{"Width": 90, "Height": 30}]
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        assert await process.wait() == 0
        assert here.kubelet.sizes[-1] == {"Width": 100, "Height": 40}
        os.close(ours)
        os.close(theirs)


@on_loop
async def test_copies() -> None:
    """`cp` both ways is tar through exec."""
    async with cluster() as here:
        source = here.place / "source"
        source.write_bytes(os.urandom(3 << 20))
        await here.kubectl("cp", str(source), "p:/tmp/there")
        await here.kubectl("cp", "p:/tmp/there", str(here.place / "back"))
        assert (here.place / "back").read_bytes() == source.read_bytes()
        await here.quiet()


@on_loop
async def test_a_hundred_megabytes() -> None:
    """In by one hash, out by their number, with the memory of both servers bounded."""
    data = os.urandom(1 << 20) * 100
    async with cluster() as here:
        out, _ = await here.kubectl("exec", "-i", "p", "--", "sha256", stdin=data)
        assert out.decode().strip() == hashlib.sha256(data).hexdigest()
        await here.quiet()


@on_loop
async def test_log_followed_by_kubectl() -> None:
    """Lines arrive as they are written."""
    async with cluster() as here:
        process = await here.kubectl_process("logs", "-f", "p")
        assert await process.stdout.readline() == b"first\n"
        here.kubelet.channels[0].write(Frame(b"second\n"))
        assert await process.stdout.readline() == b"second\n"
        here.kubelet.channels[0].close()
        assert await process.wait() == 0


@on_loop
async def test_many_logs_at_once() -> None:
    """Each client gets its own; when all leave, no connection is left."""
    async with cluster() as here:
        wires = await asyncio.gather(*(here.ask(f"{POD}/log?follow=true") for _ in range(100)))
        for wire in wires:
            assert (await wire.head()).status == 200
            assert await wire.chunk() == b"first\n"
        assert here.client.pool.open == 100
        for wire in wires:
            wire.cut()
        await here.quiet()
        assert here.client.pool.open == 0


@on_loop
async def test_slow_reader_of_a_log() -> None:
    """Nothing piles up here for a client that does not read: the kubelet is not read either."""
    async with cluster() as here:
        wire = await here.ask(f"{POD}/log?follow=true")
        await wire.head()
        channel: Channel = here.kubelet.channels[0]
        piece = Frame(bytes(1 << 20))
        written = 0
        for _ in range(400):
            if channel.backlog > 2 << 20:
                break
            channel.write(piece)
            written += 1
            await asyncio.sleep(0.002)
        assert channel.backlog > 1 << 20
        got = 0
        while got < written << 20:
            got += len(await wire.chunk())
        wire.cut()
        await here.quiet()
