"""SQLite: what lies between bodies and the values stored."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from sqlite_sessions import create, sessions, sql, update
from storage_worlds import PREFIX, Recorder, attributes_of, body, value_of, write

from orlop.storage.errors import CommitFailed, ReadFailed
from orlop.storage.interface import Write
from orlop.storage.sqlite import SqliteStorage
from orlop.storage.transformer import Read
from orlop.storage.watch_cache import WatchCache


class Reversed:
    """Stores bodies backwards behind a mark; whatever has another mark, or none, is stale."""

    def __init__(self, mark: bytes) -> None:
        self.mark = mark
        self.threads: set[str] = set()

    def to_storage(self, key: str, value: bytes) -> bytes:
        self.threads.add(threading.current_thread().name)
        if b"unspeakable" in value:
            raise ValueError("that cannot be stored")
        return self.mark + key.encode() + value[::-1]

    def from_storage(self, key: str, value: bytes) -> Read:
        if value.startswith(b"{"):
            return Read(value, stale=True)
        mark, rest = value[:1], value[1:]
        if not rest.startswith(key.encode()):
            raise ReadFailed(f"the value of {key} cannot be read")
        return Read(rest[len(key) :][::-1], stale=mark != self.mark)


def test_bodies_are_clear_and_values_are_not(tmp_path: Path) -> None:
    """In every kind of read, also after a restart; deletes store nothing."""

    async def first(storage: SqliteStorage) -> None:
        sink = Recorder()
        await storage.watch(PREFIX, 1, sink)
        await create(storage, "a", "b")
        await update(storage, "a", 2)
        await storage.delete(PREFIX + "b")
        assert [value_of(event.entry) for event in sink.seen] == ["", "", 2, ""]
        await second(storage)

    async def second(storage: SqliteStorage) -> None:
        assert value_of(await storage.get(PREFIX + "a")) == 2
        assert value_of(await storage.get(PREFIX + "b", revision=3)) == ""
        assert [value_of(entry) for entry in (await storage.list(PREFIX)).entries] == [2]
        assert [value_of(entry) for entry in (await storage.list(PREFIX, revision=3)).entries] == ["", ""]
        events = await storage.history(PREFIX, 1, 10)
        assert [(value_of(one.entry), value_of(one.previous)) for one in events] == [
            ("", None), ("", None), (2, ""), ("", "")
        ]  # fmt: skip
        cache = WatchCache(storage, PREFIX, attributes_of, namespaced=False)
        await cache.start()
        assert value_of(cache.peek(PREFIX + "a")) == 2
        await cache.close()

    transformer = Reversed(b"1")
    sessions(tmp_path, first, second, transformer=transformer)
    assert transformer.threads == {"orlop-writer"}
    values = [value for (value,) in sql(tmp_path, "SELECT value FROM log ORDER BY rev")]
    assert [value[:1] if value else value for value in values] == [b"1", b"1", b"1", None]
    assert not any(b"metadata" in value for value in values if value)


def test_what_is_stale_is_written_anew(tmp_path: Path) -> None:
    """By an update that changes nothing, once; what is not stale is left alone, and None leaves all as it is."""
    sessions(tmp_path, lambda storage: create(storage, "a"))

    async def from_cache(storage: SqliteStorage) -> None:
        """What the cache hands in as known counts as well."""
        cache = WatchCache(storage, PREFIX, attributes_of, namespaced=False)
        await cache.start()
        revision = storage.revision
        same = Write(body("a", ""))
        assert (await cache.guaranteed_update(PREFIX + "a", lambda _: None)).revision == revision
        assert (await cache.guaranteed_update(PREFIX + "a", lambda _: same)).revision == revision + 1
        assert (await cache.guaranteed_update(PREFIX + "a", lambda _: same)).revision == revision + 1
        assert (await storage.guaranteed_update(PREFIX + "a", lambda _: same)).revision == revision + 1
        await cache.close()

    sessions(tmp_path, from_cache, transformer=Reversed(b"1"))
    sessions(tmp_path, from_cache, transformer=Reversed(b"2"))
    assert sql(tmp_path, "SELECT substr(value, 1, 1) FROM log ORDER BY rev") == [(b"{",), (b"1",), (b"2",)]


def test_a_value_that_cannot_be_read(tmp_path: Path) -> None:
    """Is named by every read that meets it; the others go on."""
    sessions(tmp_path, lambda storage: create(storage, "a", "b"), transformer=Reversed(b"1"))
    sql(tmp_path, f"UPDATE log SET value = CAST('1x' AS BLOB) WHERE key = '{PREFIX}a'")

    async def scenario(storage: SqliteStorage) -> None:
        for call in (storage.get(PREFIX + "a"), storage.list(PREFIX), storage.history(PREFIX, 1, 10)):
            with pytest.raises(ReadFailed, match=PREFIX + "a"):
                await call
        with pytest.raises(ReadFailed, match=PREFIX + "a"):
            await update(storage, "a", 1)
        assert value_of(await storage.get(PREFIX + "b")) == ""
        assert storage.ready() == ""

    sessions(tmp_path, scenario, transformer=Reversed(b"1"))


def test_a_value_that_cannot_be_stored(tmp_path: Path) -> None:
    """Fails as a commit fails, and the next is tried."""

    async def scenario(storage: SqliteStorage) -> None:
        with pytest.raises(CommitFailed, match="that cannot be stored"):
            await storage.guaranteed_update(PREFIX + "a", lambda _: write("a", "unspeakable"))
        assert (await storage.create(PREFIX + "a", body("a"))).revision == 2

    sessions(tmp_path, scenario, transformer=Reversed(b"1"))
