"""The way back to an earlier state of a storage: memory, SQLite, and backends that get single writes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from storage_worlds import PREFIX, Recorder, World, body, memory_world, sqlite_world, value_of

from orlop.storage.errors import Closed, CommitFailed, RevisionCompacted
from orlop.storage.interface import ADDED, DELETED, MODIFIED, Entry, Event, Storage, Write, stamp
from orlop.storage.memory import MemoryStorage
from orlop.storage.restoration import Restorable, State, bring_back, capture, plan
from orlop.storage.sqlite import SqliteStorage
from orlop.world.clock import ManualClock

BACKENDS = {"memory": memory_world, "sqlite": sqlite_world}
ALL = "/registry/"


class OneByOne:
    """A backend that is not `Restorable`: any other, seen through the interface alone."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def __getattr__(self, name: str) -> Any:
        if name in ("state", "restore"):
            raise AttributeError(name)
        return getattr(self._storage, name)


def on_each(scenario: Callable[[World], Coroutine[Any, Any, None]]) -> Callable[[str, Path], None]:
    """The scenario as a test for both backends, invariants checked at the end."""

    @pytest.mark.parametrize("backend", BACKENDS)
    def test(backend: str, tmp_path: Path) -> None:
        async def run() -> None:
            async with BACKENDS[backend](tmp_path) as world:
                await scenario(world)
                world.check()

        asyncio.run(run())

    test.__doc__ = scenario.__doc__
    return test


async def state_of(world: World) -> State:
    return await capture(world.storage, [ALL], {})


async def restore(world: World, state: State) -> int:
    return await bring_back(world.storage, [ALL], state, {}, world.clock.now(), origin=b"restored")


def contents(state: State) -> dict[str, Any]:
    return {key: value_of(entry) for key, entry in state.entries.items()}


def apply(entries: dict[str, Entry], events: list[Event]) -> None:
    """Follow a watch, being strict about it."""
    for event in events:
        key = event.entry.key
        assert (event.type == ADDED) == (key not in entries), event
        assert event.previous is None or event.previous.body == entries[key].body
        if event.type == DELETED:
            del entries[key]
        else:
            entries[key] = event.entry


@on_each
async def test_what_differs_is_written_and_nothing_else(world: World) -> None:
    """Deleted objects come back, new ones go, changed ones are as they were; the others keep their revision."""
    for name in ("a", "b", "c"):
        await world.create(name, name)
    then = await state_of(world)
    sink = Recorder()
    await world.put("b", "other")
    await world.delete("c")
    await world.create("d", "new")
    reached = world.storage.revision
    await world.storage.watch(PREFIX, reached, sink)
    assert await restore(world, then) == reached + 3 == world.storage.revision
    assert [(event.type, event.entry.key[-1], event.origin) for event in sink.seen] == [
        (DELETED, "d", b"restored"), (MODIFIED, "b", b"restored"), (ADDED, "c", b"restored")]  # fmt: skip
    assert sink.calls == [3], "in one go"
    assert await world.state() == {"a": "a", "b": "b", "c": "c"}
    assert (await world.storage.get(PREFIX + "a")).revision == then.entries[PREFIX + "a"].revision  # type: ignore[union-attr]
    assert await world.state(reached) == {"a": "a", "b": "other", "d": "new"}, "history stays"


@on_each
async def test_restoring_twice_writes_once(world: World) -> None:
    """The second time nothing differs, not even revisions of objects that were changed there and back."""
    await world.create("a", 1)
    then = await state_of(world)
    await world.put("a", 2)
    reached = await restore(world, then)
    assert await restore(world, then) == reached == world.storage.revision
    await world.put("a", 2)
    await world.put("a", 1)
    back = world.storage.revision
    assert await restore(world, then) == back


@on_each
async def test_made_anew_is_deleted_first(world: World) -> None:
    """An object with another uid is another object: watchers see it go before the old one is back."""

    def with_uid(uid: str) -> bytes:
        return b'{"metadata":{"name":"a","uid":"%s"},"value":0}' % uid.encode()

    key = PREFIX + "a"
    await world.storage.create(key, with_uid("1"))
    then = await state_of(world)
    await world.delete("a")
    await world.storage.create(key, with_uid("2"))
    sink = Recorder()
    await world.storage.watch(PREFIX, world.storage.revision, sink)
    await restore(world, then)
    assert [(event.type, event.entry.tree()["metadata"]["uid"]) for event in sink.seen] == [
        (DELETED, "2"), (ADDED, "1")]  # fmt: skip


@on_each
async def test_times_to_live_are_restored(world: World) -> None:
    """Keys expire when they would have: those that came back, and those whose time was moved meanwhile."""
    start = world.clock.now()
    await world.create("a", ttl=100)
    await world.create("b", ttl=100)
    await world.create("c")
    then = await state_of(world)
    assert {key[-1]: at - start for key, at in then.expires.items()} == {"a": 100, "b": 100}
    world.clock.advance(50)
    await world.delete("a")
    await world.put("b", 1, ttl=1000)
    await world.put("b", 0, ttl=1000)
    await world.put("c", 1, ttl=10)
    await restore(world, then)
    assert (await state_of(world)).expires == then.expires
    world.clock.advance(40)
    await world.storage.tick()
    assert await world.names() == ["a", "b", "c"]
    world.clock.advance(20)
    await world.storage.tick()
    assert await world.names() == ["c"]


