"""What the tests of nodes share: a server with nodes and a scheduler, and waiting for what a pod becomes."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import orlop
from orlop.node.beside import Plan, cluster_beside
from orlop.server.simulated_network import DEFAULT

PODS = "/api/v1/namespaces/default/pods"


def pod(name: str, annotations: Mapping[str, str] | None = None, command: list[str] | None = None,
        **spec: Any) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "main", "image": "registry.example/main:1"}
    if command is not None:
        container["command"] = command
    return {"metadata": {"name": name, "annotations": dict(annotations or {})},
            "spec": {"containers": [container], **spec}}


@contextlib.asynccontextmanager
async def cluster(nodes: int, mode: str = "fake", pods: int = 110, network: str = DEFAULT,
                  **settings: Any) -> AsyncIterator[orlop.Server]:
    """A server with a scheduler, controllers of workloads and nodes, as `orlop serve --nodes` has them."""
    plan = Plan(nodes, mode, pods, scheduler=True, workloads=True)
    async with orlop.Server(simulated_network=network, **settings) as server, cluster_beside(server.running, plan):
        await account(server)
        yield server


async def account(server: orlop.Server) -> None:
    """Pods need the namespace's service account."""
    async with await server.watch("/api/v1/namespaces/default/serviceaccounts?fieldSelector=metadata.name%3Ddefault"
                                  ) as events:
        async for _ in events:
            return


async def until(server: orlop.Server, name: str, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The pod as soon as it is so."""
    async with await server.watch(f"{PODS}?fieldSelector=metadata.name%3D{name}") as events:
        async for event in events:
            assert event["type"] != "ERROR", event
            found: dict[str, Any] = event["object"]
            if event["type"] != "DELETED" and fits(found):
                return found
    raise AssertionError("the watch ended")
