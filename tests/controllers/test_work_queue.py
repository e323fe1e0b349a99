"""The work queue: once at a time, again after a change, later after a failure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from orlop.api import errors
from orlop.controllers import work_queue
from orlop.controllers.work_queue import WorkQueue


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await scenario()

    asyncio.run(bounded())


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries without delay."""
    monkeypatch.setattr(work_queue, "FIRST_DELAY", 0.0)


def test_a_waiting_key_waits_once() -> None:
    """Adding what waits already changes nothing."""

    async def scenario() -> None:
        seen: list[str] = []

        async def reconcile(key: str) -> bool:
            seen.append(key)
            return False

        queue = WorkQueue("test", reconcile)
        for key in ("a", "b", "a", "a"):
            queue.add(key)
        queue.start()
        await until(lambda: not len(queue))
        assert seen == ["a", "b"]
        await queue.stop()

    play(scenario)


def test_one_at_a_time_and_once_more() -> None:
    """A key that changes while it is handled is handled again, after and never beside it; others go on."""

    async def scenario() -> None:
        gate = asyncio.Event()
        running: set[str] = set()
        seen: list[str] = []

        async def reconcile(key: str) -> bool:
            assert key not in running
            running.add(key)
            seen.append(key)
            if seen == ["a"]:
                await gate.wait()
            running.discard(key)
            return False

        queue = WorkQueue("test", reconcile, workers=3)
        queue.start()
        queue.add("a")
        await until(lambda: seen == ["a"])
        queue.add("a")
        queue.add("b")
        await until(lambda: seen == ["a", "b"])
        gate.set()
        await until(lambda: not len(queue))
        assert seen == ["a", "b", "a"]
        await queue.stop()

    play(scenario)


def test_failures_come_back(impatient: None, caplog: pytest.LogCaptureFixture) -> None:
    """What failed, or wants to be looked at again, comes back until it is done; a refusal is logged in one line, a bug
    with where it happened."""

    async def scenario() -> None:
        seen: list[str] = []

        async def reconcile(key: str) -> bool:
            seen.append(key)
            if len(seen) == 1:
                raise errors.bad_request("refused")
            if len(seen) == 2:
                raise KeyError("bug")
            return len(seen) == 3

        queue = WorkQueue("test", reconcile)
        queue.start()
        queue.add("a")
        await until(lambda: len(seen) == 4 and not len(queue))
        assert not queue._failures
        await queue.stop()

    with caplog.at_level(logging.WARNING):
        play(scenario)
    assert [(record.message, bool(record.exc_info)) for record in caplog.records] == [
        ("test: a: refused", False), ("test: a: 'bug'", True)]


def test_delays_double_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """FIRST_DELAY, twice, four times, ..., MAX_DELAY."""

    async def scenario() -> None:
        delays: list[float] = []
        loop = asyncio.get_running_loop()

        async def reconcile(key: str) -> bool:
            return len(delays) < 14

        def call_later(delay: float, call: Callable[..., None], *args: str) -> asyncio.TimerHandle:
            delays.append(delay)
            return real(0, call, *args)

        real = loop.call_later
        monkeypatch.setattr(loop, "call_later", call_later, raising=False)
        queue = WorkQueue("test", reconcile)
        queue.start()
        queue.add("a")
        await until(lambda: len(delays) == 14 and not len(queue))
        monkeypatch.undo()
        assert delays[:3] == [0.05, 0.1, 0.2] and delays[-1] == work_queue.MAX_DELAY
        await queue.stop()

    play(scenario)


def test_stop_ends_everything() -> None:
    """Work under way is cancelled, nothing comes back."""

    async def scenario() -> None:
        cancelled = asyncio.Event()

        async def reconcile(key: str) -> bool:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.set()
                raise
            return False

        queue = WorkQueue("test", reconcile)
        queue.start()
        queue.add("a")
        await until(lambda: bool(queue._busy))
        await queue.stop()
        assert cancelled.is_set() and not queue._busy

    play(scenario)


def test_limit() -> None:
    """More keys than any storage holds are a bug, and told as one."""

    async def scenario() -> None:
        queue = WorkQueue("test", lambda key: asyncio.sleep(0, False))
        queue._waiting = dict.fromkeys(map(str, range(work_queue.MAX_KEYS)))
        with pytest.raises(OverflowError):
            queue.add("one more")

    play(scenario)
