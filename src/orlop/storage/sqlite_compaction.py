"""Removing the past from the log, by age and by amount, without anybody noticing.

Owned by `sqlite`, which calls `tick`, or says up to where (`aim`) and when (`sweep`); the jobs run on the writer
between two commits, through `sqlite_pipeline`. Plays the part of kube-apiserver's compactor (apiserver
`storage/etcd3/compact.go`) and of etcd's own sweep behind it. A crash or `close` ends it between two slices; the
database remembers where it was going, and the next start goes on.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from orlop.storage import sqlite_schema as schema
from orlop.storage.compaction import CompactionSchedule
from orlop.storage.errors import StorageError
from orlop.storage.interface import DELETED, Revision
from orlop.storage.pending import Accepted
from orlop.storage.sqlite_limits import (
    FREE_KEPT,
    SLICE_FIRST,
    SLICE_MOST,
    SLICE_REST,
    SLICE_SECONDS,
    SLICE_SHARE,
    SPREAD,
)
from orlop.storage.sqlite_pipeline import Pipeline
from orlop.storage.sqlite_reader import StartingPoint
from orlop.storage.sqlite_writer import Transaction

_log: Final = logging.getLogger(__name__)


class _Mark(NamedTuple):
    """How many rows and bytes were superseded, ever, up to a revision."""

    revision: Revision
    rows: int
    bytes: int


class Ballast:
    """How much of the log is history: rows that are no current state. Pure.

    At most `_MARKS` marks, because two are a part of the limits apart. `rows` and `size`: what is there from before,
    estimated."""

    def __init__(self, most_rows: int, most_bytes: int, revision: Revision, rows: int = 0, size: int = 0) -> None:
        self._most_rows, self._most_bytes = most_rows, most_bytes
        self._now = _Mark(revision, rows, size)
        self._gone = _Mark(0, 0, 0)
        self._marks = [self._now]

    @property
    def rows(self) -> int:
        return self._now.rows - self._gone.rows

    @property
    def bytes(self) -> int:
        return self._now.bytes - self._gone.bytes

    @property
    def excessive(self) -> bool:
        return self.rows > self._most_rows or self.bytes > self._most_bytes

    def add(self, batch: Sequence[Accepted]) -> None:
        _, rows, size = self._now
        for write in batch:
            event = write.event
            if event.previous is not None:
                rows += 1 if event.type != DELETED else 2
                size += len(event.previous.body)
        self._now = now = _Mark(batch[-1].revision, rows, size)
        last = self._marks[-1] if self._marks else self._gone
        if (rows - last.rows) * _MARKS > self._most_rows or (size - last.bytes) * _MARKS > self._most_bytes:
            self._marks.append(now)

    def excess(self) -> Revision:
        """The revision to compact to so that half of the limits is left, 0 while they are kept."""
        if not self.excessive:
            return 0
        for mark in self._marks:
            if self._now.rows - mark.rows <= self._most_rows // 2 and (
                self._now.bytes - mark.bytes <= self._most_bytes // 2
            ):
                return mark.revision
        return self._now.revision

    def compacted(self, revision: Revision) -> None:
        """What was superseded up to there is gone."""
        if revision >= self._now.revision:
            self._gone, self._marks = self._now, []
        while self._marks and self._marks[0].revision <= revision:
            self._gone = self._marks.pop(0)


_MARKS: Final = 64


_PAGE_SECONDS: Final = 1e-5
"""What moving a page to where a free one was takes, at least. (Free pages at the end of the file need no move.)"""


class Slice(ABC):
    """A job with a size that says how long it took."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self, connection: sqlite3.Connection) -> int:
        began = time.perf_counter()
        # not synced: the next commit syncs it, and if the power is cut before, the past is a little longer
        connection.execute(schema.UNSYNCED)
        try:
            return self.run(connection)
        finally:
            connection.execute(schema.SYNCED)
            self.seconds = time.perf_counter() - began

    @abstractmethod
    def run(self, connection: sqlite3.Connection) -> int: ...


class CompactSlice(Slice):
    """Forget what the writes above `low` and up to `high` superseded, on the way to `target`."""

    def __init__(self, low: Revision, high: Revision, target: Revision) -> None:
        super().__init__()
        self._low, self._high, self._target = low, high, target

    def run(self, connection: sqlite3.Connection) -> int:
        bounds = (self._low, self._high)
        with Transaction(connection):
            gone = connection.execute(schema.COMPACT_SUPERSEDED, bounds).rowcount
            gone += connection.execute(schema.COMPACT_DELETES, bounds).rowcount
            connection.execute(schema.SET_COMPACTED, (self._high,))
            connection.execute(schema.SET_COMPACTING, (self._target, self._target))
        return gone


