"""One call at a time for all who need one that begins after they asked.

Used by `etcd_newest` and `etcd_fence`: a call that is already under way may have been answered before that which the
caller must not miss; the next one serves everybody who came in the meantime.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from orlop.storage.interface import Revision


class Barrier:
    """One `call` under way, at most, and one waiting."""

    __slots__ = ("_call", "_next", "_running")

    def __init__(self, call: Callable[[], Awaitable[Revision]]) -> None:
        self._call = call
        self._running: asyncio.Future[Revision] | None = None
        self._next: asyncio.Future[Revision] | None = None

    async def pass_through(self) -> Revision:
        """What a call that began after this one did returned, or raised."""
        if self._running is None or self._running.done():
            self._running = shared = self._begin(self._run())
        elif self._next is None:
            self._next = shared = self._begin(self._after(self._running))
        else:
            shared = self._next
        return await asyncio.shield(shared)

    def _begin(self, run: Awaitable[Revision]) -> asyncio.Future[Revision]:
        future = asyncio.ensure_future(run)
        future.add_done_callback(_look_at)
        return future

    async def _run(self) -> Revision:
        return await self._call()

    async def _after(self, running: asyncio.Future[Revision]) -> Revision:
        await asyncio.wait((running,))
        self._running, self._next = self._next, None
        return await self._call()


def _look_at(future: asyncio.Future[Revision]) -> None:
    """Its error is for who waits; when all went away it is nobody's."""
    if not future.cancelled():
        future.exception()