@on_each
async def test_a_state_outlives_compaction(world: World) -> None:
    """It holds the objects themselves: history may be gone."""
    await world.create("a", 1)
    then = await state_of(world)
    for value in range(2, 10):
        await world.put("a", value)
    await world.delete("a")
    await world.storage.compact(world.storage.revision)
    await restore(world, then)
    assert await world.state() == {"a": 1}
    with pytest.raises(RevisionCompacted):
        await world.state(then.revision)


@on_each
async def test_of_another_lineage(world: World) -> None:
    """Equal revisions say nothing about objects of another storage: contents do."""
    await world.create("same", 1)
    await world.create("other", 1)
    entries = {}
    for name, value, revision in (("same", 1, 9), ("other", 2, 3), ("more", 3, 7)):
        entries[PREFIX + name] = Entry(PREFIX + name, revision, stamp(body(name, value), revision))
    before = world.storage.revision
    assert await restore(world, State(9, entries, {})) == before + 2
    assert await world.state() == {"same": 1, "other": 2, "more": 3}


@on_each
async def test_a_closed_storage_says_so(world: World) -> None:
    """As with every other call."""
    then = await state_of(world)
    await world.storage.close()
    for work in (state_of(world), restore(world, then)):
        with pytest.raises(Closed):
            await work
    await world.storage.start()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_storage_begins_with_a_state(backend: str, tmp_path: Path) -> None:
    """Objects keep revisions and times to live, revisions go on, and the past is gone: watches from before are told."""

    async def scenario() -> None:
        async with BACKENDS[backend](tmp_path) as world:
            await world.create("a", 1)
            await world.put("a", 2)
            await world.create("b", 1, ttl=10)
            then = await state_of(world)
            copy = MemoryStorage(world.clock, state=then)
            await copy.start()
            other = World(copy, copy, world.clock)
            await world.put("a", 3)
            assert await other.state() == {"a": 2, "b": 1}
            assert (copy.revision, copy.compacted) == (then.revision, then.revision)
            await copy.watch(PREFIX, then.revision, Recorder())
            with pytest.raises(RevisionCompacted):
                await copy.watch(PREFIX, then.revision - 1, Recorder())
            assert (await other.put("a", 4)).revision == then.revision + 1
            assert await world.state() == {"a": 3, "b": 1}
            world.clock.advance(11)
            await copy.tick()
            assert await other.names() == ["a"]
            other.check()
            assert await restore(world, await state_of(other)) > then.revision
            assert await world.state() == {"a": 4}

    asyncio.run(scenario())


def test_an_empty_state_has_a_past_too() -> None:
    """A storage whose last object went before it was captured does not serve its past either."""

    async def scenario() -> None:
        copy = MemoryStorage(state=State(7, {}, {}))
        await copy.start()
        assert copy.compacted == 7
        copy.check_invariants()

    asyncio.run(scenario())


def test_backends_that_take_single_writes(tmp_path: Path) -> None:
    """The same through the interface alone, page by page."""

    async def scenario() -> None:
        async with memory_world(tmp_path) as world:
            plain: Any = OneByOne(world.storage)
            assert not isinstance(plain, Restorable)
            for name in "abc":
                await world.create(name, name, ttl=60)
            then = await state_of(world)
            assert contents(await capture(plain, [ALL], {})) == contents(then)
            await world.delete("a")
            await world.put("b", "x")
            await world.create("d", "d")
            at = await bring_back(plain, [ALL], then, {}, world.clock.now())
            assert at == world.storage.revision and await world.state() == {name: name for name in "abc"}
            assert (await state_of(world)).expires == then.expires

    asyncio.run(scenario())


# --- SQLite: what others are writing at the same time


def test_upon_writes_under_way(tmp_path: Path) -> None:
    """What was accepted before is committed before, and undone with the rest; what comes after builds upon it."""

    async def scenario() -> None:
        async with sqlite_world(tmp_path) as world:
            await world.create("a", 1)
            then = await state_of(world)
            sink, entries = Recorder(), dict(then.entries)
            await world.storage.watch(PREFIX, then.revision, sink)

            async def bump() -> None:
                await world.storage.guaranteed_update(PREFIX + "a", lambda now: _more(now))

            writes = [asyncio.ensure_future(work) for work in
                      (world.put("a", 5), world.create("b"), restore(world, then), bump(), world.create("b", 2))]
            await asyncio.gather(*writes)
            assert await world.state() == {"a": 2, "b": 2}
            apply(entries, sink.seen)
            assert {key: entry.body for key, entry in entries.items()} == {
                entry.key: entry.body for entry in (await world.storage.list(PREFIX)).entries}  # fmt: skip
            slow = asyncio.ensure_future(world.put("a", 1))
            await asyncio.sleep(0)
            again = asyncio.ensure_future(restore(world, State(1, {**then.entries, **(await _only(world, "b"))}, {})))
            reached = await again
            assert slow.done() and reached >= slow.result().revision, "it rests on what is durable"
            world.check()

    asyncio.run(scenario())


