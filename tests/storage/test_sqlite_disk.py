"""SQLite: a full disk, a read-only one, files that may not be written, locks of others. Real ones, where the tests may
make them."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from child_process import in_child, read_only, small_disk, without_rights
from sqlite_sessions import create, reason, sessions, update
from storage_worlds import PREFIX, body, value_of

from orlop.storage import sqlite_file, sqlite_pipeline
from orlop.storage.errors import CannotOpen, CommitFailed, StorageError
from orlop.storage.sqlite import SqliteStorage
from orlop.storage.sqlite_file import DATABASE, LOCK


def test_a_full_disk(tmp_path: Path) -> None:
    """Fails commits in words and readiness with them; reads go on, nothing acknowledged is lost, and writing goes on by
    itself when there is room."""

    async def scenario() -> None:
        storage = SqliteStorage(tmp_path / "disk" / "data")
        await storage.start()
        acknowledged: list[str] = []
        ballast = tmp_path / "disk" / "ballast"
        ballast.write_bytes(b"x" * 3_000_000)
        with pytest.raises(CommitFailed, match="the disk is full"):
            for i in range(1000):
                await create(storage, f"n{i}", size=3000)
                acknowledged.append(f"n{i}")
        await storage.tick()
        assert acknowledged and await storage.count(PREFIX) == len(acknowledged)
        for i in range(20):  # until there is no room for a single page
            with pytest.raises(CommitFailed):
                await create(storage, f"large{i}", size=200_000)
            await storage.tick()
        assert "the disk is full" in storage.ready()
        ballast.unlink()
        await storage.tick()
        assert storage.ready() == ""
        await create(storage, "last")
        assert storage.revision == len(acknowledged) + 2
        await storage.close()

    async def again() -> None:
        storage = SqliteStorage(tmp_path / "disk" / "data")
        await storage.start()
        assert value_of(await storage.get(PREFIX + "last")) == ""
        await storage.close()

    def work() -> None:
        small_disk(tmp_path / "disk", 8_000)
        asyncio.run(scenario())
        asyncio.run(again())

    in_child(work)


def test_a_disk_that_is_full_from_the_start(tmp_path: Path) -> None:
    """Of a new data directory nothing can be made, and that is said."""

    def work() -> None:
        small_disk(tmp_path / "disk", 64)
        (tmp_path / "disk" / "ballast").write_bytes(b"x" * 50_000)
        assert "full" in reason(tmp_path / "disk" / "data") or "space" in reason(tmp_path / "disk" / "data")

    in_child(work)


def test_a_full_disk_under_a_backup(tmp_path: Path) -> None:
    """Fails the backup, of which nothing is left, and nothing else."""

    async def scenario(storage: SqliteStorage) -> None:
        await create(storage, *(f"n{i}" for i in range(100)), size=10_000)
        with pytest.raises((OSError, StorageError), match=r"full|No space"):
            await storage.backup(tmp_path / "disk" / "copy")
        assert list((tmp_path / "disk").iterdir()) == []
        await create(storage, "more")

    def work() -> None:
        small_disk(tmp_path / "disk", 200)
        sessions(tmp_path / "data", scenario)

    in_child(work)


def test_a_read_only_disk(tmp_path: Path) -> None:
    """Is named as what it is."""

    def work() -> None:
        small_disk(tmp_path / "disk", 8_000)
        sessions(tmp_path / "disk" / "data", lambda storage: create(storage, "a"))
        read_only(tmp_path / "disk")
        assert reason(tmp_path / "disk" / "data") == "Read-only file system"

    in_child(work)


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """One that others may enter."""
    path = Path(tempfile.mkdtemp(prefix="orlop-disk-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.mark.parametrize("what", ["directory", "database", "lock", "nothing at all"])
def test_files_that_may_not_be_written(open_directory: Path, what: str) -> None:
    """Are refused at once, not at the first write."""
    data = open_directory / "data"
    sessions(data, lambda storage: create(storage, "a"))
    if os.geteuid() == 0:
        for path in (data, *data.iterdir()):
            os.chown(path, 65534, 65534)
    match what:
        case "directory":
            (data / LOCK).unlink()
            data.chmod(0o500)
        case "database":
            (data / DATABASE).chmod(0o400)
        case "lock":
            (data / LOCK).chmod(0o400)
        case _:
            data.chmod(0)

    def work() -> None:
        without_rights()
        said = reason(data)
        assert "read-only" in said if what == "database" else "no permission" in said, said

    in_child(work)
    data.chmod(0o700)


def test_things_in_place_of_the_database(tmp_path: Path) -> None:
    """A directory, a file in place of the directory, an empty file (which is a new database)."""
    (tmp_path / "a" / DATABASE).mkdir(parents=True)
    assert reason(tmp_path / "a") == "it is a directory, not a database"
    (tmp_path / "b").write_text("x")
    assert reason(tmp_path / "b") == "it is not a directory"
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / DATABASE).touch()
    sessions(tmp_path / "c", lambda storage: create(storage, "a"))


def test_a_lock_of_another_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That lasts fails writes in words, and readiness; when it is gone, writing goes on by itself. Reads never
    notice."""
    monkeypatch.setattr(sqlite_file, "_PATIENCE", 0)

    async def scenario(storage: SqliteStorage) -> None:
        await create(storage, "a")
        with closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as tool:
            tool.execute("BEGIN IMMEDIATE")
            with pytest.raises(CommitFailed, match="another program has locked it"):
                await update(storage, "a", 1)
            await storage.tick()
            assert "another program has locked it" in storage.ready()
            assert value_of(await storage.get(PREFIX + "a")) == ""
            with pytest.raises(CommitFailed):
                await storage.compact(storage.revision)
            tool.execute("ROLLBACK")
        await storage.tick()
        assert storage.ready() == ""
        await update(storage, "a", 1)
        assert storage._sweeper.swept == 2 or storage._sweeper._aside is not None

    sessions(tmp_path, scenario)


def test_a_start_that_fails_leaves_nothing_open(tmp_path: Path) -> None:
    """So that the next can try."""
    sessions(tmp_path, lambda storage: create(storage, "a"))
    content = (tmp_path / DATABASE).read_bytes()
    files = len(list(Path("/proc/self/fd").iterdir()))
    for damaged in (b"garbage" * 1000, content[:5000], b"SQLite format 3\0" + bytes(84)):
        (tmp_path / DATABASE).write_bytes(damaged)
        with pytest.raises(CannotOpen):
            asyncio.run(SqliteStorage(tmp_path).start())
    assert len(list(Path("/proc/self/fd").iterdir())) == files
    (tmp_path / DATABASE).write_bytes(content)
    sessions(tmp_path, lambda storage: create(storage, "b"))


def test_a_disk_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the storage not ready after a while, and ready again when it answers; the write is still acknowledged."""

    async def scenario(storage: SqliteStorage) -> None:
        gate = threading.Event()
        held = storage._pipeline.begin_chore(lambda _: int(gate.wait()))
        while not storage._writer.busy:
            await asyncio.sleep(0)
        writing = asyncio.ensure_future(storage.create(PREFIX + "a", body("a")))
        await asyncio.sleep(0)
        assert storage.ready() == ""
        monkeypatch.setattr(sqlite_pipeline, "STALLED_SECONDS", -1.0)
        assert storage.ready() == "the disk has not finished a write for 0 seconds"
        gate.set()
        await held
        assert (await writing).revision == 2
        assert storage.ready() == ""

    sessions(tmp_path, scenario)
