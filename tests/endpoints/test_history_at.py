"""GET /orlop/v1/at/REVISION/PATH: the object or the list as it was."""

from __future__ import annotations

from typing import Any

import pytest
from pasts import Play, allow, at
from served import MAPS, PARTIAL, TABLE, make, patch, version

import orlop
from orlop.registry import store


async def names(server: orlop.Server, target: str, **query: str | int) -> list[str]:
    reply = await server.request("GET", target, query=query)
    assert reply.status == 200, reply.body
    return [item["metadata"]["name"] for item in reply.json()["items"]]


def test_an_object(play: Play) -> None:
    """Byte for byte what a GET answered then, also between its writes and after its end."""

    async def scenario(server: orlop.Server) -> None:
        first = version(await make(server, "a", {"k": "1"}))
        then = await server.request("GET", f"{MAPS}/a")
        await make(server, "other")
        second = version((await patch(server, "a", {"data": {"k": "2"}})).json())
        await server.request("DELETE", f"{MAPS}/a")
        for revision in (first, second - 1):
            reply = await server.request("GET", at(revision))
            assert (reply.status, reply.body) == (200, then.body)
        assert (await server.request("GET", at(second))).json()["data"] == {"k": "2"}
        for revision in (first - 1, second + 1):
            reply = await server.request("GET", at(revision))
            assert reply.status == 404
            assert reply.json()["message"] == 'configmaps "a" not found'

    play(scenario)


def test_forms(play: Play) -> None:
    """Negotiated as an ordinary read: YAML, protobuf, a Table, metadata alone, another version."""

    async def scenario(server: orlop.Server) -> None:
        first = version(await make(server, "a", {"k": "1"}))
        await patch(server, "a", {"data": {"k": "2", "n": "3"}})
        for accept in ("application/yaml", "application/vnd.kubernetes.protobuf", PARTIAL):
            reply = await server.request("GET", at(first), headers={"accept": accept})
            assert reply.status == 200 and reply.headers["content-type"] in accept
        for target in (at(first), at(first, MAPS)):
            table = (await server.request("GET", target, headers={"accept": TABLE})).json()
            assert table["kind"] == "Table" and [row["cells"][:2] for row in table["rows"]] == [["a", 1]]

    play(scenario)


def test_a_list(play: Play) -> None:
    """The collection at that revision, with selectors and in pages, in one namespace and in all."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a", labels={"x": "y"})
        await make(server, "b")
        now = version(await make(server, "c", labels={"x": "y"}))
        await server.request("DELETE", f"{MAPS}/a")
        await patch(server, "c", {"metadata": {"labels": {"x": "z"}}})
        await make(server, "d")
        assert await names(server, at(now, MAPS)) == ["a", "b", "c"]
        assert await names(server, at(now, MAPS), labelSelector="x=y") == ["a", "c"]
        assert await names(server, at(now, MAPS), fieldSelector="metadata.name=b") == ["b"]
        assert {"a", "b", "c"} <= set(await names(server, at(now, "/api/v1/configmaps")))
        page = (await server.request("GET", at(now, MAPS), query={"limit": 2})).json()
        assert page["metadata"]["resourceVersion"] == str(now)
        assert await names(server, at(now, MAPS), limit=2, **{"continue": page["metadata"]["continue"]}) == ["c"]
        # the revision of the path counts, not one in the query
        assert await names(server, at(now - 1, MAPS), resourceVersion=now) == ["a", "b"]

    play(scenario)


def test_beyond_the_log(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it 410, after it 504, as an ordinary list says it; what is no revision is 400."""

    async def scenario(server: orlop.Server) -> None:
        monkeypatch.setattr(store, "FUTURE_REVISION_WAIT", 0.01)
        await make(server, "a")
        application = server.running.application
        now = application.storage.revision
        await application.storage.compact(now)
        for cache in application.caches.values():
            await cache.compact(now)
        list_past: dict[str, Any] = {"resourceVersion": now - 1, "resourceVersionMatch": "Exact"}
        list_future: dict[str, Any] = {"resourceVersion": now + 9, "resourceVersionMatch": "Exact"}
        for revision, status, query in ((now - 1, 410, list_past), (now + 9, 504, list_future)):
            direct = await server.request("GET", MAPS, query=query)
            for target in (at(revision), at(revision, MAPS)):
                reply = await server.request("GET", target)
                assert (reply.status, reply.json()) == (status, direct.json())
        assert (await server.request("GET", at(now))).status == 200
        for revision in ("0", "x", "-1", "1.5"):
            for path in (MAPS, f"{MAPS}/a"):
                assert (await server.request("GET", at(revision, path))).status == 400, revision

    play(scenario)


def test_no_watches(play: Play) -> None:
    """The past cannot be watched, nor written."""

    async def scenario(server: orlop.Server) -> None:
        now = version(await make(server, "a"))
        assert (await server.request("GET", at(now, MAPS) + "?watch=1")).status == 404
        assert (await server.request("PUT", at(now), {"metadata": {"name": "a"}})).status == 405
        assert (await server.request("DELETE", at(now))).status == 405
        assert (await server.request("GET", at(now, "/api/v1/namespaces/default/pods/p/log"))).status == 404

    play(scenario)


def test_who_may_read_it(play: Play) -> None:
    """Who may read the thing now; a name that a selector fixes counts as it does for a list."""

    async def scenario(server: orlop.Server) -> None:
        now = version(await make(server, "a"))
        one = await allow(server, "one", ["get", "list"], "configmaps", names=("a",))
        for path, status in ((f"{MAPS}/a", 200), (f"{MAPS}/b", 403), (MAPS, 403),
                             (f"{MAPS}?fieldSelector=metadata.name%3Da", 200)):
            reply = await server.request("GET", at(now, path), headers=one)
            assert reply.status == status, path
            assert (await server.request("GET", at(now, path), headers={"authorization": ""})).status == 403

    play(scenario)
