"""Bindings and evictions, and the rooms that lead to a pod's containers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pod_bench import Cluster, Tree

from orlop.api.errors import APIError
from orlop.api.http import Answer, Request, Response
from orlop.api.options import CreateOptions
from orlop.kinds.kubelet import Location

UPGRADE = {"connection": "Upgrade", "upgrade": "SPDY/3.1"}
SUCCESS = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}


def pod(name: str = "p", *containers: str, **spec: Any) -> Tree:
    listed = [{"name": c, "image": "i:1"} for c in containers or ("c",)]
    return {"metadata": {"name": name, "labels": {"app": "a"}}, "spec": {"containers": listed, **spec}}


def binding(name: str = "p", **members: Any) -> Tree:
    metadata = {"name": name, **members.pop("metadata", {})}
    return {"metadata": metadata, "target": {"kind": "Node", "name": "n"}, **members}


def eviction(name: str = "p", **options: Any) -> Tree:
    return {"metadata": {"name": name}, **({"deleteOptions": options} if options else {})}


def in_cluster(body: Callable[[Cluster], Awaitable[None]], **settings: Any) -> None:
    async def run() -> None:
        async with Cluster(**settings) as cluster:
            await body(cluster)

    asyncio.run(run())


def test_a_binding_places_a_pod() -> None:
    """Node, condition and annotations; the generation stays. A second one is too late."""

    async def body(cluster: Cluster) -> None:
        await cluster.put("pods", pod())
        assert await cluster.post("binding", "p", binding(), dry_run=True) == SUCCESS
        assert "nodeName" not in cluster.now("pods", "p")["spec"]
        given = binding(metadata={"annotations": {"a": "b"}, "labels": {"zone": "z"}})
        assert await cluster.post("binding", "p", given) == SUCCESS
        placed = cluster.now("pods", "p")
        assert placed["spec"]["nodeName"] == "n" and placed["metadata"]["generation"] == 1
        assert placed["metadata"]["annotations"] == {"a": "b"}
        assert placed["metadata"]["labels"] == {"app": "a", "zone": "z"}
        [condition] = placed["status"]["conditions"]
        assert (condition["type"], condition["status"]) == ("PodScheduled", "True")
        assert await cluster.refusal(cluster.post("binding", "p", binding())) == (
            409, 'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n"')

    in_cluster(body)


def test_refused_bindings() -> None:
    """Each in upstream's odd words."""

    async def body(cluster: Cluster) -> None:
        uid = (await cluster.put("pods", pod()))["metadata"]["uid"]
        await cluster.put("pods", pod("gated", schedulingGates=[{"name": "g"}]))
        cases = (
            ("p", binding(target={"name": ""}), 500, "target.name: Required value"),
            ("p", binding(target={"kind": "Pod", "name": "x"}), 500,
             'target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"'),
            ("p", binding("other"), 400, "name in URL does not match name in Binding object"),
            ("none", binding("none"), 404, 'pods "none" not found'),
            ("p", binding(metadata={"uid": "x"}), 409,
             'Operation cannot be fulfilled on pods "p": StorageError: invalid object, Code: 4, Key: '
             "/registry/pods/ns/p, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: "
             f"x, UID in object meta: {uid}"),
            ("gated", binding("gated"), 409, 'Operation cannot be fulfilled on pods/binding "gated": pod gated has '
                                             "non-empty .spec.schedulingGates"))
        for name, given, code, message in cases:
            assert await cluster.refusal(cluster.post("binding", name, given)) == (code, message)

    in_cluster(body)


def test_the_older_collection_binds_too() -> None:
    """It finds the pod's name in the body."""

    async def body(cluster: Cluster) -> None:
        await cluster.put("pods", pod())
        room = cluster.rooms[("", "bindings")][""]
        assert await room.create(cluster.context("bindings"), "", binding(), lambda new, old: None,
                                 CreateOptions()) == SUCCESS
        assert cluster.now("pods", "p")["spec"]["nodeName"] == "n"

    in_cluster(body)


def test_an_eviction_without_a_budget_deletes() -> None:
    """After it has written why; a pod on a node goes gracefully."""

    async def body(cluster: Cluster) -> None:
        await cluster.put("pods", pod(nodeName="n"), status={"phase": "Running"})
        assert await cluster.post("eviction", "p", eviction(), dry_run=True) == SUCCESS
        assert await cluster.post("eviction", "p", eviction(gracePeriodSeconds=5)) == SUCCESS
        going = cluster.now("pods", "p")
        assert going["metadata"]["deletionGracePeriodSeconds"] == 5
        [condition] = going["status"]["conditions"]
        assert (condition["type"], condition["reason"]) == ("DisruptionTarget", "EvictionByEvictionAPI")
        await cluster.put("pods", pod("unplaced"))
        await cluster.post("eviction", "unplaced", eviction("unplaced"))
        with pytest.raises(APIError, match="not found"):
            cluster.now("pods", "unplaced")

    in_cluster(body)


