"""The threads that wait for the disk, and the jobs that they run there.

`sqlite` hands a worker one job at a time and hears of its end on the event loop; while a job runs, the loop
goes on. The writer commits batches and, between them, slices of compaction; a second worker copies the WAL
into the database. Jobs know SQL and nothing of futures or events.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final, TypeAlias

from orlop.storage import sqlite_schema as schema
from orlop.storage.interface import Revision
from orlop.storage.pending import Accepted
from orlop.storage.sqlite_trust import Trust
from orlop.storage.transformer import Transformer

_log: Final = logging.getLogger(__name__)

Job: TypeAlias = Callable[[sqlite3.Connection], int]
"""Runs on a worker's thread; what it raises is handed to `Done`."""

Done: TypeAlias = Callable[[int, Exception | None], None]
"""Called on the event loop with what the job returned."""


class Worker:
    """A thread with a connection of its own. It runs what it is given, one job at a time, and owns no queue:
    whoever gives it jobs decides what comes next. One that `mends` restores lost trust before the next job; another
    does nothing meanwhile."""

    def __init__(
        self, name: str, connection: sqlite3.Connection, loop: AbstractEventLoop, trust: Trust, *, mends: bool
    ) -> None:
        self._connection, self._loop, self._trust, self._mends = connection, loop, trust, mends
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
        if self._mends:
            self._trust.close(self._connection)
        else:
            self._connection.close()

    def _run(self) -> None:
        connection, loop, given = self._connection, self._loop, self._given
        while given.acquire():
            if self._job is None:
                return
            job, done = self._job
            try:
                result, error = self._do(job, connection), None
            except Exception as failure:
                result, error = 0, failure
            self._ended.release()
            loop.call_soon_threadsafe(self._finished, done, result, error)

    def _do(self, job: Job, connection: sqlite3.Connection) -> int:
        trust = self._trust
        try:
            if trust.lost:
                if not self._mends:
                    return 0
                trust.restore(connection)
            return job(connection)
        except sqlite3.Error as error:
            trust.note(error)
            raise

    def _finished(self, done: Done, result: int, error: Exception | None) -> None:
        self.busy = False
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
        done(result, error)


@dataclass(frozen=True, slots=True)
class CommitBatch:
    """Store a run of writes, all or none; returns when they are on disk, and `acknowledged` has been told so.

    In as few statements as can be, for one that stores all commits by itself: between statements the thread
    needs the interpreter's lock, and may have to wait for it whenever the event loop is busy. What `transformer`
    costs, it costs here.
    """

    writes: Sequence[Accepted]
    acknowledged: Callable[[Revision], None]
    transformer: Transformer | None = None

    def __call__(self, connection: sqlite3.Connection) -> int:
        rows = self._rows()
        try:
            if len(rows) <= schema.INSERT_MOST:
                _insert(connection, rows)
            else:
                with Transaction(connection):
                    for start in range(0, len(rows), schema.INSERT_MOST):
                        _insert(connection, rows[start : start + schema.INSERT_MOST])
        except sqlite3.Error:
            _overwrite(connection)
            raise
        self.acknowledged(rows[-1][0])
        return len(rows)

    def _rows(self) -> list[Row]:
        if self.transformer is None:
            return [_row(write) for write in self.writes]
        seal = self.transformer.to_storage
        rows = []
        for row in map(_row, self.writes):
            value = row[4]
            rows.append(row if value is None else (*row[:4], seal(row[1], value), row[5]))
        return rows


Row: TypeAlias = tuple[int, str, int, float | None, bytes | None, bytes | None]


def _insert(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    connection.execute(schema.insert_log(len(rows)), tuple(chain.from_iterable(rows)))


def _row(write: Accepted) -> Row:
    event = write.event
    before = event.previous
    body = event.entry.body if write.state is not None else None
    return (
        write.revision, write.key, 0 if before is None else before.revision, write.expires, body, event.origin or None
    )  # fmt: skip


def _overwrite(connection: sqlite3.Connection) -> None:
    """After a commit that failed: it may be in the WAL whole, only its sync was refused, and would turn up when
    the database is next opened. What is written now takes its place there, synced or not."""
    try:
        probe(connection)
    except sqlite3.Error as error:
        _log.warning("the disk refuses writes: %s", error)


def probe(connection: sqlite3.Connection) -> int:
    """Find out whether writing works again."""
    with Transaction(connection):
        connection.execute(schema.PROBE)
    return 1


def checkpoint(connection: sqlite3.Connection, mode: str = "PASSIVE") -> int:
    """Copy the WAL into the database without making anyone wait; returns how many pages it had. What is written
    meanwhile stays in it: only when the writer itself does this last does the WAL begin anew."""
    _busy, pages, _copied = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
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
