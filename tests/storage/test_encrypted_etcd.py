"""Encryption over etcd: the same promises as over SQLite, and the value is bound to its key in etcd."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import etcd_server
import pytest
from test_encrypted_storage import MAPS, MARK, SECRETS, body, encryption, on_disk

from orlop.storage.encryption import Encryption
from orlop.storage.errors import ReadFailed
from orlop.storage.etcd import EtcdStorage
from orlop.storage.etcd_options import EtcdOptions
from orlop.storage.interface import Write, unstamp
from orlop.storage.rewrite import rewrite

pytestmark = pytest.mark.skipif(bool(etcd_server.MISSING), reason=etcd_server.MISSING)

Scenario = Callable[[EtcdStorage], Awaitable[object]]
PREFIX = "/test-encryption/registry"


def sessions(cluster: etcd_server.Cluster, *scenarios: tuple[Encryption, Scenario], prefix: str = PREFIX) -> None:
    """Play one scenario after the other, the storage opened anew for each, with these keys."""

    async def play() -> None:
        for keys, scenario in scenarios:
            storage = EtcdStorage(EtcdOptions(cluster.endpoints, prefix), Encryption(keys.plan, prefix))
            await storage.start()
            try:
                await scenario(storage)
            finally:
                await storage.close()

    asyncio.run(play())


async def fill(storage: EtcdStorage) -> None:
    for i in range(10):
        await storage.create(f"{SECRETS}shop/s{i}", body(f"s{i}"))


async def read_all(storage: EtcdStorage) -> None:
    page = await storage.list(SECRETS)
    assert [unstamp(entry.body) for entry in page.entries] == [body(f"s{i}") for i in range(10)]


def test_clear_text_is_in_no_file(tmp_path: Path) -> None:
    """Not in etcd's log and not in its database, while what is not configured is there."""

    async def write(storage: EtcdStorage) -> None:
        await fill(storage)
        await storage.guaranteed_update(f"{SECRETS}shop/s1", lambda entry: Write(body("s1", 2)))
        await storage.delete(f"{SECRETS}shop/s2")
        await storage.create(f"{MAPS}shop/plain", b'{"metadata":{"name":"plain"},"data":{"fish":"halibut"}}')

    with etcd_server.Cluster(tmp_path) as cluster:
        sessions(cluster, (encryption("k1"), write), (encryption("k1"), fill_again))
    assert on_disk(tmp_path, b"halibut") and on_disk(tmp_path, b"k8s:enc:aesgcm:v1:k1:")
    assert on_disk(tmp_path, MARK) == {}


async def fill_again(storage: EtcdStorage) -> None:
    await storage.create(f"{SECRETS}shop/s2", body("s2"))
    await storage.guaranteed_update(f"{SECRETS}shop/s1", lambda entry: Write(body("s1")))
    await read_all(storage)


def test_rotation() -> None:
    """A stale value is written again by an update that changes nothing, and by `rewrite`, once; then the old key is
    needed no more."""

    async def replace(storage: EtcdStorage) -> None:
        for written in (True, False):
            before = await storage.get(f"{SECRETS}shop/s0")
            assert before is not None
            entry = await storage.guaranteed_update(
                before.key, lambda seen: Write(unstamp(seen.body)) if seen else None, known=before)
            assert (entry.revision > before.revision) is written

    async def change(storage: EtcdStorage) -> None:
        done = [await rewrite(storage, SECRETS, slice=3) for _ in range(2)]
        assert [each.written for each in done] == [9, 0]
        await read_all(storage)

    sessions(etcd_server.shared(), (encryption("k1", ""), fill), (encryption("k2", "k1", ""), replace),
             (encryption("k2", "k1"), change), (encryption("k2"), read_all), prefix=f"{PREFIX}/rotation")


def test_wrong_key() -> None:
    """Reads fail with a text that names the key in etcd and the key that it was encrypted with."""
    prefix = f"{PREFIX}/wrong"

    async def look(storage: EtcdStorage) -> None:
        words = f"cannot decrypt {prefix}/secrets/shop/s0: .* \\(stored as k8s:enc:aesgcm:v1:k1\\)"
        with pytest.raises(ReadFailed, match=words):
            await storage.get(f"{SECRETS}shop/s0")
        with pytest.raises(ReadFailed, match=words):
            await storage.list(SECRETS)
        with pytest.raises(ReadFailed, match=words):
            await storage.guaranteed_update(f"{SECRETS}shop/s0", lambda entry: Write(body("s0", 5)))

    sessions(etcd_server.shared(), (encryption("k1"), fill), (encryption("k2"), look), (encryption("k1"), read_all),
             prefix=prefix)
