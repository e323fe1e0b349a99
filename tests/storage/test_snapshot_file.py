"""Snapshot files: saved beside a writing server, verified, and put in the place of a database."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from storage_worlds import PREFIX, Recorder, body, value_of

from orlop.storage import snapshot_file
from orlop.storage.errors import CannotOpen, RevisionCompacted
from orlop.storage.interface import Entry, Write
from orlop.storage.snapshot_file import UNKNOWN_BUMP, SnapshotFileError
from orlop.storage.sqlite import SqliteStorage
from orlop.storage.sqlite_file import DATABASE, WITNESS
from orlop.storage.sqlite_health import check

Scenario = Callable[[SqliteStorage], Awaitable[Any]]


def session(directory: Path, scenario: Scenario) -> Any:
    """Play a scenario with the storage of a directory; it is closed in the end."""

    async def play() -> Any:
        storage = SqliteStorage(directory)
        await storage.start()
        try:
            return await scenario(storage)
        finally:
            await storage.close()

    return asyncio.run(play())


def writing(*values: tuple[str, Any], ttl: int = 0) -> Scenario:
    """Writes objects (None: deletes them); returns the newest revision."""

    async def scenario(storage: SqliteStorage) -> int:
        for name, value in values:
            if value is None:
                await storage.delete(PREFIX + name)
            else:
                wanted = Write(body(name, value), None, ttl)
                await storage.guaranteed_update(PREFIX + name, lambda _, wanted=wanted: wanted)  # type: ignore[misc]
        return storage.revision

    return scenario


async def state(storage: SqliteStorage) -> dict[str, tuple[int, Any]]:
    page = await storage.list("/registry/")
    return {entry.key.removeprefix(PREFIX): (entry.revision, value_of(entry)) for entry in page.entries}


def save(source: Path, target: Path) -> snapshot_file.Facts:
    return snapshot_file.save(source, target, taken=1_700_000_000.5, version="1.2.3")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A snapshot of a, b and c at revision 6, of a directory that went on to 8 since."""
    session(tmp_path / "source", writing(("a", 1), ("b", 1), ("a", 2), ("d", 1), ("d", None)))
    save(tmp_path / "source", tmp_path / "saved")
    session(tmp_path / "source", writing(("a", 3), ("e", 1)))
    return tmp_path / "saved"


def test_saved_and_restored(saved: Path, tmp_path: Path) -> None:
    """Objects and their revisions are there again; revisions go on above all that anybody knew, and who knows more than
    the snapshot is told so."""
    facts, sizes = snapshot_file.read(saved)
    assert facts[:5] == (6, 1_700_000_000, "1.2.3", "sqlite", 2) and facts.checksum.startswith("sha256:")
    assert set(sizes) == {PREFIX + "a", PREFIX + "b"}
    reached = snapshot_file.install(saved, tmp_path / "source", force=True)
    assert reached == 8 + 1

    async def after(storage: SqliteStorage) -> None:
        assert (storage.revision, storage.compacted) == (reached, reached)
        assert await state(storage) == {"a": (4, 2), "b": (3, 1)}
        for known in (1, 6, 8):
            with pytest.raises(RevisionCompacted):
                await storage.watch(PREFIX, known, Recorder())
        sink = Recorder()
        await storage.watch(PREFIX, reached, sink)
        made = await storage.create(PREFIX + "n", body("n"))
        assert made.revision == reached + 1 and [event.revision for event in sink.seen] == [reached + 1]

    session(tmp_path / "source", after)
    assert check(tmp_path / "source") == []
    session(tmp_path / "source", state)
    assert sorted(path.name for path in (tmp_path / "source").iterdir()) == sorted([DATABASE, "orlop.lock", WITNESS])


