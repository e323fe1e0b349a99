"""A TCP load balancer of the smallest kind: what clients of several servers connect to.

Used by the tests of `replicas`. Each new connection goes to the next server that accepts it; when the server's side
breaks, so does the client's, as with any balancer that does not look into TLS.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

CHUNK = 65536


class Balancer:
    """Listens on a port of its own while it is entered, in a thread of its own. `backends` may be changed at any
    time."""

    def __init__(self, backends: Sequence[int]) -> None:
        self.backends = list(backends)
        self.port = 0
        self._next = 0
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Balancer:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        backend = await self._backend()
        if backend is None:
            writer.close()
            return
        await asyncio.gather(_relay(reader, backend[1]), _relay(backend[0], writer))

    async def _backend(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in range(len(self.backends)):
            self._next += 1
            try:
                return await asyncio.open_connection("127.0.0.1", self.backends[self._next % len(self.backends)])
            except OSError:
                continue
        return None


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # the other direction sees it too
    finally:
        writer.close()
