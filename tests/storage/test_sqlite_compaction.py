"""SQLite: the past is removed by age and by amount, in slices, by the way; and its space is given back."""

from __future__ import annotations

import asyncio
import threading
from asyncio import Future
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlite_sessions import create, sessions, sql, update
from storage_worlds import PREFIX, value_of

from orlop.storage import sqlite_compaction
from orlop.storage.interface import DELETED, MODIFIED, Entry, Event
from orlop.storage.pending import Accepted
from orlop.storage.sqlite import SqliteStorage
from orlop.storage.sqlite_compaction import Ballast
from orlop.storage.sqlite_file import DATABASE
from orlop.storage.sqlite_health import check
from orlop.world.clock import ManualClock


async def churn(storage: SqliteStorage, writes: int) -> None:
    for number in range(writes):
        await update(storage, "a", number)


async def finished(storage: SqliteStorage) -> None:
    """Return when what goes on aside is at an end."""
    aside = storage._sweeper._aside
    if aside is not None:
        await aside


@pytest.fixture
def restless(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses between slices, and small ones."""
    monkeypatch.setattr(sqlite_compaction, "SLICE_REST", 0.0)
    monkeypatch.setattr(sqlite_compaction, "SLICE_SHARE", 1.0)
    monkeypatch.setattr(sqlite_compaction, "SLICE_FIRST", 8)


def test_the_interval_is_what_it_was_given(tmp_path: Path, restless: None) -> None:
    """What is older than one to two of them goes aside, after the tick."""
    clock = ManualClock()

    async def scenario(storage: SqliteStorage) -> None:
        await storage.tick()
        await churn(storage, 20)
        clock.advance(9)
        await storage.tick()
        assert storage.compacted == 0
        clock.advance(1)
        await storage.tick()
        await churn(storage, 5)
        clock.advance(10)
        await storage.tick()
        assert storage.compacted == 21
        await finished(storage)
        assert storage._sweeper.swept == 21
        assert [event.revision for event in await storage.history(PREFIX, 21, 99)] == [22, 23, 24, 25, 26]

    sessions(tmp_path, scenario, clock=clock, compaction_interval=10)
    assert sql(tmp_path, "SELECT rev FROM log ORDER BY rev") == [(rev,) for rev in range(21, 27)]


def test_no_interval_keeps_history_for_ever(tmp_path: Path) -> None:
    """As long as it is within the limits on its amount."""
    clock = ManualClock()

    async def scenario(storage: SqliteStorage) -> None:
        for _ in range(5):
            await churn(storage, 10)
            clock.advance(100_000)
            await storage.tick()
        assert storage.compacted == 0

    sessions(tmp_path, scenario, clock=clock, compaction_interval=0)


@pytest.mark.parametrize("limit", [{"log_rows": 100}, {"log_bytes": 100 * 60}])
def test_a_storm_of_writes_does_not_grow_the_log(tmp_path: Path, limit: dict[str, int], restless: None) -> None:
    """Beyond the limit on rows or bytes the older half of history goes, whatever its age; also when every server dies
    before that is much."""

    async def storm(storage: SqliteStorage) -> None:
        for _ in range(10):
            await churn(storage, 30)
            await storage.tick()
            await finished(storage)
            kept = storage.revision - storage.compacted
            assert kept <= 101 + 30
        assert kept >= 30

    async def short(storage: SqliteStorage) -> None:
        await churn(storage, 60)
        await storage.tick()
        await finished(storage)

    sessions(tmp_path, storm, *[short] * 8, **limit)
    rows = sql(tmp_path, "SELECT count(*) FROM log")[0][0]
    assert rows <= 200
    assert check(tmp_path) == []


def test_writers_have_their_turn_between_slices(tmp_path: Path, restless: None) -> None:
    """A write that comes in the middle of compaction is there before compaction is."""

    async def scenario(storage: SqliteStorage) -> None:
        await churn(storage, 300)
        compacting = asyncio.ensure_future(storage.compact(storage.revision))
        await asyncio.sleep(0)
        for number in range(3):
            await update(storage, "a", f"meanwhile {number}")
        assert not compacting.done()
        await compacting
        assert value_of(await storage.get(PREFIX + "a")) == "meanwhile 2"

    sessions(tmp_path, scenario)
    assert check(tmp_path) == []


def test_closing_interrupts_compaction_and_the_next_start_goes_on(tmp_path: Path, restless: None) -> None:
    """Between two slices; what is refused stays refused."""
    gate = threading.Event()

    async def interrupt(storage: SqliteStorage) -> None:
        await churn(storage, 300)
        compacting = asyncio.ensure_future(storage.compact(250))
        while storage._sweeper.swept == 0:
            await asyncio.sleep(0)
        held: Future[int] = storage._pipeline.begin_chore(lambda _: int(gate.wait()))
        compacting.cancel()
        await asyncio.sleep(0)
        storage._sweeper.sweep_aside()
        gate.set()
        await held

    async def resume(storage: SqliteStorage) -> None:
        assert storage.compacted == 250 and storage._sweeper.swept < 250
        await storage.tick()
        await finished(storage)
        assert storage._sweeper.swept == 250

    sessions(tmp_path, interrupt, resume)
    assert sql(tmp_path, "SELECT min(rev) FROM log") == [(250,)]


def test_the_file_of_a_running_server_shrinks(tmp_path: Path, restless: None) -> None:
    """After much was overwritten and compacted, pages go back to the file system, those in its middle, too."""

    async def scenario(storage: SqliteStorage) -> None:
        for start in range(0, 3000, 500):  # what goes and what stays, side by side
            await create(storage, *(f"n{i}" for i in range(start, start + 500)), size=5000)
        storage._checkpointer.wrote(1_000_000)
        await storage._checkpointer._worker.idle()  # type: ignore[union-attr]
        full = (tmp_path / DATABASE).stat().st_size
        await asyncio.gather(*(storage.delete(f"{PREFIX}n{i}") for i in range(3000) if i % 10))
        await storage.compact(storage.revision)
        await storage.backup(tmp_path / "copy")  # the log is copied by way of the last statement, too
        assert (tmp_path / "copy").stat().st_size < full / 2
        assert await storage.count(PREFIX) == 300

    sessions(tmp_path, scenario)
    assert (tmp_path / DATABASE).stat().st_size == (tmp_path / "copy").stat().st_size < 10_000_000
    assert check(tmp_path) == []


def written(revision: int, kind: str, size: int) -> Accepted:
    loop = asyncio.new_event_loop()
    loop.close()
    before = Entry("k", 1, b"x" * size)
    event = Event(DELETED if kind == "delete" else MODIFIED, Entry("k", revision, b""), before)
    if kind == "create":
        event.previous = None
    return Accepted(event, None, Future(loop=loop), None)


@given(
    st.lists(st.tuples(st.sampled_from(["create", "update", "delete"]), st.integers(0, 50)), max_size=300),
    st.integers(1, 60),
    st.integers(1, 500),
)
def test_ballast(writes: list[tuple[str, int]], most_rows: int, most_bytes: int) -> None:
    """History is never beyond the limits after it was compacted as advised, and no more than needed goes; few marks
    do."""
    ballast = Ballast(most_rows, most_bytes, 1)
    superseded: dict[int, tuple[int, int]] = {}
    for revision, (kind, size) in enumerate(writes, 2):
        rows = {"create": 0, "update": 1, "delete": 2}[kind]
        superseded[revision] = (rows, size if rows else 0)
        ballast.add([written(revision, kind, size)])
        assert ballast.rows >= sum(one for one, _ in superseded.values())
        assert ballast.bytes >= sum(one for _, one in superseded.values())
        target = ballast.excess()
        assert bool(target) == (ballast.rows > most_rows or ballast.bytes > most_bytes)
        if target:
            ballast.compacted(target)
            superseded = {at: one for at, one in superseded.items() if at > target}
            assert ballast.rows <= most_rows // 2 and ballast.bytes <= most_bytes // 2
        assert len(ballast._marks) <= 200