def test_into_a_new_directory(saved: Path, tmp_path: Path) -> None:
    """Nobody knows how far the lost server had come: revisions skip far, or as far as is said."""
    assert snapshot_file.install(saved, tmp_path / "one") == 6 + UNKNOWN_BUMP
    assert snapshot_file.install(saved, tmp_path / "two", bump=50) == 56
    assert session(tmp_path / "one", state) == session(tmp_path / "two", state) == {"a": (4, 2), "b": (3, 1)}


def test_again_and_again(saved: Path, tmp_path: Path) -> None:
    """Each restoration goes further; a snapshot of a restored server is one like others."""
    first = snapshot_file.install(saved, tmp_path / "x", bump=10)
    second = snapshot_file.install(saved, tmp_path / "x", force=True)
    assert second == first + 1
    facts = save(tmp_path / "x", tmp_path / "again")
    assert facts.revision == second and facts.objects == 2
    assert snapshot_file.install(tmp_path / "again", tmp_path / "x", force=True, bump=100) == second + 100
    assert session(tmp_path / "x", state) == {"a": (4, 2), "b": (3, 1)}


def test_of_a_server_at_work(tmp_path: Path) -> None:
    """Taken from another process's point of view while writes go on: one revision's state, never half of a commit."""

    async def scenario(storage: SqliteStorage) -> None:
        async def pairs(stop: asyncio.Event) -> None:
            number = 0
            while not stop.is_set():
                number += 1
                wanted = [Write(body(name, number)) for name in "ab"]
                for name, write in zip("ab", wanted, strict=True):
                    await storage.guaranteed_update(PREFIX + name, lambda _, write=write: write)  # type: ignore[misc]

        stop = asyncio.Event()
        work = asyncio.create_task(pairs(stop))
        loop = asyncio.get_running_loop()
        for attempt in range(5):
            facts = await loop.run_in_executor(None, save, tmp_path / "data", tmp_path / f"s{attempt}")
            found = {row.key[-1]: row for row in snapshot_file.rows(tmp_path / f"s{attempt}")}
            values = {name: value_of(Entry(row.key, row.revision, row.value)) for name, row in found.items()}
            if len(values) == 2:
                assert values["a"] - values["b"] in (0, 1), "in the order of writing"
            assert all(row.revision <= facts.revision for row in found.values())
        stop.set()
        await work

    session(tmp_path / "data", scenario)


def test_of_a_killed_server(tmp_path: Path) -> None:
    """What it acknowledged is in the snapshot, though it is in the write-ahead log alone."""
    code = (
        "import asyncio, os, pathlib, signal, sys\n"
        "from orlop.storage.sqlite import SqliteStorage\n"
        "async def main():\n"
        "    storage = SqliteStorage(pathlib.Path(sys.argv[1]))\n"
        "    await storage.start()\n"
        '    await storage.create("/registry/things/a", b\'{"metadata":{"name":"a","labels":{}},"value":7}\')\n'
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(tmp_path / "data")], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert save(tmp_path / "data", tmp_path / "saved").objects == 1
    snapshot_file.install(tmp_path / "saved", tmp_path / "data", force=True)
    assert {name: value for name, (_, value) in session(tmp_path / "data", state).items()} == {"a": 7}


def test_times_to_live_and_origins_are_kept(tmp_path: Path) -> None:
    """Also in a file."""
    session(tmp_path / "data", writing(("a", 1), ttl=60))

    async def noted(storage: SqliteStorage) -> None:
        await storage.create(PREFIX + "b", body("b"), origin=b"who")

    session(tmp_path / "data", noted)
    save(tmp_path / "data", tmp_path / "saved")
    a, b = snapshot_file.rows(tmp_path / "saved")
    assert a.expires is not None and b.expires is None and b.origin == b"who"
    snapshot_file.install(tmp_path / "saved", tmp_path / "other")

    async def expiring(storage: SqliteStorage) -> Any:
        return (await storage.state({})).expires

    assert session(tmp_path / "other", expiring) == {PREFIX + "a": a.expires}


