"""Services have the pods they select as endpoints."""

from __future__ import annotations

import asyncio
from typing import Any

import orlop
from orlop.node.beside import Plan, cluster_beside

CORE = "/api/v1/namespaces/default"
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io/service-name%3Dweb"
Tree = dict[str, Any]


def test_endpoints_follow_pods() -> None:
    """A running pod is a ready endpoint at the container's port of that name; a deleted one is none."""

    async def addresses(server: orlop.Server, count: int) -> Tree:
        async with await server.watch(SLICES) as events:
            async for event in events:
                found: Tree = event["object"]
                ready = [e for e in found.get("endpoints") or () if e["conditions"]["ready"]]
                if event["type"] == "DELETED" and count == 0:
                    return found
                if event["type"] != "DELETED" and len(ready) == count:
                    return found
        raise AssertionError("the watch ended")

    async def playing() -> None:
        plan = Plan(1, scheduler=True, workloads=True)
        async with asyncio.timeout(30), orlop.Server() as server, cluster_beside(server.running, plan):
            service = {"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"},
                                                             "ports": [{"port": 80, "targetPort": "http"}]}}
            assert (await server.request("POST", f"{CORE}/services", service)).status == 201
            template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [
                {"name": "main", "image": "i", "ports": [{"name": "http", "containerPort": 8080}]}]}}
            made = {"metadata": {"name": "web"}, "spec": {
                "replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}}
            assert (await server.request("POST", "/apis/apps/v1/namespaces/default/deployments", made)).status == 201
            found = await addresses(server, 2)
            assert [port["port"] for port in found["ports"]] == [8080]
            assert {e["nodeName"] for e in found["endpoints"]} == {"node-1"}
            async with await server.watch(f"{CORE}/endpoints?fieldSelector=metadata.name%3Dweb") as events:
                async for event in events:
                    if sum(len(s.get("addresses") or ()) for s in event["object"].get("subsets") or ()) == 2:
                        break
            await server.request("DELETE", "/apis/apps/v1/namespaces/default/deployments/web")
            await addresses(server, 0)

    asyncio.run(playing())
