"""The access log: one JSON line a request, written off the hot path.

The listener's observer appends a tuple; a thread formats and writes what has come together a few times a second. At
MAX_WAITING lines further ones are dropped and counted, and the count is logged: a slow disk never slows a request. So
are lines that the disk refuses.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import IO, Any

import orjson

from orlop.api.http import Request
from orlop.world.clock import Clock

log = logging.getLogger(__name__)

MAX_WAITING = 50_000
PERIOD = 0.25
"""Seconds between two rounds of writing."""


class AccessLog:
    """Writes to `file`, which it does not close. Times are by `clock`."""

    def __init__(self, file: IO[bytes], clock: Clock) -> None:
        self._file, self._clock = file, clock
        self._waiting: deque[tuple[Any, ...]] = deque()
        self._dropped = 0
        self._failing = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()

    def observe(self, request: Request, status: int, start: float, end: float, size: int) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self._dropped += 1
            return
        context = getattr(request, "context", None)
        user = context.user.name if context is not None else ""
        verb = context.info.verb if context is not None else request.method
        self._waiting.append((self._clock.now(), request.method, verb, request.raw_path, request.query, status,
                              end - start, size, user, request.headers.get("user-agent", ""), request.peer))

    def close(self) -> None:
        """Write what waits and end the thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(PERIOD):
            self._write()
        self._write()

    def _write(self) -> None:
        lines = []
        while self._waiting:
            lines.append(_line(self._waiting.popleft()))
        dropped, self._dropped = self._dropped, 0
        if dropped:
            lines.append(orjson.dumps({"dropped": dropped}))
        if not lines:
            return
        try:
            self._file.write(b"\n".join(lines) + b"\n")
            self._file.flush()
        except OSError as error:
            self._dropped += len(lines) + dropped
            if not self._failing:
                log.error("the access log cannot be written: %s", error)
            self._failing = True
        else:
            self._failing = False


def _line(figures: tuple[Any, ...]) -> bytes:
    time, method, verb, path, query, status, seconds, size, user, agent, peer = figures
    return orjson.dumps({
        "time": round(time, 6), "method": method, "verb": verb, "path": path, "query": query, "status": status,
        "ms": round(seconds * 1000, 3), "bytes": size, "user": user, "agent": agent, "peer": peer})
