"""What workload controllers do is told in events, as `kubectl describe` shows them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from node_scenarios import cluster

import orlop
from orlop.controllers.event_recorder import EventRecorder, StoreSink, about
from orlop.controllers.writer import Writer
from orlop.server.application import defaults

APPS = "/apis/apps/v1/namespaces/default"
JOBS = "/apis/batch/v1/namespaces/default/jobs"
Tree = dict[str, Any]
Told = set[tuple[str, str, str, str]]
"""Of each event the kind it is about, who tells, the reason and the message."""


def template(notes: dict[str, str] | None = None, **spec: Any) -> Tree:
    metadata = {"labels": {"app": "a"}, "annotations": notes or {}}
    return {"metadata": metadata, "spec": {"containers": [{"name": "main", "image": "i"}], **spec}}


def run(scenario: Callable[[orlop.Server], Awaitable[None]]) -> None:
    async def running() -> None:
        async with asyncio.timeout(60), cluster(1) as server:
            await scenario(server)

    asyncio.run(running())


async def told(server: orlop.Server, wanted: Callable[[Told], bool]) -> Told:
    """Events of workloads until there is what is wanted."""
    found: Told = set()
    async with await server.watch("/api/v1/namespaces/default/events") as events:
        async for event in events:
            seen = event["object"]
            if seen["involvedObject"]["kind"] in ("Deployment", "ReplicaSet", "Job"):
                found.add((seen["involvedObject"]["kind"], seen["source"]["component"], seen["reason"],
                           seen["message"]))
            if wanted(found):
                return found
    raise AssertionError("the watch ended")


async def create(server: orlop.Server, path: str, body: Tree) -> Tree:
    reply = await server.request("POST", path, body)
    assert reply.status == 201, reply.body
    made: Tree = reply.json()
    return made


def test_deployments_and_replica_sets_tell() -> None:
    """A rollout: ReplicaSets scaled from a size to a size, pods created by name."""

    async def scenario(server: orlop.Server) -> None:
        await create(server, f"{APPS}/deployments", {"metadata": {"name": "web"}, "spec": {
            "replicas": 2, "selector": {"matchLabels": {"app": "a"}}, "template": template()}})
        found = await told(server, lambda found: len(found) >= 3)
        listed = (await server.request("GET", f"{APPS}/replicasets")).json()["items"][0]["metadata"]["name"]
        pods = (await server.request("GET", "/api/v1/namespaces/default/pods")).json()["items"]
        scaled = ("Deployment", "deployment-controller", "ScalingReplicaSet")
        made = ("ReplicaSet", "replicaset-controller", "SuccessfulCreate")
        assert found == {(*scaled, f"Scaled up replica set {listed} from 0 to 2"),
                         *((*made, f"Created pod: {pod['metadata']['name']}") for pod in pods)}

        await server.request("PATCH", f"{APPS}/deployments/web", {"spec": {"replicas": 1}},
                             headers={"content-type": "application/merge-patch+json"})
        down = (*scaled, f"Scaled down replica set {listed} from 2 to 1")
        names = {f"Deleted pod: {pod['metadata']['name']}" for pod in pods}
        found = await told(server, lambda found: down in found and any(one[3] in names for one in found))
        assert down in found

    run(scenario)


def test_jobs_tell_how_they_end() -> None:
    """Completed, failed with the reason of its condition, suspended and resumed."""

    async def scenario(server: orlop.Server) -> None:
        quick = template({"orlop.dev/run-for": "0", "orlop.dev/exit-code": "0"}, restartPolicy="Never")
        await create(server, JOBS, {"metadata": {"name": "good"}, "spec": {"suspend": True, "template": quick}})
        told_by = ("Job", "job-controller")
        await told(server, lambda found: (*told_by, "Suspended", "Job suspended") in found)
        await server.request("PATCH", f"{JOBS}/good", {"spec": {"suspend": False}},
                             headers={"content-type": "application/merge-patch+json"})
        await told(server, lambda found: {(*told_by, "Resumed", "Job resumed"),
                                          (*told_by, "Completed", "Job completed")} <= found)
        broken = template({"orlop.dev/run-for": "0", "orlop.dev/exit-code": "1"}, restartPolicy="Never")
        await create(server, JOBS, {"metadata": {"name": "bad"}, "spec": {"backoffLimit": 0, "template": broken}})
        await told(server, lambda found: (*told_by, "BackoffLimitExceeded",
                                          "Job has reached the specified backoff limit") in found)

    run(scenario)


def test_refused_pods_are_told_and_counted() -> None:
    """A ReplicaSet whose pods are refused says why; the same again counts up one event."""

    async def scenario(server: orlop.Server) -> None:
        await create(server, f"{APPS}/replicasets", {"metadata": {"name": "none"}, "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": "a"}},
            "template": template(serviceAccountName="missing")}})
        async with await server.watch("/api/v1/namespaces/default/events") as events:
            async for event in events:
                seen = event["object"]
                if seen["reason"] == "FailedCreate" and seen["count"] > 1:
                    break
        assert seen["type"] == "Warning"
        assert seen["message"] == ('Error creating: pods "none-" is forbidden: error looking up service account '
                                   'default/missing: serviceaccount "missing" not found')

    run(scenario)


def test_an_event_that_was_deleted_begins_anew() -> None:
    """Counting up what is gone makes another."""

    async def scenario(server: orlop.Server) -> None:
        application = server.running.application
        writer = Writer(application.stores, application.schema, defaults)
        recorder = EventRecorder(StoreSink(writer), "tester", "", application.outside.clock.now)
        recorder.start()
        thing = about({"metadata": {"name": "a", "namespace": "default", "uid": "u"}}, "v1", "ConfigMap")
        path = "/api/v1/namespaces/default/events"
        names = []
        for _ in range(2):
            recorder.record(thing, "Normal", "Why", "what")
            async with await server.watch(f"{path}?fieldSelector=reason%3DWhy") as events:
                made = (await anext(aiter(events)))["object"]
            assert made["count"] == 1
            names.append(made["metadata"]["name"])
            await server.request("DELETE", f"{path}/{names[-1]}")
        assert names[0] != names[1]
        await recorder.stop()

    run(scenario)


def test_events_of_one_moment_have_different_names() -> None:
    """None stands in another's way, however coarse the clock."""
    made: list[str] = []

    class Kept:
        async def create(self, namespace: str, event: Tree) -> None:
            made.append(event["metadata"]["name"])

        async def count(self, namespace: str, name: str, count: int, stamp: str) -> bool:
            return True

    async def recording() -> None:
        recorder = EventRecorder(Kept(), "tester", "", lambda: 1e9)
        for number in range(3):
            recorder.record({"name": "a", "uid": "u"}, "Normal", "Why", f"what {number}")
        recorder.start()
        await asyncio.sleep(0)
        await recorder.stop()

    asyncio.run(recording())
    assert len(set(made)) == 3