def test_an_existing_database_is_not_replaced_unasked(saved: Path, tmp_path: Path) -> None:
    """Nor touched."""
    before = session(tmp_path / "source", state)
    with pytest.raises(SnapshotFileError, match=r"orlop.db: there is a database; --force replaces it"):
        snapshot_file.install(saved, tmp_path / "source")
    assert session(tmp_path / "source", state) == before


def test_not_while_a_server_runs(saved: Path, tmp_path: Path) -> None:
    """Not even by force."""

    async def scenario(storage: SqliteStorage) -> None:
        with pytest.raises(CannotOpen, match=rf"in use by another server \(process {os.getpid()}\)"):
            snapshot_file.install(saved, tmp_path / "source", force=True)

    session(tmp_path / "source", scenario)


def test_not_while_a_tool_reads(saved: Path, tmp_path: Path) -> None:
    """Somebody else's transaction holds the old database: it stays."""

    async def scenario(storage: SqliteStorage) -> None:
        await storage.create(PREFIX + "z", body("z"))
        shutil.copytree(tmp_path / "source", tmp_path / "crashed")

    session(tmp_path / "source", scenario)
    database = tmp_path / "crashed" / DATABASE
    with closing(sqlite3.connect(database, isolation_level=None)) as tool:
        tool.execute("BEGIN")
        tool.execute("SELECT count(*) FROM log").fetchone()
        with pytest.raises(SnapshotFileError, match="another program has it open"):
            snapshot_file.install(saved, tmp_path / "crashed", force=True)
    assert "z" in session(tmp_path / "crashed", state)


def test_a_damaged_database_can_be_replaced(saved: Path, tmp_path: Path) -> None:
    """That is what snapshots are for. What was acknowledged there is known beside it."""
    (tmp_path / "source" / DATABASE).write_bytes(b"no database" * 1000)
    assert snapshot_file.install(saved, tmp_path / "source", force=True) == 8 + 1
    (tmp_path / "source" / DATABASE).write_bytes(b"no database" * 1000)
    (tmp_path / "source" / WITNESS).unlink()
    assert snapshot_file.install(saved, tmp_path / "source", force=True) == 6 + UNKNOWN_BUMP
    assert session(tmp_path / "source", state) == {"a": (4, 2), "b": (3, 1)}


