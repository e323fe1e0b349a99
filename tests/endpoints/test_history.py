"""GET /orlop/v1/history/PATH: what happened to an object or in a collection, who did it, and who may know."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest
from pasts import HISTORY, Play, allow, history
from served import MAPS, make, patch, version

import orlop
from orlop.api.http import Request
from orlop.endpoints import history as room
from orlop.registry import history as past
from orlop.storage.interface import Write

SECRETS = "/api/v1/namespaces/default/secrets"


def told(answer: Any) -> list[tuple[str, str]]:
    return [(item["type"], item["revision"]) for item in answer["items"]]


def test_the_writes_of_one_object(play: Play) -> None:
    """Newest first, with time, user, manager and what changed; names that begin alike are other objects."""

    async def scenario(server: orlop.Server) -> None:
        first = version(await make(server, "a", {"k": "1"}))
        await make(server, "ab")
        reply = await server.request("PATCH", f"{MAPS}/a", {"data": {"k": "2", "n": "x"}}, query={"fieldManager": "me"},
                                     headers={"content-type": "application/merge-patch+json"})
        second = version(reply.json())
        answer = await history(server)
        assert told(answer) == [("MODIFIED", str(second)), ("ADDED", str(first))]
        newest, oldest = answer["items"]
        assert newest["user"] == oldest["user"] == "orlop-admin"
        assert (newest["manager"], oldest["manager"]) == ("me", "orlop-embedded")
        assert newest["time"].endswith("Z")
        assert newest["changes"] == [{"op": "replace", "path": "/data/k", "from": "1", "to": "2"},
                                     {"op": "add", "path": "/data/n", "to": "x"}]
        assert "changes" not in oldest and "object" not in newest
        assert (answer["kind"], answer["apiVersion"], answer["path"]) == ("History", "orlop/v1", f"{MAPS}/a")
        assert answer["complete"] is True and answer["more"] is False
        assert int(answer["metadata"]["resourceVersion"]) >= second
        assert 1 <= int(answer["oldest"]) <= first

    play(scenario)


def test_an_object_that_is_gone(play: Play) -> None:
    """Its name still tells, through all its lives; a name that nothing ever had is 404."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a")
        await server.request("DELETE", f"{MAPS}/a")
        again = await make(server, "a")
        await server.request("DELETE", f"{MAPS}/a")
        answer = await history(server, object="1")
        assert [item["type"] for item in answer["items"]] == ["DELETED", "ADDED", "DELETED", "ADDED"]
        assert answer["items"][0]["uid"] == again["metadata"]["uid"] != answer["items"][3]["uid"]
        assert answer["items"][0]["object"]["kind"] == "ConfigMap"
        reply = await server.request("GET", f"{HISTORY}{MAPS}/nobody")
        direct = await server.request("GET", f"{MAPS}/nobody")
        assert (reply.status, reply.json()) == (404, direct.json())

    play(scenario)


def test_a_collection(play: Play) -> None:
    """All writes of a namespace, or of a kind; the limit keeps the newest and says that there are more."""

    async def scenario(server: orlop.Server) -> None:
        for name in ("a", "b", "c"):
            await make(server, name)
        await patch(server, "a", {"data": {"k": "v"}})
        answer = await history(server, MAPS)
        assert [(item["type"], item["namespace"], item["name"]) for item in answer["items"]] == [
            ("MODIFIED", "default", "a"), ("ADDED", "default", "c"), ("ADDED", "default", "b"),
            ("ADDED", "default", "a")]
        assert answer["more"] is False and "complete" not in answer
        answer = await history(server, "/api/v1/configmaps", limit=2)
        assert [item["name"] for item in answer["items"]] == ["a", "c"]
        assert answer["more"] is True
        answer = await history(server, limit=1)
        assert len(answer["items"]) == 1 and answer["more"] is True and answer["complete"] is False

    play(scenario)


