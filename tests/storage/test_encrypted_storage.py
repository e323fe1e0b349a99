"""A storage that encrypts: no secret is on the disk, keys can be changed, and what cannot be read says why."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from orlop.storage.encryption import IDENTITY, Encryption, Plan, Provider, Providers
from orlop.storage.encryption_aes import CBC, GCM
from orlop.storage.errors import ReadFailed
from orlop.storage.interface import UNKNOWN, Attributes, Entry, Known, Update, Write, unstamp
from orlop.storage.memory import MemoryStorage
from orlop.storage.rewrite import Rewritten, rewrite
from orlop.storage.sqlite import SqliteStorage
from orlop.storage.sqlite_file import DATABASE
from orlop.storage.watch_cache import WatchCache
from orlop.world.clock import ManualClock

SECRETS = "/registry/secrets/"
MAPS = "/registry/configmaps/"
MARK = b"swordfish"
"""In the clear text of every object here."""

CLOCK = ManualClock()

Scenario = Callable[[SqliteStorage], Awaitable[object]]


def key(name: str) -> bytes:
    return name.encode() * 16


def encryption(*names: str) -> Encryption:
    """Secrets with the named keys ("k1", "k2", with "cbc" in front for that mode), the first one writing; "" means
    identity. All else in the clear."""
    providers = [None if not name else Provider(b"k8s:enc:aescbc:v1:", [(name, CBC(key(name[3:])))])
                 if name.startswith("cbc") else Provider(b"k8s:enc:aesgcm:v1:", [(name, GCM(key(name)))])
                 for name in names]
    secrets = Providers(providers)
    return Encryption(Plan(lambda place: secrets if place == "secrets" else IDENTITY))


def sessions(directory: Path, *scenarios: tuple[Encryption | None, Scenario]) -> None:
    """Play one scenario after the other, the storage opened anew for each, with these keys."""

    async def play() -> None:
        for transformer, scenario in scenarios:
            storage = SqliteStorage(directory, CLOCK, transformer=transformer)
            await storage.start()
            try:
                await scenario(storage)
            finally:
                await storage.close()

    asyncio.run(play())


def body(name: str, version: int = 0) -> bytes:
    return orjson.dumps({"metadata": {"name": name}, "data": {"password": f"{MARK.decode()}-{name}-{version}"}})


def fill(prefix: str, count: int) -> Scenario:
    async def scenario(storage: SqliteStorage) -> None:
        for i in range(count):
            await storage.create(f"{prefix}shop/s{i:03}", body(f"s{i:03}"))

    return scenario


def on_disk(directory: Path, text: bytes = MARK) -> dict[str, int]:
    """How often the text is in each file of the directory where it is."""
    counts = {path.name: path.read_bytes().count(text) for path in directory.rglob("*") if path.is_file()}
    return {name: count for name, count in counts.items() if count}


def stored(directory: Path, prefix: str = SECRETS) -> dict[str, bytes]:
    """What the database holds now, by key, as it is."""
    with closing(sqlite3.connect(directory / DATABASE)) as connection:
        rows = connection.execute("SELECT log.key, value FROM current JOIN log USING (rev) WHERE log.key >= ? AND "
                                  "log.key < ?", (prefix, prefix + "\U0010ffff"))
        return dict(rows.fetchall())


def labels(directory: Path) -> set[str]:
    """The keys that the secrets in the database are encrypted with."""
    return {value[:40].split(b":")[4].decode() if value.startswith(b"k8s:enc:") else "" for value in
            stored(directory).values()}


def always(write: Write) -> Callable[[Entry | None], Write]:
    return lambda entry: write


async def read_all(storage: SqliteStorage) -> None:
    """Every secret is as `fill` made it."""
    page = await storage.list(SECRETS)
    assert page.entries
    for entry in page.entries:
        assert unstamp(entry.body) == body(entry.tree()["metadata"]["name"])
        again = await storage.get(entry.key)
        assert again is not None and again.body == entry.body


@pytest.mark.parametrize("name", ["k1", "cbck1"])
def test_clear_text_is_in_no_file(tmp_path: Path, name: str) -> None:
    """Not while the server runs (the write-ahead log), not after it ended; made, changed or deleted."""

    async def write(storage: SqliteStorage) -> None:
        await fill(SECRETS, 20)(storage)
        for i in range(10):
            changed = Write(body(f"s{i:03}", 1))
            await storage.guaranteed_update(f"{SECRETS}shop/s{i:03}", always(changed))
        await storage.delete(f"{SECRETS}shop/s019")
        await storage.history(SECRETS, 1, 100)
        assert on_disk(tmp_path) == {}
        assert sum(on_disk(tmp_path, b"/shop/s001").values())

    async def after(storage: SqliteStorage) -> None:
        page = await storage.list(SECRETS)
        assert [MARK in entry.body for entry in page.entries] == [True] * 19
        assert on_disk(tmp_path) == {}

    sessions(tmp_path, (encryption(name), write), (encryption(name), after))
    assert on_disk(tmp_path) == {}


def test_other_resources_are_in_the_clear(tmp_path: Path) -> None:
    """Only what is configured is encrypted (and the search above would find clear text)."""
    sessions(tmp_path, (encryption("k1"), fill(MAPS, 3)))
    assert sum(on_disk(tmp_path).values()) == 3


async def rewritten(storage: SqliteStorage) -> tuple[int, int]:
    result = await rewrite(storage, "/registry/", slice=7)
    assert result.position == ""
    return result.seen, result.written


def test_rotation_across_restarts(tmp_path: Path) -> None:
    """From nothing to one key, to another, and back to nothing; at each step only what is stale is written, and the
    keys that are done with are needed no more once history is compacted."""
    steps: list[tuple[int, int]] = []

    async def step(storage: SqliteStorage) -> None:
        await read_all(storage)
        steps.append(await rewritten(storage))
        steps.append(await rewritten(storage))
        await read_all(storage)
        await storage.compact(storage.revision)

    async def prepare(storage: SqliteStorage) -> None:
        await fill(SECRETS, 30)(storage)
        await fill(MAPS, 20)(storage)

    sessions(tmp_path, (None, prepare), (encryption("k1", ""), step))
    assert labels(tmp_path) == {"k1"}
    sessions(tmp_path, (encryption("k1"), read_all), (encryption("k1", "k2"), step))
    assert labels(tmp_path) == {"k1"}
    sessions(tmp_path, (encryption("k2", "k1"), step))
    assert labels(tmp_path) == {"k2"}
    sessions(tmp_path, (encryption("k2"), read_all), (encryption("cbck2", "k2"), step), (encryption("", "cbck2"), step))
    assert labels(tmp_path) == {""}
    sessions(tmp_path, (None, read_all))
    assert steps == [(50, 30), (50, 0), (50, 0), (50, 0), (50, 30), (50, 0), (50, 30), (50, 0), (50, 30), (50, 0)]


def test_history_needs_the_old_key(tmp_path: Path) -> None:
    """States from before the change are under the old key until they are compacted: reading them without it is a clear
    error, and the present is not concerned."""
    before = 0

    async def change(storage: SqliteStorage) -> None:
        nonlocal before
        before = storage.revision
        await rewritten(storage)

    async def look_back(storage: SqliteStorage) -> None:
        await read_all(storage)
        with pytest.raises(ReadFailed, match=r"no matching key .* \(stored as k8s:enc:aesgcm:v1:k1\)"):
            await storage.list(SECRETS, revision=before)

    sessions(tmp_path, (encryption("k1"), fill(SECRETS, 5)), (encryption("k2", "k1"), change),
             (encryption("k2"), look_back))


def test_clear_text_from_before(tmp_path: Path) -> None:
    """Rewriting and compacting take the clear text out of the tables, and VACUUM out of the file: the steps of the
    documentation."""

    async def encrypt(storage: SqliteStorage) -> None:
        await rewritten(storage)
        await storage.compact(storage.revision)

    sessions(tmp_path, (None, fill(SECRETS, 40)), (encryption("k1", ""), encrypt))
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert on_disk(tmp_path) == {}
    sessions(tmp_path, (encryption("k1"), read_all))


def test_replace_rewrites(tmp_path: Path) -> None:
    """`kubectl get | kubectl replace`: an update with nothing new in it is written when the value is stale, once."""

    async def replace(storage: SqliteStorage) -> None:
        for written in (True, False):
            entry = await storage.get(f"{SECRETS}shop/s000")
            assert entry is not None
            again = await storage.guaranteed_update(entry.key, lambda seen: Write(unstamp(seen.body)) if seen else None,
                                                    known=entry)
            assert (again.revision > entry.revision) is written
            assert unstamp(again.body) == unstamp(entry.body)

    sessions(tmp_path, (encryption("k1"), fill(SECRETS, 1)), (encryption("k2", "k1"), replace))
    assert labels(tmp_path) == {"k2"}


@pytest.mark.parametrize(("keys", "why"), [
    (encryption("k2"), r"no matching key was found for the provided AES transformer \(stored as .*:k1\)"),
    (encryption(""), r"no matching prefix found \(stored as k8s:enc:aesgcm:v1:k1\)"),
    (Encryption(Plan(lambda place: IDENTITY)), r"identity transformer tried to read encrypted data \(stored as .*k1\)"),
    (Encryption(Plan(lambda place: Providers([Provider(b"k8s:enc:aesgcm:v1:", [("k1", GCM(key("xx")))])]))),
     r"cipher: message authentication failed \(stored as k8s:enc:aesgcm:v1:k1\)"),
])
def test_wrong_key(tmp_path: Path, keys: Encryption, why: str) -> None:
    """Reads, and a cache that starts, fail with a text that names the object and the key that it needs; nothing is
    written over."""
    error = f"^cannot decrypt {SECRETS}shop/s000: {why}$"

    async def look(storage: SqliteStorage) -> None:
        with pytest.raises(ReadFailed, match=error):
            await storage.get(f"{SECRETS}shop/s000")
        with pytest.raises(ReadFailed, match=error):
            await storage.list(SECRETS)
        with pytest.raises(ReadFailed, match=error):
            await rewrite(storage, SECRETS)
        with pytest.raises(ReadFailed, match=error):
            await storage.guaranteed_update(f"{SECRETS}shop/s000", lambda entry: Write(body("s000", 2)))
        with pytest.raises(ReadFailed, match=error):
            await WatchCache(storage, SECRETS, lambda tree: Attributes({}, {})).start()

    sessions(tmp_path, (encryption("k1"), fill(SECRETS, 1)), (keys, look), (encryption("k1"), read_all))


def test_values_exchanged_in_the_file(tmp_path: Path) -> None:
    """Who can write to the file cannot put one secret in the place of another."""
    sessions(tmp_path, (encryption("k1"), fill(SECRETS, 2)))
    values = stored(tmp_path)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as connection, connection:
        connection.execute("UPDATE log SET value = ? WHERE key = ?",
                           (values[f"{SECRETS}shop/s001"], f"{SECRETS}shop/s000"))

    async def look(storage: SqliteStorage) -> None:
        with pytest.raises(ReadFailed, match=f"{SECRETS}shop/s000: cipher: message authentication failed"):
            await storage.get(f"{SECRETS}shop/s000")

    sessions(tmp_path, (encryption("k1"), look))


def test_rewrite_goes_on_where_it_was_cut_off(tmp_path: Path) -> None:
    """A run that was stopped is taken up at its last position, and the two together see each object once."""
    reports: list[Rewritten] = []

    class Stopped(Exception):
        pass

    def stop_after_two(report: Rewritten) -> None:
        reports.append(report)
        if len(reports) == 2:
            raise Stopped

    async def scenario(storage: SqliteStorage) -> None:
        with pytest.raises(Stopped):
            await rewrite(storage, SECRETS, slice=4, report=stop_after_two)
        rest = await rewrite(storage, SECRETS, slice=4, start=reports[-1].position)
        assert [(report.seen, report.written) for report in reports] == [(4, 4), (8, 8)]
        assert rest == Rewritten(2, 2, "")

    sessions(tmp_path, (encryption("k1"), fill(SECRETS, 10)), (encryption("k2", "k1"), scenario))
    assert labels(tmp_path) == {"k2"}


def test_rewrite_keeps_times(tmp_path: Path) -> None:
    """Objects that expire live on for as long as the caller says, and not for ever."""
    clock = ManualClock()

    async def scenario() -> None:
        for keys in ("k1",), ("k2", "k1"):
            storage = SqliteStorage(tmp_path, clock, transformer=encryption(*keys))
            await storage.start()
            if keys == ("k1",):
                await storage.create(f"{SECRETS}a/short", body("short"), ttl=10)
                await storage.create(f"{SECRETS}a/long", body("long"))
            else:
                done = await rewrite(storage, SECRETS, time_to_live=lambda key: 60 if key.endswith("short") else 0)
                assert done.written == 2
                clock.advance(30)
                await storage.tick()
                assert await storage.count(SECRETS) == 2
                clock.advance(31)
                await storage.tick()
                assert [entry.key for entry in (await storage.list(SECRETS)).entries] == [f"{SECRETS}a/long"]
            await storage.close()

    asyncio.run(scenario())


def test_rewrite_is_polite_and_survives_deletes() -> None:
    """No more updates at once than told; what is deleted meanwhile is no matter; without a transformer nothing is
    stale."""

    class Slow(MemoryStorage):
        """Says how many updates are under way, and loses one object."""

        under_way = most = 0

        async def guaranteed_update(self, key: str, update: Update, *, known: Known = UNKNOWN,
                                    origin: bytes = b"") -> Entry:
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            await asyncio.sleep(0)
            if key.endswith("s003") and await self.get(key):
                await self.delete(key)
            try:
                return await super().guaranteed_update(key, update, known=known, origin=origin)
            finally:
                self.under_way -= 1

    async def scenario() -> None:
        storage = Slow()
        await storage.start()
        for i in range(40):
            await storage.create(f"{SECRETS}shop/s{i:03}", body(f"s{i:03}"))
        assert await rewrite(storage, SECRETS, slice=20, at_once=3) == Rewritten(40, 0, "")
        assert storage.most == 3
        await storage.close()

    asyncio.run(scenario())
