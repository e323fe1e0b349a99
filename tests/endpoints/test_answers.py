"""Representations: what the client asks for is what it gets."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import yaml
from served import MAPS, PARTIAL, PARTIALS, TABLE, make, now, play

import orlop


@pytest.mark.parametrize(("accept", "code"), [
    ("application/json", 200), ("*/*", 200), ("", 200), ("application/yaml", 200), ("text/html", 406),
    ("application/vnd.kubernetes.protobuf", 200), ("text/html, application/json;q=0.5", 200),
    ("application/json;as=Table;v=v9;g=meta.k8s.io", 406), (f"{TABLE},application/json", 200),
])
def test_accept(accept: str, code: int) -> None:
    """The first acceptable clause wins; nothing acceptable is 406."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a")
        for path in (MAPS, f"{MAPS}/a"):
            reply = await server.request("GET", path, headers={"accept": accept})
            assert reply.status == code, reply.body

    play(scenario)


def test_yaml() -> None:
    """The same object as JSON."""

    async def scenario(server: orlop.Server) -> None:
        made = await make(server, "a", {"k": "v: w"})
        reply = await server.request("GET", f"{MAPS}/a", headers={"accept": "application/yaml"})
        assert reply.headers["content-type"] == "application/yaml"
        shown = yaml.load(reply.body, yaml.BaseLoader)
        assert shown["data"] == {"k": "v: w"} and shown["metadata"]["uid"] == made["metadata"]["uid"]

    play(scenario)


@pytest.mark.parametrize(("query", "agent", "indented"), [
    ("", "kubectl/v1.36", False), ("?pretty=true", "kubectl", True), ("", "curl/8", True),
    ("?pretty=0", "curl/8", False),
])
def test_pretty(query: str, agent: str, indented: bool) -> None:
    """Indented for people, and for who asks."""

    async def scenario(server: orlop.Server) -> None:
        reply = await server.request("GET", MAPS + query, headers={"user-agent": agent})
        assert (b"\n  " in reply.body) is indented
        orjson.loads(reply.body)

    play(scenario)


@pytest.mark.parametrize("meta", ["v1", "v1beta1"])
def test_tables(meta: str) -> None:
    """Columns, one row an object, as much of the object as asked for, in the version asked for."""

    async def scenario(server: orlop.Server) -> None:
        made = await make(server, "a", {"k": "v"})
        headers = {"accept": TABLE.replace("v=v1", f"v={meta}")}
        table = (await server.request("GET", MAPS, headers=headers)).json()
        assert (table["kind"], table["apiVersion"]) == ("Table", f"meta.k8s.io/{meta}")
        assert table["metadata"] == {"resourceVersion": str(now(server))}
        (row,) = table["rows"]
        assert row["cells"][:2] == ["a", 1]
        assert row["object"] == {"kind": "PartialObjectMetadata", "apiVersion": f"meta.k8s.io/{meta}",
                                 "metadata": made["metadata"]}
        for include, shown in (("Object", made), ("None", None)):
            path = f"{MAPS}/a?includeObject={include}"
            assert (await server.request("GET", path, headers=headers)).json()["rows"][0]["object"] == shown
        assert (await server.request("GET", f"{MAPS}?includeObject=All", headers=headers)).status == 400

    play(scenario)


def test_rows_follow_their_objects() -> None:
    """What is remembered of a row belongs to one revision."""

    async def scenario(server: orlop.Server) -> None:
        headers = {"accept": TABLE}
        await make(server, "a", {"k": "v"})
        for count in (1, 2, 3):
            table = (await server.request("GET", MAPS, headers=headers)).json()
            assert table["rows"][0]["cells"][1] == count
            data = {str(number): "" for number in range(count + 1)}
            await server.request("PUT", f"{MAPS}/a", {"metadata": {"name": "a"}, "data": data})

    play(scenario)


@pytest.mark.parametrize("meta", ["v1", "v1beta1"])
def test_metadata_alone(meta: str) -> None:
    """Of one object and of lists; asking for one as the other is refused."""

    async def scenario(server: orlop.Server) -> None:
        made = await make(server, "a", {"k": "v"})
        one = {"accept": PARTIAL.replace("v=v1", f"v={meta}")}
        many = {"accept": PARTIALS.replace("v=v1", f"v={meta}")}
        partial: dict[str, Any] = {"kind": "PartialObjectMetadata", "apiVersion": f"meta.k8s.io/{meta}",
                                   "metadata": made["metadata"]}
        assert (await server.request("GET", f"{MAPS}/a", headers=one)).json() == partial
        listed = (await server.request("GET", MAPS, headers=many)).json()
        assert listed["kind"] == "PartialObjectMetadataList" and listed["items"] == [partial]
        refused = await server.request("GET", MAPS, headers=one)
        assert refused.status == 406 and "but the requested object is a list" in refused.json()["message"]
        assert (await server.request("GET", f"{MAPS}/a", headers=many)).status == 406

    play(scenario)


@pytest.mark.parametrize("accept", ["application/json", TABLE, "text/html", "application/yaml"])
def test_errors_are_statuses(accept: str) -> None:
    """Whole, in a form the client can read, and never cached."""

    async def scenario(server: orlop.Server) -> None:
        reply = await server.request("GET", f"{MAPS}/none", headers={"accept": accept})
        assert reply.headers["cache-control"] == "no-cache, private"
        if accept == "text/html":
            assert reply.status == 406 and reply.body.startswith(b'{\n  "kind": "Status"')
            return
        status = yaml.safe_load(reply.body)
        assert status == {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                          "message": 'configmaps "none" not found', "reason": "NotFound",
                          "details": {"name": "none", "kind": "configmaps"}, "code": 404}

    play(scenario)


def test_retry_after_goes_with_no_store() -> None:
    """An error with a header of its own is not cached either."""

    async def scenario(server: orlop.Server) -> None:
        reply = await server.request("GET", MAPS, query={"resourceVersion": "1000000"})
        assert reply.status == 504
        assert reply.headers["retry-after"] == "1" and reply.headers["cache-control"] == "no-cache, private"

    play(scenario)
