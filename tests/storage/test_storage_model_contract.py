"""Every storage against the model of the contract: memory, SQLite with restarts and failing commits, caches over each.

ORLOP_SOAK=1 plays many more examples, new ones every time.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from storage_model import Opening, StorageMachine
from storage_worlds import PREFIX, SHORT, WORLDS, World, attributes_of
from write_log import Clocks

from orlop.storage.memory import MemoryStorage
from orlop.storage.sqlite import SqliteStorage
from orlop.storage.watch_cache import WatchCache

SOAK = os.environ.get("ORLOP_SOAK", "") not in ("", "0")
EXAMPLES = {"memory": 120, "sqlite": 25, "short cache over memory": 100, "short cache over sqlite": 25}
ELSEWHERE = 4
"""Examples for storages that are opened through `storage_worlds` alone (etcd): they are slow."""


@asynccontextmanager
async def memory(_: Path, clock: Clocks) -> AsyncIterator[World]:
    storage = MemoryStorage(clock)
    await storage.start()
    yield World(storage, storage, clock)
    await storage.close()


@asynccontextmanager
async def sqlite(directory: Path, clock: Clocks) -> AsyncIterator[World]:
    storage = SqliteStorage(directory / "data", clock)
    await storage.start()
    yield World(storage, storage, clock)
    await storage.close()


def cached(below: Opening) -> Opening:
    @asynccontextmanager
    async def opening(directory: Path, clock: Clocks) -> AsyncIterator[World]:
        async with below(directory, clock) as world:
            cache = WatchCache(world.backend, PREFIX, attributes_of, SHORT, clock, namespaced=False)
            await cache.start()
            yield World(cache, world.backend, clock)
            await cache.close()

    return opening


def elsewhere(world: str) -> Opening:
    def opening(directory: Path, _: Clocks) -> Any:
        return WORLDS[world](directory)

    return opening


MACHINES: dict[str, tuple[Opening, bool]] = {
    "memory": (memory, False),
    "sqlite": (sqlite, True),
    "short cache over memory": (cached(memory), False),
    "short cache over sqlite": (cached(sqlite), True),
}
MACHINES |= {name: (elsewhere(name), False) for name in WORLDS if not name.endswith(("memory", "sqlite"))}


def play(name: str, opening: Opening, persistent: bool, examples: int) -> None:
    kind = type(name, (StorageMachine,), {"opening": staticmethod(opening), "persistent": persistent})
    how = settings(
        max_examples=examples * (50 if SOAK else 1),
        stateful_step_count=100 if SOAK else 50,
        deadline=None,
        derandomize=not SOAK,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(kind, settings=how)


@pytest.mark.parametrize("name", MACHINES)
def test_every_answer_follows_from_the_log(name: str) -> None:
    """Whatever is done in whatever order, restarts, lost callers and failed commits included."""
    play(name, *MACHINES[name], EXAMPLES.get(name, ELSEWHERE))
