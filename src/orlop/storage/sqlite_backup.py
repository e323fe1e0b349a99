"""A copy of the database while it is being written to, and what makes a copy a new beginning.

Called by `sqlite` for a running server and by `orlop snapshot` for a data directory without one. SQLite's backup
interface copies page by page out of one read transaction, so that the copy shows one moment, however long it takes:
writers do not wait for it, the write-ahead log only grows meanwhile. The copy is complete, on disk and closed in order
before it gets its name.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

from orlop.storage import sqlite_schema as schema
from orlop.storage.errors import Closed, ReadFailed
from orlop.storage.interface import Revision
from orlop.storage.sqlite_file import describe, located, open_untouched, open_writer, witnessed
from orlop.storage.sqlite_limits import BACKUP_PAGES, BACKUP_SYNC_PAGES
from orlop.storage.sqlite_trust import Trust

Goon = Callable[[], bool]
"""Asked between two steps; False: give up."""

_UNFINISHED: Final = ".unfinished"


class GivenUp(Exception):
    """Somebody did not want the backup any more."""


class Backups:
    """Those that a running storage is making, each on a thread."""

    def __init__(self, database: Path, trust: Trust) -> None:
        self._database, self._trust = database, trust
        self._stopping = False
        self._running: set[asyncio.Future[Revision]] = set()

    async def make(self, target: Path) -> Revision:
        """Raises Closed, ReadFailed when the disk fails meanwhile, and what `backup` raises."""
        copying = asyncio.ensure_future(asyncio.to_thread(backup, self._database, target, self._go_on))
        self._running.add(copying)
        copying.add_done_callback(self._running.discard)
        try:
            return await asyncio.shield(copying)  # the thread does not end with its caller
        except GivenUp:
            raise Closed if self._stopping else ReadFailed("the disk failed during the backup") from None

    def _go_on(self) -> bool:
        """A failed sync cannot be mended while somebody reads."""
        return not (self._stopping or self._trust.lost)

    async def stop(self) -> None:
        self._stopping = True
        if self._running:
            await asyncio.wait(self._running)


def backup(source: Path, target: Path, go_on: Goon = lambda: True) -> Revision:
    """Copy the database `source` (the file, or the data directory that it is in) to the file `target`, which is
    replaced if it is there; returns the revision that it shows. Raises CannotOpen, ReadFailed for a source that
    cannot be read, OSError and CannotOpen for a target that cannot be written."""
    source = located(source)
    unfinished = target.with_name(target.name + _UNFINISHED)
    try:
        _remove(unfinished)
        revision = _copy(source, unfinished, go_on)
        unfinished.replace(target)
        _sync(target.parent)
    finally:
        _remove(unfinished)
    return revision


def _remove(path: Path) -> None:
    for name in (path.name, path.name + "-wal", path.name + "-shm"):
        path.with_name(name).unlink(missing_ok=True)


def _copy(source: Path, target: Path, go_on: Goon) -> Revision:
    handle = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with closing(open_untouched(source)) as there:
            revision = _pages(there, target, _Progress(handle, go_on))
        with closing(open_writer(target)) as copy:
            copy.execute(schema.SET_META, (0, "in_use"))  # the server has the source open, not this
        os.fsync(handle)
    finally:
        os.close(handle)
    return revision


def _pages(there: sqlite3.Connection, target: Path, progress: _Progress) -> Revision:
    """Copy what `there` shows now."""
    with closing(sqlite3.connect(target, isolation_level=None)) as copy:
        try:
            there.execute("BEGIN")  # the first read fixes the moment, for the backup as well
            revision = newest(there)
            copy.execute("PRAGMA synchronous = OFF")  # synced here and there by `progress`, and in the end
            there.backup(copy, pages=BACKUP_PAGES, progress=progress)
        except sqlite3.Error as error:
            raise ReadFailed(f"the backup failed: {describe(error)}") from error
    return revision


class _Progress:
    """Asks whether to go on, and keeps the amount that is not yet on disk small."""

    def __init__(self, handle: int, go_on: Goon) -> None:
        self._handle, self._go_on = handle, go_on
        self._copied = 0

    def __call__(self, _status: int, _remaining: int, _total: int) -> None:
        if not self._go_on():
            raise GivenUp
        self._copied += BACKUP_PAGES
        if self._copied >= BACKUP_SYNC_PAGES:
            self._copied = 0
            os.fdatasync(self._handle)


def newest(connection: sqlite3.Connection) -> Revision:
    """The newest revision that a database knows of, of an older schema too."""
    meta = dict(connection.execute(schema.META).fetchall())
    revision = int(connection.execute(schema.NEWEST).fetchone()[0])
    return max(revision, int(meta.get("floor", 0)), int(meta["compacted"]), 1)


def raise_floor(database: Path, floor: Revision) -> Revision:
    """Make a database that nobody has open go on above `floor`, above what it holds and above what was ever
    acknowledged in its directory, and forget its history, as one that was restored must: whoever knows revisions of the
    world that is gone is told that they are. Returns the revision that it now has. Raises CannotOpen."""
    with closing(open_writer(database)) as connection:
        floor = max(floor, newest(connection), witnessed(database))
        for name in ("floor", "compacting"):
            connection.execute(schema.SET_META, (floor, name))
    return floor


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
