"""The etcd backend beyond the contract: its layout, its watch, its history, and how replicas share one etcd."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import etcd_server
import pytest
from etcd_tests import caught_up, increment, needs_etcd, new_prefix, own_storage, storage_on, until
from storage_worlds import OTHER, PREFIX, Recorder, body, value_of, write

from orlop.storage import etcd_messages
from orlop.storage.errors import CannotOpen, Closed, ReadFailed, RevisionCompacted
from orlop.storage.etcd import EtcdStorage
from orlop.storage.etcd_options import EtcdOptions
from orlop.storage.interface import Entry, Event
from orlop.storage.limits import ETCD_PAGE_FIRST
from orlop.storage.transformer import Read

pytestmark = needs_etcd
KEY = PREFIX + "a"


async def raw(storage: EtcdStorage, key: str) -> Any:
    """As etcd has it."""
    request = storage._client.messages.RangeRequest(key=key.encode())
    return (await storage._client.call("Range", request)).kvs[0]


async def put_raw(storage: EtcdStorage, key: str, value: bytes) -> None:
    await storage._client.call("Put", storage._client.messages.PutRequest(key=key.encode(), value=value))


def test_keys_and_values_are_upstreams() -> None:
    """The key under the prefix holds the object without resourceVersion; its mod revision is the resourceVersion."""

    async def play() -> None:
        prefix = new_prefix()
        async with own_storage(prefix) as storage:
            entry = await storage.create(KEY, body("a", 1), origin=b"me")
            kv = await raw(storage, prefix + "/things/a")
            assert (kv.value, kv.mod_revision) == (body("a", 1), entry.revision)
            note = await raw(storage, prefix + "/orlop/origin")
            assert note.value.endswith(b" me") and note.mod_revision == entry.revision

    asyncio.run(play())


class Wrapping:
    """Stores "new:..." and reads "old:...", too, which is stale."""

    def to_storage(self, key: str, value: bytes) -> bytes:
        return b"new:" + value

    def from_storage(self, key: str, value: bytes) -> Read:
        if value[:4] not in (b"new:", b"old:"):
            raise ReadFailed(f"{key} is neither old nor new")
        return Read(value[4:], value.startswith(b"old:"))


def test_a_stale_form_is_mended_by_the_next_update() -> None:
    """Also by one that changes nothing; what is not stale is left alone."""

    async def play() -> None:
        prefix = new_prefix()
        async with storage_on(etcd_server.shared().endpoints, prefix, Wrapping()) as storage:
            await put_raw(storage, prefix + "/things/a", b"old:" + body("a", 1))
            first = await storage.get(KEY)
            assert value_of(first) == 1
            mended = await storage.guaranteed_update(KEY, lambda _: write("a", 1), known=first)
            assert first is not None and mended.revision > first.revision
            assert (await raw(storage, prefix + "/things/a")).value == b"new:" + body("a", 1)
            again = await storage.guaranteed_update(KEY, lambda _: write("a", 1), known=first)
            assert again.revision == mended.revision
            gone = await storage.delete(KEY)
            assert value_of(gone) == 1

    asyncio.run(play())


def test_what_cannot_be_read_fails_its_readers_alone() -> None:
    """Reads and watches of that resource say which key it is; others go on."""

    async def play() -> None:
        prefix = new_prefix()
        async with storage_on(etcd_server.shared().endpoints, prefix, Wrapping()) as storage:
            things, others = Recorder(), Recorder()
            await storage.watch(PREFIX, storage.revision, things)
            await storage.watch(OTHER, storage.revision, others)
            await put_raw(storage, prefix + "/things/a", b"nonsense")
            await storage.create(OTHER + "x", body("x"))
            assert len(others.seen) == 1 and others.errors == []
            assert [str(error) for error in things.errors] == [f"{KEY} is neither old nor new"]
            with pytest.raises(ReadFailed, match=KEY):
                await storage.list(PREFIX)
            assert (await storage.list(OTHER)).entries

    asyncio.run(play())


def test_large_values_come_in_fragments_and_whole() -> None:
    """A watch that goes back to many large values is cut by etcd, and handed over in order, nothing lost."""

    async def play() -> None:
        prefix = new_prefix()
        async with own_storage(prefix) as storage:
            start = storage.revision
            large = "x" * 700_000
            made = [await storage.create(f"{PREFIX}{i}", body(str(i), large)) for i in range(8)]
            larger = write("a", large + "y")
            made += [await storage.guaranteed_update(f"{PREFIX}{i}", lambda _: larger) for i in range(4)]
            async with own_storage(prefix) as later:
                sink = Recorder()
                await later.watch(PREFIX, start, sink)
                assert [event.revision for event in sink.seen] == [entry.revision for entry in made]
                assert all(len(event.entry.body) > 700_000 for event in sink.seen)
            async with own_storage(prefix, look_back=1_000) as replica:
                events = await replica.history(PREFIX, start, 100)
                assert [event.revision for event in events] == [entry.revision for entry in made]

    asyncio.run(play())


def test_several_keys_of_one_revision_stay_together() -> None:
    """Another program's transaction over several keys arrives in one call."""

    async def play() -> None:
        prefix = new_prefix()
        async with own_storage(prefix) as storage:
            messages = storage._client.messages
            calls: list[list[int]] = []

            class Calls(Recorder):
                def events(self, batch: Sequence[Event]) -> None:
                    super().events(batch)
                    calls.append([event.revision for event in batch])

            sink = Calls()
            await storage.watch(PREFIX, storage.revision, sink)
            puts = [
                messages.RequestOp(put=messages.PutRequest(key=f"{prefix}/things/{i}".encode(), value=body(str(i))))
                for i in range(5)
            ]
            answer = await storage._client.call("Txn", messages.TxnRequest(success=puts).SerializeToString())
            await until(lambda: len(sink.seen) == 5)
            assert calls == [[answer.header.revision] * 5]

    asyncio.run(play())


