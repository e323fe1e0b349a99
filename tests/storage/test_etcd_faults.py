"""etcd's members die, stop, lose their majority, and answers get lost: nothing acknowledged is lost or done twice."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import etcd_server
import pytest
from etcd_proxy import Proxy
from etcd_server import Cluster
from etcd_tests import caught_up, increment, needs_etcd, new_prefix, own_storage, storage_on, until
from storage_worlds import PREFIX, Recorder, body, value_of

from orlop.storage.errors import CommitFailed, KeyExists, ReadFailed, RevisionCompacted
from orlop.storage.etcd import EtcdStorage
from orlop.storage.interface import ADDED, DELETED, Entry

pytestmark = needs_etcd
KEY = PREFIX + "a"
SOAK = bool(os.environ.get("ORLOP_SOAK"))


async def count_up(storage: EtcdStorage, rounds: int) -> int:
    """How many increments were acknowledged."""
    for _ in range(rounds):
        await storage.guaranteed_update(KEY, increment("a"), origin=b"me")
    return rounds


@pytest.mark.parametrize("origins", [True, False], ids=["origins", "no origins"])
def test_answers_lost_after_the_commit(origins: bool) -> None:
    """A write that was made and whose answer was lost is found and acknowledged, not made again."""

    async def play() -> None:
        prefix = new_prefix()
        async with (
            Proxy(etcd_server.shared().members[0].port) as proxy, own_storage(prefix) as observer,
            storage_on([proxy.endpoint], prefix, origins=origins) as storage,
        ):
            seen, live = Recorder(), Recorder()
            await observer.watch(PREFIX, observer.revision, seen)
            await storage.watch(PREFIX, storage.revision, live)
            writes: list[Callable[[Entry | None], Awaitable[Entry]]] = [
                lambda _: storage.create(KEY, body("a", 1)),
                lambda last: storage.guaranteed_update(KEY, increment("a"), known=last),
                lambda last: storage.delete(KEY, known=last),
            ]
            last: Entry | None = None
            for write in writes:
                before = len(seen.seen)
                proxy.swallow = True
                writing = asyncio.ensure_future(write(last))
                await until(lambda n=before: len(seen.seen) > n)
                proxy.cut()
                last = await writing
                assert last.revision == seen.seen[-1].revision
            assert [(event.type, value_of(event.entry)) for event in seen.seen] == [
                (ADDED, 1), ("MODIFIED", 2), (DELETED, 2)
            ]  # fmt: skip
            await caught_up(storage)
            assert live.told() == seen.told()

    asyncio.run(play())


def test_requests_lost_before_the_commit() -> None:
    """A write that never reached etcd is made, once."""

    async def play() -> None:
        prefix = new_prefix()
        async with (
            Proxy(etcd_server.shared().members[0].port) as proxy, own_storage(prefix) as observer,
            storage_on([proxy.endpoint], prefix) as storage,
        ):
            seen = Recorder()
            await observer.watch(PREFIX, observer.revision, seen)
            proxy.withhold = True
            writing = [asyncio.ensure_future(storage.create(f"{PREFIX}{i}", body("a", i))) for i in range(20)]
            await asyncio.sleep(0)
            proxy.cut()
            made = await asyncio.gather(*writing)
            await caught_up(observer)
            assert sorted(event.revision for event in seen.seen) == sorted(entry.revision for entry in made)
            assert len(seen.seen) == 20

    asyncio.run(play())


def test_a_lost_write_that_another_overtook() -> None:
    """It was made, and overwritten before anybody could look: it is acknowledged all the same."""

    async def play() -> None:
        prefix = new_prefix()
        async with (
            Proxy(etcd_server.shared().members[0].port) as proxy, own_storage(prefix) as other,
            storage_on([proxy.endpoint], prefix) as storage,
        ):
            first = await other.create(KEY, body("a", 0))
            seen = Recorder()
            await other.watch(PREFIX, other.revision, seen)
            proxy.swallow = True
            writing = asyncio.ensure_future(storage.guaranteed_update(KEY, increment("a"), known=first))
            await until(lambda: seen.seen)
            await other.guaranteed_update(KEY, increment("a"))
            await other.delete(KEY)
            proxy.cut()
            assert (await writing).revision == seen.seen[0].revision
            assert [value_of(event.entry) for event in seen.seen] == [1, 2, 2]
            assert await storage.get(KEY) is None

    asyncio.run(play())


def test_connections_that_break_all_the_time() -> None:
    """Increments through two replicas whose connections are cut at random: each acknowledged one counts once, and the
    watch sees every state, once, in order."""
    rounds, seed = (400, random.randrange(1 << 30)) if SOAK else (150, 7)

    async def play() -> None:
        prefix, chance = new_prefix(), random.Random(seed)
        port = etcd_server.shared().members[0].port
        async with (
            Proxy(port) as one, Proxy(port) as two, own_storage(prefix) as observer,
            storage_on([one.endpoint], prefix) as a, storage_on([two.endpoint], prefix) as b,
        ):
            start = await observer.create(KEY, body("a", 0))
            seen, live = Recorder(), Recorder()
            await observer.watch(PREFIX, start.revision, seen)
            await caught_up(a)
            await a.watch(PREFIX, start.revision, live)
            working = asyncio.gather(*(count_up(storage, rounds) for storage in (a, b)))
            while not working.done():
                proxy = chance.choice((one, two))
                proxy.swallow = chance.random() < 0.5
                await asyncio.sleep(chance.random() * 0.02)
                proxy.cut()
                await asyncio.wait((working,), timeout=chance.random() * 0.1)
            assert sum(await working) == 2 * rounds
            await caught_up(observer)
            await caught_up(a)
            assert [value_of(event.entry) for event in seen.seen] == list(range(1, 2 * rounds + 1)), seed
            assert live.told() == seen.told(), seed

    asyncio.run(play())


def test_compaction_under_a_broken_watch() -> None:
    """Who missed events that are compacted is told so and begins anew; nothing is passed over in silence."""

    async def play() -> None:
        prefix = new_prefix()
        async with (
            Proxy(etcd_server.shared().members[0].port) as proxy, own_storage(prefix) as other,
            storage_on([proxy.endpoint], prefix) as storage,
        ):
            sink = Recorder()
            await storage.create(KEY, body("a", 1))
            await storage.watch(PREFIX, storage.revision, sink)
            proxy.refuse = True
            proxy.cut()
            await other.guaranteed_update(KEY, increment("a"))
            last = await other.guaranteed_update(KEY, increment("a"))
            await other.compact(last.revision)
            proxy.refuse = False
            await until(lambda: sink.errors, storage)
            assert isinstance(sink.errors[0], RevisionCompacted) and sink.seen == []
            assert storage.compacted == last.revision
            with pytest.raises(RevisionCompacted):
                await storage.watch(PREFIX, last.revision - 1, Recorder())
            fresh = Recorder()
            await storage.watch(PREFIX, (await storage.list(PREFIX)).revision, fresh)
            await storage.delete(KEY)
            assert [event.type for event in fresh.seen] == [DELETED]

    asyncio.run(play())


def test_an_open_watch_survives_a_compaction_of_others() -> None:
    """Up to date, it notices nothing; reads of the past are refused."""

    async def play() -> None:
        prefix = new_prefix()
        async with own_storage(prefix) as storage, own_storage(prefix) as other:
            sink = Recorder()
            first = await storage.create(KEY, body("a", 1))
            await storage.watch(PREFIX, storage.revision, sink)
            second = await storage.guaranteed_update(KEY, increment("a"))
            await other.compact(second.revision)
            with pytest.raises(RevisionCompacted):
                await storage.get(KEY, revision=first.revision)
            await storage.delete(KEY)
            assert len(sink.seen) == 2 and sink.errors == []

    asyncio.run(play())


def test_one_of_three_members_is_lost(tmp_path: Path) -> None:
    """Each is killed in turn (the leader, too), then the one talked to stands still: writes go on through others,
    each counts once, the watch goes on, and the server is ready again soon."""

    async def play() -> None:
        with Cluster(tmp_path, 3) as cluster:
            async with storage_on(cluster.endpoints, "/registry") as storage:
                sink = Recorder()
                await storage.watch(PREFIX, storage.revision, sink)
                done = await count_up(storage, 5)
                for member in cluster.members:
                    member.kill()
                    done += await count_up(storage, 5)
                    member.start()
                    await until(lambda: not storage.ready(), storage)
                stopped = cluster.members[cluster.endpoints.index(storage._client.endpoint.name)]
                stopped.signal(signal.SIGSTOP)
                loop = asyncio.get_running_loop()
                start = loop.time()
                done += await count_up(storage, 5)
                assert loop.time() - start < 5
                await until(lambda: not storage.ready(), storage)
                stopped.signal(signal.SIGCONT)
                done += await count_up(storage, 5)
                assert value_of(await storage.get(KEY)) == done
                await caught_up(storage)
                assert [value_of(event.entry) for event in sink.seen] == list(range(1, done + 1))

    asyncio.run(play())


def test_the_majority_is_lost_and_comes_back(tmp_path: Path) -> None:
    """Meanwhile reads and writes fail and say why, and the server is not ready; afterwards all is as acknowledged."""

    async def play() -> None:
        with Cluster(tmp_path, 3) as cluster:
            async with storage_on(cluster.endpoints, "/registry") as storage:
                sink = Recorder()
                await storage.watch(PREFIX, storage.revision, sink)
                await storage.create(KEY, body("a", 1))
                assert storage.ready() == ""
                for member in cluster.members[:2]:
                    member.kill()
                loop = asyncio.get_running_loop()
                lost = loop.time()
                writing = asyncio.ensure_future(storage.create(PREFIX + "b", body("b", 1)))
                await until(storage.ready, storage)
                assert "etcd" in storage.ready() and loop.time() - lost < 5
                with pytest.raises(ReadFailed):
                    await storage.get(KEY)
                for member in cluster.members[:2]:
                    member.start()
                back = loop.time()
                await until(lambda: not storage.ready(), storage)
                assert loop.time() - back < 5
                (outcome,) = await asyncio.gather(writing, return_exceptions=True)
                assert isinstance(outcome, (Entry, CommitFailed))
                if isinstance(outcome, Entry):
                    assert await storage.get(PREFIX + "b") is not None
                last = await storage.guaranteed_update(KEY, increment("a"))
                assert value_of(last) == 2
                await caught_up(storage)
                assert [event.entry.key for event in sink.seen if event.entry.key == KEY] == [KEY, KEY]

    asyncio.run(play())


def test_an_etcd_that_went_back_in_time(tmp_path: Path) -> None:
    """Restored from an old backup (here: empty), it ends all watches, which begin anew, and serves on."""

    async def play() -> None:
        with Cluster(tmp_path) as cluster:
            async with storage_on(cluster.endpoints, "/registry") as storage:
                sink = Recorder()
                await storage.watch(PREFIX, storage.revision, sink)
                await count_up(storage, 5)
                cluster.members[0].kill()
                shutil.rmtree(tmp_path / cluster.members[0].name)
                cluster.members[0].start()
                await until(lambda: sink.errors, storage)
                assert isinstance(sink.errors[0], RevisionCompacted)
                fresh = Recorder()
                await storage.watch(PREFIX, (await storage.list(PREFIX)).revision, fresh)
                assert value_of(await storage.guaranteed_update(KEY, increment("a"))) == 1
                assert [event.type for event in fresh.seen] == [ADDED]

    asyncio.run(play())


def test_refused_writes_say_why() -> None:
    """In etcd's words, and nothing is left behind."""

    async def play() -> None:
        async with own_storage() as storage:
            with pytest.raises(CommitFailed, match="request is too large"):
                await storage.create(KEY, body("a", "x" * 1_700_000))
            with pytest.raises(CommitFailed, match="larger than max"):
                await storage.create(KEY, body("a", "x" * 2_500_000))
            await storage.create(KEY, body("a"))
            with pytest.raises(KeyExists):
                await storage.create(KEY, body("a"))
            assert storage.ready() == ""

    asyncio.run(play())


def test_a_full_etcd_says_so(tmp_path: Path) -> None:
    """Its alarm reaches the writer in its own words, and readiness; reads go on."""

    async def play() -> None:
        with Cluster(tmp_path, 1, ("--quota-backend-bytes", "65536")) as cluster:
            async with storage_on(cluster.endpoints, "/registry") as storage:
                with pytest.raises(CommitFailed, match="database space exceeded"):
                    for i in range(10_000):
                        await storage.create(f"{PREFIX}{i}", body("a", "x" * 10_000))
                assert (await storage.list(PREFIX)).entries
                await storage.tick()
                assert "database space exceeded" in storage.ready()

    asyncio.run(play())
