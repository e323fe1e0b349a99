"""How new etcd is: one read that goes through the majority, for all who ask at a time.

Used by `etcd` (`newest`, health) and `etcd_feed`. Whoever asks shares a read that starts after they asked: one that
is already under way may have been answered before the write that they must not miss.
"""

from __future__ import annotations

import asyncio

from orlop.storage.etcd_client import Client
from orlop.storage.etcd_values import Values
from orlop.storage.interface import Revision
from orlop.storage.limits import ETCD_PATIENCE


class Newest:
    """One read under way, at most, and one waiting."""

    def __init__(self, client: Client, values: Values) -> None:
        self._client = client
        # An absent key: the answer is its header alone.
        self._request = client.messages.RangeRequest(key=values.internal + b"none", keys_only=True, limit=1)
        self._running: asyncio.Task[Revision] | None = None
        self._next: asyncio.Task[Revision] | None = None

    async def ask(self) -> Revision:
        """Raises EtcdError."""
        if self._running is None or self._running.done():
            self._running = asyncio.ensure_future(self.read())
            return await asyncio.shield(self._running)
        if self._next is None:
            self._next = asyncio.ensure_future(self._after(self._running))
        return await asyncio.shield(self._next)

    async def _after(self, running: asyncio.Task[Revision]) -> Revision:
        await asyncio.wait((running,))
        self._running, self._next = self._next, None
        return await self.read()

    async def read(self, patience: float = ETCD_PATIENCE) -> Revision:
        """A read of one's own."""
        answer = await self._client.call("Range", self._request, patience=patience, attempt=min(patience, 2.0))
        revision: Revision = answer.header.revision
        return revision