def budget(name: str = "b", **spec: Any) -> Tree:
    return {"metadata": {"name": name}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "a"}}, **spec}}


async def guarded(cluster: Cluster, status: Tree, *, ready: bool = True, **spec: Any) -> None:
    """A running pod under a budget."""
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    await cluster.put("pods", pod(nodeName="n"), status={"phase": "Running", "conditions": conditions})
    await cluster.put("poddisruptionbudgets", budget(**spec), group="policy",
                      status={"observedGeneration": 1, "desiredHealthy": 1, "currentHealthy": 1, **status})


def test_an_eviction_takes_one_disruption() -> None:
    """And tells the budget's controller which pod it was for."""

    async def body(cluster: Cluster) -> None:
        await guarded(cluster, {"disruptionsAllowed": 1})
        assert await cluster.post("eviction", "p", eviction()) == SUCCESS
        status = cluster.now("poddisruptionbudgets", "b", "policy")["status"]
        assert status["disruptionsAllowed"] == 0 and list(status["disruptedPods"]) == ["p"]
        assert status["conditions"][0]["reason"] == "InsufficientPods"

    in_cluster(body)


@pytest.mark.parametrize(("status", "retry", "cause"), [
    ({"disruptionsAllowed": 0, "currentHealthy": 0}, None,
     "The disruption budget b needs 1 healthy pods and has 0 currently"),
    ({"disruptionsAllowed": 5, "observedGeneration": 0}, 10,
     "The disruption budget b is still being processed by the server."),
])
def test_a_spent_budget_refuses(status: Tree, retry: int | None, cause: str) -> None:
    """With a cause, and a time to come back when that may help."""

    async def body(cluster: Cluster) -> None:
        await guarded(cluster, status)
        with pytest.raises(APIError) as refusal:
            await cluster.post("eviction", "p", eviction())
        assert refusal.value.code == 429
        assert refusal.value.message == "Cannot evict pod as it would violate the pod's disruption budget."
        details = refusal.value.details or {}
        assert details["causes"] == [{"reason": "DisruptionBudget", "message": cause}]
        assert details.get("retryAfterSeconds") == retry

    in_cluster(body)


@pytest.mark.parametrize(("status", "spec", "spared"), [
    ({"currentHealthy": 1}, {}, True),
    ({"currentHealthy": 0}, {}, False),
    ({"currentHealthy": 0}, {"unhealthyPodEvictionPolicy": "AlwaysAllow"}, True),
])
def test_a_pod_that_is_not_ready_may_go_uncounted(status: Tree, spec: Tree, spared: bool) -> None:
    """When enough others are healthy, or the budget says so."""

    async def body(cluster: Cluster) -> None:
        await guarded(cluster, {"disruptionsAllowed": 0, **status}, ready=False, **spec)
        if spared:
            assert await cluster.post("eviction", "p", eviction()) == SUCCESS
        else:
            assert (await cluster.refusal(cluster.post("eviction", "p", eviction())))[0] == 429

    in_cluster(body)


def test_two_budgets_are_one_too_many() -> None:
    """A plain failure, without a reason."""

    async def body(cluster: Cluster) -> None:
        await guarded(cluster, {"disruptionsAllowed": 1})
        await cluster.put("poddisruptionbudgets", budget("other"), group="policy")
        assert await cluster.refusal(cluster.post("eviction", "p", eviction())) == (
            500, "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.")

    in_cluster(body)


def test_an_eviction_of_another_pod_of_that_name() -> None:
    """The uid tells them apart."""

    async def body(cluster: Cluster) -> None:
        uid = (await cluster.put("pods", pod()))["metadata"]["uid"]
        given = eviction(preconditions={"uid": "x"})
        assert await cluster.refusal(cluster.post("eviction", "p", given)) == (
            409, 'Operation cannot be fulfilled on Pod "p": the UID in the precondition (x) does not match the UID in '
                 f"record ({uid}). The object might have been deleted and then recreated")

    in_cluster(body)


@pytest.mark.parametrize("query", [
    ("tailLines=-1", 422, 'PodLogOptions "p" is invalid: tailLines: Invalid value: -1: must be greater than or equal '
                          "to 0"),
    ("tailLines=x", 400, 'strconv.ParseInt: parsing "x": invalid syntax'),
    ("sinceSeconds=5&sinceTime=2024-01-01T00:00:00Z", 422,
     'PodLogOptions "p" is invalid: []: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified'),
    ("limitBytes=0", 422, 'PodLogOptions "p" is invalid: limitBytes: Invalid value: 0: must be greater than 0'),
    ("stream=Stdout", 422, 'PodLogOptions "p" is invalid: stream: Forbidden: may not be specified'),
    ("container=zz", 400, "container zz is not valid for pod p"),
    ("", 400, "a container name must be specified for pod p, choose one of: [i a b]"),
])
def test_refused_logs(query: tuple[str, int, str]) -> None:
    """Before any node is asked."""

    async def body(cluster: Cluster) -> None:
        await cluster.put("pods", pod("p", "a", "b", initContainers=[{"name": "i", "image": "i"}]))
        assert await cluster.refusal(cluster.connect("pods", "log", "p", query[0])) == query[1:]

    in_cluster(body)


