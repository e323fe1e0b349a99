"""A server whose disk is about to lose its power: writes, and says in its journal what it was about to do and what was
acknowledged.

    python powerloss_writer.py DIRECTORY SEED WRITES FAULTS [kill]

Lines of the file `said`, which the shim puts into the journal in order: `try KIND KEY VALUE`, `ack KIND KEY REVISION
VALUE`, `seen REVISION` (published to watchers). FAULTS is the file that makes the disk fail, "-" for none.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import random
import signal
import struct
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Final

from orlop.storage import sqlite_checkpoint
from orlop.storage.errors import CommitFailed, KeyExists, KeyNotFound
from orlop.storage.interface import Event, Write
from orlop.storage.sqlite import SqliteStorage
from orlop.world.clock import ManualClock

PREFIX: Final = "/registry/things/"
CLIENTS, KEYS = 6, 12
sqlite_checkpoint.WAL_PAGES = 60


class Faults:
    """How many syncs fail, how many writes find no room (-1: all), and how long a sync takes more."""

    def __init__(self, path: str) -> None:
        with Path(path).open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 16)

    def set(self, syncs: int = 0, writes: int = 0, delay: int = 0) -> None:
        struct.pack_into("<iii", self._map, 0, syncs, writes, delay)

    @property
    def number(self) -> int:
        return int(struct.unpack_from("<i", self._map, 12)[0])


class Server:
    def __init__(self, directory: Path, seed: int, writes: int) -> None:
        self.directory, self.left = directory, writes
        self.chance, self.values = random.Random(seed), count()
        self.clock = ManualClock()
        self.said = os.open(directory / "said", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def say(self, *words: object) -> None:
        os.write(self.said, (" ".join(map(str, words)) + "\n").encode())

    async def open(self) -> None:
        self.storage = SqliteStorage(self.directory, self.clock)
        await self.storage.start()
        self.say("seen", self.storage.revision)
        await self.storage.watch(PREFIX, self.storage.revision, self)

    def events(self, batch: Sequence[Event]) -> None:
        self.say("seen", batch[-1].revision)

    def progress(self, revision: int) -> None:
        raise AssertionError("nobody asked")

    def broken(self, error: Exception) -> None:
        self.say("seen", 0)

    async def one(self) -> None:
        chance, storage = self.chance, self.storage
        name = f"k{chance.randrange(KEYS)}"
        key, value = PREFIX + name, f"{os.getpid()}-{next(self.values)}"
        filling = "x" * chance.choice((10, 900, 6000))
        body = f'{{"metadata":{{"name":"{name}"}},"value":"{value}","filling":"{filling}"}}'
        kind = chance.choice(("create", "update", "update", "delete"))
        self.say("try", kind, key, value)
        try:
            if kind == "create":
                entry = await storage.create(key, body.encode())
            elif kind == "delete":
                entry = await storage.delete(key)
            else:
                entry = await storage.guaranteed_update(key, lambda _: Write(body.encode()))
        except (KeyExists, KeyNotFound):
            await asyncio.sleep(0)
            return
        except CommitFailed:
            await asyncio.sleep(0)
            return
        self.say("ack", kind, key, entry.revision, value)

    async def client(self) -> None:
        while self.left > 0:
            self.left -= 1
            await self.one()
            if self.chance.random() < 0.05:
                await self.housekeeping()

    async def housekeeping(self) -> None:
        try:
            self.clock.advance(1)
            await self.storage.tick()
            await self.storage.compact(max(1, self.storage.revision - self.chance.randrange(40)))
        except CommitFailed:
            await asyncio.sleep(0)

    async def work(self, writes: int) -> None:
        self.left = writes
        await asyncio.gather(*(self.client() for _ in range(CLIENTS)))

    async def all(self, kill: bool) -> None:
        writes = self.left // 2
        await self.open()
        await self.work(writes)
        await self.storage.close()
        await self.open()
        await self.work(writes)
        if kill:
            os.kill(os.getpid(), signal.SIGKILL)
        await self.storage.close()

    async def fail(self, faults: Faults) -> None:
        """Work with a disk that fails in every way; when it does not, the storage has to recover by itself."""
        writes = self.left // 10
        await self.open()
        await self.work(writes)
        for trouble in (
            {"syncs": 1}, {"syncs": 2}, {"writes": 1}, {"syncs": -1}, {"writes": -1}, {"delay": 3_000}, {"syncs": 1}
        ):  # fmt: skip
            before = faults.number
            faults.set(**trouble)
            await self.work(writes)
            if -1 in trouble.values():
                assert self.storage.ready() != "", f"ready with {trouble}"
            assert "delay" in trouble or faults.number > before
            faults.set()
            for _ in range(5):  # seconds: each descriptor of a file reports the failure once
                await self.storage.tick()
            assert self.storage.ready() == "", f"not ready after {trouble}: {self.storage.ready()}"
            self.storage.check_invariants()
            revision = self.storage.revision
            await self.work(writes)
            assert self.storage.revision > revision, f"no write succeeded after {trouble}"
        await self.storage.close()


server = Server(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
if sys.argv[4] == "-":
    asyncio.run(server.all("kill" in sys.argv))
else:
    asyncio.run(server.fail(Faults(sys.argv[4])))
