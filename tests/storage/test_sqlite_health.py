"""SQLite: damage is noticed and named, by the start, by the read that meets it, or by the full check."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_sessions import create, reason, sessions, sql, update
from storage_worlds import PREFIX, body

from orlop.storage import sqlite_health
from orlop.storage.errors import CannotOpen, StorageError
from orlop.storage.sqlite import SqliteStorage
from orlop.storage.sqlite_file import DATABASE, WITNESS, witnessed
from orlop.storage.sqlite_health import check

WAL = DATABASE + "-wal"

CRASH = """
import asyncio, os, signal, sys
from pathlib import Path
sys.path[:0] = [sys.argv[2]]
from sqlite_sessions import create, update
from orlop.storage.sqlite import SqliteStorage
async def main():
    storage = SqliteStorage(Path(sys.argv[1]))
    await storage.start()
    for i in range(60):
        await create(storage, f"m{i}", size=300)
        await update(storage, "n0", i)
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
ACKNOWLEDGED = 521
"""The newest revision of the database that `crashed` is."""


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory: 400 objects in the database, 120 writes in the write-ahead log, and the server killed."""
    directory = tmp_path_factory.mktemp("crashed")
    sessions(directory, lambda storage: create(storage, *(f"n{i}" for i in range(400)), size=500))
    command = [sys.executable, "-c", CRASH, str(directory), str(Path(__file__).parent)]
    assert subprocess.run(command, check=False).returncode == -9
    return directory


@pytest.fixture
def data(crashed: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(crashed, tmp_path / "data", ignore=shutil.ignore_patterns("*-shm")))


def settle(data: Path) -> None:
    """Close the database in order, so that there is no log."""
    sessions(data, lambda storage: storage.newest())
    assert not (data / WAL).exists()


def damage(path: Path, change: Callable[[bytearray], None]) -> None:
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)


async def all_of_it(storage: SqliteStorage) -> None:
    """Read everything, in every way."""
    await storage.list(PREFIX)
    for i in range(400):
        await storage.get(f"{PREFIX}n{i}")
    await storage.history(PREFIX, 1, 10_000)


def notices(data: Path) -> str:
    """What is said by the start, or else by reading everything; "" when all is well."""
    try:
        sessions(data, all_of_it)
    except StorageError as error:
        return str(error)
    return ""


def test_a_crash_is_no_damage(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Everything acknowledged is there, the check finds nothing before or after, and the next start is an ordinary
    one."""
    before = {path.name: path.read_bytes() for path in data.iterdir()}
    assert check(data) == []
    assert before == {path.name: path.read_bytes() for path in data.iterdir() if not path.name.endswith("-shm")}

    async def scenario(storage: SqliteStorage) -> None:
        assert storage.revision == ACKNOWLEDGED
        await all_of_it(storage)

    sessions(data, scenario)
    assert "was not closed in order" in caplog.text
    caplog.clear()
    sessions(data, scenario)
    assert caplog.text == "" and check(data) == []


def cut_tail(content: bytearray) -> None:
    del content[len(content) - 40_000 :]


def garbage_header(content: bytearray) -> None:
    content[:32] = b"garbage!" * 4


def garbage_in_the_middle(content: bytearray) -> None:
    at = len(content) // 2
    content[at : at + 4096] = b"garbage!" * 512


@pytest.mark.parametrize("change", [cut_tail, garbage_header, garbage_in_the_middle, bytearray.clear, None])
def test_acknowledged_writes_that_are_gone_are_missed(data: Path, change: Callable[[bytearray], None] | None) -> None:
    """SQLite takes a log that is damaged, cut off, empty or gone for the end of what was written. The start does not:
    it would give out the lost revisions again."""
    if change is None:
        (data / WAL).unlink()
    else:
        damage(data / WAL, change)
    text = f"its newest writes are missing: revision {ACKNOWLEDGED} was acknowledged, and it ends at "
    assert reason(data).startswith(text)
    assert [fault[: len(text)] for fault in check(data)] == [text]
    assert reason(data).startswith(text), "asked twice, it gave in"


