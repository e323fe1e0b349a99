"""How far the watch is when nothing happens: etcd must be asked.

Owned by `etcd_feed`; asks through its `etcd_stream`, ever more rarely, as long as somebody waits and nothing comes.
Plays the part of apiserver `storage/cacher/progress.go`. In versions before 3.4.31 and 3.5.13 etcd's answer may
overtake events; there a mark is written instead, which comes in order like every other event (and rarely: only when
what is missing was written outside our prefix).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Final, Protocol

from orlop.storage.dispatch import Dispatch
from orlop.storage.etcd_client import Client
from orlop.storage.etcd_error import EtcdError
from orlop.storage.etcd_newest import Newest
from orlop.storage.etcd_stream import Stream
from orlop.storage.etcd_values import Values
from orlop.storage.interface import Revision
from orlop.storage.limits import ETCD_MARK_AFTER, ETCD_NUDGE_AFTER, ETCD_NUDGE_MOST, ETCD_STALL

_log: Final = logging.getLogger(__name__)


class Followed(Protocol):
    """The feed. `stream`: None while there is none that works."""

    position: Revision
    dispatch: Dispatch

    @property
    def stream(self) -> Stream | None: ...

    def reset(self) -> None:
        """Go on with another stream."""


class Progress:
    """One task, as long as somebody waits. `exists`: the newest revision known to exist."""

    def __init__(self, client: Client, values: Values, newest: Newest, feed: Followed) -> None:
        self._client, self._newest, self._feed = client, newest, feed
        self._mark = client.messages.PutRequest(key=values.internal + b"mark", value=b"")
        self.exists: Revision = 0
        self._moved = asyncio.Event()
        self._asked: Stream | None = None
        self._ordered = False
        self._task: asyncio.Task[None] | None = None

    def expect(self, revision: Revision) -> None:
        """`revision` exists: see to it that it is delivered."""
        if revision > self._feed.position:
            self.exists = max(self.exists, revision)
            self.ask()

    def ask(self, _: Revision = 0) -> None:
        """Somebody waits for a revision that perhaps does not exist yet."""
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._run())

    def moved(self) -> None:
        """Something was delivered, or there is a new stream."""
        self._moved.set()

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _waited_for(self) -> bool:
        return self.exists > self._feed.position or self._feed.dispatch.promised > 0

    async def _run(self) -> None:
        pause, still_since = ETCD_NUDGE_AFTER, time.monotonic()
        while True:
            before = self._feed.position
            await self._wait(pause)
            if not self._waited_for():
                return
            if self._feed.position > before:
                pause, still_since = ETCD_NUDGE_AFTER, time.monotonic()
                continue
            still = time.monotonic() - still_since
            try:
                await self._inquire(still)
                if still > ETCD_STALL:
                    still_since = time.monotonic()
                    await self._reset_if_stalled()
            except EtcdError as error:
                _log.debug("asking etcd for progress failed, once more: %s", error)
            pause = min(2 * pause, ETCD_NUDGE_MOST)

    async def _wait(self, seconds: float) -> None:
        self._moved.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._moved.wait()

    async def _inquire(self, still: float) -> None:
        stream = self._feed.stream
        if stream is None:
            return
        if stream is not self._asked:
            self._ordered = _answers_in_order(await stream.version())
            self._asked = stream
        if self._ordered:
            await stream.ask_progress()
        elif still >= ETCD_MARK_AFTER and await self._mark_is_due():
            await self.mark()

    async def _mark_is_due(self) -> bool:
        newest, position = await self._newest.ask(), self._feed.position
        return newest > position and (self.exists > position or 0 < self._feed.dispatch.promised <= newest)

    async def mark(self) -> Revision:
        """An event of no meaning, to see how far the watch is; its revision. Raises EtcdError."""
        answer = await self._client.call("Put", self._mark)
        revision: Revision = answer.header.revision
        return revision

    async def _reset_if_stalled(self) -> None:
        before = self._feed.position
        newest = await self._newest.ask()
        if newest > before == self._feed.position and self._feed.stream is not None:
            self._feed.reset()


def _answers_in_order(version: tuple[int, ...]) -> bool:
    return version >= (3, 5, 13) or (3, 4, 31) <= version < (3, 5)