def _more(entry: Entry | None) -> Any:
    return Write(body("a", value_of(entry) + 1))


async def _only(world: World, name: str) -> dict[str, Entry]:
    entry = await world.storage.get(PREFIX + name)
    assert entry is not None
    return {entry.key: entry}


def test_one_commit_however_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A restoration larger than a commit, and than what may wait, is one commit all the same: nobody sees half."""
    monkeypatch.setattr("orlop.storage.sqlite_pipeline.COMMIT_WRITES", 10)
    monkeypatch.setattr("orlop.storage.pending.PENDING_WRITES", 50)

    async def scenario() -> None:
        async with sqlite_world(tmp_path) as world:
            then = await state_of(world)
            for number in range(120):
                await world.create(f"n{number}")
            full = await state_of(world)
            sink = Recorder()
            await world.storage.watch(PREFIX, world.storage.revision, sink)
            early = [asyncio.ensure_future(world.put("n1", value)) for value in range(1, 8)]
            await asyncio.sleep(0)
            await restore(world, then)
            await asyncio.gather(*early)
            assert await world.names() == [] and sink.calls[-1] >= 120
            await restore(world, full)
            assert sink.calls[-1] == 120 and len(await world.names()) == 120
            world.check()

    asyncio.run(scenario())


def test_a_failed_commit_restores_nothing(tmp_path: Path) -> None:
    """All or nothing: on a full disk the state stays, and the storage goes on from there."""

    async def scenario() -> None:
        storage = SqliteStorage(tmp_path, ManualClock(), max_pages=60)
        await storage.start()
        world = World(storage, storage, ManualClock())
        entries = {}
        for number in range(400):
            key = f"{PREFIX}n{number}"
            entries[key] = Entry(key, 2, stamp(body(f"n{number}", "x" * 1000), 2))
        await world.create("a", 1)
        with pytest.raises(CommitFailed):
            await restore(world, State(2, entries, {}))
        assert await world.state() == {"a": 1}
        await world.put("a", 2)
        world.check()
        await storage.close()

    asyncio.run(scenario())


def test_known_entries_are_shared(tmp_path: Path) -> None:
    """A state of SQLite holds the very entries that the caller has, where they are the ones."""

    async def scenario() -> None:
        async with sqlite_world(tmp_path) as world:
            first = await world.create("a", 1)
            await world.create("b", 1)
            newest = await world.put("b", 2)
            known = {first.key: first, newest.key: Entry(newest.key, newest.revision - 1, b"")}
            state = await capture(world.storage, [ALL], known)
            assert state.entries[first.key] is first
            assert state.entries[newest.key].body == newest.body

    asyncio.run(scenario())


# --- any history

KEYS = [PREFIX + name for name in "abcd"]
WRITES = st.lists(st.tuples(st.sampled_from(KEYS), st.integers(0, 3), st.sampled_from([0, 0, 60])), max_size=25)


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=WRITES, between=WRITES, uids=st.booleans())
def test_any_history(backend: str, tmp_path_factory: pytest.TempPathFactory, before: list[Any], between: list[Any],
                     uids: bool) -> None:
    """Whatever was written before and meanwhile: the state is as it was, by as few writes as can be, and a watch that
    was open all the time shows that very state."""

    async def write(world: World, writes: list[Any]) -> None:
        for key, value, ttl in writes:
            present = await world.storage.get(key)
            if value == 0:
                if present is not None:
                    await world.storage.delete(key)
                continue
            uid = str(world.storage.revision if present is None else present.tree()["metadata"]["uid"]) if uids else ""
            text = b'{"metadata":{"name":"%s","uid":"%s"},"value":%d}' % (key[-1].encode(), uid.encode(), value)
            wanted = Write(text, None, ttl)
            await world.storage.guaranteed_update(key, lambda _, wanted=wanted: wanted)  # type: ignore[misc]

    async def scenario() -> None:
        async with BACKENDS[backend](tmp_path_factory.mktemp("any")) as world:
            await write(world, before)
            then = await state_of(world)
            sink, entries = Recorder(), dict(then.entries)
            await world.storage.watch(PREFIX, then.revision, sink)
            await write(world, between)
            now = await state_of(world)
            steps = plan(then, now.entries, now.expires)
            assert await restore(world, then) == now.revision + len(steps)
            assert len(steps) <= 2 * len(KEYS)
            apply(entries, sink.seen)
            found = await state_of(world)
            assert contents(found) == contents(then) and found.expires == then.expires
            assert {key: entry.body for key, entry in entries.items()} == {k: e.body for k, e in found.entries.items()}
            assert await restore(world, then) == found.revision
            world.check()

    asyncio.run(scenario())