def node() -> Tree:
    return {"metadata": {"name": "n"}, "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]}}


class Kubelet:
    """Remembers where it was sent."""

    def __init__(self) -> None:
        self.went: list[str] = []

    def read(self, location: Location, request: Request) -> Answer:
        self.went.append(str(location))
        return Response(200, b"log")

    upgrade = relay = read


def test_rooms_lead_to_the_kubelet() -> None:
    """With the parameters that kubelets know."""
    kubelet = Kubelet()

    async def body(cluster: Cluster) -> None:
        await cluster.put("pods", pod(nodeName="n"))
        await cluster.put("nodes", node())
        await cluster.connect("pods", "log", "p", "tailLines=5&follow")
        await cluster.connect("pods", "exec", "p", "command=ls&command=-l&stdout=true", headers=UPGRADE)
        await cluster.connect("pods", "attach", "p", "stdin=1&tty=1", headers=UPGRADE)
        await cluster.connect("pods", "portforward", "p", "ports=80&ports=81", headers=UPGRADE)
        await cluster.connect("nodes", "proxy", "n", path="healthz")
        await cluster.connect("nodes", "proxy", "n:8080", "a=b", path="x")

    in_cluster(body, kubelet=kubelet, proxy_transport=kubelet)
    assert kubelet.went == [
        "https://10.0.0.1:10250/containerLogs/ns/p/c?follow=true&tailLines=5",
        "https://10.0.0.1:10250/exec/ns/p/c?command=ls&command=-l&output=1",
        "https://10.0.0.1:10250/attach/ns/p/c?input=1&tty=1",
        "https://10.0.0.1:10250/portForward/ns/p?port=80%2C81",
        "https://10.0.0.1:10250/healthz",
        "http://10.0.0.1:8080/x?a=b"]


def test_kubelets_out_of_reach() -> None:
    """Without a connection every kubelet is one that does not listen."""

    async def body(cluster: Cluster) -> None:
        await cluster.put("pods", pod(nodeName="n"))
        await cluster.put("pods", pod("waiting"))
        await cluster.put("nodes", node())
        refused = "dial tcp 10.0.0.1:10250: connect: connection refused"
        assert await cluster.refusal(cluster.connect("pods", "log", "p")) == (
            500, f'Get "https://10.0.0.1:10250/containerLogs/ns/p/c": {refused}')
        assert await cluster.refusal(cluster.connect("pods", "exec", "p", "command=x", headers=UPGRADE)) == (
            500, f"error dialing backend: {refused}")
        assert await cluster.refusal(cluster.connect("pods", "exec", "p", "command=x")) == (
            400, "Upgrade request required")
        assert await cluster.refusal(cluster.connect("pods", "exec", "waiting", headers=UPGRADE)) == (
            400, "pod waiting does not have a host assigned")
        assert await cluster.refusal(cluster.connect("nodes", "proxy", "n", path="x")) == (
            503, f"error trying to reach service: {refused}")
        nothing = await cluster.connect("pods", "log", "waiting")
        assert isinstance(nothing, Response) and (nothing.status, nothing.body) == (204, b"")

    in_cluster(body)


def test_proxies_reach_pods_only() -> None:
    """By the pod's address, or by endpoints that are pods."""
    transport = Kubelet()

    async def body(cluster: Cluster) -> None:
        await cluster.put("pods", pod(), status={"podIPs": [{"ip": "10.1.0.1"}]})
        await cluster.put("pods", pod("nowhere"))
        await cluster.put("services", {"metadata": {"name": "s"}, "spec": {
            "clusterIP": "None", "ports": [{"name": "http", "port": 80}]}})
        target = {"kind": "Pod", "name": "p", "namespace": "ns"}
        await cluster.put("endpoints", {"metadata": {"name": "s"}, "subsets": [
            {"addresses": [{"ip": "10.1.0.1", "targetRef": target}, {"ip": "10.9.9.9"}],
             "ports": [{"name": "http", "port": 8080}]}]})
        await cluster.connect("pods", "proxy", "https:p:443", path="a")
        await cluster.connect("services", "proxy", "s:80", path="b")
        for plural, name, code, message in (
                ("pods", "nowhere", 400, "address not allowed"),
                ("pods", "a:b:c:d", 400, 'invalid pod request "a:b:c:d"'),
                ("services", "s:99", 503, 'no service port 99 found for service "s"'),
                ("services", "s:other", 503, 'no endpoints available for service "s:other"'),
                ("services", "none", 404, 'services "none" not found'),
                ("nodes", "none", 404, 'nodes "none" not found')):
            assert await cluster.refusal(cluster.connect(plural, "proxy", name, path="x")) == (code, message)

    in_cluster(body, proxy_transport=transport)
    assert transport.went == ["https://10.1.0.1:443/a", "http://10.1.0.1:8080/b"]
