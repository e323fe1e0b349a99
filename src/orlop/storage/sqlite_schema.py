"""The SQLite database of `sqlite`: its tables, its statements by name, and the settings of its connections.

    log      every write: its revision, the revision of the key's state before it (0: none), when it expires,
             and the body as handed out (NULL: a delete, whose last state is reached through prev)

    current  the newest revision of every key that is there; triggers keep it up with the log

    meta     compacted: the revision up to which superseded rows of the log are gone

The state at revision R is what `current` holds from R or before, and for keys written since the state before
the first write after R: the row above R whose prev is not above R.
"""

from __future__ import annotations

from functools import cache
from typing import Final

APPLICATION_ID: Final = 0x6F726C70  # "orlp"
SCHEMA_VERSION: Final = 1

PAGE_SIZE: Final = 4096

BEFORE_TABLES: Final = (
    f"PRAGMA page_size = {PAGE_SIZE}",
    "PRAGMA auto_vacuum = INCREMENTAL",  # compaction can then give pages back; costs a few percent per write
)

TABLES: Final = (
    "BEGIN IMMEDIATE",
    """CREATE TABLE log (
        rev INTEGER PRIMARY KEY, key TEXT NOT NULL, prev INTEGER NOT NULL, expires REAL, value BLOB)""",
    "CREATE TABLE current (key TEXT PRIMARY KEY, rev INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE TRIGGER put AFTER INSERT ON log WHEN new.value IS NOT NULL BEGIN
        INSERT OR REPLACE INTO current (key, rev) VALUES (new.key, new.rev); END""",
    """CREATE TRIGGER gone AFTER INSERT ON log WHEN new.value IS NULL BEGIN
        DELETE FROM current WHERE key = new.key; END""",
    "CREATE INDEX expiring ON log (expires) WHERE expires IS NOT NULL",
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "INSERT INTO meta VALUES ('compacted', 0), ('probe', 0)",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
    "COMMIT",
)

SETTINGS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # every commit syncs the WAL: an acknowledged write survives a power cut
    "PRAGMA wal_autocheckpoint = 20000",  # a last resort; the checkpointer comes long before
    "PRAGMA secure_delete = OFF",  # some builds overwrite what compaction deletes, page by page
    "PRAGMA foreign_keys = OFF",
)

READER_SETTINGS: Final = ("PRAGMA query_only = ON", "PRAGMA cache_size = -4096")


# writing
@cache
def insert_log(rows: int) -> str:
    """One statement for many rows, at most `INSERT_MOST`."""
    return "INSERT INTO log (rev, key, prev, expires, value) VALUES " + ", ".join(["(?, ?, ?, ?, ?)"] * rows)


INSERT_MOST: Final = 64
PROBE: Final = "UPDATE meta SET value = value + 1 WHERE name = 'probe'"

# compacting the revisions above the first and up to the second parameter
COMPACT_SUPERSEDED: Final = """DELETE FROM log WHERE rev IN (
    SELECT prev FROM log WHERE rev > ? AND rev <= ? AND prev > 0)"""
COMPACT_DELETES: Final = "DELETE FROM log WHERE rev > ? AND rev <= ? AND value IS NULL"
SET_COMPACTED: Final = "UPDATE meta SET value = ? WHERE name = 'compacted'"

# reading
STARTING_POINT: Final = """SELECT
    (SELECT value FROM meta WHERE name = 'compacted'), (SELECT coalesce(max(rev), 0) FROM log)"""
EXPIRING: Final = """SELECT l.expires, l.rev, l.key FROM log l JOIN current c ON c.key = l.key AND c.rev =
    l.rev WHERE l.expires IS NOT NULL"""
ONE: Final = "SELECT c.rev, l.value FROM current c JOIN log l ON l.rev = c.rev WHERE c.key = ?"
VALUE: Final = "SELECT value FROM log WHERE rev = ?"
RANGE: Final = """SELECT c.key, c.rev, l.value FROM current c JOIN log l ON l.rev = c.rev
    WHERE c.key >= ? AND c.key < ? ORDER BY c.key LIMIT ?"""
COUNT: Final = "SELECT count(*) FROM current WHERE key >= ? AND key < ?"
_STATE_AT: Final = """SELECT key, rev FROM current WHERE key >= :low AND key < :high AND rev <= :at
    UNION ALL
    SELECT key, prev FROM log WHERE rev > :at AND prev > 0 AND prev <= :at AND key >= :low AND key < :high"""
RANGE_AT: Final = f"""SELECT s.key, s.rev, l.value FROM ({_STATE_AT}) s JOIN log l ON l.rev = s.rev
    ORDER BY s.key LIMIT :most"""
COUNT_AT: Final = f"SELECT count(*) FROM ({_STATE_AT})"
EVENTS: Final = """SELECT rev, key, prev, value FROM log
    WHERE rev > ? AND rev <= ? AND key >= ? AND key < ? ORDER BY rev DESC LIMIT ?"""
EVENT_KEYS: Final = "SELECT rev, key, prev FROM log WHERE rev > ? AND rev <= ? ORDER BY rev"
