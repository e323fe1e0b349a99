"""One timer for all calls of a connection: it rings for the earliest deadline, and most calls have ended long before.

Set by `etcd_http2_connection`, which does to late calls what is to be done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf

from orlop.storage.etcd_http2_calls import Call


class Alarm:
    """`at`: when it rings next, infinite for never. `late` is told of each call whose deadline has passed."""

    __slots__ = ("_calls", "_late", "_loop", "_timer", "at")

    def __init__(self, loop: asyncio.AbstractEventLoop, calls: dict[int, Call], late: Callable[[Call], None]) -> None:
        self._loop, self._calls, self._late = loop, calls, late
        self._timer: asyncio.TimerHandle | None = None
        self.at = inf

    def set(self, at: float) -> None:
        """To an earlier time."""
        self.stop()
        self.at = at
        self._timer = self._loop.call_at(at, self._ring)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self.at = None, inf

    def _ring(self) -> None:
        self.stop()
        now = self._loop.time()
        for call in [call for call in self._calls.values() if call.deadline <= now]:
            self._late(call)
        earliest = min((call.deadline for call in self._calls.values()), default=inf)
        if earliest < inf:
            self.set(earliest)
