"""Where clients arrive: bind, accept, keep time for all connections, and let them go when the server stops.

Made by the server's life cycle with the filter chain as its handler; makes a Connection for each client.
Time is one sweep over all connections per tick, never a timer per request: a deadline is a number that the
connection sets.
"""

from __future__ import annotations

import asyncio
import inspect
import socket
import ssl
from collections.abc import Awaitable, Callable

from orlop.server.handler import Handler, Observer
from orlop.server.limits import DEFAULT, Limits
from orlop.server.protocol import Connection
from orlop.server.shared import Counters, Shared
from orlop.world.clock import Clock, SystemClock

_KEEPALIVE_SECONDS = 180
"""After so long without a byte the kernel asks whether the client is still there, as kube-apiserver has
it."""

DrainHook = Callable[[], Awaitable[None] | None]


class Listener:
    """An HTTP/1.1 server, with TLS when it has a context. `on_drain` are called when a drain begins:
    whoever owns streams ends them there with its own last words; streams still open afterwards are ended
    without."""

    def __init__(self, handler: Handler, limits: Limits = DEFAULT, ssl_context: ssl.SSLContext | None = None,
                 clock: Clock | None = None, observe: Observer | None = None) -> None:
        self._handler, self._limits, self._ssl, self._observe = handler, limits, ssl_context, observe
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._servers: list[asyncio.Server] = []
        self._shared: Shared | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.on_drain: list[DrainHook] = []

    @property
    def counters(self) -> Counters:
        """Live figures for metrics."""
        return self._shared.counters if self._shared is not None else Counters()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen on one more address; returns the port bound."""
        loop, limits = asyncio.get_running_loop(), self._limits
        if self._shared is None:
            self._shared = Shared(self._handler, limits, self._clock, self._observe, loop)
            self._keep_time()
        shared = self._shared
        encrypted = self._ssl is not None
        server = await loop.create_server(
            lambda: Connection(shared), host, port, ssl=self._ssl, backlog=limits.accept_backlog,
            reuse_address=True, ssl_handshake_timeout=limits.handshake_seconds if encrypted else None,
            ssl_shutdown_timeout=limits.shutdown_seconds if encrypted else None)  # fmt: skip
        self._servers.append(server)
        for listening in server.sockets:
            _set_options(listening)
        bound: int = server.sockets[0].getsockname()[1]
        return bound

    def tick(self) -> None:
        """One sweep: renew the coarse time and the date, expire connections whose deadline has passed."""
        shared = self._shared
        if shared is None:
            return
        shared.now = now = self._clock.monotonic()
        shared.heads.set_time(self._clock.now())
        late = [connection for connection in shared.connections if connection.deadline <= now]
        for connection in late:
            connection.expire()

    def _keep_time(self) -> None:
        self.tick()
        self._timer = asyncio.get_running_loop().call_later(self._limits.tick, self._keep_time)

    async def drain(self, grace: float) -> None:
        """Stop: accept nobody, let idle clients go, finish what is being answered, end streams; after `grace`
        seconds cut what is left. Returns when nothing is left."""
        shared = self._shared
        if shared is None:
            return
        until = shared.loop.time() + grace
        shared.draining = True
        for server in self._servers:
            server.close()
        for connection in list(shared.connections):
            connection.drain()
        await self._run_hooks(until)
        for connection in list(shared.connections):
            connection.end_stream()
        shared.settle()
        if not await self._emptied(shared, until):
            for connection in list(shared.connections):
                connection.abort()
            for task in list(shared.tasks):
                task.cancel()
            await self._emptied(shared, shared.loop.time() + self._limits.linger_seconds)
        if self._timer is not None:
            self._timer.cancel()

    async def _run_hooks(self, until: float) -> None:
        results = [hook() for hook in self.on_drain]
        waiting = [asyncio.ensure_future(r) for r in results if inspect.isawaitable(r)]
        if waiting:
            left = max(0.0, until - asyncio.get_running_loop().time())
            done, late = await asyncio.wait(waiting, timeout=left)
            for future in late:
                future.cancel()
            for future in done:
                future.result()

    @staticmethod
    async def _emptied(shared: Shared, until: float) -> bool:
        try:
            await asyncio.wait_for(shared.emptied.wait(), max(0.0, until - shared.loop.time()))
        except TimeoutError:
            return shared.emptied.is_set()
        return True


def _set_options(listening: socket.socket) -> None:
    """Options that accepted connections inherit: answers go out at once, dead clients are noticed."""
    fileno = listening.fileno()
    with socket.socket(fileno=socket.dup(fileno)) as own:
        own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):
            own.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_SECONDS)
