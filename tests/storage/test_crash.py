"""kill -9 under write load: no acknowledged write is lost, no revision is used twice, watches go on exactly.

ORLOP_KILL_ROUNDS says how often to kill (5 when it is not set). The server compacts and lets keys expire as it writes.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from storage_worlds import Recorder
from watch_guarantees import Told, makes_sense, told

from orlop.storage.interface import DELETED, Attributes
from orlop.storage.predicate import EVERYTHING
from orlop.storage.sqlite import SqliteStorage
from orlop.storage.sqlite_health import check
from orlop.storage.watch_cache import WatchCache

CRASH_WRITER = Path(__file__).with_name("crash_writer.py")
ROUNDS = int(os.environ.get("ORLOP_KILL_ROUNDS", "5"))
PREFIX = "/registry/things/"


class Said(NamedTuple):
    """What the killed server had said."""

    start: int
    acknowledged: list[tuple[str, str, int, str]]
    events: list[tuple[str, str, int]]


def crash(directory: Path, seed: int, acknowledgements: int) -> Said:
    """Run a server until it has acknowledged so many writes, then kill it."""
    command = [sys.executable, str(CRASH_WRITER), str(directory), str(seed)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert server.stdout is not None
    lines: list[bytes] = []
    acks = 0
    for line in server.stdout:
        lines.append(line)
        acks += line.startswith(b"ack")
        if acks >= acknowledgements:
            break
    server.kill()
    lines += server.stdout.readlines()
    server.stdout.close()
    assert server.wait() == -9, "it ended by itself"
    return parse(lines)


def parse(lines: list[bytes]) -> Said:
    said = Said(int(lines[0].split()[1]), [], [])
    for line in lines[1:]:
        if not line.endswith(b"\n"):
            continue  # killed in the middle of a word
        word, kind, key, revision, *value = line.decode().split()
        if word == "ack":
            said.acknowledged.append((kind, key, int(revision), value[0]))
        else:
            said.events.append((kind, key, int(revision)))
    return said


def no_acknowledged_write_is_lost(said: Said, written: dict[int, Told]) -> None:
    """Each is in the log at its revision, with its content."""
    for kind, key, revision, value in said.acknowledged:
        one = written[revision]
        assert (one.key, one.type == DELETED) == (key, kind == "delete")
        assert kind == "delete" or f'"value":"{value}"'.encode() in one.body


def watches_resume(said: Said, resumed: list[Told], written: dict[int, Told]) -> None:
    """What a watcher was told before the crash, and what it is told from there on, is the log from its
    start."""
    before = [(kind, key, revision) for kind, key, revision in said.events]
    after = [(one.type, one.key, one.revision) for one in resumed]
    expected = [(one.type, one.key, one.revision) for one in written.values() if one.revision > said.start]
    assert before + after == expected


async def examine(directory: Path, said: Said, known: dict[int, Told]) -> int:
    """Open what the crash left, check it, and return the newest revision. `known`: the writes of earlier rounds, some
    of which are compacted; those of this one are added."""
    assert check(directory) == []
    storage = SqliteStorage(directory)
    await storage.start()
    log = Recorder()
    assert storage.compacted <= said.start
    await storage.watch(PREFIX, max(1, storage.compacted), log)
    for one in told(log.seen):
        assert known.get(one.revision, one) == one, "a revision was used twice"
        known[one.revision] = one
    written = known
    makes_sense(list(written.values()), 1, dense=True)
    assert storage.revision == max(written)
    no_acknowledged_write_is_lost(said, written)
    cache = WatchCache(storage, PREFIX, lambda tree: Attributes({}, {}), namespaced=False)
    await cache.start()
    cache.check_invariants()
    last = said.events[-1][2] if said.events else said.start
    watches_resume(said, told(await cache.recall_events(EVERYTHING, last)), written)
    newest = {one.key: one for one in written.values()}
    there = {one.key: one.body for one in newest.values() if one.type != DELETED}
    assert {entry.key: entry.body for entry in cache.select(EVERYTHING).entries} == there
    await cache.close()
    await storage.close()
    return storage.revision


def test_killed_under_write_load(tmp_path: Path) -> None:
    """Again and again on the same data, while it is compacted, and keys expire; every start goes on from the newest
    revision that was there."""
    chance = random.Random(1)
    newest = 1
    known: dict[int, Told] = {}
    for number in range(ROUNDS):
        said = crash(tmp_path, number, chance.randint(1, 400))
        assert said.start == newest
        newest = asyncio.run(examine(tmp_path, said, known))
        assert newest >= max(revision for _, _, revision, _ in said.acknowledged)
