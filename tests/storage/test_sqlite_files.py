"""SQLite: what persists, and the clear word when a data directory cannot be used."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlite_sessions import Session, reason
from sqlite_sessions import sessions as play
from storage_worlds import PREFIX, Recorder, attributes_of, body, value_of, write

from orlop.storage import sqlite_checkpoint, sqlite_writer
from orlop.storage.errors import CannotOpen, RevisionCompacted, StorageError
from orlop.storage.interface import DELETED
from orlop.storage.predicate import EVERYTHING
from orlop.storage.sqlite import SqliteStorage
from orlop.storage.sqlite_file import DATABASE
from orlop.storage.watch_cache import WatchCache
from orlop.world.clock import ManualClock

CLOCK = ManualClock()


def sessions(directory: Path, *scenarios: Session) -> None:
    """One after the other, with one clock for all."""
    play(directory, *scenarios, clock=CLOCK)


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    """Objects, revisions, history with previous states, exact older states."""

    async def first(storage: SqliteStorage) -> None:
        await storage.create(PREFIX + "a", body("a", 1))
        await storage.guaranteed_update(PREFIX + "a", lambda _: write("a", 2))
        await storage.create(PREFIX + "b", body("b", 3))
        await storage.delete(PREFIX + "b")

    async def second(storage: SqliteStorage) -> None:
        assert storage.revision == 5
        assert value_of(await storage.get(PREFIX + "a")) == 2
        assert value_of(await storage.get(PREFIX + "b", revision=4)) == 3
        sink = Recorder()
        await storage.watch(PREFIX, 1, sink)
        assert [event.revision for event in sink.seen] == [2, 3, 4, 5]
        assert sink.seen[-1].type == DELETED and value_of(sink.seen[-1].entry) == 3
        assert (await storage.create(PREFIX + "c", body("c"))).revision == 6

    sessions(tmp_path, first, second)


def test_no_revision_is_reused_after_compacting_deletes(tmp_path: Path) -> None:
    """Even when the newest row of the log was a delete that compaction removed."""

    async def first(storage: SqliteStorage) -> None:
        await storage.create(PREFIX + "a", body("a", 1))
        await storage.delete(PREFIX + "a")
        await storage.compact(3)

    async def second(storage: SqliteStorage) -> None:
        assert (storage.revision, storage.compacted) == (3, 3)
        assert (await storage.create(PREFIX + "a", body("a", 1))).revision == 4
        with pytest.raises(RevisionCompacted):
            await storage.history(PREFIX, 2, 1)

    sessions(tmp_path, first, second)


def test_compaction_leaves_no_rows_behind(tmp_path: Path) -> None:
    """After compacting to the end the log holds the current states alone, whatever the slices were."""

    async def scenario(storage: SqliteStorage) -> None:
        for i in range(700):
            await asyncio.gather(
                storage.guaranteed_update(PREFIX + "a", lambda _, i=i: write("a", i)),
                storage.create(f"{PREFIX}n{i}", body("n")),
                storage.delete(f"{PREFIX}n{i}") if i % 3 else storage.create(f"{PREFIX}m{i}", body("m")),
            )
        await storage.compact(storage.revision - 5)
        await storage.compact(storage.revision)
        rows = storage._reader._rows("SELECT rev FROM log")
        current = storage._reader._rows("SELECT rev FROM current")
        assert sorted(rows) == sorted(current)
        assert value_of(await storage.get(PREFIX + "a")) == 699

    sessions(tmp_path, scenario)


def test_free_pages_go_back_to_the_file_system(tmp_path: Path) -> None:
    """The file shrinks after much was deleted and compacted."""
    sizes: list[int] = []

    async def fill(storage: SqliteStorage) -> None:
        for start in range(0, 2000, 500):
            names = range(start, start + 500)
            await asyncio.gather(*(storage.create(f"{PREFIX}n{i}", body("n", "x" * 9000)) for i in names))

    async def empty(storage: SqliteStorage) -> None:
        sizes.append((tmp_path / DATABASE).stat().st_size)
        await asyncio.gather(*(storage.delete(f"{PREFIX}n{i}") for i in range(2000)))
        await storage.compact(storage.revision)

    async def look(storage: SqliteStorage) -> None:
        sizes.append((tmp_path / DATABASE).stat().st_size)

    sessions(tmp_path, fill, empty, look)
    assert sizes[1] < sizes[0] / 2


def test_the_log_is_copied_without_the_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past a number of pages the write-ahead log goes into the database and begins anew, so that it stays
    short."""
    monkeypatch.setattr(sqlite_checkpoint, "WAL_PAGES", 100)

    async def scenario(storage: SqliteStorage) -> None:
        longest = 0
        for i in range(300):
            names = [f"{PREFIX}n{i}-{j}" for j in range(8)]
            await asyncio.gather(*(storage.create(name, body("n", "x" * 1000)) for name in names))
            longest = max(longest, (tmp_path / (DATABASE + "-wal")).stat().st_size)
        await storage._checkpointer.stop()
        assert (tmp_path / DATABASE).stat().st_size > 1_000_000
        assert longest < 300 * 8 * 1000

    sessions(tmp_path, scenario)


