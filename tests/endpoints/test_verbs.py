"""Paths and methods: what answers, with which code, and what does not exist."""

from __future__ import annotations

from typing import Any

import pytest
from served import MAPS, make, now, play, version

import orlop

LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"


@pytest.mark.parametrize(("method", "path", "code"), [
    ("GET", MAPS, 200), ("GET", f"{MAPS}/a", 200), ("GET", f"{MAPS}/none", 404),
    ("GET", "/api/v1/configmaps", 200), ("POST", "/api/v1/configmaps", 405), ("DELETE", "/api/v1/configmaps", 405),
    ("PUT", MAPS, 405), ("PATCH", MAPS, 405), ("POST", f"{MAPS}/a", 405),
    ("HEAD", f"{MAPS}/a", 405), ("OPTIONS", MAPS, 405),
    ("GET", "/api/v1/configmaps/a", 404), ("GET", "/api/v1/nothings", 404), ("GET", "/api/v2/configmaps", 404),
    ("GET", "/apis/nowhere/v1/things", 404), ("GET", "/api/v1/namespaces/default/nodes", 404),
    ("GET", f"{MAPS}/a/status", 404), ("GET", "/api/v1/namespaces/default/pods/a/status", 404),
    ("POST", "/api/v1/namespaces/default/pods/a/status", 405), ("GET", "/api/v1/namespaces/default/status", 200),
    ("GET", f"{MAPS}/a/b/c", 404), ("GET", "/api/v1/namespaces/default/status/more", 404),
    ("GET", "/api/v1/proxy/namespaces/default/configmaps/a", 404), ("GET", "/api/v1/proxy/configmaps", 404),
    ("POST", "/api/v1/watch/configmaps", 405), ("GET", "/api/v1/watch/namespaces/default/configmaps/a/b", 404),
    ("GET", "/api/v1/watch/namespaces/default/status", 404), ("GET", "/api/v1/watch", 500),
    ("GET", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", 405), ("GET", "/nothing", 404),
])
def test_paths_and_methods(method: str, path: str, code: int) -> None:
    """404 for what does not exist, 405 for what does and cannot do that, worded as everywhere."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a")
        reply = await server.request(method, path)
        assert reply.status == code, reply.body
        if code == 405 and method != "HEAD":
            assert reply.json()["message"] == "the server does not allow this method on the requested resource"

    play(scenario)


def test_life_of_an_object() -> None:
    """201 when made, 200 afterwards, 404 when gone; each answer carries kind, apiVersion and its revision."""

    async def scenario(server: orlop.Server) -> None:
        made = await make(server, "a", {"k": "v"})
        assert (made["kind"], made["apiVersion"], version(made)) == ("ConfigMap", "v1", now(server))
        assert (await server.request("GET", f"{MAPS}/a")).json() == made
        replaced = await server.request("PUT", f"{MAPS}/a", {"metadata": {"name": "a"}, "data": {"k": "w"}})
        assert replaced.status == 200 and replaced.json()["metadata"]["uid"] == made["metadata"]["uid"]
        stale = await server.request("PUT", f"{MAPS}/a", made)
        assert (stale.status, stale.json()["reason"]) == (409, "Conflict")
        gone = await server.request("DELETE", f"{MAPS}/a")
        assert gone.json()["details"] == {"name": "a", "kind": "configmaps", "uid": made["metadata"]["uid"]}
        assert (await server.request("GET", f"{MAPS}/a")).json()["details"] == {"name": "a", "kind": "configmaps"}

    play(scenario)


def test_put_may_create() -> None:
    """Kinds that allow it are made by PUT: 201, and the right to create is asked for."""

    async def scenario(server: orlop.Server) -> None:
        lease: dict[str, Any] = {"metadata": {"name": "a"}, "spec": {"holderIdentity": "me"}}
        made = await server.request("PUT", f"{LEASES}/a", lease)
        assert made.status == 201
        assert (await server.request("PUT", f"{LEASES}/a", made.json())).status == 200
        assert (await server.request("PUT", f"{MAPS}/a", {"metadata": {"name": "a"}})).status == 404
        group = "rbac.authorization.k8s.io"
        base = f"/apis/{group}/v1/namespaces/default"
        rules = [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["update"]}]
        await server.request("POST", f"{base}/roles", {"metadata": {"name": "r"}, "rules": rules})
        await server.request("POST", f"{base}/rolebindings", {
            "metadata": {"name": "r"}, "subjects": [{"kind": "User", "name": "eve", "apiGroup": group}],
            "roleRef": {"apiGroup": group, "kind": "Role", "name": "r"}})
        eve = {"impersonate-user": "eve"}
        assert (await server.request("PUT", f"{LEASES}/a", made.json(), headers=eve)).status == 200
        lease["metadata"] = {"name": "b"}
        refused = await server.request("PUT", f"{LEASES}/b", lease, headers=eve)
        assert refused.status == 403 and 'cannot create resource "leases"' in refused.json()["message"]

    play(scenario)


@pytest.mark.parametrize(("path", "metadata", "text"), [
    (f"{MAPS}/a", {"name": "b"}, "the name of the object (b) does not match the name on the URL (a)"),
    (f"{MAPS}/a", {}, "the name of the object (a based on URL) was undeterminable: name must be provided"),
    (f"{MAPS}/a", {"name": "a", "namespace": "x"},
     "the namespace of the provided object does not match the namespace sent on the request"),
])
def test_put_is_about_its_url(path: str, metadata: dict[str, str], text: str) -> None:
    """A body about something else is refused."""

    async def scenario(server: orlop.Server) -> None:
        reply = await server.request("PUT", path, {"metadata": metadata})
        assert (reply.status, reply.json()["message"]) == (400, text)

    play(scenario)


@pytest.mark.parametrize(("query", "body", "code"), [
    ({"dryRun": "All"}, None, 200), ({}, {"dryRun": ["All"]}, 200), ({"dryRun": "Some"}, None, 422),
    ({"dryRun": "All"}, {"gracePeriodSeconds": 0}, 0), ({}, {"preconditions": {"uid": "x"}}, 409),
    ({}, {"kind": "Pod", "apiVersion": "v1"}, 400), ({}, {"gracePeriodSeconds": "soon"}, 400), ({}, b"{", 400),
    ({"propagationPolicy": "Orphan", "orphanDependents": True}, None, 422), ({"gracePeriodSeconds": "x"}, None, 400),
])
def test_delete_options(query: dict[str, Any], body: Any, code: int) -> None:
    """From the body, else from the query; a body makes the query count for nothing."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a")
        reply = await server.request("DELETE", f"{MAPS}/a", body, query=query)
        assert reply.status == (code or 200), reply.body
        left = (await server.request("GET", f"{MAPS}/a")).status
        assert left == (404 if code == 0 else 200)

    play(scenario)


