"""Who waits until the watch has delivered a revision.

Owned by `etcd_feed`: acknowledgements wait here for this process's own watch. All wait equally long at most, so one
timer serves them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush

from orlop.storage.interface import Revision


class Arrivals:
    """As many as there are acknowledgements waiting."""

    __slots__ = ("_count", "_heap", "_queue", "_seconds", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds, self._count = seconds, 0
        self._heap: list[tuple[Revision, int, asyncio.Future[bool]]] = []
        self._queue: deque[tuple[float, asyncio.Future[bool]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def wait(self, revision: Revision) -> asyncio.Future[bool]:
        """True when it came, False when it did not come in time."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        self._count += 1
        heappush(self._heap, (revision, self._count, future))
        self._queue.append((loop.time() + self._seconds, future))
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._expire)
        return future

    def reached(self, revision: Revision) -> None:
        heap = self._heap
        while heap and heap[0][0] <= revision:
            future = heappop(heap)[2]
            if not future.done():
                future.set_result(True)

    def _expire(self) -> None:
        loop, queue = asyncio.get_running_loop(), self._queue
        self._timer = None
        while queue and (queue[0][1].done() or queue[0][0] <= loop.time()):
            future = queue.popleft()[1]
            if not future.done():
                future.set_result(False)
        if queue:
            self._timer = loop.call_at(queue[0][0], self._expire)
        else:
            self._heap = [one for one in self._heap if not one[2].done()]

    def end(self, error: Callable[[], Exception]) -> None:
        """Nothing will come any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for _, _, future in self._heap:
            if not future.done():
                future.set_exception(error())
        self._heap.clear()
        self._queue.clear()
