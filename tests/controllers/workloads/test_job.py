"""Jobs make pods until enough have succeeded, or too many have failed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import orlop
from orlop.controllers.workloads import job_plan
from orlop.node.beside import Plan, cluster_beside

JOBS = "/apis/batch/v1/namespaces/default/jobs"
Tree = dict[str, Any]


def job(notes: dict[str, str], **spec: Any) -> Tree:
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "i"}]}
    template = {"metadata": {"annotations": notes}, "spec": pod}
    return {"metadata": {"name": "work"}, "spec": {"template": template, **spec}}


async def _ends(server: orlop.Server, made: Tree) -> Tree:
    reply = await server.request("POST", JOBS, made)
    assert reply.status == 201, reply.body
    async with await server.watch(f"{JOBS}?fieldSelector=metadata.name%3Dwork") as events:
        async for event in events:
            found: Tree = event["object"]
            if any(c["type"] in ("Complete", "Failed") for c in (found.get("status") or {}).get("conditions") or ()):
                return found
    raise AssertionError("the watch ended")


CASES = {
    "one": ({}, "0", ("Complete", 1, 0)),
    "several": ({"completions": 5, "parallelism": 2}, "0", ("Complete", 5, 0)),
    "indexed": ({"completions": 3, "parallelism": 3, "completionMode": "Indexed"}, "0", ("Complete", 3, 0)),
    "failing": ({"backoffLimit": 0}, "1", ("Failed", 0, 1)),
}


@pytest.mark.parametrize("name", CASES)
def test_jobs_end(name: str) -> None:
    """With the right counts and conditions, beside a fake node."""
    spec, code, (kind, succeeded, failed) = CASES[name]

    async def playing() -> None:
        plan = Plan(1, scheduler=True, workloads=True)
        async with asyncio.timeout(30), orlop.Server() as server, cluster_beside(server.running, plan):
            notes = {"orlop.dev/run-for": "0", "orlop.dev/exit-code": code}
            status = (await _ends(server, job(notes, **spec)))["status"]
            assert {c["type"] for c in status["conditions"]} >= {kind}
            assert (status.get("succeeded", 0), status.get("failed", 0)) == (succeeded, failed)
            if name == "indexed":
                assert status["completedIndexes"] == "0-2"

    asyncio.run(playing())


def test_ranges() -> None:
    """Two neighbours are told apart, three are a range."""
    assert job_plan.ranges([0, 1, 3, 4, 5, 9]) == "0,1,3-5,9"


def test_a_failed_pod_is_replaced_after_a_back_off() -> None:
    stands = job_plan.Standing(failed=2, last_failure=100.0)
    assert job_plan.wait(stands, 105.0) == 15.0
    assert job_plan.wait(stands, 130.0) == 0.0
