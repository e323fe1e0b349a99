"""Opening an SQLite storage again and again in one directory, for the tests of what is in its files."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from storage_worlds import PREFIX, body, write

from orlop.storage.errors import CannotOpen
from orlop.storage.sqlite import SqliteStorage
from orlop.storage.sqlite_file import DATABASE
from orlop.world.clock import ManualClock

Session = Callable[[SqliteStorage], Awaitable[object]]


def sessions(directory: Path, *scenarios: Session, clock: ManualClock | None = None, **options: Any) -> None:
    """Play one scenario after the other, the storage opened anew for each."""

    async def play() -> None:
        for scenario in scenarios:
            storage = SqliteStorage(directory, clock or ManualClock(), **options)
            await storage.start()
            await scenario(storage)
            storage.check_invariants()
            await storage.close()

    asyncio.run(play())


def reason(directory: Path, **options: Any) -> str:
    """Why the directory cannot be opened."""

    async def scenario() -> str:
        with pytest.raises(CannotOpen) as caught:
            await SqliteStorage(directory, **options).start()
        assert str(directory) in str(caught.value)
        return caught.value.reason

    return asyncio.run(scenario())


async def create(storage: SqliteStorage, *names: str, size: int = 0) -> None:
    await asyncio.gather(*(storage.create(PREFIX + name, body(name, "x" * size)) for name in names))


async def update(storage: SqliteStorage, name: str, value: Any) -> None:
    wanted = write(name, value)
    await storage.guaranteed_update(PREFIX + name, lambda _: wanted)


def sql(path: Path, *statements: str) -> list[Any]:
    """Run statements on a database that nobody has open; the rows of the last."""
    database = path / DATABASE if path.is_dir() else path
    rows: list[Any] = []
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        for statement in statements:
            rows = connection.execute(statement).fetchall()
    return rows