def test_an_older_file_put_in_place_is_noticed(data: Path) -> None:
    """Also after an orderly end."""
    older = (data / DATABASE).read_bytes()
    settle(data)
    (data / DATABASE).write_bytes(older)
    assert "its newest writes are missing" in reason(data)


@pytest.mark.parametrize("content", [None, b"", b"garbage", b"00000000000000000100\n"])
def test_a_witness_that_knows_less_is_no_trouble(data: Path, content: bytes | None) -> None:
    """It may be older than the database after a power cut, or not be there."""
    if content is None:
        (data / WITNESS).unlink()
    else:
        (data / WITNESS).write_bytes(content)
    assert notices(data) == "" and check(data) == []


def test_a_witness_that_cannot_be_written_is_no_trouble(data: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Writes go on without it."""

    async def scenario(storage: SqliteStorage) -> None:
        witness, storage._directory._witness = storage._directory._witness, -1
        await create(storage, "more")
        storage._directory._witness = witness

    sessions(data, scenario)
    assert "orlop.newest could not be written" in caplog.text


def header(content: bytearray) -> None:
    content[:16] = b"garbage!" * 2


def tables(content: bytearray) -> None:
    content[100:4096] = b"garbage!" * 499 + b"...."


def page_size(content: bytearray) -> None:
    content[16:18] = b"\x03\x01"


def cut_off(content: bytearray) -> None:
    del content[len(content) // 2 :]


def cut_within_a_page(content: bytearray) -> None:
    del content[-100:]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (header, "it is not a SQLite database"),
        (tables, "it is damaged"),
        (page_size, "it is not a SQLite database"),
        (cut_off, "damaged"),
        (cut_within_a_page, "the file ends 100 bytes too early"),
    ],
)
def test_a_damaged_file_is_refused(data: Path, change: Callable[[bytearray], None], words: str) -> None:
    """In words, without a change to it, and found by the check as well."""
    settle(data)
    damage(data / DATABASE, change)
    damaged = (data / DATABASE).read_bytes()
    assert words in reason(data)
    assert (data / DATABASE).read_bytes() == damaged
    try:
        assert check(data)
    except CannotOpen as error:
        assert words in error.reason


def test_every_damaged_page_is_noticed(data: Path) -> None:
    """Each page in turn is overwritten: the full check says so, or it held nothing; what is read is right, or an
    error."""
    settle(data)
    whole = (data / DATABASE).read_bytes()
    silent = 0
    for start in range(4096, len(whole), 4096):
        damaged = bytearray(whole)
        damaged[start : start + 4096] = b"\xa5" * 4096
        (data / DATABASE).write_bytes(damaged)
        (data / WAL).unlink(missing_ok=True)
        found = check(data)
        silent += not found
        if start % (4096 * 8) == 4096:
            assert bool(notices(data)) <= bool(found)
    assert silent <= 3, "pages that hold the places of others, and free ones"


def test_tables_that_disagree(data: Path) -> None:
    """Are found by the start after a crash where it is about the newest writes, and by the check wherever it is."""
    newest = f"WHERE rev = {ACKNOWLEDGED}"
    cases = {
        f"UPDATE current SET rev = 300 WHERE key = '{PREFIX}n0'": "differ about /registry/things/n0",
        f"DELETE FROM current WHERE key = '{PREFIX}m59'": "differ about /registry/things/m59",
        f"DELETE FROM log {newest} - 5": "some are missing from the log",
        f"UPDATE log SET value = NULL {newest}": "differ about /registry/things/n0",
        "DELETE FROM meta WHERE name = 'floor'": "its table of marks is incomplete",
    }
    whole = {path.name: path.read_bytes() for path in data.iterdir()}
    for statement, words in cases.items():
        for path in data.iterdir():
            path.unlink()
        for name, content in whole.items():
            (data / name).write_bytes(content)
        sql(data, statement.replace(f"{ACKNOWLEDGED} - 5", str(ACKNOWLEDGED - 5)))
        assert words in reason(data), statement
        assert any(words in fault for fault in check(data)), statement


def test_the_full_check_finds_what_is_older(data: Path) -> None:
    """States missing from the log, previous states missing, bodies of another revision."""
    settle(data)
    sql(
        data,
        "DROP TRIGGER put", "DROP TRIGGER gone",
        "UPDATE log SET value = (SELECT value FROM log WHERE rev = 6) WHERE rev = 5",
        "UPDATE log SET key = 'other' WHERE rev = 2",
        "UPDATE current SET rev = 100000 WHERE key = '/registry/things/n9'",
    )  # fmt: skip
    found = "\n".join(check(data))
    for words in (
        "revision 5 holds another body of /registry/things/n3",
        "the current state of /registry/things/n9 (revision 100000) is not in the log",
        "before revision 403 is not in the log",
        "differ about other",
    ):
        assert words in found


def test_the_check_of_a_start_takes_no_longer_than_it_may(
    data: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is cut short then, and that is no fault."""

    def endless(connection: sqlite3.Connection, _: Path) -> None:
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n)"
        connection.execute(f"{numbers} SELECT max(i) FROM n").fetchone()

    monkeypatch.setattr(sqlite_health, "_structure", endless)
    monkeypatch.setattr(sqlite_health, "CHECK_SECONDS", 0.01)
    caplog.set_level("INFO")
    assert notices(data) == ""
    assert "the check was cut short" in caplog.text


