"""SQLite: what is answered while the disk is still writing, and what a failed commit takes with it.

The writer thread is held by a job that waits at a gate, so that every moment can be looked at without
sleeping.
"""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from storage_worlds import PREFIX, Recorder, World, body, run, sqlite_world, value_of, write

from orlop.storage import limits, pending, sqlite_pipeline
from orlop.storage.errors import Closed, CommitFailed, KeyExists, KeyNotFound, Overloaded
from orlop.storage.interface import Entry, Write
from orlop.storage.sqlite import SqliteStorage

Scenario = Callable[[World, SqliteStorage], Awaitable[None]]


def play(tmp_path: Path, scenario: Scenario) -> None:
    async def with_backend(w: World) -> None:
        assert isinstance(w.backend, SqliteStorage)
        await scenario(w, w.backend)

    run(sqlite_world, tmp_path, with_backend)


async def run_on_writer(storage: SqliteStorage, statement: str) -> None:
    def job(connection: sqlite3.Connection) -> int:
        connection.execute(statement).fetchall()
        return 0

    await storage._pipeline.chore(job)


@asynccontextmanager
async def slow_disk(storage: SqliteStorage) -> AsyncIterator[None]:
    """Within, no commit ends; at the end all that were begun do."""
    gate = threading.Event()

    def job(_: sqlite3.Connection) -> int:
        gate.wait()
        return 0

    held = storage._pipeline.begin_chore(job)
    await turn()
    try:
        yield
    finally:
        gate.set()
        await held


async def turn() -> None:
    """Let everything that is ready run."""
    for _ in range(5):
        await asyncio.sleep(0)


@asynccontextmanager
async def full_disk(storage: SqliteStorage) -> AsyncIterator[None]:
    await run_on_writer(storage, "PRAGMA max_page_count = 1")  # SQLite takes the current size instead
    yield
    await run_on_writer(storage, "PRAGMA max_page_count = 1000000")


BIG = "x" * 200_000
"""Does not fit into a database that may not grow."""


def test_nothing_shows_before_it_is_on_disk(tmp_path: Path) -> None:
    """While a commit is under way, every kind of read shows the state before it, and watches are silent."""

    async def scenario(w: World, storage: SqliteStorage) -> None:
        sink = Recorder()
        await storage.watch(PREFIX, 1, sink)
        await w.create("old", 1)
        await w.create("gone", 1)
        async with slow_disk(storage):
            tasks = [asyncio.ensure_future(one) for one in (w.create("new", 2), w.put("old", 2), w.delete("gone"))]
            await turn()
            tasks.append(asyncio.ensure_future(w.put("old", 3)))
            await turn()
            w.check()
            assert not any(task.done() for task in tasks)
            assert await w.state() == {"gone": 1, "old": 1} == await w.state(3)
            assert value_of(await storage.get(PREFIX + "old")) == 1
            assert value_of(await storage.get(PREFIX + "gone")) == 1
            assert await storage.get(PREFIX + "new") is None
            assert await storage.count(PREFIX) == 2 and storage.revision == 3
            assert [event.revision for event in await storage.history(PREFIX, 1, 99)] == [2, 3]
            assert len(sink.seen) == 2
        await asyncio.gather(*tasks)
        assert await w.state() == {"new": 2, "old": 3} and len(sink.seen) == 6

    play(tmp_path, scenario)


def test_nothing_shows_before_it_is_published(tmp_path: Path) -> None:
    """Also when it is on disk already and the event loop has not heard of it."""

    async def scenario(w: World, storage: SqliteStorage) -> None:
        await w.create("old", 1)
        writing = asyncio.ensure_future(w.put("old", 2))
        await turn()
        storage._writer.lend(60)  # the commit ends, the loop does not turn
        assert value_of(await storage.get(PREFIX + "old")) == 1
        assert await w.state() == {"old": 1} and storage.revision == 2
        assert not writing.done()
        await writing
        assert await w.state() == {"old": 2}

    play(tmp_path, scenario)


