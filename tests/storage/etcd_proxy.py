"""A TCP proxy before a member of etcd, to lose on purpose what goes through it."""

from __future__ import annotations

import asyncio
import contextlib


class Proxy:
    """`swallow`: answers are taken from etcd and thrown away. `withhold`: requests are, before etcd sees them."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.swallow = self.withhold = self.refuse = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.endpoint = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Reset all connections, and let everything through from now on."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()
        self.swallow = self.withhold = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refuse:
            writer.transport.abort()
            return
        upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {writer, upstream}
        for task in (
            asyncio.ensure_future(self._copy(reader, upstream, requests=True)),
            asyncio.ensure_future(self._copy(upstream_reader, writer, requests=False)),
        ):
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, requests: bool) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            while data := await reader.read(65536):
                if not (self.withhold if requests else self.swallow):
                    writer.write(data)
                    await writer.drain()
        writer.transport.abort()
