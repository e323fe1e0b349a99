"""Pure work that takes long, done in a thread while the loop serves others.

Strategies give it what they have to judge when that is too much for one turn of the loop (rules that come near their
budget, large objects, large definitions). The work gets a function that it asks now and then, and that raises when
nobody waits for the result any more. Python runs one thread at a time: `SWITCH` is how soon the loop gets its turn.
Behaviour at the limits: upstream's of requests in flight (apiserver `pkg/server/filters/maxinflight.go`) and of
requests that take too long (`pkg/endpoints/handlers/finisher/finisher.go`).
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, Final, TypeVar

from orlop.api import errors

RUNNING: Final = 2
"""Pieces of work under way at once. More would only take turns more often."""
WAITING: Final = 64
"""Pieces of work that wait for their turn: further requests are answered 429 with a second to wait."""
LONGEST: Final = 60.0
"""Seconds from the arrival of a piece of work to its result: then the request is answered 504."""
SWITCH: Final = 0.0005
"""Seconds that a thread may go on for while another one wants its turn, as long as such work is under way."""

T = TypeVar("T")
Ask = Callable[[], None]
_TOO_MANY: Final = "Too many requests, please try again later."
_TOO_LATE: Final = "request did not complete within requested timeout - context deadline exceeded"


class Abandoned(Exception):
    """Nobody waits for the result any more."""


class Aside:
    """Threads start when they are first needed."""

    def __init__(self, running: int = RUNNING, waiting: int = WAITING, longest: float = LONGEST) -> None:
        self._running, self._most, self._longest = running, running + waiting, longest
        self._lock = threading.Lock()
        self._taken = 0
        self._usual = 0.0
        self._tasks: set[asyncio.Task[Any]] = set()

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._running, "orlop-aside")

    def holds(self, task: asyncio.Future[Any]) -> bool:
        """Whether a task waits for such work, and can be cancelled without harm."""
        return task in self._tasks

    async def run(self, work: Callable[[Ask], T]) -> T:
        """The result of `work`, which is given the function to ask. Raises 429 and 504."""
        if self._taken >= self._most:
            raise errors.too_many_requests(_TOO_MANY, 1)
        over = threading.Event()

        def ask() -> None:
            if over.is_set():
                raise Abandoned

        def begun() -> T:
            ask()
            return work(ask)

        task = asyncio.current_task()
        assert task is not None
        self._take()
        done = self._threads.submit(begun)
        done.add_done_callback(lambda _: self._give_back())
        self._tasks.add(task)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(done), self._longest)
        except TimeoutError:
            raise errors.timeout(_TOO_LATE, 0) from None
        finally:
            over.set()
            self._tasks.discard(task)

    def _take(self) -> None:
        with self._lock:
            if not self._taken:
                self._usual = sys.getswitchinterval()
                sys.setswitchinterval(min(self._usual, SWITCH))
            self._taken += 1

    def _give_back(self) -> None:
        with self._lock:
            self._taken -= 1
            if not self._taken:
                sys.setswitchinterval(self._usual)


ASIDE: Final = Aside()
"""One for the process: all its servers share one interpreter."""
