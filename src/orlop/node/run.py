"""Nodes from start to end: runtime, kubelet endpoint, agent, registration, in this order; and back again.

Called by the CLI: `orlop node` (over HTTPS) and `orlop serve --nodes N` (in the server's process).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from zlib import crc32

from orlop.node.agent import Agent
from orlop.node.api import Api
from orlop.node.claim import Range, claim
from orlop.node.endpoint import Endpoint
from orlop.node.events import about_node, kubelet_events
from orlop.node.fake_runtime import FakeRuntime
from orlop.node.identity import Identity
from orlop.node.process_runtime import ProcessRuntime
from orlop.node.registration import Registration
from orlop.node.runtime import Runtime
from orlop.node.settings import PROCESS, NodeSettings
from orlop.server.simulated_network import SimulatedNetwork
from orlop.world.clock import Clock, SystemClock

log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def placed(several: Sequence[NodeSettings], api: Api, network: SimulatedNetwork | None,
                 others: Sequence[Range] = ()) -> AsyncIterator[list[NodeSettings]]:
    """The nodes with the blocks of the network that are theirs until the end; without a network, as they are. A node
    that was here before has the same block as then, if it can be had. None overlaps `others`. Raises NoBlock and
    APIUnavailable."""
    if network is None:
        yield list(several)
        return
    with contextlib.ExitStack() as stack:
        found = []
        for one in several:
            wanted = await _former_block(one.name, api)
            home = str(one.data_dir.parent) if one.data_dir is not None else one.name
            claimed = claim(network, one.pods, crc32(home.encode()) + one.number, wanted, others)
            stack.callback(claimed.close)
            if wanted and wanted != str(claimed.block):
                log.warning("node %s: its podCIDR %s cannot be had, its pods are in %s", one.name, wanted,
                            claimed.block)
            found.append(replace(one, network=network, block=claimed.block, address=claimed.address))
        yield found


async def _former_block(name: str, api: Api) -> str:
    reply = await api.request("GET", f"/api/v1/nodes/{name}")
    return (reply.tree.get("spec") or {}).get("podCIDR") or "" if reply.ok else ""


def names_of(several: Sequence[NodeSettings]) -> list[str]:
    """What the nodes' certificate is for, the first node's name first."""
    return list(dict.fromkeys(name for one in several for name in (one.name, one.address, one.listening)))


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
        events = kubelet_events(api, settings.name, clock)
        agent = Agent(settings, api, runtime, events, clock)
        endpoint = Endpoint(settings, agent, runtime, identity, clock)
        port = await endpoint.start()
        stack.push_async_callback(endpoint.stop)
        registration = Registration(settings, api, clock, port)
        await registration.register()
        stack.push_async_callback(registration.sign_off)
        events.start()
        stack.push_async_callback(events.stop)
        heartbeat = asyncio.create_task(registration.run(), name=f"node-{settings.name}-heartbeat")
        stack.push_async_callback(_cancelled, heartbeat)
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


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    for result in await asyncio.gather(task, return_exceptions=True):
        if isinstance(result, Exception):
            log.error("a task of the node failed", exc_info=result)
