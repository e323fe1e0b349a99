"""The threads that wait for the disk, and the jobs that they run there.

`sqlite` hands a worker one job at a time and hears of its end on the event loop; while a job runs, the loop
goes on. The writer commits batches and, between them, slices of compaction; a second worker copies the WAL
into the database. Jobs know SQL and nothing of futures or events.
"""

from __future__ import annotations

import sqlite3
import threading
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

from orlop.storage import sqlite_schema as schema
from orlop.storage.pending import Accepted

Job: TypeAlias = Callable[[sqlite3.Connection], int]
"""Runs on a worker's thread; what it raises is handed to `Done`."""

Done: TypeAlias = Callable[[int, Exception | None], None]
"""Called on the event loop with what the job returned."""


class Worker:
    """A thread with a connection of its own. It runs what it is given, one job at a time, and owns no queue:
    whoever gives it jobs decides what comes next."""

    def __init__(self, name: str, connection: sqlite3.Connection, loop: AbstractEventLoop) -> None:
        self._connection, self._loop = connection, loop
        self._given = threading.Lock()
        self._given.acquire()
        self._ended = threading.Lock()
        self._job: tuple[Job, Done] | None = None
        self.busy = False
        self._waiting: Future[None] | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def submit(self, job: Job, done: Done) -> None:
        """Run `job` now; the worker must not be busy."""
        assert not self.busy
        self.busy = True
        self._job = job, done
        self._ended.acquire(blocking=False)
        self._given.release()

    def lend(self, seconds: float) -> None:
        """Let the thread have the interpreter until its job has ended, or for so long. A loop that is never
        idle lets go of the interpreter's lock all the time and takes it back before a waiting thread wakes
        up."""
        if self._ended.acquire(timeout=seconds):
            self._ended.release()

    async def idle(self) -> None:
        """Return when no job is running."""
        if self.busy:
            self._waiting = self._loop.create_future()
            await self._waiting

    def stop(self) -> None:
        """End the thread, which must be idle, and close its connection."""
        assert not self.busy
        self._job = None
        self._given.release()
        self._thread.join()
        self._connection.close()

    def _run(self) -> None:
        connection, loop, given = self._connection, self._loop, self._given
        while given.acquire():
            if self._job is None:
                return
            job, done = self._job
            try:
                result, error = job(connection), None
            except Exception as failure:
                result, error = 0, failure
            self._ended.release()
            loop.call_soon_threadsafe(self._finished, done, result, error)

    def _finished(self, done: Done, result: int, error: Exception | None) -> None:
        self.busy = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
        done(result, error)


@dataclass(frozen=True, slots=True)
class CommitBatch:
    """Store a run of writes, all or none; returns when they are on disk.

    In as few statements as can be, for one that stores all commits by itself: between statements the thread
    needs the interpreter's lock, and may have to wait for it whenever the event loop is busy.
    """

    writes: Sequence[Accepted]

    def __call__(self, connection: sqlite3.Connection) -> int:
        writes = self.writes
        if len(writes) <= schema.INSERT_MOST:
            _insert(connection, writes)
        else:
            with Transaction(connection):
                for start in range(0, len(writes), schema.INSERT_MOST):
                    _insert(connection, writes[start : start + schema.INSERT_MOST])
        return len(writes)


def _insert(connection: sqlite3.Connection, writes: Sequence[Accepted]) -> None:
    connection.execute(schema.insert_log(len(writes)), tuple(chain.from_iterable(map(_row, writes))))


def _row(write: Accepted) -> tuple[int, str, int, float | None, bytes | None]:
    before = write.event.previous
    body = write.event.entry.body if write.state is not None else None
    return write.revision, write.key, 0 if before is None else before.revision, write.expires, body


@dataclass(frozen=True, slots=True)
class CompactSlice:
    """Forget what the writes above `low` and up to `high` superseded."""

    low: int
    high: int

    def __call__(self, connection: sqlite3.Connection) -> int:
        bounds = (self.low, self.high)
        with Transaction(connection):
            connection.execute(schema.COMPACT_SUPERSEDED, bounds)
            connection.execute(schema.COMPACT_DELETES, bounds)
            connection.execute(schema.SET_COMPACTED, (self.high,))
        return self.high


def give_back(connection: sqlite3.Connection) -> int:
    """Return some free pages to the file system when a quarter of the file is free; says how many were."""
    free = connection.execute("PRAGMA freelist_count").fetchone()[0]
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    if free < _FREE_KEPT or free * 4 < pages:
        return 0
    connection.execute(f"PRAGMA incremental_vacuum({_FREE_SLICE})").fetchall()
    return min(int(free), _FREE_SLICE)


_FREE_KEPT = 1024
"""Free pages not worth giving back."""
_FREE_SLICE = 512
"""Pages given back in one transaction."""


def probe(connection: sqlite3.Connection) -> int:
    """Find out whether writing works again."""
    with Transaction(connection):
        connection.execute(schema.PROBE)
    return 1


def checkpoint(connection: sqlite3.Connection) -> int:
    """Copy the WAL into the database without making anyone wait; returns how many pages it had. What is written
    meanwhile stays in it: only when the writer itself does this last does the WAL begin anew."""
    _busy, pages, _copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return int(pages)


class Transaction:
    """BEGIN, and COMMIT or ROLLBACK. (SQLite itself may have rolled back already, as when the disk is
    full.)"""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
