"""POST /orlop/v1/undo/PATH: the object as it was, by the ordinary ways of writing."""

from __future__ import annotations

from typing import Any

from pasts import Play, allow, history, undo
from served import MAPS, make, now, patch, version

import orlop

DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
SERVICES = "/api/v1/namespaces/default/services"


async def get(server: orlop.Server, path: str = f"{MAPS}/a") -> Any:
    reply = await server.request("GET", path)
    assert reply.status == 200, reply.body
    return reply.json()


def deployment(image: str) -> Any:
    return {"metadata": {"name": "d"}, "spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": image}]}}}}


def test_to_a_revision(play: Play) -> None:
    """Labels and content come back, what is the server's stays; it is a write of its own that history shows."""

    async def scenario(server: orlop.Server) -> None:
        made = await make(server, "a", {"k": "1"}, labels={"x": "y"})
        await patch(server, "a", {"data": {"k": "2"}, "metadata": {"labels": {"x": None, "n": "m"}}})
        await patch(server, "a", {"data": {"more": "3"}})
        reply = await undo(server, to=version(made))
        assert reply.status == 200
        again = reply.json()
        assert again == await get(server)
        assert version(again) == now(server) > version(made)
        again["metadata"]["resourceVersion"] = made["metadata"]["resourceVersion"]
        for obj in (again, made):
            del obj["metadata"]["managedFields"]  # times of writes
        assert again == made
        newest = (await history(server))["items"][0]
        assert newest["type"] == "MODIFIED" and newest["user"] == "orlop-admin"

    play(scenario)


