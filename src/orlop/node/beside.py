"""Nodes in the process of a server, as `orlop serve --nodes N` has them, and the controllers that give them work.

Called by the CLI with a running server. The nodes use the in-process transport with the administrator's token, and
certificates of the server's own authority.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network

from orlop.api.errors import APIError
from orlop.api.gvk import GroupResource
from orlop.api.tree import Tree
from orlop.controllers.event_recorder import EventRecorder, StoreSink
from orlop.controllers.interface import Controller
from orlop.controllers.scheduler import Scheduler
from orlop.controllers.workloads.deployment import DeploymentController
from orlop.controllers.workloads.endpoint_slice import EndpointSliceController
from orlop.controllers.workloads.job import JobController
from orlop.controllers.workloads.replica_set import ReplicaSetController
from orlop.controllers.writer import Writer
from orlop.node.api import LocalApi
from orlop.node.identity import issue
from orlop.node.run import RunningNode, names_of, placed, running_nodes
from orlop.node.settings import FAKE, NodeSettings
from orlop.server.application import defaults
from orlop.server.run import Running
from orlop.server.transport import InProcess

PREFIX = "node-"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a server has beside it. `mode` and `pods` are of each node."""

    nodes: int = 0
    mode: str = FAKE
    pods: int = 110
    scheduler: bool = False
    workloads: bool = False


@contextlib.asynccontextmanager
async def cluster_beside(server: Running, plan: Plan) -> AsyncIterator[list[RunningNode]]:
    """All of it. Raises what `running_node` raises."""
    async with contextlib.AsyncExitStack() as stack:
        for controller in _controllers(server, plan):
            controller.start()
            stack.push_async_callback(controller.stop)
        yield await stack.enter_async_context(nodes_beside(server, plan.nodes, plan.mode, plan.pods))


def _api(server: Running) -> LocalApi:
    client = InProcess(server.application.handler, clock=server.application.outside.clock)
    return LocalApi(client, server.directory.admin_token)


def _controllers(server: Running, plan: Plan) -> list[Controller]:
    application = server.application
    now = application.outside.clock.now
    writer = Writer(application.stores, application.schema, defaults, application.field_managers, now)
    found: list[Controller] = []
    if plan.scheduler:
        pods = application.rooms[GroupResource("", "pods")]
        found.append(Scheduler(writer, pods["binding"], pods["status"], now))
    if plan.workloads:
        statuses = {plural: application.rooms[GroupResource(group, plural)]["status"]
                    for group, plural in (("apps", "deployments"), ("apps", "replicasets"), ("batch", "jobs"))}
        api = _api(server)

        async def create_pod(namespace: str, pod: Tree) -> str:
            """As a client does: admission gives pods their service account, tolerations and priority."""
            reply = await api.request("POST", f"/api/v1/namespaces/{namespace}/pods", pod)
            if not reply.ok:
                raise APIError(reply.status, reply.tree.get("reason") or "", reply.message)
            name: str = reply.tree["metadata"]["name"]
            return name

        sink = StoreSink(writer)
        deployments, sets, jobs = (EventRecorder(sink, f"{name}-controller", "", now)
                                   for name in ("deployment", "replicaset", "job"))
        found += [deployments, sets, jobs, DeploymentController(writer, statuses["deployments"], deployments),
                  ReplicaSetController(writer, statuses["replicasets"], create_pod, sets, now),
                  JobController(writer, statuses["jobs"], create_pod, jobs, now), EndpointSliceController(writer)]
    return found


@contextlib.asynccontextmanager
async def nodes_beside(server: Running, count: int, mode: str, pods: int = 110) -> AsyncIterator[list[RunningNode]]:
    """`node-1` to `node-COUNT`, on the server's simulated network if it has one. Raises what `placed` and
    `running_node` raise."""
    directory, clock, config = server.directory, server.application.outside.clock, server.application.config
    api = _api(server)
    several = [NodeSettings(f"{PREFIX}{number}", mode, number, pods=pods,
                            data_dir=directory.path.absolute() / "nodes" / f"{PREFIX}{number}")
               for number in range(1, count + 1)]
    authority = directory.credentials.ca_certificate
    services = [found for part in config.service_cluster_ip_range.split(",")
                if isinstance(found := ip_network(part, strict=False), IPv4Network)]
    async with placed(several, api, config.network, services) as those:
        identity = issue(authority, server.url if server.port else "", names_of(those) or ["localhost"], clock.now(),
                         (directory.path / "ca.key").read_bytes())
        async with running_nodes(those, api, identity, clock) as nodes:
            yield nodes