@pytest.mark.parametrize("moment", ["shutil.copyfile", "raise_floor", "_retire", "Path.replace"])
def test_interrupted(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    """Before the last rename everything is as before; what was left half-done is cleared away by the next."""
    before = session(tmp_path / "source", state)

    def fail(*_: object) -> None:
        raise OSError("no more")

    with monkeypatch.context() as patch:
        patch.setattr(f"orlop.storage.snapshot_file.{moment}", fail)
        with pytest.raises(OSError, match="no more"):
            snapshot_file.install(saved, tmp_path / "source", force=True)
    assert session(tmp_path / "source", state) == before
    assert snapshot_file.install(saved, tmp_path / "source", force=True) == 9


def test_killed_half_way(saved: Path, tmp_path: Path) -> None:
    """Wherever it is killed: the old database or the new one, whole, and the next restoration succeeds."""
    old, new = session(tmp_path / "source", state), {"a": (4, 2), "b": (3, 1)}
    calls = ("shutil.copyfile", "raise_floor", "_retire", "_sync")
    code = (
        "import os, pathlib, signal, sys\n"
        "from orlop.storage import snapshot_file as s\n"
        "holder, name = (s.shutil, 'copyfile') if sys.argv[3].startswith('shutil') else (s, sys.argv[3])\n"
        "real = getattr(holder, name)\n"
        "def call(*given):\n"
        "    if sys.argv[4] == 'before': os.kill(os.getpid(), signal.SIGKILL)\n"
        "    real(*given)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "setattr(holder, name, call)\n"
        "s.install(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), force=True)\n"
    )
    for call in calls:
        for when in ("before", "after"):
            place = tmp_path / f"{call}-{when}"
            shutil.copytree(tmp_path / "source", place)
            ended = subprocess.run([sys.executable, "-c", code, str(saved), str(place), call, when], check=False)
            assert ended.returncode == -signal.SIGKILL
            assert session(place, state) in (old, new)
            assert snapshot_file.install(saved, place, force=True) >= 9
            assert session(place, state) == new


def test_damage_is_found(saved: Path, tmp_path: Path) -> None:
    """A byte of a body, a row, a fact: each makes the file invalid, and nothing is restored from it."""
    damages = (
        "UPDATE log SET value = CAST(replace(CAST(value AS TEXT), 'name', 'game') AS BLOB) WHERE rev = 3",
        "UPDATE log SET expires = 7 WHERE rev = 3",
        "DELETE FROM current WHERE rev = 3",
        "UPDATE snapshot SET value = value + 1 WHERE name = 'revision'",
        "UPDATE snapshot SET value = 1 WHERE name = 'objects'",
        "DELETE FROM snapshot WHERE name = 'layout'",
    )
    for damage in damages:
        broken = tmp_path / "broken"
        shutil.copyfile(saved, broken)
        with closing(sqlite3.connect(broken)) as database:
            database.execute(damage)
            database.commit()
        with pytest.raises(SnapshotFileError, match="it is damaged"):
            snapshot_file.install(broken, tmp_path / "target")
    assert not (tmp_path / "target").exists()
    content = bytearray(saved.read_bytes())
    for place in range(200, len(content), len(content) // 9):
        content[place : place + 150] = b"\xa7" * 150
    (tmp_path / "broken").write_bytes(content)
    with pytest.raises(SnapshotFileError):
        snapshot_file.read(tmp_path / "broken")
    (tmp_path / "broken").write_bytes(saved.read_bytes()[:-5000])
    with pytest.raises(SnapshotFileError):
        snapshot_file.read(tmp_path / "broken")


def test_what_is_no_snapshot_is_refused(saved: Path, tmp_path: Path) -> None:
    """Each with a text that says what it is."""
    (tmp_path / "text").write_bytes(b"hello" * 500)
    with closing(sqlite3.connect(tmp_path / "foreign")) as database:
        database.execute("CREATE TABLE t (x)")
    (tmp_path / "empty").touch()
    shutil.copyfile(saved, tmp_path / "newer")
    with closing(sqlite3.connect(tmp_path / "newer")) as database:
        database.execute("PRAGMA user_version = 99")
    for name, text in (
        ("text", "it is not a SQLite database, or it is damaged|it is damaged"),
        ("foreign", "it is no snapshot of orlop"),
        ("empty", "it is no snapshot of orlop"),
        ("newer", r"a newer orlop wrote it \(schema 99; this one knows \d\)"),
        ("source/orlop.db", "it is the database of a server, not a snapshot"),
        ("source", "there is no such file"),
        ("nothing", "there is no such file"),
    ):
        with pytest.raises(SnapshotFileError, match=text):
            snapshot_file.read(tmp_path / name)
    with pytest.raises(CannotOpen, match="there is no such file"):
        save(tmp_path / "nothing", tmp_path / "saved")
    assert snapshot_file.read(saved)[0].objects == 2, "the old file stays when a new one cannot be made"


def test_a_snapshot_is_one_file(saved: Path, tmp_path: Path) -> None:
    """It can be read where nothing can be written, by several at a time, and stays as it is."""
    content = saved.read_bytes()
    place = tmp_path / "medium"
    place.mkdir()
    shutil.copyfile(saved, place / "s")
    (place / "s").chmod(0o400)
    place.chmod(0o500)
    try:
        assert snapshot_file.read(place / "s") == snapshot_file.read(saved)
        assert [path.name for path in place.iterdir()] == ["s"]
    finally:
        place.chmod(0o700)
    assert saved.read_bytes() == content and saved.stat().st_mode & 0o777 == 0o600
    assert check(saved) == []
