"""PATCH: the three mechanisms, their refusals, and writers that come in between."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from served import MAPS, make, now, patch, play

import orlop
from orlop.endpoints.update import Admission

JSON = {"content-type": "application/json-patch+json"}
STRATEGIC = {"content-type": "application/strategic-merge-patch+json"}


def test_merge() -> None:
    """Members are merged, null removes."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a", {"x": "1", "y": "2"})
        reply = await patch(server, "a", {"data": {"x": None, "z": "3"}})
        assert reply.status == 200 and reply.json()["data"] == {"y": "2", "z": "3"}

    play(scenario)


def test_json() -> None:
    """Operations in order, a failing test changes nothing."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a", {"x": "1"})
        path = f"{MAPS}/a"
        good = [{"op": "test", "path": "/data/x", "value": "1"}, {"op": "add", "path": "/data/y", "value": "2"}]
        assert (await server.request("PATCH", path, good, headers=JSON)).json()["data"] == {"x": "1", "y": "2"}
        bad = [{"op": "remove", "path": "/data/x"}, {"op": "test", "path": "/data/y", "value": "9"}]
        assert (await server.request("PATCH", path, bad, headers=JSON)).status == 422
        assert (await server.request("GET", path)).json()["data"] == {"x": "1", "y": "2"}

    play(scenario)


def test_strategic() -> None:
    """Lists with a merge key are merged by it."""

    async def scenario(server: orlop.Server) -> None:
        path = "/api/v1/namespaces/default/services"
        ports = [{"name": "a", "port": 1}, {"name": "b", "port": 2}]
        await server.request("POST", path, {"metadata": {"name": "s"}, "spec": {"ports": ports}})
        change = {"spec": {"ports": [{"port": 2, "targetPort": 8080}]}}
        reply = await server.request("PATCH", f"{path}/s", change, headers=STRATEGIC)
        assert {p["name"]: (p["port"], p["targetPort"]) for p in reply.json()["spec"]["ports"]} == {
            "a": (1, 1), "b": (2, 8080)}

    play(scenario)


@pytest.mark.parametrize(("headers", "body", "code"), [
    ({"content-type": "application/json"}, {}, 415), ({"content-type": "text/plain"}, {}, 415), ({}, {}, 415),
    ({"content-type": "application/merge-patch+json"}, b"{", 400),
    ({"content-type": "application/merge-patch+json"}, {"data": 7}, 422),
    ({"content-type": "application/merge-patch+json"}, {"metadata": {"name": "b"}}, 400),
    (JSON, {"op": "add"}, 400), (JSON, [{"op": "replace", "path": "/nowhere/x", "value": 1}], 422),
    (STRATEGIC, [], 400), (STRATEGIC, b"", 400),
    ({"content-type": "application/merge-patch+json; charset=utf-8"}, {}, 200),
])
def test_refusals(headers: dict[str, str], body: Any, code: int) -> None:
    """What cannot be read is 400, what cannot be applied 422, what is no patch 415; nothing is written."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a")
        before = now(server)
        reply = await server.request("PATCH", f"{MAPS}/a", body, headers=headers)
        assert reply.status == code, reply.body
        assert now(server) == before

    play(scenario)


def test_missing_object() -> None:
    """A patch makes nothing."""

    async def scenario(server: orlop.Server) -> None:
        assert (await patch(server, "a", {})).status == 404

    play(scenario)


def test_stale_version_in_the_patch() -> None:
    """A patch that carries a resourceVersion holds for that one only."""

    async def scenario(server: orlop.Server) -> None:
        made = await make(server, "a")
        await patch(server, "a", {"data": {"x": "1"}})
        old = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "data": {"x": "2"}}
        assert (await patch(server, "a", old)).status == 409

    play(scenario)


def test_no_change_is_no_write() -> None:
    """A patch that changes nothing answers 200 and takes no revision."""

    async def scenario(server: orlop.Server) -> None:
        made = await make(server, "a", {"x": "1"})
        reply = await patch(server, "a", {"data": {"x": "1"}})
        assert reply.json() == made and now(server) == int(made["metadata"]["resourceVersion"])

    play(scenario)


