"""A server to be killed: writes as fast as it can and says on its standard output what was acknowledged.

    python crash_writer.py DIRECTORY SEED

Lines: `start REVISION`, `ack TYPE KEY REVISION VALUE` (after the await returned), `event TYPE KEY REVISION`.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import orjson

from orlop.storage.errors import KeyExists, KeyNotFound
from orlop.storage.interface import Attributes, Event, Write
from orlop.storage.predicate import EVERYTHING
from orlop.storage.sqlite import SqliteStorage
from orlop.storage.watch_cache import WatchCache
from orlop.world.clock import ManualClock

PREFIX = "/registry/things/"
CLIENTS, KEYS = 12, 30


def say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def content(name: str, value: str) -> bytes:
    return orjson.dumps({"metadata": {"name": name}, "value": value, "filling": "x" * 300})


def on_events(events: Sequence[Event]) -> None:
    for event in events:
        say("event", event.type, event.entry.key, event.revision)


async def client(cache: WatchCache, chance: random.Random, values: count[int]) -> None:
    while True:
        name = f"k{chance.randrange(KEYS)}"
        key, value = PREFIX + name, f"{os.getpid()}-{next(values)}"
        try:
            match chance.randrange(4):
                case 0:
                    done = "create", await cache.create(key, content(name, value), ttl=chance.choice((0, 0, 5)))
                case 1:
                    done = "delete", await cache.delete(key)
                case _:
                    wanted = Write(content(name, value))
                    done = "update", await cache.guaranteed_update(key, lambda _, wanted=wanted: wanted)
        except (KeyExists, KeyNotFound):
            await asyncio.sleep(0)
            continue
        kind, entry = done
        say("ack", kind, key, entry.revision, value if kind != "delete" else "-")


async def housekeeping(storage: SqliteStorage, clock: ManualClock) -> None:
    """Compact what was written before this start, and let keys expire."""
    start = storage.revision
    while True:
        await asyncio.sleep(0.002)
        clock.advance(1)
        await storage.tick()
        await storage.compact(min(start, storage._sweeper.swept + 20))


async def main(directory: Path, seed: int) -> None:
    clock = ManualClock(time.time())
    storage = SqliteStorage(directory, clock)
    await storage.start()
    cache = WatchCache(storage, PREFIX, lambda tree: Attributes({}, {}), namespaced=False)
    await cache.start()
    say("start", storage.revision)
    cache.subscribe(EVERYTHING, on_events)
    chance, values = random.Random(seed), count()
    clients = (client(cache, chance, values) for _ in range(CLIENTS))
    await asyncio.gather(housekeeping(storage, clock), *clients)


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
