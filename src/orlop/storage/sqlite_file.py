"""Opening the data directory: one process at a time, a database that is ours, and a clear text when it is
not.

Called by `sqlite.start`. Two processes are kept apart by an flock on a file beside the database: the kernel
releases it however the process ends, so that nothing is left behind by kill -9. (SQLite's own EXCLUSIVE
locking mode would keep out this process's second, reading connection as well.) Tools may read the database
meanwhile.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from orlop.storage import sqlite_schema as schema
from orlop.storage.errors import CannotOpen
from orlop.storage.interface import Revision
from orlop.storage.sqlite_migrations import migrate

_log: Final = logging.getLogger(__name__)

DATABASE: Final = "orlop.db"
LOCK: Final = "orlop.lock"
WITNESS: Final = "orlop.newest"
_PATIENCE: Final = 5.0
"""Seconds that SQLite waits for a tool that locked the database."""


class DataDirectory:
    """The lock on a directory, held until `release`, and its witness."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = path / DATABASE
        self._lock = self._witness = -1

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
        self._witness = os.open(self.path / WITNESS, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def acknowledged(self, revision: Revision) -> None:
        """Note beside the database how far it is known to be on disk. Not synced: this shall survive the process, and
        after a power cut it is older than the truth at worst. It is for `sqlite_health` to notice that files were lost;
        a disk that does not take it is no reason to fail."""
        try:
            os.pwrite(self._witness, b"%020d\n" % revision, 0)
        except OSError as error:
            _log.warning("%s could not be written: %s", self.path / WITNESS, error)

    def release(self) -> None:
        if self._witness >= 0:
            os.close(self._witness)
            self._witness = -1
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def witnessed(database: Path) -> Revision:
    """The newest revision known to have been acknowledged by a server with this database; 0 where none is."""
    try:
        text = database.with_name(WITNESS).read_bytes()
    except OSError:
        return 0
    return int(text) if text.strip().isdigit() else 0


def located(path: Path) -> Path:
    """The database file, given it or the data directory that it is in. Raises CannotOpen."""
    database = path / DATABASE if path.is_dir() else path
    if not database.is_file():
        raise CannotOpen(str(database), "there is no such file")
    return database


def _file_trouble(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return f"no permission to write there ({error.strerror})"
    if isinstance(error, FileExistsError | NotADirectoryError):
        return "it is not a directory"
    return error.strerror or str(error)


def open_writer(path: Path, max_pages: int = 0) -> sqlite3.Connection:
    """The connection that writes; creates the tables in an empty file. Raises CannotOpen."""
    connection = None
    if path.is_dir():
        raise CannotOpen(str(path), "it is a directory, not a database")
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
            raise CannotOpen(str(path), trouble(error)) from error
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection beside the writer's that only reads. Raises CannotOpen."""
    return _open_beside(path, schema.READER_SETTINGS)


def open_untouched(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, though no server may have the database open. Raises CannotOpen."""
    return _open_beside(path, schema.READER_SETTINGS, mode="ro")


def open_checkpointer(path: Path) -> sqlite3.Connection:
    """A connection beside the writer's that copies the write-ahead log. Raises CannotOpen."""
    return _open_beside(path, ("PRAGMA synchronous = FULL",))


def _open_beside(path: Path, settings: Iterable[str], mode: str = "rwc") -> sqlite3.Connection:
    connection = None
    try:
        connection = _connect(path, mode)
        _run(connection, settings)
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise CannotOpen(str(path), trouble(error)) from error
    return connection


def _connect(path: Path, mode: str = "rwc") -> sqlite3.Connection:
    """Each connection is used by one thread at a time: made on the event loop, then handed over."""
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(
        uri, uri=True, timeout=_PATIENCE, isolation_level=None, check_same_thread=False, cached_statements=128
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
        migrate(connection, version)
        return
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if tables or application:
        raise CannotOpen(str(path), "it is a database of another application")
    _run(connection, (*schema.BEFORE_TABLES, "PRAGMA journal_mode = WAL", *schema.TABLES))


def trouble(error: sqlite3.Error) -> str:
    """Why a database cannot be opened, for people."""
    text = str(error)
    if "not a database" in text:
        return "it is not a SQLite database, or it is damaged"
    if "malformed" in text:
        return f"it is damaged ({text})"
    if "readonly" in text:
        return f"it is read-only ({text})"
    return describe(error)


def describe(error: Exception) -> str:
    """What went wrong, for people."""
    text = str(error) or type(error).__name__
    if "disk is full" in text:
        return f"the disk is full ({text})"
    if "locked" in text:
        return f"another program has locked it ({text})"
    return text
