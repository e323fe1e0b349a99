"""A work queue of keys: each waits at most once, is handled by one task at a time, and comes back after a failure.

Built-in controllers put keys in from watch events (on the event loop, never blocking) and give a `reconcile` that
brings one key to where it should be. Behaviour as client-go's rate-limited work queue: a failing key is tried again
after a delay that doubles from FIRST_DELAY to MAX_DELAY; a success forgets the failures.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from orlop.api.errors import APIError

log = logging.getLogger(__name__)

FIRST_DELAY: Final = 0.05
MAX_DELAY: Final = 30.0
MAX_KEYS: Final = 1_000_000
"""Keys come from stored objects, so their number is bounded by storage; this is a guard against a bug."""

Reconcile = Callable[[str], Awaitable[bool]]
"""Brings one key to its state; True when it must be looked at again although nothing failed."""


class WorkQueue:
    def __init__(self, name: str, reconcile: Reconcile, workers: int = 8) -> None:
        self._name, self._reconcile, self._workers = name, reconcile, workers
        self._waiting: dict[str, None] = OrderedDict()
        """Emptied from the front, which in an ordinary dictionary takes longer and longer."""
        self._busy: set[str] = set()
        self._failures: dict[str, int] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def __len__(self) -> int:
        return len(self._waiting) + len(self._busy) + len(self._timers)

    def add(self, key: str) -> None:
        """Handle `key` soon. Adding a waiting key again changes nothing; adding a busy one handles it once more."""
        if len(self._waiting) >= MAX_KEYS:
            raise OverflowError(f"work queue {self._name} holds {MAX_KEYS} keys")
        self._waiting[key] = None
        self._wake.set()

    def add_later(self, key: str, delay: float) -> None:
        """Handle `key` after so many seconds, unless it comes up earlier by itself."""
        if delay <= 0:
            self.add(key)
        elif key not in self._timers:
            self._timers[key] = asyncio.get_running_loop().call_later(delay, self._due, key)

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._work(), name=f"{self._name}-{n}") for n in range(self._workers)]

    async def stop(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _take(self) -> str | None:
        for key in self._waiting:
            if key not in self._busy:
                del self._waiting[key]
                return key
        return None

    async def _work(self) -> None:
        while True:
            key = self._take()
            if key is None:
                self._wake.clear()
                await self._wake.wait()
                continue
            self._busy.add(key)
            try:
                again = await self._reconcile(key)
            except Exception as error:
                log.warning("%s: %s: %s", self._name, key, error, exc_info=not isinstance(error, APIError))
                again = True
            finally:
                self._busy.discard(key)
                if self._waiting:
                    self._wake.set()
            if again:
                self._later(key)
            else:
                self._failures.pop(key, None)

    def _later(self, key: str) -> None:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay = min(FIRST_DELAY * 2 ** (failures - 1), MAX_DELAY)
        old = self._timers.pop(key, None)
        if old is not None:
            old.cancel()
        self._timers[key] = asyncio.get_running_loop().call_later(delay, self._due, key)

    def _due(self, key: str) -> None:
        self._timers.pop(key, None)
        self.add(key)
