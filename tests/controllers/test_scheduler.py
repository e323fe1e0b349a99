"""Pods get the nodes that can take them, and are told why when none can."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orlop
from orlop.api.gvk import GroupResource
from orlop.controllers.scheduler import Scheduler
from orlop.controllers.writer import Writer
from orlop.server.application import defaults

PODS = "/api/v1/namespaces/default/pods"
Tree = dict[str, Any]


@contextlib.asynccontextmanager
async def scheduling() -> AsyncIterator[orlop.Server]:
    async with orlop.Server(listen=False) as server:
        application = server.running.application
        writer = Writer(application.stores, application.schema, defaults, application.field_managers,
                        application.outside.clock.now)
        rooms = application.rooms[GroupResource("", "pods")]
        scheduler = Scheduler(writer, rooms["binding"], rooms["status"], application.outside.clock.now)
        scheduler.start()
        async with await server.watch("/api/v1/namespaces/default/serviceaccounts") as accounts:
            await accounts.__anext__()
        try:
            yield server
        finally:
            await scheduler.stop()


def play(scenario: Callable[[orlop.Server], Awaitable[None]]) -> None:
    async def playing() -> None:
        async with asyncio.timeout(30), scheduling() as server:
            await scenario(server)

    asyncio.run(playing())


async def node(server: orlop.Server, name: str, cpu: str = "4", pods: str = "10", **spec: Any) -> None:
    labels = spec.pop("labels", {})
    room = {"cpu": cpu, "memory": "8Gi", "pods": pods}
    made = {"metadata": {"name": name, "labels": labels}, "spec": spec,
            "status": {"capacity": room, "allocatable": room}}
    assert (await server.request("POST", "/api/v1/nodes", made)).status == 201
    # a new node is tainted as not ready until somebody says that it is
    merge = {"content-type": "application/merge-patch+json"}
    change = {"spec": {"taints": spec.get("taints")}}
    assert (await server.request("PATCH", f"/api/v1/nodes/{name}", change, headers=merge)).status == 200


async def pod(server: orlop.Server, name: str, cpu: str = "", labels: Tree | None = None, **spec: Any) -> None:
    container: Tree = {"name": "main", "image": "i"}
    if cpu:
        container["resources"] = {"requests": {"cpu": cpu}}
    if ports := spec.pop("ports", None):
        container["ports"] = ports
    made = {"metadata": {"name": name, "labels": labels or {}}, "spec": {"containers": [container], **spec}}
    reply = await server.request("POST", PODS, made)
    assert reply.status == 201, reply.body


async def until(server: orlop.Server, name: str, fits: Callable[[Tree], bool]) -> Tree:
    async with await server.watch(f"{PODS}?fieldSelector=metadata.name%3D{name}") as events:
        async for event in events:
            found: Tree = event["object"]
            if fits(found):
                return found
    raise AssertionError("the watch ended")


async def placed(server: orlop.Server, name: str) -> str:
    found = await until(server, name, lambda p: bool(p["spec"].get("nodeName")))
    where: str = found["spec"]["nodeName"]
    return where


async def refused(server: orlop.Server, name: str) -> str:
    def condition(found: Tree) -> Tree:
        return next((c for c in (found.get("status") or {}).get("conditions") or () if c["type"] == "PodScheduled"), {})

    found = condition(await until(server, name, lambda p: condition(p).get("reason") == "Unschedulable"))
    assert found["status"] == "False"
    message: str = found["message"]
    return message


def test_reasons_are_counted_over_all_nodes() -> None:
    """Each node's first obstacle is told, as kube-scheduler words it."""

    async def scenario(server: orlop.Server) -> None:
        await node(server, "tainted", taints=[{"key": "k", "value": "v", "effect": "NoSchedule"}])
        await node(server, "small", cpu="1")
        await node(server, "small-too", cpu="1")
        await node(server, "closed", unschedulable=True)
        await pod(server, "big", cpu="2")
        assert await refused(server, "big") == (
            "0/4 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable, "
            "2 Insufficient cpu.")

    play(scenario)


