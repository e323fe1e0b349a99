"""One write at a time to each key, in the order in which they came.

Used by `etcd`. Writes of one key by one process would fail each other's comparison and start again; in a row they all
succeed at once, each told what the one before left. (Writers of other processes are found by the comparison alone.)
"""

from __future__ import annotations

import asyncio
from collections import deque

from orlop.storage.interface import UNKNOWN, Known


class _Lane:
    __slots__ = ("left", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[asyncio.Future[None]] = deque()
        self.left: Known = UNKNOWN


class Lanes:
    """As many as there are keys being written."""

    __slots__ = ("_lanes",)

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}

    def __len__(self) -> int:
        return len(self._lanes)

    async def enter(self, key: str) -> Known:
        """Wait for one's turn. The state that the one before left, UNKNOWN if there was none or it does not know."""
        lane = self._lanes.get(key)
        if lane is None:
            self._lanes[key] = _Lane()
            return UNKNOWN
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        lane.waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # the turn came in the same moment: pass it on
                self.leave(key, lane.left)
            raise
        return lane.left

    def leave(self, key: str, left: Known) -> None:
        lane = self._lanes[key]
        lane.left = left
        while lane.waiting:
            turn = lane.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        del self._lanes[key]
