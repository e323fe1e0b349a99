"""SQLite: databases of older versions become today's, all of it or nothing; what the newer columns keep."""

from __future__ import annotations

import os
import signal
import sqlite3
from pathlib import Path

import pytest
from sqlite_sessions import create, sessions, sql, update
from storage_worlds import PREFIX, Recorder, body, value_of

from orlop.storage import sqlite_file, sqlite_schema
from orlop.storage.interface import ADDED, DELETED, MODIFIED, stamp
from orlop.storage.sqlite import SqliteStorage
from orlop.storage.sqlite_file import DATABASE
from orlop.storage.sqlite_health import check
from orlop.storage.sqlite_migrations import MIGRATIONS, migrate

VERSION_1 = (
    "PRAGMA page_size = 4096",
    "PRAGMA auto_vacuum = INCREMENTAL",
    "PRAGMA journal_mode = WAL",
    "CREATE TABLE log (rev INTEGER PRIMARY KEY, key TEXT NOT NULL, prev INTEGER NOT NULL, expires REAL, value BLOB)",
    "CREATE TABLE current (key TEXT PRIMARY KEY, rev INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TRIGGER put AFTER INSERT ON log WHEN new.value IS NOT NULL BEGIN "
    "INSERT OR REPLACE INTO current (key, rev) VALUES (new.key, new.rev); END",
    "CREATE TRIGGER gone AFTER INSERT ON log WHEN new.value IS NULL BEGIN "
    "DELETE FROM current WHERE key = new.key; END",
    "CREATE INDEX expiring ON log (expires) WHERE expires IS NOT NULL",
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "INSERT INTO meta VALUES ('compacted', 0), ('probe', 0)",
    "PRAGMA application_id = 0x6F726C70",
    "PRAGMA user_version = 1",
)


def version_1(directory: Path) -> None:
    """A database as the first schema had it: "a" created and updated, "b" created and deleted, "c" expiring."""
    directory.mkdir(exist_ok=True)
    connection = sqlite3.connect(directory / DATABASE, isolation_level=None)
    for statement in VERSION_1:
        connection.execute(statement)
    rows = [
        (2, "a", 0, None, stamp(body("a", 1), 2)),
        (3, "b", 0, None, stamp(body("b", 2), 3)),
        (4, "a", 2, None, stamp(body("a", 3), 4)),
        (5, "b", 3, None, None),
        (6, "c", 0, 1.0, stamp(body("c", 4), 6)),
    ]
    connection.executemany(
        "INSERT INTO log VALUES (?, ?, ?, ?, ?)", [(rev, PREFIX + key, *more) for rev, key, *more in rows]
    )
    connection.close()


async def has_everything(storage: SqliteStorage) -> None:
    assert (storage.revision, storage.compacted) == (6, 0)
    assert value_of(await storage.get(PREFIX + "a")) == 3
    assert value_of(await storage.get(PREFIX + "b", revision=4)) == 2
    sink = Recorder()
    await storage.watch(PREFIX, 1, sink)
    assert [event.type for event in sink.seen] == [ADDED, ADDED, MODIFIED, DELETED, ADDED]
    assert {event.origin for event in sink.seen} == {b""}


