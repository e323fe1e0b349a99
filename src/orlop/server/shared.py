"""What all connections of one listener share.

Made by the listener; read and counted in by the connections. Time here is coarse: the listener's sweep sets
`now` once per tick, so that a request costs no look at the clock.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orlop.api.http import Answer
from orlop.server.handler import Handler, Observer
from orlop.server.heads import Heads
from orlop.server.limits import Limits
from orlop.world.clock import Clock

if TYPE_CHECKING:
    from orlop.server.channel import StreamChannel
    from orlop.server.protocol import Connection


@dataclass(slots=True)
class Counters:
    """For metrics; all but `open`, `in_flight`, `streams` and `receiving` only grow."""

    open: int = 0
    accepted: int = 0
    refused: int = 0
    requests: int = 0
    in_flight: int = 0
    streams: int = 0
    receiving: int = 0
    """Bytes of request bodies held that are not yet complete."""
    bytes_in: int = 0
    bytes_out: int = 0


class Shared:
    """The handler, the limits, the time, and who is connected."""

    __slots__ = (
        "_waiting", "clock", "connections", "counters", "draining", "emptied", "handler", "heads",
        "limits", "loop", "now", "observe", "tasks",
    )  # fmt: skip

    def __init__(self, handler: Handler, limits: Limits, clock: Clock, observe: Observer | None,
                 loop: asyncio.AbstractEventLoop) -> None:
        self.handler, self.limits, self.clock, self.observe, self.loop = handler, limits, clock, observe, loop
        self.heads = Heads(clock.now())
        self.counters = Counters()
        self.connections: set[Connection] = set()
        self.tasks: set[asyncio.Future[Answer]] = set()
        self.now = clock.monotonic()
        self.draining = False
        self.emptied = asyncio.Event()
        self._waiting: list[StreamChannel] = []

    def flush_soon(self, channel: StreamChannel) -> None:
        """Flush the channel at the end of this turn of the loop: what is written until then becomes one
        write."""
        if not self._waiting:
            self.loop.call_soon(self._flush)
        self._waiting.append(channel)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for channel in waiting:
            channel.flush()

    def settle(self) -> None:
        """Wake a drain that waits for the last connection and the last pending answer."""
        if self.draining and not self.connections and not self.tasks:
            self.emptied.set()