def test_a_starting_replica_knows_the_recent_past() -> None:
    """Watches and histories from before its start, with who wrote, also where others compacted in between."""

    async def play() -> None:
        prefix = new_prefix()
        async with own_storage(prefix) as storage:
            first = await storage.create(KEY, body("a", 1), origin=b"one")
            second = await storage.guaranteed_update(KEY, increment("a"), origin=b"two")
            last = await storage.delete(KEY, origin=b"three")
            for look_back in (0, 10_000):
                async with own_storage(prefix, look_back=look_back) as replica:
                    sink = Recorder()
                    await replica.watch(PREFIX, first.revision, sink)
                    assert [(event.revision, event.origin) for event in sink.seen] == [
                        (second.revision, b"two"), (last.revision, b"three")
                    ]  # fmt: skip
                    newest = await replica.history(PREFIX, first.revision - 1, 2)
                    assert [event.origin for event in newest] == [b"two", b"three"]
            await storage.compact(second.revision)
            async with own_storage(prefix, look_back=10_000) as replica:
                assert replica.compacted == second.revision
                assert [event.origin for event in await replica.history(PREFIX, second.revision, 9)] == [b"three"]
                with pytest.raises(RevisionCompacted):
                    await replica.watch(PREFIX, first.revision, Recorder())

    asyncio.run(play())


def test_without_origins_nothing_more_is_written() -> None:
    """A transaction has one key, and histories name nobody."""

    async def play() -> None:
        prefix = new_prefix()
        async with own_storage(prefix, origins=False) as storage:
            before = storage.revision
            sink = Recorder()
            await storage.watch(PREFIX, before, sink)
            made = await storage.create(KEY, body("a"), origin=b"me")
            request = storage._client.messages.RangeRequest(
                key=f"{prefix}/".encode(), range_end=f"{prefix}0".encode(), keys_only=True
            )
            kvs = (await storage._client.call("Range", request)).kvs
            assert [kv.key.decode() for kv in kvs] == [prefix + "/things/a"]
            assert sink.seen[0].entry is made
            async with own_storage(prefix) as other:
                assert [event.origin for event in await other.history(PREFIX, before, 9)] == [b""]

    asyncio.run(play())


def test_watchers_get_the_writers_own_entry() -> None:
    """With its attributes and the state before, so that nothing is decoded twice."""

    async def play() -> None:
        async with own_storage() as storage:
            sink = Recorder()
            await storage.watch(PREFIX, storage.revision, sink)
            made = await storage.create(KEY, body("a", 1))
            changed = await storage.guaranteed_update(KEY, increment("a"), known=made)
            assert sink.seen[0].entry is made and sink.seen[1].entry is changed and sink.seen[1].previous is made

    asyncio.run(play())


def test_two_replicas_lose_no_increment() -> None:
    """Sixteen writers of each, on one key, with hints that are soon old."""

    async def play() -> None:
        prefix = new_prefix()
        async with own_storage(prefix) as one, own_storage(prefix) as other:
            start = await one.create(KEY, body("a", 0))

            async def write_some(storage: EtcdStorage) -> None:
                known: Entry = start
                for _ in range(5):
                    known = await storage.guaranteed_update(KEY, increment("a"), known=known)

            await asyncio.gather(*(write_some(storage) for storage in (one, other) for _ in range(16)))
            assert value_of(await one.get(KEY)) == 160

    asyncio.run(play())


