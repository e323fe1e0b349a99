"""The storages under test, each opened the same way: memory, sqlite, etcd, and a watch cache over each.

A backend written later joins `WORLDS` and has to keep every promise of `conformance`.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import etcd_server
import orjson
import pytest

from orlop.storage.etcd import EtcdStorage
from orlop.storage.etcd_options import EtcdOptions
from orlop.storage.interface import Attributes, Entry, Event, Storage, Write
from orlop.storage.limits import CacheLimits
from orlop.storage.memory import MemoryStorage
from orlop.storage.sqlite import SqliteStorage
from orlop.storage.watch_cache import WatchCache
from orlop.world.clock import ManualClock

PREFIX = "/registry/things/"
OTHER = "/registry/others/"


def body(name: str, value: Any = 0, **labels: str) -> bytes:
    """An object as a writer hands it in."""
    return orjson.dumps({"metadata": {"name": name, "labels": labels}, "value": value})


def write(name: str, value: Any = 0, **labels: str) -> Write:
    return Write(body(name, value, **labels))


def attributes_of(tree: dict[str, Any]) -> Attributes:
    return Attributes(tree["metadata"].get("labels", {}), {"value": str(tree["value"])})


def value_of(entry: Entry | None) -> Any:
    """What `body` was given; None for no entry. Checks that the entry carries its revision."""
    if entry is None:
        return None
    tree = entry.tree()
    assert tree["metadata"]["resourceVersion"] == str(entry.revision)
    return tree["value"]


class Recorder:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.seen: list[Event] = []
        self.calls: list[int] = []
        self.reached: list[int] = []
        self.errors: list[Exception] = []

    def events(self, batch: Sequence[Event]) -> None:
        self.calls.append(len(batch))
        self.seen.extend(batch)

    def progress(self, revision: int) -> None:
        self.reached.append(revision)

    def broken(self, error: Exception) -> None:
        self.errors.append(error)

    def told(self) -> list[tuple[str, str, int]]:
        return [(event.type, event.entry.key, event.revision) for event in self.seen]


class Checked(Storage, Protocol):
    """A storage that can tell whether it is in order."""

    def check_invariants(self) -> None: ...


class World:
    """`storage` is under test; `backend` is below it (or the same). `drives_time`: keys expire by `clock`, not by a
    clock of the engine's own. `rival`: another storage over the same data, where others may write too."""

    def __init__(self, storage: Checked, backend: Checked, clock: ManualClock, *, drives_time: bool = True,
                 rival: Storage | None = None) -> None:
        self.storage, self.backend = storage, backend
        self.clock, self.drives_time, self.rival = clock, drives_time, rival

    def check(self) -> None:
        self.storage.check_invariants()
        self.backend.check_invariants()

    async def create(self, name: str, value: Any = 0, **options: Any) -> Entry:
        return await self.storage.create(PREFIX + name, body(name, value), **options)

    async def put(self, name: str, value: Any, ttl: int = 0) -> Entry:
        wanted = Write(body(name, value), None, ttl)
        return await self.storage.guaranteed_update(PREFIX + name, lambda _: wanted)

    async def delete(self, name: str) -> Entry:
        return await self.storage.delete(PREFIX + name)

    async def names(self, **options: Any) -> list[str]:
        page = await self.storage.list(PREFIX, **options)
        return [entry.key.removeprefix(PREFIX) for entry in page.entries]

    async def state(self, revision: int = 0) -> dict[str, Any]:
        page = await self.storage.list(PREFIX, revision=revision)
        return {entry.key.removeprefix(PREFIX): value_of(entry) for entry in page.entries}


Opening = Callable[[Path], AbstractAsyncContextManager[World]]


@asynccontextmanager
async def memory_world(_: Path) -> AsyncIterator[World]:
    clock = ManualClock()
    storage = MemoryStorage(clock)
    await storage.start()
    yield World(storage, storage, clock)
    await storage.close()


@asynccontextmanager
async def sqlite_world(directory: Path) -> AsyncIterator[World]:
    clock = ManualClock()
    storage = SqliteStorage(directory / "data", clock)
    await storage.start()
    yield World(storage, storage, clock)
    await storage.close()


_NUMBERS = itertools.count()


@asynccontextmanager
async def etcd_world(_: Path) -> AsyncIterator[World]:
    """A prefix of its own in the etcd of the session, where a rival writes too."""
    if etcd_server.MISSING:
        pytest.skip(etcd_server.MISSING)
    clock = ManualClock()
    options = EtcdOptions(etcd_server.shared().endpoints, prefix=f"/test{next(_NUMBERS)}/registry", look_back=0)
    storage, rival = EtcdStorage(options, clock=clock), EtcdStorage(options, clock=clock)
    await asyncio.gather(storage.start(), rival.start())
    yield World(storage, storage, clock, drives_time=False, rival=rival)
    await asyncio.gather(storage.close(), rival.close())


def cache_over(below: Opening, limits: CacheLimits) -> Opening:
    @asynccontextmanager
    async def opening(directory: Path) -> AsyncIterator[World]:
        async with below(directory) as world:
            cache = WatchCache(world.backend, PREFIX, attributes_of, limits, world.clock, namespaced=False)
            await cache.start()
            yield World(cache, world.backend, world.clock, drives_time=world.drives_time, rival=world.rival)
            await cache.close()

    return opening


SHORT = CacheLimits(window_events=4, window_bytes=100_000, start_revisions=3, indexes=1)
"""A window so short that most of the past must come from the backend."""

WORLDS: dict[str, Opening] = {
    "memory": memory_world,
    "sqlite": sqlite_world,
    "cache over memory": cache_over(memory_world, CacheLimits()),
    "cache over sqlite": cache_over(sqlite_world, CacheLimits()),
    "etcd": etcd_world,
    "cache over etcd": cache_over(etcd_world, CacheLimits()),
    "short cache over memory": cache_over(memory_world, SHORT),
    "short cache over sqlite": cache_over(sqlite_world, SHORT),
}


def run(opening: Opening, directory: Path, scenario: Callable[[World], Awaitable[None]]) -> None:
    """Play a scenario in a world of its own; what is left must be in order."""

    async def play() -> None:
        async with opening(directory) as world:
            await scenario(world)
            world.check()

    asyncio.run(play())


def title(scenario: Callable[..., Any]) -> str:
    return re.sub("_", " ", scenario.__name__)
