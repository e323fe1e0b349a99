"""What a container has written: lines with their times and streams, in memory, the oldest forgotten first.

Filled by the runtimes, read by the kubelet endpoint (`log_answer`). A reader has its own place and can wait for more.
Behaviour of partial lines: a line is kept when it ends, or when the container ends, or when it is too long.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, NamedTuple

LOG_BYTES: Final = 4 * 1024 * 1024
"""One run of a container keeps so much of its output; older lines are dropped."""
LINE_BYTES: Final = 16 * 1024
"""A longer line is kept in pieces, as container runtimes keep it."""
_LINE_COST: Final = 100


class Line(NamedTuple):
    """`text` without its newline; `whole` False for a piece that the next line goes on with."""

    time: float
    stream: str
    text: bytes
    whole: bool = True


class Log:
    def __init__(self, limit: int = LOG_BYTES) -> None:
        self._limit = limit
        self._lines: deque[Line] = deque()
        self._size = 0
        self._dropped = 0
        self._partial: dict[str, bytes] = {}
        self._waiters: set[asyncio.Future[None]] = set()
        self.closed = False

    def write(self, stream: str, data: bytes, now: float) -> None:
        *whole, rest = (self._partial.pop(stream, b"") + data).split(b"\n")
        for text in whole:
            while len(text) > LINE_BYTES:
                self._add(Line(now, stream, text[:LINE_BYTES], False))
                text = text[LINE_BYTES:]
            self._add(Line(now, stream, text))
        while len(rest) >= LINE_BYTES:
            self._add(Line(now, stream, rest[:LINE_BYTES], False))
            rest = rest[LINE_BYTES:]
        if rest:
            self._partial[stream] = rest
        self._wake()

    def close(self, now: float) -> None:
        """The container ended: nothing more comes."""
        for stream, rest in self._partial.items():
            self._add(Line(now, stream, rest, False))
        self._partial.clear()
        self.closed = True
        self._wake()

    def _add(self, line: Line) -> None:
        self._lines.append(line)
        self._size += len(line.text) + _LINE_COST
        while self._size > self._limit and len(self._lines) > 1:
            gone = self._lines.popleft()
            self._size -= len(gone.text) + _LINE_COST
            self._dropped += 1

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    # --- reading -------------------------------------------------------------------------------------------------

    @property
    def end(self) -> int:
        """The number that the next line will have."""
        return self._dropped + len(self._lines)

    def since(self, number: int, most: int = 1000) -> tuple[list[Line], int]:
        """Up to `most` lines from that number on, and the number to go on with. What was dropped meanwhile is skipped:
        readers who are too slow miss lines, as with files that rotate."""
        first = max(0, number - self._dropped)
        last = min(len(self._lines), first + most)
        return [self._lines[n] for n in range(first, last)], self._dropped + last

    def tail(self, count: int) -> int:
        """The number of the line from which on there are so many whole lines."""
        number, left = self.end, count
        for line in reversed(self._lines):
            if line.whole and left == 0:
                break
            left -= line.whole
            number -= 1
        return number

    async def more(self, number: int) -> None:
        """Return when there is a line of that number, or the log is closed."""
        while self.end <= number and not self.closed:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)
