"""The SQLite database of `sqlite`: its tables, its statements by name, and the settings of its connections.

    log      every write: its revision, the revision of the key's state before it (0: none), when it expires,
             the body as handed out (NULL: a delete, whose last state is reached through prev), or what the
             transformer made of it, and who wrote it (NULL: not known)

    current  the newest revision of every key that is there; triggers keep it up with the log

    meta     compacted: the revision up to which superseded rows of the log are gone
             compacting: the revision up to which they are being removed, so that a crash does not end that
             floor: no revision was or will be given out anew up to here, whatever the log holds
             in_use: 1 while a server has the database open; still 1 afterwards: it did not end in order

The state at revision R is what `current` holds from R or before, and for keys written since the state before
the first write after R: the row above R whose prev is not above R.
"""

from __future__ import annotations

from functools import cache
from typing import Final

APPLICATION_ID: Final = 0x6F726C70  # "orlp"
SCHEMA_VERSION: Final = 2

PAGE_SIZE: Final = 4096

BEFORE_TABLES: Final = (
    f"PRAGMA page_size = {PAGE_SIZE}",
    "PRAGMA auto_vacuum = INCREMENTAL",  # compaction can then give pages back; costs a few percent per write
)

TABLES: Final = (
    "BEGIN IMMEDIATE",
    """CREATE TABLE log (
        rev INTEGER PRIMARY KEY, key TEXT NOT NULL, prev INTEGER NOT NULL, expires REAL, value BLOB,
        origin BLOB)""",
    "CREATE TABLE current (key TEXT PRIMARY KEY, rev INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE TRIGGER put AFTER INSERT ON log WHEN new.value IS NOT NULL BEGIN
        INSERT OR REPLACE INTO current (key, rev) VALUES (new.key, new.rev); END""",
    """CREATE TRIGGER gone AFTER INSERT ON log WHEN new.value IS NULL BEGIN
        DELETE FROM current WHERE key = new.key; END""",
    "CREATE INDEX expiring ON log (expires) WHERE expires IS NOT NULL",
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "INSERT INTO meta VALUES ('compacted', 0), ('compacting', 0), ('floor', 0), ('in_use', 0), ('probe', 0)",
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
    "COMMIT",
)

SETTINGS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # every commit syncs the WAL: an acknowledged write survives a power cut
    "PRAGMA wal_autocheckpoint = 20000",  # a last resort; the checkpointer comes long before
    "PRAGMA journal_size_limit = 33554432",  # one huge transaction does not leave a huge WAL behind
    "PRAGMA secure_delete = OFF",  # some builds overwrite what compaction deletes, page by page
    "PRAGMA foreign_keys = OFF",
)

READER_SETTINGS: Final = ("PRAGMA query_only = ON", "PRAGMA cache_size = -4096")


# writing
@cache
def insert_log(rows: int) -> str:
    """One statement for many rows, at most `INSERT_MOST`."""
    row = "(?, ?, ?, ?, ?, ?)"
    return "INSERT INTO log (rev, key, prev, expires, value, origin) VALUES " + ", ".join([row] * rows)


INSERT_MOST: Final = 64
PROBE: Final = "UPDATE meta SET value = value + 1 WHERE name = 'probe'"

# compacting the revisions above the first and up to the second parameter
COMPACT_SUPERSEDED: Final = """DELETE FROM log WHERE rev IN (
    SELECT prev FROM log WHERE rev > ? AND rev <= ? AND prev > 0)"""
COMPACT_DELETES: Final = "DELETE FROM log WHERE rev > ? AND rev <= ? AND value IS NULL"
SET_COMPACTED: Final = "UPDATE meta SET value = ? WHERE name = 'compacted'"
SET_COMPACTING: Final = "UPDATE meta SET value = ? WHERE name = 'compacting' AND value < ?"
UNSYNCED: Final = "PRAGMA synchronous = NORMAL"
SYNCED: Final = "PRAGMA synchronous = FULL"

# reading
META: Final = "SELECT name, value FROM meta"
SET_META: Final = "UPDATE meta SET value = ? WHERE name = ?"
NEWEST: Final = "SELECT coalesce(max(rev), 0) FROM log"
EXPIRING: Final = """SELECT l.expires, l.rev, l.key FROM log l JOIN current c ON c.key = l.key AND c.rev =
    l.rev WHERE l.expires IS NOT NULL"""
TIMES: Final = "SELECT rev, expires FROM log WHERE expires IS NOT NULL"
ONE: Final = "SELECT c.rev, l.value FROM current c JOIN log l ON l.rev = c.rev WHERE c.key = ?"
WRITE: Final = "SELECT value, origin FROM log WHERE rev = ?"
USUAL_SIZE: Final = "SELECT avg(length(value)) FROM (SELECT value FROM log ORDER BY rev DESC LIMIT 64)"
RANGE: Final = """SELECT c.key, c.rev, l.value FROM current c JOIN log l ON l.rev = c.rev
    WHERE c.key >= ? AND c.key < ? ORDER BY c.key LIMIT ?"""
PLACES: Final = "SELECT key, rev FROM current WHERE key >= ? AND key < ? ORDER BY key"
VALUES: Final = "SELECT rev, value FROM log WHERE rev >= ? AND rev <= ? AND key >= ? AND key < ?"
COUNT: Final = "SELECT count(*) FROM current WHERE key >= ? AND key < ?"
_STATE_AT: Final = """SELECT key, rev FROM current WHERE key >= :low AND key < :high AND rev <= :at
    UNION ALL
    SELECT key, prev FROM log WHERE rev > :at AND prev > 0 AND prev <= :at AND key >= :low AND key < :high"""
CURRENT_SUM: Final = "SELECT count(*), coalesce(sum(rev), 0) FROM current"
REVISIONS: Final = "SELECT key, rev FROM current"
REVISIONS_AT: Final = f"SELECT key, rev FROM ({_STATE_AT})"
RANGE_AT: Final = f"""SELECT s.key, s.rev, l.value FROM ({_STATE_AT}) s JOIN log l ON l.rev = s.rev
    ORDER BY s.key LIMIT :most"""
COUNT_AT: Final = f"SELECT count(*) FROM ({_STATE_AT})"
EVENTS: Final = """SELECT rev, key, prev, value, origin FROM log
    WHERE rev > ? AND rev <= ? AND key >= ? AND key < ? ORDER BY rev DESC LIMIT ?"""
EVENT_KEYS: Final = "SELECT rev, key, prev FROM log WHERE rev > ? AND rev <= ? ORDER BY rev"