def layout(database: Path) -> list[tuple[str, ...]]:
    """The columns of all tables and the other things in the schema."""
    tables = [name for (name,) in sql(database, "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
    columns = [(table, *row[1:4]) for table in tables for row in sql(database, f"PRAGMA table_info({table})")]
    marks = sql(database, "SELECT name FROM meta ORDER BY name")
    others = sql(database, "SELECT type, name FROM sqlite_schema WHERE type <> 'table' ORDER BY name")
    return [*columns, *marks, *others, *sql(database, "PRAGMA user_version")]


def test_a_database_of_version_1_becomes_todays(tmp_path: Path) -> None:
    """With all that was in it; afterwards it cannot be told from a new one, and is written to as one."""
    version_1(tmp_path / "old")

    async def go_on(storage: SqliteStorage) -> None:
        await has_everything(storage)
        await storage.tick()
        assert await storage.get(PREFIX + "c") is None
        await storage.create(PREFIX + "d", body("d"), origin=b"me")
        assert [event.origin for event in await storage.history(PREFIX, 7, 1)] == [b"me"]

    sessions(tmp_path / "old", has_everything, go_on)
    sessions(tmp_path / "new", lambda storage: create(storage, "a"))
    assert layout(tmp_path / "old" / DATABASE) == layout(tmp_path / "new" / DATABASE)
    assert check(tmp_path / "old") == []


def test_every_version_has_a_step() -> None:
    """In order, up to today's."""
    assert [step.version for step in MIGRATIONS] == list(range(2, sqlite_schema.SCHEMA_VERSION + 1))


def migrate_and_die(database: Path, statements: int) -> bool:
    """Migrate in a process that is killed when it begins its next statement after so many; whether it was."""
    child = os.fork()
    if child == 0:
        connection = sqlite_file._connect(database)
        seen = iter(range(statements))

        def count(_: str) -> None:
            if next(seen, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)

        connection.set_trace_callback(count)
        migrate(connection, 1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def test_a_migration_that_is_killed_has_done_all_or_nothing(tmp_path: Path) -> None:
    """Wherever it was; and the next start finishes the work."""
    statements = 0
    while True:
        directory = tmp_path / str(statements)
        version_1(directory)
        before = layout(directory / DATABASE)
        killed = migrate_and_die(directory / DATABASE, statements)
        if not killed:
            break
        assert layout(directory / DATABASE) == before
        sessions(directory, has_everything)
        statements += 1
    assert statements >= len(MIGRATIONS[0].statements) + 2
    sessions(directory, has_everything)


def test_a_migration_that_fails_has_changed_nothing(tmp_path: Path) -> None:
    """And says why."""
    version_1(tmp_path)
    sql(tmp_path, "INSERT INTO meta VALUES ('floor', 1)")  # in the way
    before = layout(tmp_path / DATABASE)
    connection = sqlite_file._connect(tmp_path / DATABASE)
    with pytest.raises(sqlite3.IntegrityError):
        migrate(connection, 1)
    assert not connection.in_transaction
    connection.close()
    assert layout(tmp_path / DATABASE) == before


def test_origins_are_kept(tmp_path: Path) -> None:
    """Of creates, updates and deletes, over a restart, as watches and history tell them; "" where none was given."""

    async def first(storage: SqliteStorage) -> None:
        await storage.create(PREFIX + "a", body("a"), origin=b"one")
        await storage.guaranteed_update(PREFIX + "a", lambda _: None, origin=b"nothing")
        await update(storage, "a", 2)
        await storage.delete(PREFIX + "a", origin=b"\0three\xff")
        await second(storage)

    async def second(storage: SqliteStorage) -> None:
        sink = Recorder()
        await storage.watch(PREFIX, 1, sink)
        told = await storage.history(PREFIX, 1, 10)
        for events in (sink.seen, told):
            assert [event.origin for event in events] == [b"one", b"", b"\0three\xff"]

    sessions(tmp_path, first, second)


def test_many_origins_at_once(tmp_path: Path) -> None:
    """Also when history is read in bulk rather than row by row."""

    async def scenario(storage: SqliteStorage) -> None:
        for start in range(0, 5000, 1000):
            await create(storage, *(f"n{i}" for i in range(start, start + 999)))
            await storage.create(f"{PREFIX}m{start}", body("m"), origin=b"%d" % start)
        events = await storage.history(PREFIX, 1, 5000)
        assert [event.origin for event in events if event.origin] == [b"0", b"1000", b"2000", b"3000", b"4000"]

    sessions(tmp_path, scenario)


def test_revisions_start_above_the_floor(tmp_path: Path) -> None:
    """Whatever the log holds, and however often it is opened."""
    sessions(tmp_path, lambda storage: create(storage, "a"))
    sql(tmp_path, "UPDATE meta SET value = 1000 WHERE name = 'floor'")

    async def scenario(storage: SqliteStorage) -> None:
        assert storage.revision == 1000
        assert (await storage.list(PREFIX)).revision == 1000

    async def write_one(storage: SqliteStorage) -> None:
        assert (await storage.create(PREFIX + "b", body("b"))).revision == 1001

    sessions(tmp_path, scenario, scenario, write_one)
    assert check(tmp_path) == []