def test_delete_that_must_wait() -> None:
    """200 with the object that is being deleted, 202 when dependents were to go first in the old words."""

    async def scenario(server: orlop.Server) -> None:
        for name in "ab":
            await make(server, name, finalizers=["example.com/wait"])
        reply = await server.request("DELETE", f"{MAPS}/a")
        assert reply.status == 200 and reply.json()["metadata"]["deletionTimestamp"]
        assert (await server.request("DELETE", f"{MAPS}/b", {"orphanDependents": False})).status == 202

    play(scenario)


def test_delete_collection() -> None:
    """The selected objects go, and are listed; a dry run lists them only."""

    async def scenario(server: orlop.Server) -> None:
        for number in range(4):
            await make(server, f"m{number}", labels={"odd": str(number % 2)})
        query = {"labelSelector": "odd=1"}
        dry = await server.request("DELETE", MAPS, query=query | {"dryRun": "All"})
        assert len(dry.json()["items"]) == 2
        reply = await server.request("DELETE", MAPS, query=query)
        assert (reply.status, reply.json()["kind"], len(reply.json()["items"])) == (200, "ConfigMapList", 2)
        left = (await server.request("GET", MAPS)).json()["items"]
        assert [item["metadata"]["name"] for item in left] == ["m0", "m2"]

    play(scenario)


def test_dry_run_of_every_write() -> None:
    """Nothing is stored, no event is made, the answers look real."""

    async def scenario(server: orlop.Server) -> None:
        made = await make(server, "a")
        before, dry = now(server), {"dryRun": "All"}
        body = {"metadata": {"name": "b"}, "data": {"x": "y"}}
        assert (await server.request("POST", MAPS, body, query=dry)).status == 201
        assert (await server.request("POST", MAPS, {"metadata": {"name": "a"}}, query=dry)).status == 409
        body = {"metadata": {"name": "a"}, "data": {"x": "y"}}
        assert (await server.request("PUT", f"{MAPS}/a", body, query=dry)).json()["data"] == {"x": "y"}
        merge = {"content-type": "application/merge-patch+json"}
        assert (await server.request("PATCH", f"{MAPS}/a", body, query=dry, headers=merge)).json()["data"] == {"x": "y"}
        assert (await server.request("DELETE", f"{MAPS}/a", query=dry)).json()["status"] == "Success"
        assert now(server) == before and (await server.request("GET", f"{MAPS}/a")).json() == made

    play(scenario)


def test_pages_by_http() -> None:
    """limit and continue, and what is left."""

    async def scenario(server: orlop.Server) -> None:
        for name in "abc":
            await make(server, name)
        first = (await server.request("GET", MAPS, query={"limit": 2})).json()
        assert first["metadata"]["remainingItemCount"] == 1
        await make(server, "d")
        query = {"limit": 2, "continue": first["metadata"]["continue"]}
        second = (await server.request("GET", MAPS, query=query)).json()
        assert [i["metadata"]["name"] for i in first["items"] + second["items"]] == ["a", "b", "c"]
        assert second["metadata"] == {"resourceVersion": first["metadata"]["resourceVersion"]}
        assert (await server.request("GET", MAPS, query={"continue": "nonsense!"})).status == 400

    play(scenario)


@pytest.mark.parametrize(("query", "code"), [
    ({"resourceVersionMatch": "Exact"}, 422), ({"resourceVersionMatch": "Exact", "resourceVersion": "0"}, 422),
    ({"resourceVersionMatch": "Never", "resourceVersion": "1"}, 422), ({"sendInitialEvents": True}, 422),
    ({"resourceVersion": "x"}, 400), ({"fieldSelector": "data.x=y"}, 400), ({"labelSelector": "a b"}, 400),
    ({"limit": "many"}, 400), ({"resourceVersion": "0", "limit": 1}, 200),
])
def test_list_options(query: dict[str, Any], code: int) -> None:
    """What cannot be read is a 400, what breaks a rule a 422."""

    async def scenario(server: orlop.Server) -> None:
        assert (await server.request("GET", MAPS, query=query)).status == code

    play(scenario)


def test_lists_are_lists() -> None:
    """Empty ones have an empty list; items leave kind and apiVersion out."""

    async def scenario(server: orlop.Server) -> None:
        empty = (await server.request("GET", MAPS)).json()
        assert empty == {"kind": "ConfigMapList", "apiVersion": "v1",
                         "metadata": {"resourceVersion": str(now(server))}, "items": []}
        await make(server, "a")
        assert "kind" not in (await server.request("GET", MAPS)).json()["items"][0]

    play(scenario)
