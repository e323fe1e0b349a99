"""Opening the data directory: one process at a time, a database that is ours, and a clear text when it is
not.

Called by `sqlite.start`. Two processes are kept apart by an flock on a file beside the database: the kernel
releases it however the process ends, so that nothing is left behind by kill -9. (SQLite's own EXCLUSIVE
locking mode would keep out this process's second, reading connection as well.) Tools may read the database
meanwhile.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from orlop.storage import sqlite_schema as schema
from orlop.storage.errors import CannotOpen

DATABASE: Final = "orlop.db"
LOCK: Final = "orlop.lock"
_PATIENCE: Final = 5.0
"""Seconds that SQLite waits for a tool that locked the database."""


class DataDirectory:
    """The lock on a directory, held until `release`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = path / DATABASE
        self._lock = -1

    def acquire(self) -> None:
        """Raises CannotOpen."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise CannotOpen(str(self.path), _file_trouble(error)) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.read(self._lock, 32).decode("ascii", "replace").strip()
            self.release()
            text = "it is in use by another server" + (f" (process {holder})" if holder else "")
            raise CannotOpen(str(self.path), text) from error
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def _file_trouble(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"no permission to write there ({error.strerror})"
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "it is not a directory"
    return error.strerror or str(error)


def open_writer(path: Path, max_pages: int = 0) -> sqlite3.Connection:
    """The connection that writes; creates the tables in an empty file. Raises CannotOpen."""
    connection = None
    try:
        connection = _connect(path)
        _recognise(connection, path)
        _run(connection, schema.SETTINGS)
        # fails when the file is read-only or a tool holds it
        _run(connection, ("BEGIN IMMEDIATE", schema.PROBE, "ROLLBACK"))
        if max_pages:
            connection.execute(f"PRAGMA max_page_count = {max_pages}")
    except (sqlite3.Error, CannotOpen) as error:
        if connection is not None:
            connection.close()
        if isinstance(error, sqlite3.Error):
            raise CannotOpen(str(path), _trouble(error)) from error
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection beside the writer's that only reads. Raises CannotOpen."""
    return _open_beside(path, schema.READER_SETTINGS)


def open_checkpointer(path: Path) -> sqlite3.Connection:
    """A connection beside the writer's that copies the write-ahead log. Raises CannotOpen."""
    return _open_beside(path, ("PRAGMA synchronous = FULL",))


def _open_beside(path: Path, settings: Iterable[str]) -> sqlite3.Connection:
    try:
        connection = _connect(path)
        _run(connection, settings)
    except sqlite3.Error as error:
        raise CannotOpen(str(path), _trouble(error)) from error
    return connection


def _connect(path: Path) -> sqlite3.Connection:
    """Each connection is used by one thread at a time: made on the event loop, then handed over."""
    return sqlite3.connect(
        path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False, cached_statements=128
    )


def _run(connection: sqlite3.Connection, statements: Iterable[str]) -> None:
    for statement in statements:
        connection.execute(statement).fetchall()


def _recognise(connection: sqlite3.Connection, path: Path) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application == schema.APPLICATION_ID:
        if version > schema.SCHEMA_VERSION:
            text = f"a newer orlop wrote it (schema {version}; this one knows {schema.SCHEMA_VERSION})"
            raise CannotOpen(str(path), text)
        return
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if tables or application:
        raise CannotOpen(str(path), "it is a database of another application")
    _run(connection, (*schema.BEFORE_TABLES, "PRAGMA journal_mode = WAL", *schema.TABLES))


def _trouble(error: sqlite3.Error) -> str:
    text = str(error)
    if "not a database" in text:
        return "it is not a SQLite database, or it is damaged"
    if "malformed" in text:
        return f"it is damaged ({text})"
    if "readonly" in text:
        return f"it is read-only ({text})"
    if "locked" in text or "busy" in text:
        return f"another program has locked it ({text})"
    return describe(error)


def describe(error: Exception) -> str:
    """What went wrong, for people."""
    text = str(error) or type(error).__name__
    if "disk is full" in text:
        return f"the disk is full ({text})"
    return text
