"""Trying again, with longer and longer pauses.

Used by `watch_cache` after its storage broke its watch off. The owner's tick asks; the attempt runs beside it, because
it may wait long for a storage that does not answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from orlop.storage.errors import StorageError
from orlop.storage.limits import RESTART_FIRST, RESTART_MOST

_log: Final = logging.getLogger(__name__)


class Restart:
    """`what` is for the log."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._task: asyncio.Task[None] | None = None
        self._not_before, self._pause = 0.0, 0.0

    def begin(self, now: float, start: Callable[[], Awaitable[None]]) -> None:
        """Attempt `start`, unless an attempt is under way or the last one was too short a time ago (`now` is
        monotonic)."""
        if (self._task is not None and not self._task.done()) or now < self._not_before:
            return
        self._pause = min(2 * self._pause or RESTART_FIRST, RESTART_MOST)
        self._not_before = now + self._pause
        self._task = asyncio.ensure_future(self._attempt(start))

    async def _attempt(self, start: Callable[[], Awaitable[None]]) -> None:
        """What goes wrong is for `ready` to tell; a later tick tries again."""
        try:
            await start()
        except StorageError as error:
            _log.warning("%s could not start again: %s", self._what, error)
        except Exception:
            _log.exception("%s failed to start again", self._what)

    def succeeded(self) -> None:
        self._pause = 0.0

    async def cancel(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