def test_a_pod_that_found_none_gets_a_node_that_comes() -> None:
    async def scenario(server: orlop.Server) -> None:
        await node(server, "one", pods="0")
        await pod(server, "first")
        assert await refused(server, "first") == "0/1 nodes are available: 1 Too many pods."
        await node(server, "two")
        assert await placed(server, "first") == "two"

    play(scenario)


def test_room_is_given_back() -> None:
    """What a deleted pod took is there for the next."""

    async def scenario(server: orlop.Server) -> None:
        await node(server, "one", cpu="1")
        await pod(server, "first", cpu="800m")
        assert await placed(server, "first") == "one"
        await pod(server, "second", cpu="800m")
        assert "Insufficient cpu" in await refused(server, "second")
        assert (await server.request("DELETE", f"{PODS}/first?gracePeriodSeconds=0")).status == 200
        assert await placed(server, "second") == "one"

    play(scenario)


def test_wishes_are_heeded() -> None:
    """nodeSelector, node affinity, tolerations, host ports and pod anti-affinity."""

    async def scenario(server: orlop.Server) -> None:
        await node(server, "a", labels={"disk": "ssd", "zone": "1"})
        await node(server, "b", labels={"disk": "hdd", "zone": "2"},
                   taints=[{"key": "only", "value": "x", "effect": "NoSchedule"}])
        tolerant = [{"key": "only", "operator": "Equal", "value": "x"}]
        await pod(server, "selecting", nodeSelector={"disk": "ssd"})
        assert await placed(server, "selecting") == "a"
        terms = [{"matchExpressions": [{"key": "zone", "operator": "Gt", "values": ["1"]}]}]
        affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
        await pod(server, "affine", affinity=affinity, tolerations=tolerant)
        assert await placed(server, "affine") == "b"
        await pod(server, "intolerant", affinity=affinity)
        assert await refused(server, "intolerant") == (
            "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, "
            "1 node(s) had untolerated taint(s).")
        port = [{"containerPort": 80, "hostPort": 80}]
        await pod(server, "port", ports=port)
        assert await placed(server, "port") == "a"
        await pod(server, "port-too", ports=port, nodeSelector={"disk": "ssd"})
        assert "didn't have free ports" in await refused(server, "port-too")
        alone = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "alone"}}}]}}
        await pod(server, "alone-1", labels={"app": "alone"}, affinity=alone, tolerations=tolerant)
        first = await placed(server, "alone-1")
        await pod(server, "alone-2", labels={"app": "alone"}, affinity=alone, tolerations=tolerant)
        assert {first, await placed(server, "alone-2")} == {"a", "b"}
        await pod(server, "alone-3", labels={"app": "alone"}, affinity=alone, tolerations=tolerant)
        assert "didn't match pod anti-affinity rules" in await refused(server, "alone-3")

    play(scenario)


def test_the_important_go_first_and_gated_or_foreign_pods_are_left_alone() -> None:
    async def scenario(server: orlop.Server) -> None:
        high = {"metadata": {"name": "high"}, "value": 1000}
        await server.request("POST", "/apis/scheduling.k8s.io/v1/priorityclasses", high)
        await pod(server, "low")
        await pod(server, "first", priorityClassName="high")
        await pod(server, "gated", schedulingGates=[{"name": "example.com/gate"}])
        await pod(server, "foreign", schedulerName="other")
        await node(server, "one", pods="1")
        assert await placed(server, "first") == "one"
        assert "Too many pods" in await refused(server, "low")
        for name in ("gated", "foreign"):
            found = (await server.request("GET", f"{PODS}/{name}")).json()
            assert "nodeName" not in found["spec"]

    play(scenario)


def test_events_tell_what_was_decided() -> None:
    async def scenario(server: orlop.Server) -> None:
        await node(server, "one")
        await pod(server, "first")
        async with await server.watch("/api/v1/namespaces/default/events") as events:
            async for event in events:
                found = event["object"]
                if found["reason"] == "Scheduled":
                    assert found["message"] == "Successfully assigned default/first to one"
                    assert found["reportingComponent"] == "default-scheduler"
                    return

    play(scenario)
