"""Whether what was synced is on disk: no longer certain once a sync has failed.

Shared by the jobs of `sqlite`'s workers. The kernel reports a failed sync once, forgets what it could not write, and
says that the next one went well. Two things that SQLite holds for done are lost in that: pages that a checkpoint copied
into the database before the sync that failed (it does not copy them again, and would let go of the log that has them),
and frames of the log that were not synced on their own account (compaction's; later commits could not be reached
behind the hole). So after a failure nothing more is acknowledged until everything has been written anew. First the log
itself, for a log with a hole in it and a database that is ahead of the hole are no database. Then SQLite's shared notes
on the log are wiped out, so that it reads the log from the start and checks it, copies all of it into the database,
syncs that, and begins the log anew.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from pathlib import Path
from typing import Final

from orlop.storage.limits import MIB

_log: Final = logging.getLogger(__name__)

_NOTES: Final = 96
"""Bytes of the two copies of the header of the wal-index (SQLite, "WAL-mode file format", 2.1). SQLite rebuilds the
whole from the log where they are no header."""


class Trust:
    """Told of failures by any thread; restored by the writer's."""

    def __init__(self, database: Path) -> None:
        self._log = database.with_name(database.name + "-wal")
        self._notes = database.with_name(database.name + "-shm")
        self._handle = -1
        self.lost = False

    def note(self, error: sqlite3.Error) -> None:
        """Trust is lost with any input or output error. (A full disk, or a lock, is none: nothing was synced.)"""
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None and code & 0xFF == sqlite3.SQLITE_IOERR:
            self.lost = True

    def restore(self, connection: sqlite3.Connection) -> None:
        """Write everything anew, if there is doubt. Raises sqlite3.Error when that fails or somebody reads."""
        if not self.lost:
            return
        try:
            self._write_log_anew()
        except OSError as error:
            raise sqlite3.OperationalError(f"a sync failed, and the log cannot be written anew: {error}") from error
        self.wipe()
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise sqlite3.OperationalError("a sync failed, and while the database is being read that cannot be mended")
        self.lost = False
        _log.warning("a sync had failed; everything has been written anew")

    def _write_log_anew(self) -> None:
        """With what it holds: what the kernel still knows, and no longer remembers to write."""
        handle = os.open(self._log, os.O_RDWR | os.O_CLOEXEC)
        try:
            at = 0
            while piece := os.pread(handle, MIB, at):
                at += os.pwrite(handle, piece, at)
            os.fsync(handle)
        finally:
            os.close(handle)

    def wipe(self) -> None:
        """Have SQLite find out for itself what is in the log."""
        if self._handle < 0:
            # kept open: closing it would end the locks that SQLite has on the file, as POSIX has it
            self._handle = os.open(self._notes, os.O_RDWR | os.O_CLOEXEC)
        os.pwrite(self._handle, bytes(_NOTES), 0)

    def close(self, connection: sqlite3.Connection) -> None:
        """Close the last connection, which copies what is in the log and removes it."""
        if self.lost:
            self.wipe()
        connection.close()
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