def test_the_check_says_what_it_cannot_check(tmp_path: Path) -> None:
    """A file that is not there, garbage, a database of something else, another schema."""
    with pytest.raises(CannotOpen, match="there is no such file"):
        check(tmp_path)
    sql(tmp_path / "notes", "CREATE TABLE notes (text)")
    assert check(tmp_path / "notes") == ["it is a database of another application"]
    (tmp_path / "garbage").write_bytes(b"garbage" * 1000)
    with pytest.raises(CannotOpen, match="it is not a SQLite database"):
        check(tmp_path / "garbage")
    sessions(tmp_path / "data", lambda storage: create(storage, "a"))
    sql(tmp_path / "data", "PRAGMA user_version = 7")
    assert check(tmp_path / "data") == ["its schema is 7, this orlop knows 2"]


def test_a_running_server_can_be_checked(tmp_path: Path) -> None:
    """Meanwhile it writes."""

    async def scenario(storage: SqliteStorage) -> None:
        checking = asyncio.ensure_future(asyncio.to_thread(check, tmp_path))
        number = 0
        while not checking.done():
            number += 1
            await create(storage, f"n{number}")
            await update(storage, "a", number)
            if number % 10 == 0:
                await storage.compact(storage.revision - 5)
        assert await checking == []

    sessions(tmp_path, lambda storage: storage.create(PREFIX + "a", body("a")), scenario)


def test_what_is_written_while_a_check_begins_is_not_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server writes just before the check asks what was acknowledged: the state that it looks at has that write."""
    sessions(tmp_path, lambda storage: create(storage, "early"))
    asked = [witnessed(tmp_path / DATABASE)]

    def just_after_a_write(database: Path) -> int:
        monkeypatch.setattr(sqlite_health, "witnessed", witnessed)  # the server that writes asks too
        sessions(tmp_path, lambda storage: create(storage, "late"))
        asked.append(witnessed(database))
        return asked[-1]

    monkeypatch.setattr(sqlite_health, "witnessed", just_after_a_write)
    assert check(tmp_path) == []
    assert asked == [asked[0], asked[0] + 1]


def test_a_reading_tool_does_not_stop_the_start(data: Path) -> None:
    """Though the log cannot be copied whole while it reads."""
    with closing(sqlite3.connect(data / DATABASE, isolation_level=None)) as tool:
        tool.execute("BEGIN")
        tool.execute("SELECT count(*) FROM current").fetchall()
        assert notices(data) == ""
