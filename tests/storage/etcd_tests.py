"""What the tests of the etcd backend share: storages, each with a prefix of its own, and waiting for conditions."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import etcd_server
import pytest
from storage_worlds import Recorder, value_of, write

from orlop.storage.etcd import EtcdStorage
from orlop.storage.etcd_options import EtcdOptions
from orlop.storage.interface import Entry, Write
from orlop.storage.transformer import Transformer

SECONDS = 30.0
needs_etcd = pytest.mark.skipif(bool(etcd_server.MISSING), reason=etcd_server.MISSING)
_NUMBERS = itertools.count()


def new_prefix() -> str:
    return f"/own{next(_NUMBERS)}/registry"


@asynccontextmanager
async def storage_on(
    endpoints: Sequence[str], prefix: str, transformer: Transformer | None = None, **options: Any
) -> AsyncIterator[EtcdStorage]:
    storage = EtcdStorage(EtcdOptions(tuple(endpoints), prefix, **{"look_back": 0, **options}), transformer)
    await storage.start()
    try:
        yield storage
        storage.check_invariants()
    finally:
        await storage.close()


@asynccontextmanager
async def own_storage(prefix: str = "", **options: Any) -> AsyncIterator[EtcdStorage]:
    """On the member of the session."""
    async with storage_on(etcd_server.shared().endpoints, prefix or new_prefix(), **options) as storage:
        yield storage


async def until(true: Callable[[], object], storage: EtcdStorage | None = None) -> None:
    """Return when `true()`; the storage is ticked meanwhile."""
    async with asyncio.timeout(SECONDS):
        while not true():
            if storage is not None:
                await storage.tick()
            await asyncio.sleep(0.01)


async def caught_up(storage: EtcdStorage) -> None:
    newest = await storage.newest()
    reached = Recorder()
    subscription = await storage.watch("/registry/none/", newest, reached)
    subscription.progress_at(newest)
    await until(lambda: reached.reached)
    subscription.cancel()


def increment(name: str) -> Callable[[Entry | None], Write]:
    return lambda entry: write(name, (value_of(entry) or 0) + 1)
