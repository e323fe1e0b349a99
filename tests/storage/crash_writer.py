"""A server to be killed: writes as fast as it can and says on its standard output what was acknowledged.

    python crash_writer.py DIRECTORY SEED

Lines: `start REVISION`, `ack TYPE KEY REVISION VALUE` (after the await returned), `event TYPE KEY REVISION`.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import orjson

from orlop.storage.errors import KeyExists, KeyNotFound
from orlop.storage.interface import Attributes, Event, Write
from orlop.storage.predicate import EVERYTHING
from orlop.storage.sqlite import SqliteStorage
from orlop.storage.watch_cache import WatchCache

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
                    done = "create", await cache.create(key, content(name, value))
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


async def main(directory: Path, seed: int) -> None:
    storage = SqliteStorage(directory)
    await storage.start()
    cache = WatchCache(storage, PREFIX, lambda tree: Attributes({}, {}), namespaced=False)
    await cache.start()
    say("start", storage.revision)
    cache.subscribe(EVERYTHING, on_events)
    chance, values = random.Random(seed), count()
    await asyncio.gather(*(client(cache, chance, values) for _ in range(CLIENTS)))


asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
