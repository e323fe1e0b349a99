"""How much a port-forward's relay costs: megabytes per second of one core, beside a plain relay of asyncio.

Three processes: a source that stands for a kubelet, the relay that is measured, and a sink. All with TLS, as in life.
Run: `python -m benchmarks.relay`. The number is of the relay's own processor time.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import ssl
import sys
import tempfile
from pathlib import Path
from typing import Any

import uvloop

from orlop.api.http import Answer, RawConnection, Request, Upgrade
from orlop.kinds.kubelet import Location
from orlop.server.kubelet_client import KubeletClient
from orlop.server.kubelet_dial import Credentials
from orlop.server.listener import Listener
from orlop.server.pki import FilesToWrite, ensure_credentials
from orlop.server.tls import server_context

MEGABYTES = 512
_PIECE = bytes(64 << 10)
_ASK = b"POST /portForward/d/p HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\nContent-Length: 0\r\n\r\n"


class _Source:
    """Sends until everything is sent, as fast as it is taken."""

    def __init__(self, raw: RawConnection) -> None:
        self._raw, self._left = raw, MEGABYTES << 4
        raw.on_drained = self.send
        self.send()

    def send(self) -> None:
        while self._left and not self._raw.congested:
            self._left -= 1
            self._raw.write(_PIECE)
        if not self._left:
            self._raw.close()


class _Plain(asyncio.Protocol):
    """The plain relay: two protocols that write to each other."""

    def __init__(self, relay: _Plain | None = None, port: int = 0, context: ssl.SSLContext | None = None) -> None:
        self.other, self._port, self._context = relay, port, context
        self._early = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        if self.other is None:
            self._task = asyncio.ensure_future(self._connect())
        else:
            self.other.other = self
            transport.write(self.other._early)

    async def _connect(self) -> None:
        await asyncio.get_running_loop().create_connection(
            lambda: _Plain(self), "127.0.0.1", self._port, ssl=self._context)

    def data_received(self, data: bytes) -> None:
        if self.other is None:
            self._early += data
        else:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        if self.other is not None:
            self.other.transport.close()


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def _source(place: Path, pipe: Any) -> None:
    def answer(request: Request) -> Answer:
        return Upgrade((("Upgrade", "x"),), lambda raw, early: _Source(raw) and None)

    listener = Listener(answer, ssl_context=server_context(place / "server.crt", place / "server.key", ()))
    pipe.send(await listener.start())
    await asyncio.get_running_loop().run_in_executor(None, pipe.recv)


async def _relay(place: Path, pipe: Any, port: int, plain: bool) -> None:
    context = server_context(place / "server.crt", place / "server.key", ())
    if plain:
        server = await asyncio.get_running_loop().create_server(
            lambda: _Plain(None, port, _unverified()), "127.0.0.1", 0, ssl=context)
        pipe.send(server.sockets[0].getsockname()[1])
    else:
        client = KubeletClient(Credentials(None, None, None))
        location = Location("https", "127.0.0.1", str(port), "/portForward/d/p")
        listener = Listener(lambda request: client.upgrade(location, request), ssl_context=context)
        pipe.send(await listener.start())
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, pipe.recv)
    before = resource.getrusage(resource.RUSAGE_SELF)
    pipe.send(None)
    await loop.run_in_executor(None, pipe.recv)
    after = resource.getrusage(resource.RUSAGE_SELF)
    pipe.send((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, after.ru_maxrss))


def _process(work: Any, *arguments: Any) -> tuple[Any, Any]:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_run, args=(work, there, *arguments), daemon=True)
    process.start()
    return process, here


def _run(work: Any, pipe: Any, place: Path, *arguments: Any) -> None:
    uvloop.run(work(place, pipe, *arguments))


async def _sink(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=_unverified(), limit=1 << 20)
    writer.write(_ASK)
    await reader.readuntil(b"\r\n\r\n")
    got = 0
    while data := await reader.read(1 << 20):
        got += len(data)
    if got != MEGABYTES << 20:
        raise SystemExit(f"{got} bytes came of {MEGABYTES << 20}")
    writer.transport.abort()


def measure(place: Path, plain: bool) -> float:
    """Megabytes per second of the relay's processor time."""
    source, source_pipe = _process(_source, place)
    relay, relay_pipe = _process(_relay, place, source_pipe.recv(), plain)
    port = relay_pipe.recv()
    relay_pipe.send(None)
    relay_pipe.recv()
    uvloop.run(_sink(port))
    relay_pipe.send(None)
    seconds, memory = relay_pipe.recv()
    for process in (source, relay):
        process.terminate()
        process.join()
    name = "plain" if plain else "orlop"
    print(f"{name}: {MEGABYTES / seconds:.0f} MB per core-second, most memory {memory >> 10} MiB")
    return MEGABYTES / float(seconds)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        files: FilesToWrite = {}
        ensure_credentials(place, __import__("time").time(), ["127.0.0.1"], files)
        for file, (content, _) in files.items():
            (place / file).write_bytes(content)
        plain, ours = measure(place, plain=True), measure(place, plain=False)
        print(f"ours is {ours / plain:.2f} of plain")
        sys.exit(ours * 2 < plain)


if __name__ == "__main__":
    main()
