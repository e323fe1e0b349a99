"""Nodes from start to end: runtime, kubelet endpoint, agent, registration, in this order; and back again.

Called by the CLI: `orlop node` (over HTTPS) and `orlop serve --nodes N` (in the server's process).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence

from orlop.node.agent import Agent
from orlop.node.api import Api
from orlop.node.endpoint import Endpoint
from orlop.node.events import EventRecorder, about_node
from orlop.node.fake_runtime import FakeRuntime
from orlop.node.identity import Identity
from orlop.node.process_runtime import ProcessRuntime
from orlop.node.registration import Registration
from orlop.node.runtime import Runtime
from orlop.node.settings import PROCESS, NodeSettings
from orlop.world.clock import Clock, SystemClock

log = logging.getLogger(__name__)


class RunningNode:
    """A node that is registered. `port`: where its kubelet endpoint listens."""

    def __init__(self, settings: NodeSettings, agent: Agent, runtime: Runtime, port: int) -> None:
        self.settings, self.agent, self.runtime, self.port = settings, agent, runtime, port


@contextlib.asynccontextmanager
async def running_node(settings: NodeSettings, api: Api, identity: Identity,
                       clock: Clock | None = None) -> AsyncIterator[RunningNode]:
    """Register the node, run its pods until the end. Processes of process mode end with it. Raises OSError,
    APIUnavailable and NodeUnregistered."""
    clock = clock or SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        runtime: Runtime
        if settings.mode == PROCESS:
            runtime = ProcessRuntime(settings, api, clock, identity)
        else:
            runtime = FakeRuntime(clock)
        stack.push_async_callback(runtime.close)
        events = EventRecorder(api, settings.name, clock)
        agent = Agent(settings, api, runtime, events, clock)
        endpoint = Endpoint(settings, agent, runtime, identity, clock)
        port = await endpoint.start()
        stack.push_async_callback(endpoint.stop)
        registration = Registration(settings, api, clock, port)
        await registration.register()
        stack.push_async_callback(registration.sign_off)
        tasks = [asyncio.create_task(events.run(), name=f"node-{settings.name}-events"),
                 asyncio.create_task(registration.run(), name=f"node-{settings.name}-heartbeat")]
        stack.push_async_callback(_cancelled, tasks)
        agent.start()
        stack.push_async_callback(agent.stop)
        await agent.follower.synced.wait()
        events.record(about_node(settings.name), "Normal", "Starting", "Starting kubelet.")
        yield RunningNode(settings, agent, runtime, port)


@contextlib.asynccontextmanager
async def running_nodes(several: Sequence[NodeSettings], api: Api, identity: Identity,
                        clock: Clock | None = None) -> AsyncIterator[list[RunningNode]]:
    """Nodes of one process."""
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(running_node(one, api, identity, clock)) for one in several]


async def _cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            log.error("a task of the node failed", exc_info=result)
