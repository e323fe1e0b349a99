"""A node in fake mode beside a server: pods are scheduled on it, run, end and go."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any

from node_scenarios import cluster, pod, until

import orlop


async def _play(scenario: Callable[[orlop.Server], Awaitable[None]], nodes: int = 1, mode: str = "fake") -> None:
    async with asyncio.timeout(30), cluster(nodes, mode) as server:
        await scenario(server)


def play(scenario: Callable[[orlop.Server], Awaitable[None]], nodes: int = 1, mode: str = "fake") -> None:
    asyncio.run(_play(scenario, nodes, mode))


def test_a_pod_is_scheduled_and_runs() -> None:
    """A new pod gets the node, an address, running containers and conditions that say so."""

    async def scenario(server: orlop.Server) -> None:
        await server.request("POST", "/api/v1/namespaces/default/pods", pod("one"))
        found = await until(server, "one", lambda p: p["status"]["phase"] == "Running")
        status = found["status"]
        assert found["spec"]["nodeName"] == "node-1"
        assert {c["type"]: c["status"] for c in status["conditions"]} == dict.fromkeys(
            ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"), "True")
        (container,) = status["containerStatuses"]
        assert container["ready"] and container["started"] and container["restartCount"] == 0
        assert list(container["state"]) == ["running"]
        assert container["containerID"].startswith("orlop-fake://")
        node = (await server.request("GET", "/api/v1/nodes/node-1")).json()
        assert status["hostIP"] in {a["address"] for a in node["status"]["addresses"] if a["type"] == "InternalIP"}
        assert ipaddress.ip_address(status["podIP"]) in ipaddress.ip_network(node["spec"]["podCIDR"])
        assert (status["podIPs"], status["hostIPs"]) == ([{"ip": status["podIP"]}], [{"ip": status["hostIP"]}])

    play(scenario)


def test_a_deleted_pod_goes() -> None:
    """A deleted pod ends, and is deleted for good by its node."""

    async def scenario(server: orlop.Server) -> None:
        path = "/api/v1/namespaces/default/pods"
        await server.request("POST", path, pod("one"))
        await until(server, "one", lambda p: p["status"]["phase"] == "Running")
        async with await server.watch(path) as events:
            assert (await server.request("DELETE", f"{path}/one")).status == 200
            async for event in events:
                if event["type"] == "DELETED":
                    break

    play(scenario)


def test_a_pod_ends_as_its_annotations_say() -> None:
    """run-for and exit-code make the pod of a Job succeed or fail."""

    async def scenario(server: orlop.Server) -> None:
        for name, code, phase in (("good", "0", "Succeeded"), ("bad", "3", "Failed")):
            notes = {"orlop.dev/run-for": "10ms", "orlop.dev/exit-code": code}
            await server.request("POST", "/api/v1/namespaces/default/pods", pod(name, notes, restartPolicy="Never"))
            found = await until(server, name, lambda p: p["status"]["phase"] in ("Succeeded", "Failed"))
            assert found["status"]["phase"] == phase
            state = found["status"]["containerStatuses"][0]["state"]["terminated"]
            assert state["exitCode"] == int(code)

    play(scenario)


def test_a_crash_loop_backs_off() -> None:
    """A container that keeps failing is started again at once, then waits in CrashLoopBackOff."""

    async def scenario(server: orlop.Server) -> None:
        notes = {"orlop.dev/run-for": "0s", "orlop.dev/exit-code": "1"}
        await server.request("POST", "/api/v1/namespaces/default/pods", pod("crash", notes))

        def waits(found: dict[str, Any]) -> bool:
            state = (found["status"].get("containerStatuses") or [{"state": {}}])[0]["state"]
            return (state.get("waiting") or {}).get("reason") == "CrashLoopBackOff"

        found = await until(server, "crash", waits)
        (container,) = found["status"]["containerStatuses"]
        assert container["restartCount"] == 1
        assert container["lastState"]["terminated"]["exitCode"] == 1
        assert "back-off 10s restarting failed container=main pod=crash_default(" in (
            container["state"]["waiting"]["message"])

    play(scenario)


def test_readiness_as_annotations_say() -> None:
    """ready-after delays it for a container; unready takes it away while the annotation is there."""

    async def scenario(server: orlop.Server) -> None:
        def ready(found: dict[str, Any]) -> bool:
            return any(c["type"] == "Ready" and c["status"] == "True" for c in found["status"].get("conditions") or ())

        path = "/api/v1/namespaces/default/pods"
        await server.request("POST", path, pod("one", {"orlop.dev/ready-after.main": "50ms"}))
        found = await until(server, "one", lambda p: p["status"]["phase"] == "Running")
        assert not ready(found) and found["status"]["containerStatuses"][0]["started"]
        await until(server, "one", ready)
        for value in ("true", None):
            change = {"metadata": {"annotations": {"orlop.dev/unready": value}}}
            await server.request("PATCH", f"{path}/one", change,
                                 headers={"content-type": "application/merge-patch+json"})
            await until(server, "one", lambda p, value=value: ready(p) is (value is None))  # type: ignore[misc]

    play(scenario)