def test_versions_and_generations(play: Play) -> None:
    """Objects and changes are in the version of the path; generations are told."""

    async def scenario(server: orlop.Server) -> None:
        scalers = "/apis/autoscaling/{}/namespaces/default/horizontalpodautoscalers"
        spec = {"scaleTargetRef": {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"}, "maxReplicas": 3,
                "targetCPUUtilizationPercentage": 50}
        made = await server.request("POST", scalers.format("v1"), {"metadata": {"name": "h"}, "spec": spec})
        assert made.status == 201, made.body
        spec["targetCPUUtilizationPercentage"] = 60
        await server.request("PUT", scalers.format("v1") + "/h", {"metadata": {"name": "h"}, "spec": spec})
        one = await history(server, scalers.format("v1") + "/h")
        assert one["items"][0]["changes"] == [
            {"op": "replace", "path": "/spec/targetCPUUtilizationPercentage", "from": 50, "to": 60}]
        two = await history(server, scalers.format("v2") + "/h", object=True)
        assert two["items"][0]["changes"][0]["path"].startswith("/spec/metrics/0/resource")
        assert two["items"][0]["object"]["apiVersion"] == "autoscaling/v2"

    play(scenario)


def test_limits(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """A limit that is none is 400, a large one is cut; so is an answer with too many bytes."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a", {"k": "v" * 1000})
        for number in range(3):
            await patch(server, "a", {"data": {"n": str(number)}})
        assert (await server.request("GET", f"{HISTORY}{MAPS}/a?limit=x")).status == 400
        assert (await server.request("GET", f"{HISTORY}{MAPS}/a?limit=-1")).status == 400
        monkeypatch.setattr(room, "MAX_ITEMS", 3)
        answer = await history(server, limit=5)
        assert (len(answer["items"]), answer["more"]) == (3, True)
        monkeypatch.setattr(room, "MAX_BYTES", 100)
        answer = await history(server)
        assert (len(answer["items"]), answer["more"]) == (1, True)

    play(scenario)


def test_what_is_forgotten(play: Play) -> None:
    """After a compaction the answer begins later, and says so; an object untouched since has an empty history."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a")
        await make(server, "still")
        storage, caches = server.running.application.storage, server.running.application.caches
        revision = storage.revision
        await storage.compact(revision)
        for cache in caches.values():
            await cache.compact(revision)
        await patch(server, "a", {"data": {"k": "v"}})
        answer = await history(server)
        assert [item["type"] for item in answer["items"]] == ["MODIFIED"]
        assert (answer["complete"], answer["more"], answer["oldest"]) == (False, False, str(revision))
        answer = await history(server, f"{MAPS}/still")
        assert (answer["items"], answer["complete"]) == ([], False)

    play(scenario)


def test_a_long_log(play: Play) -> None:
    """What a long log is asked for is the object's alone; names that begin alike do not come along."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a")
        await make(server, "ab")
        storage = server.running.application.storage
        body = b'{"metadata":{"name":"filler","namespace":"default"},"data":{"n":"%d"}}'
        for number in range(5000):
            await storage.guaranteed_update("/registry/fillers/x", lambda _, n=number: Write(body % n))
        await patch(server, "a", {"data": {"k": "v"}})
        assert storage.revision - storage.compacted > past.SHORT
        assert [item["type"] for item in (await history(server))["items"]] == ["MODIFIED", "ADDED"]

    play(scenario)


def test_forms(play: Play) -> None:
    """JSON, indented for people, or YAML; nothing else."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a")
        reply = await server.request("GET", f"{HISTORY}{MAPS}/a", headers={"accept": "application/yaml"})
        assert reply.headers["content-type"] == "application/yaml" and b"kind: History" in reply.body
        reply = await server.request("GET", f"{HISTORY}{MAPS}/a", headers={"user-agent": "curl/8"})
        assert b'\n  "kind": "History"' in reply.body
        protobuf = {"accept": "application/vnd.kubernetes.protobuf"}
        assert (await server.request("GET", f"{HISTORY}{MAPS}/a", headers=protobuf)).status == 406

    play(scenario)


def test_paths_that_are_none(play: Play) -> None:
    """Subresources, kinds that are not stored, other methods, and everything that is not a resource."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a")
        reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        for method, path, status in (
            ("GET", f"{HISTORY}/api/v1/namespaces/default/pods/p/status", 404),
            ("GET", f"{HISTORY}/api/v1/namespaces/default/unheardof/a", 404),
            ("GET", f"{HISTORY}/apis/unheard.of/v1/things/a", 404),
            ("GET", f"{HISTORY}/api/v1/watch/configmaps", 404),
            ("GET", f"{HISTORY}{reviews}", 405),
            ("POST", f"{HISTORY}{MAPS}/a", 405),
            ("GET", f"{HISTORY}/healthz", 404),
            ("GET", HISTORY, 404),
            ("GET", "/orlop", 404),
            ("GET", "/orlop/v2/history" + MAPS, 404),
            ("GET", f"/orlop/v1/status{MAPS}/a", 404),
        ):
            assert (await server.request(method, path)).status == status, path

    play(scenario)


def test_who_may_read_it(play: Play) -> None:
    """Who may get the object, for an object; who may list, for a collection; others get what the thing itself says."""

    async def scenario(server: orlop.Server) -> None:
        await server.request("POST", SECRETS, {"metadata": {"name": "s"}, "stringData": {"k": "v"}})
        await make(server, "a")
        getter = await allow(server, "getter", ["get"], "secrets", names=("s",))
        lister = await allow(server, "lister", ["list"], "secrets")
        maps = await allow(server, "maps", ["get", "list"], "configmaps")
        everywhere = {"authorization": ""}
        for headers, one, many in ((getter, 200, 403), (lister, 403, 200), (maps, 403, 403), (everywhere, 403, 403)):
            for path, status in ((f"{SECRETS}/s", one), (SECRETS, many)):
                reply = await server.request("GET", HISTORY + path, headers=headers)
                direct = await server.request("GET", path, headers=headers)
                assert reply.status == direct.status == status
                if status == 403:
                    assert reply.json() == direct.json()
        # what narrows a list does not narrow a history, so it must not count
        narrowed = f"{HISTORY}{SECRETS}?fieldSelector=metadata.name%3Ds"
        reply = await server.request("GET", narrowed, headers=getter)
        assert reply.status == 403

    play(scenario)


def test_nothing_of_it_in_upstreams_documents(play: Play) -> None:
    """The index and discovery are upstream's."""

    async def scenario(server: orlop.Server) -> None:
        for path in ("/", "/api", "/apis", "/openapi/v3"):
            assert b"/orlop" not in (await server.request("GET", path)).body

    play(scenario)


def test_metrics_name_it(play: Play) -> None:
    """Requests are counted under the verb history and the resource, those for unknown resources under none."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a")
        application = server.running.application
        for path in (f"{HISTORY}{MAPS}/a", f"{HISTORY}/api/v1/namespaces/default/strange/a"):
            request = Request("GET", path, "", {"authorization": f"Bearer {server.token}"})
            answer = application.handler(request)
            done = await answer if isinstance(answer, Awaitable) else answer
            application.metrics.observe(request, done.status, 0.0, 0.1, 10)
        counted = [line for line in application.metrics.text().splitlines() if 'verb="history"' in line]
        assert any('resource="configmaps"' in line and 'scope="resource"' in line for line in counted)
        assert not any("strange" in line for line in counted)

    play(scenario)