def test_the_newest_change(play: Play) -> None:
    """Without a revision the newest change goes; doing it twice brings it back; a creation is not undone."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a", {"k": "1"})
        reply = await undo(server)
        assert reply.status == 400 and "created configmaps \"a\"" not in reply.json()["reason"]
        assert "nothing to go back to" in reply.json()["message"]
        await patch(server, "a", {"data": {"k": "2"}})
        assert (await undo(server)).json()["data"] == {"k": "1"}
        assert (await undo(server)).json()["data"] == {"k": "2"}

    play(scenario)


def test_what_is_gone_comes_back(play: Play) -> None:
    """A deleted object is made anew, with a uid of its own; in a dry run it is not."""

    async def scenario(server: orlop.Server) -> None:
        made = await make(server, "a", {"k": "1"}, labels={"x": "y"})
        await server.request("DELETE", f"{MAPS}/a")
        before = now(server)
        reply = await undo(server, dryRun="All")
        assert reply.status == 201 and now(server) == before
        assert (await server.request("GET", f"{MAPS}/a")).status == 404
        reply = await undo(server)
        assert reply.status == 201
        again = await get(server)
        assert again["data"] == {"k": "1"} and again["metadata"]["labels"] == {"x": "y"}
        assert again["metadata"]["uid"] != made["metadata"]["uid"]
        assert (await undo(server, f"{MAPS}/nobody")).status == 404

    play(scenario)


def test_between_two_lives(play: Play) -> None:
    """An object gets the content of an older one of its name, but not its identity."""

    async def scenario(server: orlop.Server) -> None:
        old = await make(server, "a", {"k": "1"})
        await server.request("DELETE", f"{MAPS}/a")
        new = await make(server, "a", {"k": "2"})
        reply = await undo(server, to=version(old))
        assert reply.status == 200
        assert reply.json()["data"] == {"k": "1"}
        assert reply.json()["metadata"]["uid"] == new["metadata"]["uid"]

    play(scenario)


def test_refusals(play: Play) -> None:
    """Already so, not there then, no such revision, forgotten, changed meanwhile, not an object."""

    async def scenario(server: orlop.Server) -> None:
        made = version(await make(server, "a", {"k": "1"}))
        changed = version((await patch(server, "a", {"data": {"k": "2"}})).json())
        before = now(server)

        async def refused(code: int, text: str, **query: str | int) -> None:
            reply = await undo(server, **query)
            assert (reply.status, text in reply.json()["message"]) == (code, True), reply.body

        await refused(400, f'configmaps "a" is already as it was at revision {changed}', to=changed)
        await refused(404, f'configmaps "a" was not there at revision {made - 1}', to=made - 1)
        await refused(400, "invalid resource version", to="x")
        await refused(400, "to must be a revision", to="0")
        await refused(409, "the object has been modified", to=made, resourceVersion=made)
        await refused(400, "configmaps have no status of their own", to=made, status=1)
        await refused(422, "dryRun", to=made, dryRun="Some")
        assert (await undo(server, MAPS)).status == 405
        assert (await server.request("GET", f"/orlop/v1/undo{MAPS}/a")).status == 405
        assert now(server) == before
        application = server.running.application
        await application.storage.compact(before)
        for cache in application.caches.values():
            await cache.compact(before)
        await refused(410, "too old", to=made)
        await refused(410, "is forgotten")
        assert (await undo(server, to=changed, resourceVersion=changed)).status == 400

    play(scenario)


def test_the_kinds_rules_hold(play: Play) -> None:
    """Generations move on, immutable fields refuse, addresses are given out again: as a PUT or POST would have it."""

    async def scenario(server: orlop.Server) -> None:
        made = (await server.request("POST", DEPLOYMENTS, deployment("one"))).json()
        await server.request("PUT", f"{DEPLOYMENTS}/d", deployment("two"))
        back = (await undo(server, f"{DEPLOYMENTS}/d", to=version(made))).json()
        assert back["spec"] == made["spec"] and back["metadata"]["generation"] == 3

        await make(server, "a", {"k": "1"})
        frozen = (await patch(server, "a", {"immutable": True, "data": {"k": "2"}})).json()
        reply = await undo(server, to=version(frozen) - 1)
        assert reply.status == 422 and "field is immutable" in reply.json()["message"]

        service = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
        given = (await server.request("POST", SERVICES, service)).json()["spec"]["clusterIP"]
        await server.request("DELETE", f"{SERVICES}/s")
        assert (await undo(server, f"{SERVICES}/s")).json()["spec"]["clusterIP"] == given

    play(scenario)


def test_a_job(play: Play) -> None:
    """Its own uid, which the server wrote into selector and labels, becomes that of the new one."""
    jobs = "/apis/batch/v1/namespaces/default/jobs"
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}
    job = {"metadata": {"name": "j"}, "spec": {"template": {"spec": pod}}}

    async def scenario(server: orlop.Server) -> None:
        made = (await server.request("POST", jobs, job)).json()
        await server.request("DELETE", f"{jobs}/j?propagationPolicy=Background")
        reply = await undo(server, f"{jobs}/j")
        assert reply.status == 201, reply.body
        again = reply.json()
        assert again["metadata"]["uid"] in again["spec"]["selector"]["matchLabels"].values()
        assert made["metadata"]["uid"] not in str(again)
        reply = await undo(server, f"{jobs}/j", to=version(made))
        assert reply.status == 200 and reply.json()["spec"] == again["spec"]

    play(scenario)


def test_status_only_when_asked(play: Play) -> None:
    """Controllers own it: neither is it brought back, nor does its change count as the newest one, unless asked for."""

    async def scenario(server: orlop.Server) -> None:
        path = f"{DEPLOYMENTS}/d"
        await server.request("POST", DEPLOYMENTS, deployment("one"))
        await server.request("PUT", path, deployment("two"))
        merge = {"content-type": "application/merge-patch+json"}
        reply = await server.request("PATCH", f"{path}/status", {"status": {"replicas": 1}}, headers=merge)
        first = version(reply.json())
        reply = await server.request("PATCH", f"{path}/status", {"status": {"replicas": 2}}, headers=merge)
        assert reply.json()["status"]["replicas"] == 2
        back = (await undo(server, path)).json()
        assert back["spec"]["template"]["spec"]["containers"][0]["image"] == "one"
        assert back["status"]["replicas"] == 2
        back = (await undo(server, path, to=first, status=1)).json()
        assert back == await get(server, path)
        assert back["spec"]["template"]["spec"]["containers"][0]["image"] == "two"
        assert back["status"]["replicas"] == 1
        assert (await undo(server, path, to=first)).status == 400
        assert (await undo(server, path, to=first, status=1)).status == 400

    play(scenario)


def test_who_may_undo(play: Play) -> None:
    """Who may update the object (and create it, when it is gone) and read it; whoever lacks one of these writes
    nothing and sees nothing."""

    async def scenario(server: orlop.Server) -> None:
        made = version(await make(server, "a", {"k": "1"}))
        await patch(server, "a", {"data": {"k": "2"}})
        users = {verbs: await allow(server, f"user-{index}", verbs.split("+"), "configmaps")
                 for index, verbs in enumerate(("get", "update", "get+update", "get+update+create"))}
        before = now(server)
        path = f"/orlop/v1/undo{MAPS}/a?to={made}"
        for verbs, lacking in (("get", "update"), ("update", "get")):
            reply = await server.request("POST", path, headers=users[verbs])
            assert reply.status == 403 and f"cannot {lacking} resource" in reply.json()["message"]
        assert (await server.request("POST", path, headers={"authorization": ""})).status == 403
        assert now(server) == before
        assert (await server.request("POST", path, headers=users["get+update"])).status == 200
        assert (await history(server))["items"][0]["user"] == "user-2"
        await server.request("DELETE", f"{MAPS}/a")
        reply = await server.request("POST", path, headers=users["get+update"])
        assert reply.status == 403 and "cannot create resource" in reply.json()["message"]
        assert (await server.request("POST", path, headers=users["get+update+create"])).status == 201

    play(scenario)


def test_a_namespace_and_a_cluster_wide_kind(play: Play) -> None:
    """Also what is not in a namespace, and namespaces themselves."""

    async def scenario(server: orlop.Server) -> None:
        for collection, body in (("/api/v1/namespaces", {"metadata": {"name": "n", "labels": {"x": "1"}}}),
                                 ("/apis/scheduling.k8s.io/v1/priorityclasses",
                                  {"metadata": {"name": "n", "labels": {"x": "1"}}, "value": 5})):
            assert (await server.request("POST", collection, body)).status == 201
            merge = {"content-type": "application/merge-patch+json"}
            await server.request("PATCH", f"{collection}/n", {"metadata": {"labels": {"x": "2"}}}, headers=merge)
            reply = await undo(server, f"{collection}/n")
            assert reply.json()["metadata"]["labels"]["x"] == "1", reply.body
            assert [item["type"] for item in (await history(server, f"{collection}/n"))["items"]] == [
                "MODIFIED", "MODIFIED", "ADDED"]

    play(scenario)
