"""Keys that expire: leases are shared, and what they take is seen as a deletion."""

from __future__ import annotations

import asyncio

import etcd_server
from etcd_tests import caught_up, needs_etcd, new_prefix, own_storage, until
from storage_worlds import PREFIX, Recorder, body

from orlop.storage.etcd_client import Client
from orlop.storage.etcd_leases import Leases
from orlop.storage.etcd_options import EtcdOptions
from orlop.storage.etcd_values import Values
from orlop.storage.interface import DELETED, Write
from orlop.world.clock import ManualClock

pytestmark = needs_etcd


def test_leases_are_shared_as_upstream_shares_them() -> None:
    """For a minute or a twentieth of the time to live, and for so many keys; never with one that would end too soon."""

    async def play() -> None:
        clock = ManualClock()
        client = Client(EtcdOptions(etcd_server.shared().endpoints))
        await client.start()
        leases = Leases(client, clock.monotonic, most=5)
        first = await leases.lease(3600)
        clock.advance(0.5)
        assert [await leases.lease(3600) for _ in range(4)] == [first] * 4
        second = await leases.lease(3600)
        assert second != first, "so many keys and no more"
        clock.advance(59)
        assert await leases.lease(3600) == second
        clock.advance(2)
        third = await leases.lease(3600)
        assert third != second, "it would end too soon"
        clock.advance(0.5)
        assert await leases.lease(600) != third, "it would live too long"
        leases.forget()
        await client.close()

    asyncio.run(play())


def test_expiry_is_a_deletion() -> None:
    """Of all keys of the lease, with their last states; a key written again without one stays."""

    async def play() -> None:
        async with own_storage() as storage:
            sink = Recorder()
            await storage.watch(PREFIX, storage.revision, sink)
            for name in ("a", "b", "kept"):
                await storage.create(PREFIX + name, body(name, 1), ttl=1)
            await storage.guaranteed_update(PREFIX + "kept", lambda _: Write(body("kept", 2)))
            await until(lambda: len(sink.seen) == 6)
            gone = sink.seen[4:]
            assert {event.entry.key for event in gone} == {PREFIX + "a", PREFIX + "b"}
            assert {event.type for event in gone} == {DELETED}
            assert all(event.previous is not None and event.origin == b"" for event in gone)
            assert [entry.key for entry in (await storage.list(PREFIX)).entries] == [PREFIX + "kept"]

    asyncio.run(play())


def test_a_lease_that_etcd_forgot_is_replaced() -> None:
    """The write is made with another one."""

    async def play() -> None:
        async with own_storage() as storage:
            leases = storage._leases
            leases._lease = leases._lease._replace(id=4711, end=leases._monotonic() + 3630)
            entry = await storage.create(PREFIX + "a", body("a"), ttl=3600)
            assert leases._lease.id not in (0, 4711) and storage.revision >= entry.revision

    asyncio.run(play())


def test_keys_of_two_prefixes_are_apart() -> None:
    """And etcd's keys are the contract's, with the prefix exchanged."""
    values = Values("/a/b/", None)
    assert values.key("/registry/pods/x") == b"/a/b/pods/x"
    assert values.contract_key(b"/a/b/pods/x") == "/registry/pods/x"
    assert values.span("/registry/pods/") == (b"/a/b/pods/", b"/a/b/pods0")
    assert Values("/", None).key("/registry/pods/x") == b"/pods/x"

    async def play() -> None:
        prefix = new_prefix()
        async with own_storage(prefix) as one, own_storage(prefix + "2") as other:
            sink = Recorder()
            await one.watch(PREFIX, one.revision, sink)
            await other.create(PREFIX + "a", body("a"))
            assert not (await one.list(PREFIX)).entries
            await caught_up(one)
            assert sink.seen == []

    asyncio.run(play())
