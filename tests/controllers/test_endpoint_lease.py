"""The addresses behind the `kubernetes` service are those of the servers that live."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from served import JumpingLoop, LoopClock

from orlop.controllers.endpoint_lease import INTERVAL, LIFETIME, PREFIX, EndpointLease
from orlop.storage.memory import MemoryStorage


def test_servers_come_go_and_die() -> None:
    """A server is published when it starts, taken away when it ends, and forgotten when it falls silent."""

    async def scenario() -> None:
        storage = MemoryStorage(LoopClock())
        await storage.start()
        published: list[Sequence[str]] = []

        async def publish(addresses: Sequence[str]) -> None:
            published.append(tuple(addresses))

        async def pass_time(seconds: float) -> None:
            for _ in range(int(seconds)):
                await asyncio.sleep(1)
                await storage.tick()

        first, second = (EndpointLease(storage, f"10.0.0.{n}", publish) for n in (1, 2))
        first.start()
        await pass_time(1)
        second.start()
        await pass_time(3 * LIFETIME)
        assert published[0] == ("10.0.0.1",) and published[-1] == ("10.0.0.1", "10.0.0.2")
        await first.stop()
        assert published[-1] == ("10.0.0.2",)
        first = EndpointLease(storage, "10.0.0.1", publish)
        first.start()
        await pass_time(INTERVAL)
        assert published[-1] == ("10.0.0.1", "10.0.0.2")
        assert first._task is not None
        first._task.cancel()  # killed: no farewell
        await pass_time(LIFETIME + INTERVAL + 1)
        assert published[-1] == ("10.0.0.2",)
        assert [entry.key for entry in (await storage.list(PREFIX)).entries] == [PREFIX + "10.0.0.2"]
        await second.stop()

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(scenario())