def test_replicas_take_turns_at_compaction() -> None:
    """The one that finds the clock as it left it moves it; the other learns from that, also without compacting."""

    async def play() -> None:
        prefix = new_prefix()
        endpoints = etcd_server.shared().endpoints
        one, other = (EtcdStorage(EtcdOptions(endpoints, prefix, look_back=0, compaction=0.05)) for _ in range(2))
        await one.start()
        await other.start()
        first = await one.create(KEY, body("a", 1))
        await until(lambda: other.compacted >= first.revision, one)
        assert one.compacted == other.compacted
        second = await one.guaranteed_update(KEY, increment("a"))
        await until(lambda: one.compacted >= second.revision, other)
        never = EtcdOptions(endpoints, prefix, look_back=0, compaction=0)
        async with storage_on(never.endpoints, prefix, compaction=0) as idle:
            clock = await raw(idle, "compact_rev_key")
            await idle.tick()
            await idle.tick()
            assert (await raw(idle, "compact_rev_key")).version == clock.version
        await one.close()
        await other.close()

    asyncio.run(play())


def test_progress_is_heard_of_when_only_others_write() -> None:
    """Writes under another prefix move the revision; a watch that was asked about it says so, in a short time."""

    async def play() -> None:
        async with own_storage() as storage, own_storage() as stranger:
            sink = Recorder()
            subscription = await storage.watch(PREFIX, storage.revision, sink)
            for i in range(3):
                entry = await stranger.create(f"{PREFIX}{i}", body("a"))
                assert await storage.newest() >= entry.revision
                subscription.progress_at(entry.revision)
                await until(lambda n=i: len(sink.reached) == n + 1)
                assert sink.reached[-1] >= entry.revision and storage.revision >= entry.revision
            subscription.progress_at(storage.revision + 1_000_000)
            await caught_up(storage)
            assert sink.seen == [] and len(sink.reached) == 3

    asyncio.run(play())


def test_newest_is_shared_by_who_asks_at_a_time() -> None:
    """Many readers cost two reads: the one under way when they came, and one that began afterwards."""

    async def play() -> None:
        async with own_storage() as storage:
            calls = 0
            call = storage._client.call

            async def counting(*arguments: Any, **options: Any) -> Any:
                nonlocal calls
                calls += 1
                return await call(*arguments, **options)

            storage._client.call = counting  # type: ignore[method-assign]
            first = asyncio.ensure_future(storage.newest())
            await asyncio.sleep(0)
            answers = await asyncio.gather(first, *(storage.newest() for _ in range(50)))
            assert calls == 2 and min(answers) >= answers[0]

    asyncio.run(play())


def test_closing_tells_who_is_reading() -> None:
    """Calls under way end with Closed; writes under way are finished first."""

    async def play() -> None:
        prefix = new_prefix()
        async with own_storage(prefix) as observer:
            storage = EtcdStorage(EtcdOptions(etcd_server.shared().endpoints, prefix, look_back=0))
            await storage.start()
            writing = [asyncio.ensure_future(storage.create(f"{PREFIX}{i}", body("a"))) for i in range(20)]
            reading = [asyncio.ensure_future(storage.get(KEY)) for _ in range(20)]
            await asyncio.sleep(0)
            await storage.close()
            late = [asyncio.ensure_future(storage.get(KEY)), *reading]
            outcomes = await asyncio.gather(*late, return_exceptions=True)
            assert {type(one) for one in outcomes} <= {Closed, type(None)} and isinstance(outcomes[0], Closed)
            assert [type(one) for one in await asyncio.gather(*writing)] == [Entry] * 20
            assert await observer.count(PREFIX) == 20

    asyncio.run(play())


def test_long_lists_come_in_pages_of_one_revision() -> None:
    """More keys than a page holds, in order, while others write."""

    async def play() -> None:
        async with own_storage(origins=False) as storage:
            count = 2 * ETCD_PAGE_FIRST + 10
            keys = [f"{PREFIX}{i:05}" for i in range(count)]
            await asyncio.gather(*(storage.create(key, body("a")) for key in keys))
            page, _ = await asyncio.gather(storage.list(PREFIX), storage.delete(keys[-1]))
            assert [entry.key for entry in page.entries] in (keys, keys[:-1])
            part = await storage.list(PREFIX, start=keys[5], limit=ETCD_PAGE_FIRST + 5)
            assert [entry.key for entry in part.entries] == keys[5 : ETCD_PAGE_FIRST + 10]
            assert part.more and part.remaining == count - 1 - (ETCD_PAGE_FIRST + 10)
            assert await storage.count(PREFIX) == count - 1

    asyncio.run(play())


@pytest.mark.parametrize("endpoint", ["ftp://x:1", "http://", "http://host:1/path"])
def test_a_start_that_cannot_work_says_why(endpoint: str) -> None:
    """Addresses that are none."""
    with pytest.raises(CannotOpen, match="http://host:port"):
        asyncio.run(EtcdStorage(EtcdOptions((endpoint,))).start())


def test_missing_libraries_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """And how to install them."""

    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(etcd_messages.importlib, "import_module", missing)
    with pytest.raises(CannotOpen, match=r"orlop\[etcd\]"):
        EtcdStorage(EtcdOptions(("http://127.0.0.1:1",)))


def test_no_server_is_named() -> None:
    """Nor is there a default."""
    with pytest.raises(CannotOpen, match="no server"):
        EtcdStorage(EtcdOptions(()))
