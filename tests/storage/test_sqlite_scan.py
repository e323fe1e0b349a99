"""Reading a whole range: in order of key or in order of the log, the entries are the same."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from storage_worlds import body, write

from orlop.storage import sqlite_reader
from orlop.storage.errors import ReadFailed
from orlop.storage.sqlite import SqliteStorage

PREFIXES = ("/registry/a/", "/registry/b/", "/registry/b2/")
Write = tuple[str, int, int]
_writes = st.lists(st.tuples(st.sampled_from("pppd"), st.integers(0, 2), st.integers(0, 12)), max_size=40)


async def _apply(storage: SqliteStorage, writes: list[Write]) -> None:
    for what, where, number in writes:
        key = f"{PREFIXES[where]}n{number}"
        if what == "p":
            await storage.guaranteed_update(key, lambda old: write("n", old.revision if old else 0))
        elif await storage.get(key) is not None:
            await storage.delete(key)


async def _read(storage: SqliteStorage, scan_keys: int, scan_rows: int) -> list[list[tuple[str, int, bytes]]]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sqlite_reader, "_SCAN_KEYS", scan_keys)
        patched.setattr(sqlite_reader, "_SCAN_ROWS", scan_rows)
        pages = [await storage.list(prefix) for prefix in PREFIXES]
    return [[(entry.key, entry.revision, entry.body) for entry in page.entries] for page in pages]


@settings(max_examples=25, deadline=None)
@given(_writes)
def test_both_ways_read_the_same(writes: list[Write]) -> None:
    """Whatever was written, superseded and deleted, and however it lies in the log."""

    async def reading() -> None:
        with tempfile.TemporaryDirectory() as directory:
            storage = SqliteStorage(Path(directory))
            await storage.start()
            await _apply(storage, writes)
            by_key = await _read(storage, 1 << 30, 0)
            assert await _read(storage, 1, 1 << 30) == by_key == await _read(storage, 2, 2)
            await storage.close()

    asyncio.run(reading())


def test_a_row_that_is_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged log is not read as if nothing were there."""

    async def reading() -> None:
        storage = SqliteStorage(tmp_path)
        await storage.start()
        for name in "xyz":
            await storage.create(PREFIXES[0] + name, body(name))
        monkeypatch.setattr(sqlite_reader, "_SCAN_KEYS", 1)
        monkeypatch.setattr(sqlite_reader.schema, "VALUES", sqlite_reader.schema.VALUES + " AND rev != 3")
        with pytest.raises(ReadFailed, match="revision 3 is missing"):
            await storage.list(PREFIXES[0])
        await storage.close()

    asyncio.run(reading())
