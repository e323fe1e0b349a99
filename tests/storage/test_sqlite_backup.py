"""SQLite: a copy of the database while it is written to, and what is made of one."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlite_sessions import create, sessions, sql, update
from storage_worlds import PREFIX, body, value_of, write

from orlop.storage import sqlite_backup
from orlop.storage.errors import CannotOpen, Closed, ReadFailed, RevisionCompacted
from orlop.storage.sqlite import SqliteStorage
from orlop.storage.sqlite_backup import backup, raise_floor
from orlop.storage.sqlite_file import DATABASE
from orlop.storage.sqlite_health import check


def place(copy: Path, directory: Path) -> Path:
    """Make a backup the database of a data directory."""
    directory.mkdir()
    copy.rename(directory / DATABASE)
    return directory


def test_a_backup_shows_one_moment_of_a_busy_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is written while it is made; it is whole, and goes on as a database of its own."""
    monkeypatch.setattr(sqlite_backup, "BACKUP_PAGES", 1)
    monkeypatch.setattr(sqlite_backup, "BACKUP_SYNC_PAGES", 4)
    states: dict[int, list[int]] = {}
    made: list[int] = []

    async def scenario(storage: SqliteStorage) -> None:
        await create(storage, *(f"n{i}" for i in range(300)), size=1000)
        copying = asyncio.ensure_future(storage.backup(tmp_path / "copy"))
        number = 0
        while not copying.done():
            number += 1
            await asyncio.gather(*(update(storage, f"n{i}", number) for i in range(3)))
            await storage.delete(PREFIX + "n5")
            await create(storage, "n5", size=5000)
            states[storage.revision] = [number]
        made.append(await copying)
        assert storage.revision > made[0], "nothing was written meanwhile"

    async def look(storage: SqliteStorage) -> None:
        assert storage.revision == made[0]
        assert await storage.count(PREFIX) in (299, 300)
        if made[0] in states:
            assert [value_of(await storage.get(PREFIX + "n0"))] == states[made[0]]
        assert len(await storage.history(PREFIX, 1, 10_000)) == made[0] - 1
        assert (await storage.create(PREFIX + "new", body("new"))).revision == made[0] + 1

    sessions(tmp_path / "data", scenario)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "data"]
    assert check(tmp_path / "copy") == []
    assert sql(tmp_path / "copy", "SELECT value FROM meta WHERE name = 'in_use'") == [(0,)]
    sessions(place(tmp_path / "copy", tmp_path / "again"), look)


def test_a_backup_replaces_an_older_one_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or, when it fails, leaves it and nothing else behind."""
    target = tmp_path / "copy"

    async def scenario(storage: SqliteStorage) -> None:
        await create(storage, "a")
        assert await storage.backup(target) == 2
        await create(storage, "b")
        assert await storage.backup(target) == 3
        await create(storage, "c")
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", broken)
            with pytest.raises(OSError, match="the disk is gone"):
                await storage.backup(target)
        with pytest.raises(OSError):
            await storage.backup(tmp_path / "nowhere" / "copy")

    def broken(_: int) -> None:
        raise OSError("the disk is gone")

    sessions(tmp_path / "data", scenario)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "data"]
    assert raise_floor(target, 0) == 3


def test_closing_ends_a_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At its next step; nothing is left of it."""
    monkeypatch.setattr(sqlite_backup, "BACKUP_PAGES", 1)

    async def scenario() -> None:
        storage = SqliteStorage(tmp_path / "data")
        await storage.start()
        await create(storage, *(f"n{i}" for i in range(200)), size=1000)
        copying = asyncio.ensure_future(storage.backup(tmp_path / "copy"))
        await asyncio.sleep(0)
        await storage.close()
        with pytest.raises(Closed):
            await copying

    asyncio.run(scenario())
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from orlop.storage.sqlite import SqliteStorage
async def main():
    storage = SqliteStorage(Path(sys.argv[1]))
    await storage.start()
    for i in range(20):
        await storage.create(f"/registry/things/n{i}", b'{"metadata":{"name":"n"}}')
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""


def test_a_data_directory_that_nobody_has_open(tmp_path: Path) -> None:
    """Can be copied as well, also after a crash: with what is in the write-ahead log alone, and without a change to
    it."""
    data = tmp_path / "data"
    assert subprocess.run([sys.executable, "-c", KILLED, str(data)], check=False).returncode == -signal.SIGKILL
    before = {path.name: path.read_bytes() for path in data.iterdir() if not path.name.endswith("-shm")}
    assert backup(data, tmp_path / "copy") == 21
    assert before == {path.name: path.read_bytes() for path in data.iterdir() if not path.name.endswith("-shm")}
    assert backup(data / DATABASE, tmp_path / "copy") == 21
    assert sql(tmp_path / "copy", "SELECT count(*) FROM current") == [(20,)]


def test_what_is_no_database_is_not_copied(tmp_path: Path) -> None:
    """With a word why."""
    (tmp_path / "garbage").write_bytes(b"garbage" * 1000)
    with pytest.raises(CannotOpen, match="not a SQLite database"):
        backup(tmp_path / "garbage", tmp_path / "copy")
    with pytest.raises(CannotOpen, match="no such file"):
        backup(tmp_path, tmp_path / "copy")
    sql(tmp_path / "other", "CREATE TABLE notes (text)")
    with pytest.raises(ReadFailed, match="no such table"):
        backup(tmp_path / "other", tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_a_restored_database_goes_on_above_its_floor(tmp_path: Path) -> None:
    """Later revisions than any that were handed out, nothing before readable, and the history is swept away."""

    async def fill(storage: SqliteStorage) -> None:
        for i in range(10):
            await storage.guaranteed_update(PREFIX + "a", lambda _, i=i: write("a", i))
        assert await storage.backup(tmp_path / "copy") == 11

    async def look(storage: SqliteStorage) -> None:
        assert (storage.revision, storage.compacted) == (1000, 1000)
        assert value_of(await storage.get(PREFIX + "a")) == 9
        with pytest.raises(RevisionCompacted):
            await storage.history(PREFIX, 999, 1)
        await storage.compact(1000)
        assert (await storage.delete(PREFIX + "a")).revision == 1001

    sessions(tmp_path / "data", fill)
    assert raise_floor(tmp_path / "copy", 1000) == 1000
    sessions(place(tmp_path / "copy", tmp_path / "again"), look)
    assert sql(tmp_path / "again", "SELECT rev, prev FROM log ORDER BY rev") == [(11, 10), (1001, 11)]
    assert check(tmp_path / "again") == []


def test_a_database_that_was_put_back_goes_on_above_what_was_acknowledged(tmp_path: Path) -> None:
    """It is refused as it is, because newer writes were acknowledged in its directory; raising its floor accepts
    that."""

    async def fill(storage: SqliteStorage) -> None:
        await create(storage, "a")
        await storage.backup(tmp_path / "copy")
        await create(storage, "b", "c")

    sessions(tmp_path / "data", fill)
    (tmp_path / "copy").rename(tmp_path / "data" / DATABASE)
    with pytest.raises(CannotOpen, match="revision 4 was acknowledged, and it ends at 2"):
        sessions(tmp_path / "data", fill)
    assert raise_floor(tmp_path / "data" / DATABASE, 0) == 4

    async def go_on(storage: SqliteStorage) -> None:
        assert (await storage.create(PREFIX + "d", body("d"))).revision == 5

    sessions(tmp_path / "data", go_on)