@pytest.mark.parametrize(("headers", "body"), [
    (JSON, [{"op": "add", "path": "/data/mine", "value": "1"}]),
    ({"content-type": "application/merge-patch+json"}, {"data": {"mine": "1"}}),
    (STRATEGIC, {"data": {"mine": "1"}}),
])
def test_a_write_in_between_means_patching_again(monkeypatch: pytest.MonkeyPatch, headers: dict[str, str],
                                                 body: Any) -> None:
    """While admission takes its time somebody else writes: both changes are there in the end."""
    mutate = Admission.mutate
    meddled: list[bool] = []

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a", {"x": "1"})

        def slowly(self: Admission, new: Any, old: Any) -> Any:
            async def later() -> Any:
                if not meddled:
                    meddled.append(True)
                    await server.request("PUT", f"{MAPS}/a", {"metadata": {"name": "a"}, "data": {"theirs": "2"}})
                result = mutate(self, new, old)
                return result if isinstance(result, dict) else await result

            return mutate(self, new, old) if meddled == [True] and "theirs" in (new.get("data") or {}) else later()

        monkeypatch.setattr(Admission, "mutate", slowly)
        reply = await server.request("PATCH", f"{MAPS}/a", body, headers=headers)
        assert reply.json()["data"] == {"theirs": "2", "mine": "1"}

    play(scenario)


def test_concurrent_patches_are_all_kept() -> None:
    """Each of many patches at once adds its key; none is lost."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a")
        await asyncio.gather(*(patch(server, "a", {"data": {f"k{n}": "v"}}) for n in range(50)))
        assert len((await server.request("GET", f"{MAPS}/a")).json()["data"]) == 50

    async def on_disk() -> None:
        async with orlop.Server(listen=False, storage="sqlite") as server:
            await scenario(server)

    asyncio.run(on_disk())


def test_unknown_fields_of_the_result() -> None:
    """Strict refuses what the result does not know with a 422 about the patch; Warn drops it."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a")
        strict = await patch(server, "a", {"dta": {}}, fieldValidation="Strict")
        assert strict.status == 422 and 'strict decoding error: unknown field "dta"' in strict.json()["message"]
        warned = await patch(server, "a", {"dta": {}, "data": {"x": "1"}})
        assert warned.status == 200 and 'unknown field \\"dta\\"' in warned.headers["warning"]

    play(scenario)


@pytest.mark.parametrize(("headers", "body", "code", "message"), [
    (JSON, b'[{"op":"remove","path":"/apiVersion"}]', 400,
     "the name of the object (a based on URL) was undeterminable: name must be provided"),
    ({"content-type": "application/merge-patch+json"}, b'{"apiVersion":null}', 400,
     "the name of the object (a based on URL) was undeterminable: name must be provided"),
    (JSON, b'[{"op":"replace","path":"","value":[]}]', 422,
     "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type struct"),
    ({"content-type": "application/merge-patch+json"}, b'{"data":{"x":1e400}}', 400,
     "error decoding patch: json: cannot unmarshal number 1e400 into Go value of type float64"),
    (STRATEGIC, b'{"data":{"x":1e400}}', 400, "json: cannot unmarshal number 1e400 into Go value of type float64"),
])
def test_results_that_are_no_objects_any_more(headers: dict[str, str], body: bytes, code: int, message: str) -> None:
    """What upstream cannot read again is refused in its words, and nothing is stored."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a", {"x": "1"})
        reply = await server.request("PATCH", f"{MAPS}/a", body, headers=headers)
        assert reply.status == code and message in reply.json()["message"]
        assert (await server.request("GET", f"{MAPS}/a")).json()["data"] == {"x": "1"}

    play(scenario)


def test_a_result_without_a_version_has_no_known_member() -> None:
    """Strictly read, each of its members is one too many."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a", {"x": "1"})
        reply = await server.request("PATCH", f"{MAPS}/a", b'[{"op":"remove","path":"/apiVersion"}]', headers=JSON,
                                     query={"fieldValidation": "Strict"})
        assert reply.json()["message"].endswith('strict decoding error: unknown field "data", unknown field "metadata"')

    play(scenario)
