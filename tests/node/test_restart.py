"""What a node finds when it is started again, and what it leaves behind."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

from node_scenarios import PODS, account, pod, until

import orlop
from orlop.node.addresses import addresses_of
from orlop.node.adoption import adopt
from orlop.node.beside import Plan, cluster_beside
from orlop.node.lifecycle import Life
from orlop.node.reaper import Reaper
from orlop.node.settings import PROCESS, NodeSettings


def test_fake_pods_run_on() -> None:
    """A pod that ran before keeps its container, its address and its count of restarts."""

    async def scenario() -> None:
        plan = Plan(1, scheduler=True)
        async with asyncio.timeout(30), orlop.Server() as server:
            await account(server)
            async with cluster_beside(server.running, plan):
                await server.request("POST", PODS, pod("one"))
                before = await until(server, "one", lambda p: p["status"]["phase"] == "Running")
            node = (await server.request("GET", "/api/v1/nodes/node-1")).json()
            assert next(c["status"] for c in node["status"]["conditions"] if c["type"] == "Ready") == "False"
            async with cluster_beside(server.running, plan) as (again,):
                (work,) = again.agent.works()
                assert work.ip == before["status"]["podIP"]
                after = (await server.request("GET", f"{PODS}/one")).json()
                assert after["status"]["containerStatuses"] == before["status"]["containerStatuses"]

    asyncio.run(scenario())


def test_lost_processes_are_restarted() -> None:
    """What ran and is gone has ended as killed; it is started again, and counted."""
    found = {"metadata": {"name": "p", "namespace": "n", "uid": "u"}, "spec": {"containers": [{"name": "main"}]}}
    life = Life(found, 0.0)
    status = {"containerStatuses": [{"name": "main", "restartCount": 3, "containerID": "x://1", "state": {
        "running": {"startedAt": "2026-01-01T00:00:00Z"}}}]}
    adopt(life, status, lambda container, started: False, 2e9)
    container = life.container("main")
    assert container is not None and container.ended is not None and container.ended.code == 137
    life.step(2e9)
    assert container.restarts == 4 and life.phase == "Running"


def test_the_reaper_kills_what_is_left() -> None:
    """Groups that were not released end when the reaper's input does."""
    reaper = Reaper()
    kept = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    released = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    try:
        for child in (kept, released):
            reaper.watch(child.pid)
        reaper.release(released.pid)
        reaper.close()
        assert kept.wait(10) == -9
        assert released.poll() is None
    finally:
        released.kill()
        released.wait()
        kept.kill()


def test_addresses_are_given_back() -> None:
    addresses = addresses_of(NodeSettings("n", PROCESS, 1, data_dir=Path("/home/a/nodes/n")))
    first = addresses.take()
    assert first.startswith("127.65.") and addresses.take() != first
    addresses.release(first)
    assert addresses.take(first) == first


def test_nodes_of_one_machine_begin_at_different_addresses() -> None:
    """Two servers, each with its first node: what listens on one pod's address is not in the way of the other's."""
    one, other, again = (addresses_of(NodeSettings("n", PROCESS, 1, data_dir=Path(f"/home/{name}/nodes/node-1")))
                         for name in ("a", "b", "a"))
    first = again.take()
    assert not {one.take() for _ in range(100)} & {other.take() for _ in range(100)}
    assert first.rpartition(".")[2] == "1"