def test_answers_wait_for_what_they_rest_on(tmp_path: Path) -> None:
    """ "Exists", "not found", a conflict and "nothing to change" are said when the write they saw is on
    disk."""

    async def scenario(w: World, storage: SqliteStorage) -> None:
        def conflict(entry: Entry | None) -> Write:
            raise ZeroDivisionError(value_of(entry))

        def refuse(entry: Entry) -> None:
            raise ZeroDivisionError(value_of(entry))

        await w.create("gone")
        async with slow_disk(storage):
            writes = [asyncio.ensure_future(one) for one in (w.create("a", 1), w.delete("gone"))]
            await turn()
            key = PREFIX + "a"
            answers = [
                asyncio.ensure_future(answer)
                for answer in (
                    w.create("a", 2),
                    storage.guaranteed_update(key, conflict),
                    storage.delete(key, refuse),
                    w.put("a", 1),
                    storage.guaranteed_update(PREFIX + "gone", lambda _: None),
                    w.delete("gone"),
                )
            ]
            await turn()
            assert not any(answer.done() for answer in answers)
        said = await asyncio.gather(*answers, return_exceptions=True)
        await asyncio.gather(*writes)
        kinds = [KeyExists, ZeroDivisionError, ZeroDivisionError, Entry, KeyNotFound, KeyNotFound]
        assert [type(one) for one in said] == kinds
        assert storage.revision == 4

    play(tmp_path, scenario)


def test_a_failed_commit_fails_all_that_was_computed_upon_it(tmp_path: Path) -> None:
    """The batch, what waits behind it, and every answer that rests on it; their revisions are given out
    anew."""

    async def scenario(w: World, storage: SqliteStorage) -> None:
        sink = Recorder()
        await storage.watch(PREFIX, 1, sink)
        await w.create("kept", 1)
        async with full_disk(storage):
            async with slow_disk(storage):
                failing = [asyncio.ensure_future(one) for one in (w.create("a", BIG), w.put("kept", 2))]
                await turn()
                failing += [asyncio.ensure_future(one) for one in (w.put("a", 3), w.create("a"), w.delete("kept"))]
                await turn()
            results = await asyncio.gather(*failing, return_exceptions=True)
            assert [type(one) for one in results] == [CommitFailed] * 5
            assert "disk is full" in str(results[0]) and "disk is full" in storage.ready()
            w.check()
            assert await w.state() == {"kept": 1} and storage.revision == 2
            assert len(sink.seen) == 1
        await storage.tick()
        assert storage.ready() == ""
        assert (await w.create("a", 4)).revision == 3
        assert [event.revision for event in sink.seen] == [2, 3]

    play(tmp_path, scenario)


def test_writes_that_fit_succeed_on_a_full_disk(tmp_path: Path) -> None:
    """After a failure every batch tries again, without anybody's help."""

    async def scenario(w: World, storage: SqliteStorage) -> None:
        await w.create("a", 1)
        async with full_disk(storage):
            with pytest.raises(CommitFailed):
                await w.put("a", BIG)
            assert (await w.put("a", 2)).revision == 3
            assert storage.ready() == ""

    play(tmp_path, scenario)


def test_files_that_cannot_grow_fail_commits_and_nothing_else(tmp_path: Path) -> None:
    """The system refuses to write to the log, which begins anew, and then to the database: nothing acknowledged is
    lost, reads go on, and writes when they can."""

    async def scenario(w: World, storage: SqliteStorage) -> None:
        acknowledged: dict[str, object] = {}
        limit, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
        try:
            for i in range(500):
                tried = [w.create(f"n{i}-{j}", "x" * 1000) for j in range(4)]
                entries = await asyncio.gather(*tried, return_exceptions=True)
                if isinstance(entries[0], CommitFailed):
                    assert [type(one) for one in entries] == [CommitFailed] * 4 and storage.ready() != ""
                    await storage.tick()
                    if storage.ready() != "":
                        break
                else:
                    acknowledged |= {f"n{i}-{j}": "x" * 1000 for j in range(4)}
            assert await w.state() == acknowledged and acknowledged
            await storage.tick()
            assert storage.ready() != ""
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        await storage.tick()
        assert storage.ready() == ""
        assert (await w.create("last")).revision == len(acknowledged) + 2
        assert await w.state() == {**acknowledged, "last": 0}

    play(tmp_path, scenario)


def test_an_update_that_paused_upon_a_failed_state_is_asked_again(tmp_path: Path) -> None:
    """Even when another write has taken the very revision that it saw."""

    async def scenario(w: World, storage: SqliteStorage) -> None:
        seen: list[object] = []
        go_on = asyncio.Event()

        async def update(entry: Entry | None) -> Write:
            seen.append(value_of(entry))
            await go_on.wait()
            return write("a", f"after {len(seen)}")

        async with full_disk(storage):
            async with slow_disk(storage):
                failing = asyncio.ensure_future(w.create("a", BIG))
                await turn()
                updating = asyncio.ensure_future(storage.guaranteed_update(PREFIX + "a", update))
                await turn()
            with pytest.raises(CommitFailed):
                await failing
        assert (await w.create("a", "other")).revision == 2
        go_on.set()
        assert value_of(await updating) == "after 2"
        assert seen == [BIG, "other"]

    play(tmp_path, scenario)


