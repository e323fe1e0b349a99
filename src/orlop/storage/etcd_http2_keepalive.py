"""Does the other side of a silent connection still live? PINGs that etcd tolerates, and what follows without answer.

Run by `etcd_http2_connection`. Any byte that comes is a sign of life. A PING goes out after a silence, if a call waits
or comes; and when a call was not answered in time. etcd takes one every 5 s (grpc-go's keepalive enforcement).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from orlop.storage.etcd_http2_limits import KEEPALIVE_ANSWER, KEEPALIVE_LEAST, KEEPALIVE_SECONDS


class Keepalive:
    """`heard`: set at every sign of life. `quiet`: there was none for a while."""

    __slots__ = ("_dead", "_last", "_loop", "_ping", "_timers", "_waited_for", "heard", "quiet")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        waited_for: Callable[[], bool],
        ping: Callable[[], None],
        dead: Callable[[], None],
    ) -> None:
        self._loop, self._waited_for, self._ping, self._dead = loop, waited_for, ping, dead
        self.heard, self.quiet = True, False
        self._last = -KEEPALIVE_LEAST
        self._timers = [loop.call_later(KEEPALIVE_SECONDS, self._tick)]

    def stop(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def _tick(self) -> None:
        self._timers[0] = self._loop.call_later(KEEPALIVE_SECONDS, self._tick)
        self.quiet, self.heard = not self.heard, False
        if self.quiet and self._waited_for():
            self.probe()

    def probe(self) -> None:
        """Ask, unless it was asked just now."""
        now = self._loop.time()
        if now - self._last < KEEPALIVE_LEAST or not self._timers:
            return
        self._last, self.heard = now, False
        self._ping()
        self._timers[1:] = [self._loop.call_later(KEEPALIVE_ANSWER, self._judge)]

    def _judge(self) -> None:
        if not self.heard:
            self._dead()