class GiveBack(Slice):
    """Return at most `pages` free pages to the file system when a quarter of the file is free; says how many were."""

    def __init__(self, pages: int) -> None:
        super().__init__()
        self._pages = pages

    def run(self, connection: sqlite3.Connection) -> int:
        free = connection.execute("PRAGMA freelist_count").fetchone()[0]
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        if free < FREE_KEPT or free * 4 < pages:
            return 0
        connection.execute(f"PRAGMA incremental_vacuum({self._pages})").fetchall()
        return min(int(free), self._pages)


class _Pace:
    """How much goes into a slice, and how long to leave the writer alone after it, so that `work` takes about `spread`
    seconds. Pure."""

    def __init__(self, work: int = 0, spread: float = 0.0) -> None:
        self.size = SLICE_FIRST
        self._each = spread / work if work else 0.0

    def after(self, seconds: float) -> float:
        """A slice of `size` took `seconds`; the pause until the next."""
        pause = min(SLICE_REST, self._each * self.size)
        fit = SLICE_SECONDS / max(seconds, 1e-6)
        self.size = max(8, min(SLICE_MOST, int(self.size * max(0.5, min(1.5, fit)))))
        return max(pause, seconds * (1 / SLICE_SHARE - 1))


class Kept(NamedTuple):
    """How much history is: so many seconds (0: for ever), rows and bytes."""

    interval: float
    rows: int
    bytes: int


class Sweeper:
    """`swept`: as far as the log is compacted; `target`: where that goes, and reads below it are refused already.
    `wrote` is told how many pages of the database a slice changed, about."""

    def __init__(
        self, pipeline: Pipeline, start: StartingPoint, kept: Kept, wrote: Callable[[int], None]
    ) -> None:
        self._pipeline, self._wrote = pipeline, wrote
        self.swept, self.target = start.compacted, start.compacting
        self._schedule = CompactionSchedule(kept.interval) if kept.interval else None
        self._spread = kept.interval * SPREAD
        # each write that is in the log may have superseded one
        size = start.kept * start.usual_size
        self.ballast = Ballast(kept.rows, kept.bytes, start.newest, start.kept, size)
        self._one_at_a_time = asyncio.Lock()
        self._awaited = 0
        self._hurry = asyncio.Event()
        """Somebody waits for the sweep."""
        self._aside: asyncio.Task[None] | None = None

    def tick(self, now: float, revision: Revision) -> None:
        """Begin what is due by age or by amount, or was interrupted. `now` is monotonic."""
        self.aim(self.ballast.excess())
        if self._schedule is not None:
            self.aim(self._schedule.due(now, revision))
        self.sweep_aside()

    def aim(self, target: Revision) -> None:
        self.target = max(self.target, target)

    async def sweep(self) -> None:
        """Compact to the target, and give pages back, while the caller waits. Raises CommitFailed."""
        self._awaited += 1
        self._hurry.set()
        try:
            await self._sweep()
        finally:
            self._awaited -= 1
            if not self._awaited:
                self._hurry.clear()

    async def _sweep(self) -> None:
        async with self._one_at_a_time:
            pace = _Pace(self.target - self.swept, self._spread)
            while self.swept < self.target:
                high = min(self.swept + pace.size, self.target)
                piece = CompactSlice(self.swept, high, self.target)
                self._wrote(4 + await self._pipeline.chore(piece) // 2)
                self.swept = high
                self.ballast.compacted(high)
                await self._rest(pace, piece)
            pace = _Pace()
            back = GiveBack(pace.size)
            while await self._pipeline.chore(back):
                self._wrote(4 + int(back.seconds / _PAGE_SECONDS))
                await self._rest(pace, back)
                back = GiveBack(pace.size)

    async def _rest(self, pace: _Pace, piece: Slice) -> None:
        pause = pace.after(piece.seconds)
        if not self._awaited and not self.ballast.excessive:
            try:
                await asyncio.wait_for(self._hurry.wait(), pause)
            except TimeoutError:
                pass  # nobody was in a hurry

    def sweep_aside(self) -> None:
        """See to it that the target is reached some time soon."""
        if self.swept < self.target and (self._aside is None or self._aside.done()):
            self._aside = asyncio.get_running_loop().create_task(self._sweep_aside())

    async def _sweep_aside(self) -> None:
        try:
            await self._sweep()
        except StorageError as error:  # a later tick tries again
            _log.warning("compaction was cut short: %s", error)

    async def stop(self) -> None:
        if self._aside is not None:
            self._aside.cancel()
            await asyncio.wait((self._aside,))

    def check_invariants(self, revision: Revision) -> None:
        assert self.swept <= self.target <= revision
        assert self.ballast.rows >= 0 and self.ballast.bytes >= 0
