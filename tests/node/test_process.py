"""Processes of containers, on both event loops that a node may run on."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvloop

from orlop.node.environment import expand, inherited
from orlop.node.process import Process
from orlop.node.reaper import Reaper
from orlop.node.runtime import StartFailure

LOOPS = (asyncio.new_event_loop, uvloop.new_event_loop)
Loop = Callable[[], asyncio.AbstractEventLoop]


@asynccontextmanager
async def reaper() -> AsyncIterator[Reaper]:
    found = Reaper()
    try:
        yield found
    finally:
        await asyncio.to_thread(found.close)


class Written:
    def __init__(self) -> None:
        self.streams: dict[str, bytes] = {}

    async def __call__(self, name: str, data: bytes) -> None:
        self.streams[name] = self.streams.get(name, b"") + data


@pytest.mark.parametrize("loop", LOOPS)
def test_output_input_and_exit_code(loop: Loop, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with reaper() as watching:
            script = "cat; echo wrong >&2; exit 5"
            process = await Process.spawn(["sh", "-c", script], inherited(), tmp_path, True, False, watching)
            written = Written()
            running = asyncio.create_task(process.run(written))
            await process.write(b"x" * 300_000)
            process.close_input()
            assert await running == 5
            assert written.streams == {"stdout": b"x" * 300_000, "stderr": b"wrong\n"}

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_a_terminal(loop: Loop, tmp_path: Path) -> None:
    """It is the controlling terminal, has the size that it is given, and what is typed arrives."""

    async def scenario() -> None:
        async with reaper() as watching:
            script = "read word; stty size; echo got $word >/dev/tty; exit 3"
            process = await Process.spawn(["sh", "-c", script], inherited(), tmp_path, True, True, watching)
            written = Written()
            running = asyncio.create_task(process.run(written))
            process.resize(101, 33)
            await process.write(b"hello\n")
            assert await running == 3
            assert written.streams["stdout"].split()[-4:] == [b"33", b"101", b"got", b"hello"]

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scenario())


@pytest.mark.parametrize("loop", LOOPS)
def test_who_does_not_heed_sigterm_is_killed(loop: Loop, tmp_path: Path) -> None:
    """And a signal makes the exit code 128 more than its number."""

    async def scenario() -> None:
        async with reaper() as watching:
            script = "trap '' TERM; echo ready; while :; do sleep 0.05; done"
            process = await Process.spawn(["sh", "-c", script], inherited(), tmp_path, False, False, watching)

            async def stop(name: str, data: bytes) -> None:
                if data:
                    process.stop(0.05)

            assert await process.run(stop) == 128 + signal.SIGKILL

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scenario())


@pytest.mark.parametrize("tty", [False, True])
def test_a_program_that_is_not_there(tty: bool, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with reaper() as watching:
            with pytest.raises(StartFailure, match="no-such-program"):
                await Process.spawn(["no-such-program"], inherited(), tmp_path, False, tty, watching)

    asyncio.run(scenario())


def test_references_are_expanded() -> None:
    """As kubelets do it: unknown ones stay, two dollars are one."""
    assert expand("$(A)-$(B)-$$(A)-$C", {"A": "1"}) == "1-$(B)-$(A)-$C"
