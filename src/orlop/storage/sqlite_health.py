"""Whether a database is whole: a glance at every start, a look where the last one did not end in order, and the full
check.

`sqlite` calls `examine` when it opened the database; `orlop storage check` calls `check`. What a start may cost is
bounded (`sqlite_limits.CHECK_SECONDS`): damage in what it does not look at is found by the read that meets it
(ReadFailed). SQLite takes a write-ahead log that is gone, cut off or garbage for one that a crash left so; the witness
beside the database (`sqlite_file.Witness`) tells that acknowledged writes were in it.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from orlop.storage import sqlite_health_schema as questions
from orlop.storage import sqlite_schema as schema
from orlop.storage.errors import CannotOpen
from orlop.storage.interface import Revision
from orlop.storage.sqlite_backup import newest
from orlop.storage.sqlite_file import located, open_reader, open_untouched, trouble, witnessed
from orlop.storage.sqlite_limits import CHECK_SECONDS, CHECK_TAIL
from orlop.storage.sqlite_writer import checkpoint

_log: Final = logging.getLogger(__name__)

FINDINGS: Final = 100
"""Faults that `check` lists. It stops looking for more of a kind there."""


def examine(connection: sqlite3.Connection, database: Path) -> None:
    """Check as much as the way the last server ended calls for, bring a recovered log to safety, and note that the
    database is in use. Raises CannotOpen."""
    try:
        with closing(open_reader(database)) as reading:
            _require(database, not (lost := _lost(reading, database, witnessed(database))), lost)
            meta = dict(reading.execute(schema.META).fetchall())
            _require(database, sorted(meta) == questions.META_NAMES, "its table of marks is incomplete")
            if meta["in_use"]:
                _log.warning("%s was not closed in order; checking it", database)
                _agreement(reading, database, CHECK_TAIL)
                with _at_most(reading, CHECK_SECONDS):
                    _structure(reading, database)
            else:
                _agreement(reading, database, CHECK_TAIL // 100)
        # what SQLite recovered may be in the page cache alone, whatever became of its sync: copied, it is synced
        patience = connection.execute("PRAGMA busy_timeout").fetchone()[0]
        connection.execute("PRAGMA busy_timeout = 0")  # a tool that reads may go on
        checkpoint(connection, "TRUNCATE")
        connection.execute(f"PRAGMA busy_timeout = {patience}")
        _whole_file(connection, database)
        connection.execute(schema.SET_META, (1, "in_use"))
    except sqlite3.Error as error:
        raise CannotOpen(str(database), trouble(error)) from error


def _lost(connection: sqlite3.Connection, database: Path, acknowledged: Revision) -> str:
    """Says so when writes up to `acknowledged` are missing at the end."""
    last = newest(connection)
    if acknowledged <= last:
        return ""
    return (
        f"its newest writes are missing: revision {acknowledged} was acknowledged, and it ends at {last} "
        f"(was {database.name}-wal lost or damaged, or an older {database.name} put in its place?)"
    )


def _require(database: Path, condition: bool, text: str) -> None:
    if not condition:
        raise CannotOpen(str(database), text)


@contextmanager
def _at_most(connection: sqlite3.Connection, seconds: float) -> Iterator[None]:
    """Within, what takes longer is cut short; that is no fault."""
    alarm = threading.Timer(seconds, connection.interrupt)
    alarm.start()
    try:
        yield
    except sqlite3.OperationalError as error:
        if "interrupted" not in str(error):
            raise
        _log.info("the check was cut short after %.1f s", seconds)
    finally:
        alarm.cancel()
        alarm.join()


def _structure(connection: sqlite3.Connection, database: Path) -> None:
    """The smaller tables first, for there may be no time for the log."""
    for table in ("meta", "current", "log"):
        found = connection.execute(f"PRAGMA quick_check('{table}')").fetchone()[0]
        _require(database, found == "ok", f"it is damaged ({found})")


def _agreement(connection: sqlite3.Connection, database: Path, tail: int) -> None:
    """Between the newest writes of the log, which a crash is the likeliest to have spoilt, and the current states."""
    last = newest(connection)
    for text, statement in questions.TAIL:
        found = connection.execute(statement, {"low": last - tail, "newest": last}).fetchone()
        _require(database, found is None, f"it is damaged ({text.format(*found or ('', ''))})")


def _whole_file(connection: sqlite3.Connection, database: Path) -> None:
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    size = connection.execute("PRAGMA page_size").fetchone()[0]
    missing = pages * size - database.stat().st_size
    _require(database, missing <= 0 or _log_is_in_use(database), f"the file ends {missing} bytes too early")


def _log_is_in_use(database: Path) -> bool:
    """A tool is reading, so that the log could not be copied whole: the file may lag behind."""
    return database.with_name(database.name + "-wal").stat().st_size > 0


def leave(connection: sqlite3.Connection) -> int:
    """Note that the database is closed in order."""
    return connection.execute(schema.SET_META, (0, "in_use")).rowcount


def check(path: Path) -> list[str]:
    """Every fault found in a database (the file, or the data directory that it is in); reads all of it, and changes
    nothing. A server may have it open. Raises CannotOpen."""
    database = located(path)
    with closing(open_untouched(database)) as connection:
        try:
            acknowledged = witnessed(database)  # before the state that is looked at: a server may go on writing
            connection.execute("BEGIN")  # one state, whatever a server writes meanwhile
            return _faults(connection, database, acknowledged)
        except sqlite3.Error as error:
            return [trouble(error)]


def _faults(connection: sqlite3.Connection, database: Path, acknowledged: Revision) -> list[str]:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application != schema.APPLICATION_ID:
        return ["it is a database of another application"]
    if version != schema.SCHEMA_VERSION:
        return [f"its schema is {version}, this orlop knows {schema.SCHEMA_VERSION}"]
    found = [row[0] for row in connection.execute(f"PRAGMA integrity_check({FINDINGS})") if row[0] != "ok"]
    meta = dict(connection.execute(schema.META).fetchall())
    if sorted(meta) != questions.META_NAMES:
        return [*found, "its table of marks is incomplete"]
    if lost := _lost(connection, database, acknowledged):
        found.append(lost)
    last: Revision = newest(connection)
    for text, statement in (*questions.WHOLE, *questions.TAIL):
        rows = connection.execute(statement, {"low": 0, "newest": last}).fetchmany(FINDINGS)
        found += [text.format(*row) for row in rows]
    return found