def test_an_update_that_raises_upon_a_failed_state_has_failed(tmp_path: Path) -> None:
    """Its conflict was with something that never was."""

    async def scenario(w: World, storage: SqliteStorage) -> None:
        go_on = asyncio.Event()

        async def update(entry: Entry | None) -> Write:
            await go_on.wait()
            raise ZeroDivisionError

        async with full_disk(storage):
            async with slow_disk(storage):
                failing = asyncio.ensure_future(w.create("a", BIG))
                await turn()
                updating = asyncio.ensure_future(storage.guaranteed_update(PREFIX + "a", update))
                await turn()
            await asyncio.gather(failing, return_exceptions=True)
        go_on.set()
        with pytest.raises(CommitFailed):
            await updating

    play(tmp_path, scenario)


def test_too_many_waiting_writes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit, in number or bytes, Overloaded is raised at once; what was accepted is committed."""

    async def scenario(w: World, storage: SqliteStorage) -> None:
        async with slow_disk(storage):
            accepted = [asyncio.ensure_future(w.create(f"n{i}")) for i in range(3)]
            await turn()
            with pytest.raises(Overloaded) as caught:
                await w.create("more")
            assert caught.value.waiting == 3
            w.check()
        await asyncio.gather(*accepted)
        assert len(await w.names()) == 3

    monkeypatch.setattr(pending, "PENDING_WRITES", 3)
    play(tmp_path / "number", scenario)
    monkeypatch.setattr(pending, "PENDING_WRITES", limits.PENDING_WRITES)
    monkeypatch.setattr(pending, "PENDING_BYTES", 3 * len(body("n0")) + 2 * limits.EVENT_OVERHEAD)
    play(tmp_path / "bytes", scenario)


def test_large_bursts_are_split_into_commits(tmp_path: Path) -> None:
    """More writes than one transaction takes go into several, in order and densely."""

    async def scenario(w: World, storage: SqliteStorage) -> None:
        number = limits.COMMIT_WRITES + 70
        entries = await asyncio.gather(*(w.create(f"n{i}") for i in range(number)))
        assert [entry.revision for entry in entries] == list(range(2, number + 2))
        assert await storage.count(PREFIX) == number

    play(tmp_path, scenario)


def test_housekeeping_has_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between any two commits one piece of it is done, however many writes are waiting; and it never keeps
    two commits apart by more."""
    monkeypatch.setattr(sqlite_pipeline, "COMMIT_WRITES", 2)

    async def scenario(w: World, storage: SqliteStorage) -> None:
        order: list[str] = []

        async def note(call: Awaitable[object], name: str) -> None:
            await call
            order.append(name)

        def job(_: sqlite3.Connection) -> int:
            return 0

        async with slow_disk(storage):
            tasks = [asyncio.ensure_future(note(w.create(f"n{i}"), "write")) for i in range(6)]
            tasks += [asyncio.ensure_future(note(storage._pipeline.chore(job), "chore")) for _ in range(5)]
            await turn()
        await asyncio.gather(*tasks)
        assert order == ["write", "write", "chore"] * 3 + ["chore"] * 2

    play(tmp_path, scenario)


def test_closing_finishes_what_was_accepted(tmp_path: Path) -> None:
    """Writes under way are committed and acknowledged; a later one is refused; housekeeping is given up."""

    async def scenario() -> None:
        storage = SqliteStorage(tmp_path)
        await storage.start()
        gate = threading.Event()
        held = storage._pipeline.begin_chore(lambda _: int(gate.wait()))
        await turn()
        tasks = [asyncio.ensure_future(storage.create(f"{PREFIX}n{i}", body("n"))) for i in range(5)]
        await turn()
        chore = storage._pipeline.begin_chore(lambda _: 1)
        closing = asyncio.ensure_future(storage.close())
        await turn()
        with pytest.raises(Closed):
            await storage.create(PREFIX + "late", body("late"))
        assert not closing.done()
        gate.set()
        await closing
        await held
        assert [task.result().revision for task in tasks] == [2, 3, 4, 5, 6]
        with pytest.raises(Closed):
            await chore
        again = SqliteStorage(tmp_path)
        await again.start()
        assert again.revision == 6 and await again.count(PREFIX) == 5
        await again.close()

    asyncio.run(scenario())
