"""From the schema of an older orlop to today's: one step per version, each in one transaction.

Called by `sqlite_file` for a database that carries our mark and an older version. A step that is interrupted
leaves the database as it was: its last statement sets the version, and SQLite commits all of it or nothing. A
step never reads or writes every row, so that its cost does not grow with the database. Steps are never edited
once released; `sqlite_schema` has today's tables, to which they lead.
"""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

from orlop.storage import sqlite_schema as schema


class Migration(NamedTuple):
    """To `version`, from the one before."""

    version: int
    statements: tuple[str, ...]


MIGRATIONS: Final = (
    Migration(
        2,  # who wrote; revisions that start above what the log holds; an unfinished compaction; a crash noticed
        (
            "ALTER TABLE log ADD COLUMN origin BLOB",
            "INSERT INTO meta VALUES ('compacting', 0), ('floor', 0), ('in_use', 0)",
        ),
    ),
)


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring a database of `version` to today's. What SQLite raises has changed nothing."""
    for step in MIGRATIONS:
        if step.version > version:
            _take(connection, step)
    assert MIGRATIONS[-1].version == schema.SCHEMA_VERSION


def _take(connection: sqlite3.Connection, step: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in (*step.statements, f"PRAGMA user_version = {step.version}"):
            connection.execute(statement)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
