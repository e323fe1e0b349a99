"""Plans of rollouts, and Deployments that become pods beside a server."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

import orlop
from orlop.controllers.workloads.replica_set import status_of
from orlop.controllers.workloads.rollout import bounds, replicas, same_template, scales
from orlop.node.beside import Plan, cluster_beside

Tree = dict[str, Any]
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


def deployment(count: int, surge: int | str = "25%", unavailable: int | str = "25%") -> Tree:
    return {"metadata": {"name": "d"}, "spec": {"replicas": count, "template": {"spec": {}}, "strategy": {
        "type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}}}


def replica_set(name: str, count: int, available: int) -> Tree:
    return {"metadata": {"name": name}, "spec": {"replicas": count},
            "status": {"replicas": count, "availableReplicas": available}}


def test_percentages_round_for_safety() -> None:
    """Surge rounds up, unavailable down; both zero would never get anywhere."""
    assert bounds(deployment(10)) == (3, 2)
    assert bounds(deployment(1, "0%", "0%")) == (0, 1)
    assert bounds(deployment(3, 0, 0)) == (0, 1)


@given(st.integers(0, 12), st.sampled_from((0, 1, 2, "25%", "100%")), st.sampled_from((0, 1, 3, "25%", "100%")),
       st.lists(st.integers(0, 5), max_size=3), st.randoms())
def test_a_rollout_ends_and_keeps_its_bounds(count: int, surge: int | str, unavailable: int | str, sizes: list[int],
                                             chance: Any) -> None:
    """However slowly pods become available: never more than surge allows, never fewer than unavailable allows because
    of the plan, and in the end only the new ReplicaSet has pods."""
    wanted = deployment(count, surge, unavailable)
    most, fewest = bounds(wanted)
    new, old = replica_set("new", 0, 0), [replica_set(f"old{n}", size, size) for n, size in enumerate(sizes)]
    for _ in range(200):
        before = sum(one["status"]["availableReplicas"] for one in (new, *old))
        total = sum(map(replicas, (new, *old)))
        plan = scales(wanted, new, old)
        for one in (new, *old):
            one["spec"]["replicas"] = plan.get(one["metadata"]["name"], replicas(one))
            status = one["status"]
            status["replicas"] = replicas(one)
            status["availableReplicas"] = min(status["availableReplicas"], replicas(one))
        after = sum(one["status"]["availableReplicas"] for one in (new, *old))
        assert sum(map(replicas, (new, *old))) <= max(total, count + most)
        assert after >= min(before, count - fewest)
        if chance.random() < 0.7 and new["status"]["availableReplicas"] < replicas(new):
            new["status"]["availableReplicas"] += 1
    new["status"]["availableReplicas"] = replicas(new)
    for _ in range(60):
        for name, size in scales(wanted, new, old).items():
            one = next(one for one in (new, *old) if one["metadata"]["name"] == name)
            one["spec"]["replicas"] = one["status"]["availableReplicas"] = one["status"]["replicas"] = size
    assert replicas(new) == count and not any(map(replicas, old))


def test_a_template_is_the_same_but_for_the_hash() -> None:
    made = deployment(1)
    made["spec"]["template"]["metadata"] = {"labels": {"app": "a"}}
    other = {"spec": {"template": {"metadata": {"labels": {"app": "a", "pod-template-hash": "x"}}, "spec": {}}}}
    assert same_template(other, made)
    other["spec"]["template"]["spec"] = {"nodeName": "n"}
    assert not same_template(other, made)


def _deployment(image: str) -> Tree:
    container = {"name": "main", "image": image}
    labels = {"app": "web"}
    return {"metadata": {"name": "web"}, "spec": {"replicas": 3, "selector": {"matchLabels": labels}, "template": {
        "metadata": {"labels": labels}, "spec": {"containers": [container]}}}}


async def _complete(server: orlop.Server, revision: str) -> Tree:
    async with await server.watch(f"{DEPLOYMENTS}?fieldSelector=metadata.name%3Dweb") as events:
        async for event in events:
            found: Tree = event["object"]
            status, mark = found.get("status") or {}, found["metadata"].get("annotations") or {}
            conditions = {c["type"]: c["reason"] for c in status.get("conditions") or ()}
            if (mark.get("deployment.kubernetes.io/revision") == revision and status.get("availableReplicas") == 3
                    and status.get("updatedReplicas") == 3 and status.get("replicas") == 3
                    and conditions.get("Progressing") == "NewReplicaSetAvailable"):
                return found
    raise AssertionError("the watch ended")


def test_a_deployment_becomes_pods_and_is_rolled_out() -> None:
    """Pods of the first template run; after a change those of the second do, under a new revision, and scaling to
    nothing leaves none."""

    async def scenario(server: orlop.Server) -> None:
        assert (await server.request("POST", DEPLOYMENTS, _deployment("one"))).status == 201
        await _complete(server, "1")
        merge = {"content-type": "application/merge-patch+json"}
        change = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "two"}]}}}}
        await server.request("PATCH", f"{DEPLOYMENTS}/web", change, headers=merge)
        await _complete(server, "2")
        pods = (await server.request("GET", "/api/v1/namespaces/default/pods")).json()["items"]
        images = {p["spec"]["containers"][0]["image"] for p in pods if "deletionTimestamp" not in p["metadata"]}
        assert images == {"two"}
        assert all(p["spec"]["serviceAccountName"] == "default" for p in pods)
        await server.request("PATCH", f"{DEPLOYMENTS}/web", {"spec": {"replicas": 0}}, headers=merge)
        async with await server.watch(f"{DEPLOYMENTS}?fieldSelector=metadata.name%3Dweb") as events:
            async for event in events:
                if not (event["object"].get("status") or {}).get("replicas"):
                    return

    async def playing() -> None:
        plan = Plan(2, scheduler=True, workloads=True)
        async with asyncio.timeout(30), orlop.Server() as server, cluster_beside(server.running, plan):
            await scenario(server)

    asyncio.run(playing())


def test_a_replica_set_without_pods_has_a_status_without_zeros() -> None:
    """As upstream's struct is written: only the number of replicas is always there."""
    found = {"metadata": {"generation": 2}, "spec": {"template": {}}}
    assert status_of(found, [], 0.0) == {"replicas": 0, "observedGeneration": 2}