def test_time_to_live_survives_a_restart(tmp_path: Path) -> None:
    """What is due while the server is down goes with the first tick after."""

    async def first(storage: SqliteStorage) -> None:
        await storage.create(PREFIX + "a", body("a"), ttl=10)
        await storage.create(PREFIX + "b", body("b"), ttl=10)
        await storage.guaranteed_update(PREFIX + "b", lambda _: write("b", 1))
        CLOCK.advance(11)

    async def second(storage: SqliteStorage) -> None:
        assert await storage.count(PREFIX) == 2
        await storage.tick()
        assert await storage.get(PREFIX + "a") is None
        assert await storage.count(PREFIX) == 1

    sessions(tmp_path, first, second)


def test_a_cache_remembers_across_a_restart(tmp_path: Path) -> None:
    """Its window is filled from the log, so that watchers resume where they were."""

    async def first(storage: SqliteStorage) -> None:
        for i in range(10):
            await storage.guaranteed_update(PREFIX + "a", lambda _, i=i: write("a", i))

    async def second(storage: SqliteStorage) -> None:
        cache = WatchCache(storage, PREFIX, attributes_of, namespaced=False)
        await cache.start()
        cache.check_invariants()
        assert [event.revision for event in cache.events_since(EVERYTHING, 4)] == list(range(5, 12))
        assert cache.events_since(EVERYTHING, 4)[-1].entry is cache.peek(PREFIX + "a")
        await cache.close()

    sessions(tmp_path, first, second)


def test_the_database_is_as_durable_as_it_says(tmp_path: Path) -> None:
    """WAL, a sync at every commit, room for giving back pages, and our mark in the file."""

    async def scenario(storage: SqliteStorage) -> None:
        connection = storage._writer._connection
        values = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "auto_vacuum", "application_id", "user_version")
        }
        assert values == {
            "journal_mode": "wal",
            "synchronous": 2,
            "auto_vacuum": 2,
            "application_id": int.from_bytes(b"orlp", "big"),
            "user_version": 2,
        }

    sessions(tmp_path, scenario, scenario)


def test_a_second_server_is_refused(tmp_path: Path) -> None:
    """While the first is open, with its process named; afterwards the directory is free again."""

    async def scenario(storage: SqliteStorage) -> None:
        with pytest.raises(CannotOpen) as caught:
            await SqliteStorage(tmp_path).start()
        assert caught.value.reason == f"it is in use by another server (process {os.getpid()})"
        await storage.create(PREFIX + "a", body("a"))

    sessions(tmp_path, scenario, lambda storage: storage.delete(PREFIX + "a"))


def test_a_killed_server_leaves_no_lock(tmp_path: Path) -> None:
    """The kernel lets go of the lock with the process."""
    program = (
        "import asyncio, os, signal, sys\nfrom pathlib import Path\n"
        "from orlop.storage.sqlite import SqliteStorage\n"
        "async def main():\n"
        "    await SqliteStorage(Path(sys.argv[1])).start()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path)], timeout=60, check=False)
    assert killed.returncode == -9
    sessions(tmp_path, lambda storage: storage.create(PREFIX + "a", body("a")))


def test_garbage_is_no_database(tmp_path: Path) -> None:
    """And is left as it is."""
    (tmp_path / DATABASE).write_bytes(b"garbage" * 1000)
    assert reason(tmp_path) == "it is not a SQLite database, or it is damaged"
    assert (tmp_path / DATABASE).read_bytes() == b"garbage" * 1000


def test_other_databases_are_not_touched(tmp_path: Path) -> None:
    """One of another application, one written by a newer version."""
    other = sqlite3.connect(tmp_path / DATABASE)
    other.execute("CREATE TABLE notes (text)")
    other.close()
    assert reason(tmp_path) == "it is a database of another application"
    (tmp_path / DATABASE).unlink()
    sessions(tmp_path, lambda storage: storage.create(PREFIX + "a", body("a")))
    newer = sqlite3.connect(tmp_path / DATABASE)
    newer.execute("PRAGMA user_version = 7")
    newer.close()
    assert reason(tmp_path) == "a newer orlop wrote it (schema 7; this one knows 2)"


def test_a_locked_database_is_said_to_be_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a tool is in the middle of a write."""
    monkeypatch.setattr("orlop.storage.sqlite_file._PATIENCE", 0)
    sessions(tmp_path, lambda storage: storage.create(PREFIX + "a", body("a")))
    tool = sqlite3.connect(tmp_path / DATABASE, isolation_level=None)
    tool.execute("BEGIN IMMEDIATE")
    assert reason(tmp_path).startswith("another program has locked it")
    tool.close()


def test_a_damaged_database_is_reported(tmp_path: Path) -> None:
    """As a storage error with the engine's words, at the start or at the read that finds it; never as a
    crash."""

    async def fill(storage: SqliteStorage) -> None:
        for i in range(200):
            await storage.create(f"{PREFIX}n{i}", body("n", "x" * 500))

    sessions(tmp_path, fill)
    content = bytearray((tmp_path / DATABASE).read_bytes())
    content[4096 * 2 :] = bytes(len(content) - 4096 * 2)
    (tmp_path / DATABASE).write_bytes(content)

    async def scenario() -> None:
        storage = SqliteStorage(tmp_path)
        with pytest.raises(StorageError):
            await storage.start()
            try:
                await storage.list(PREFIX)
            finally:
                await storage.close()

    asyncio.run(scenario())


def test_jobs_that_fail_leave_no_transaction_open() -> None:
    """Whether SQLite rolled back by itself or not."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t (x UNIQUE)")
    with pytest.raises(ZeroDivisionError), sqlite_writer.Transaction(connection):
        connection.execute("INSERT INTO t VALUES (1)")
        raise ZeroDivisionError
    assert not connection.in_transaction
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    connection.close()
