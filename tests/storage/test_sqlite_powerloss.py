"""SQLite: the power is cut, at any moment, and the disk has what was synced and any part of the rest.

ORLOP_SOAK=1 looks at thousands of such disks.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from powerloss import Library, Record, cuts, records

from orlop.storage.interface import DELETED, Entry
from orlop.storage.sqlite import SqliteStorage
from orlop.storage.sqlite_health import check

WRITER = Path(__file__).with_name("powerloss_writer.py")
SOAK = bool(os.environ.get("ORLOP_SOAK"))
PREFIX = "/registry/things/"

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="the shim needs Linux and a C compiler"
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return Library(tmp_path_factory.mktemp("powerloss"))


def run(library: Library, scratch: Path, seed: int, writes: int, *, kill: bool = False, faults: bool = False) -> None:
    directory, control = scratch / "data", scratch / "faults"
    directory.mkdir(exist_ok=True)
    environment = {**os.environ, **library.environment(directory, scratch / "journal", control)}
    words = [str(directory), str(seed), str(writes), str(control) if faults else "-", *(["kill"] if kill else [])]
    done = subprocess.run(
        [sys.executable, str(WRITER), *words], env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == (-9 if kill else 0), done.stderr


class Said:
    """What the server had said by the time of a cut."""

    def __init__(self, journal: list[Record]) -> None:
        self.acknowledged: dict[int, tuple[str, str, str]] = {}
        self.newest: dict[str, int] = {}
        self.deletes: set[str] = set()
        """Keys that somebody tried to delete and was not told how it went."""
        self.seen = 0
        for record in journal:
            if record.name == "said":
                for line in record.data.decode().splitlines():
                    self._hear(*line.split())

    def _hear(self, word: str, *rest: str) -> None:
        match word, *rest:
            case "try", kind, key, _:
                if kind == "delete":
                    self.deletes.add(key)
            case "ack", kind, key, revision, value:
                self.acknowledged[int(revision)] = (kind, key, value)
                self.newest[key] = max(self.newest.get(key, 0), int(revision))
            case "seen", revision:
                self.seen = max(self.seen, int(revision))


def value_of(entry: Entry) -> str:
    return str(orjson.loads(entry.body)["value"])


async def examine(directory: Path, said: Said) -> None:
    """Nothing acknowledged or shown is lost, no revision comes again, all is in order, and writing goes on."""
    storage = SqliteStorage(directory)
    await storage.start()
    last = storage.revision
    assert last >= max(said.seen, *said.acknowledged, 1, 1), "what was shown is gone"
    events = {event.revision: event for event in await storage.history(PREFIX, storage.compacted, 1 << 30)}
    there = {entry.key: entry for entry in (await storage.list(PREFIX)).entries}
    for revision, (kind, key, value) in said.acknowledged.items():
        if revision > storage.compacted:
            event = events[revision]
            assert (event.entry.key, event.type == DELETED) == (key, kind == "delete"), "another write took its place"
            assert kind == "delete" or value_of(event.entry) == value
    for key, revision in said.newest.items():
        kind, _, value = said.acknowledged[revision]
        entry = there.get(key)
        if entry is None:
            assert kind == "delete" or key in said.deletes, f"{key} is gone"
        elif entry.revision == revision:
            assert value_of(entry) == value
        else:
            assert entry.revision > revision, f"{key} is older than it was"
    created = await storage.create(PREFIX + "new", b'{"metadata":{"name":"new"}}')
    assert created.revision == last + 1
    await storage.close()
    assert check(directory) == []


def examine_cuts(scratch: Path, number: int, seed: int) -> int:
    journal = records(scratch / "journal")
    chance = random.Random(seed)
    looked = 0
    for cut, disk in cuts(journal, number, chance):
        directory = scratch / f"cut-{cut}-{looked}"
        disk.after_a_cut(directory, chance)
        (directory / "said").unlink(missing_ok=True)
        asyncio.run(examine(directory, Said(journal[:cut])))
        shutil.rmtree(directory)
        looked += 1
    return looked


@pytest.mark.parametrize("seed", range(10 if SOAK else 1))
def test_power_cuts(library: Library, tmp_path: Path, seed: int) -> None:
    """While clients write, the log is copied and compacted, the server is closed in order and opened again, killed, and
    opened again."""
    run(library, tmp_path, seed, 300, kill=True)
    run(library, tmp_path, 1000 + seed, 300)
    assert examine_cuts(tmp_path, 300 if SOAK else 50, seed) >= 50


@pytest.mark.parametrize("seed", range(10 if SOAK else 1))
def test_power_cuts_after_faults(library: Library, tmp_path: Path, seed: int) -> None:
    """Syncs fail, once and for ever, and what they should have synced is never synced; the disk is full; it is slow.
    The server says that it is not ready, and recovers by itself; the power is cut at any moment of that, or later."""
    run(library, tmp_path, seed, 500, faults=True)
    assert examine_cuts(tmp_path, 300 if SOAK else 50, seed) >= 50


def test_the_shim_forgets(library: Library, tmp_path: Path) -> None:
    """What was not synced may be gone, what was is not, in the journal of a program that does both; else the tests
    above would prove nothing."""
    program = (
        "import os, sys\n"
        "file = os.open(sys.argv[1] + '/file', os.O_RDWR | os.O_CREAT)\n"
        "os.pwrite(file, b'a' * 2000, 0)\n"
        "os.fsync(file)\n"
        "os.pwrite(file, b'b' * 2000, 1000)\n"
        "os.pwrite(file, b'c' * 100, 0)\n"
    )
    (tmp_path / "data").mkdir()
    environment = library.environment(tmp_path / "data", tmp_path / "journal", tmp_path / "faults")
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "data")], env={**os.environ, **environment}, check=True
    )
    journal = records(tmp_path / "journal")
    assert [record.kind for record in journal] == ["W", "B", "E", "W", "W"]
    seen = set()
    chance = random.Random(1)
    for number in range(200):
        for _, disk in cuts([*journal, journal[-1]], 1, random.Random(number)):
            directory = tmp_path / f"cut{number}"
            disk.after_a_cut(directory, chance)
            if (directory / "file").exists():
                seen.add((directory / "file").read_bytes())
    late = [content for content in seen if len(content) >= 2000]
    assert b"a" * 2000 in seen and b"c" * 100 + b"a" * 900 + b"b" * 2000 in seen and len(late) > 4
    assert all(content[1000:2000].strip(b"ab") == b"" for content in late)
