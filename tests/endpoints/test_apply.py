"""Server-side apply and managedFields over HTTP: who owns what, and what it means for others."""

from __future__ import annotations

from typing import Any

import pytest
from served import MAPS, MERGE, make, play, version

import orlop

YAML = {"content-type": "application/apply-patch+yaml"}
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
Tree = dict[str, Any]


def config(**data: str) -> Tree:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}


def deployment(**spec: Any) -> Tree:
    template = {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    whole = {"selector": {"matchLabels": {"app": "a"}}, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": whole}


def owners(obj: Tree) -> dict[tuple[str, str, str], Tree]:
    """Fields by manager, operation and subresource."""
    return {(entry["manager"], entry["operation"], entry.get("subresource", "")): entry["fieldsV1"]
            for entry in obj["metadata"].get("managedFields", ())}


async def apply(server: orlop.Server, body: Any, manager: str, path: str = f"{MAPS}/a", **query: Any) -> Any:
    return await server.request("PATCH", path, body, query={"fieldManager": manager, **query}, headers=YAML)


def test_an_apply_creates_and_then_says_what_it_wants() -> None:
    """201 for a missing object, 200 after; what a manager no longer applies goes; an apply that changes nothing takes
    no revision."""

    async def scenario(server: orlop.Server) -> None:
        made = await apply(server, config(x="1", y="2"), "m")
        assert made.status == 201 and made.json()["data"] == {"x": "1", "y": "2"}
        assert owners(made.json()) == {("m", "Apply", ""): {"f:data": {"f:x": {}, "f:y": {}}}}
        again = await apply(server, config(x="1", y="2"), "m")
        assert again.status == 200 and again.json() == made.json()
        less = (await apply(server, config(x="1"), "m")).json()
        assert less["data"] == {"x": "1"} and version(less) > version(made.json())

    play(scenario)


def test_conflicts_and_force() -> None:
    """A field of another manager's is a 409 with a cause; force takes it; then the other may apply it no more."""

    async def scenario(server: orlop.Server) -> None:
        await apply(server, config(x="1"), "one")
        refused = await apply(server, config(x="2"), "two")
        assert refused.status == 409
        status = refused.json()
        assert status["message"] == 'Apply failed with 1 conflict: conflict with "one": .data.x'
        assert status["details"]["causes"] == [
            {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".data.x"}]
        shared = (await apply(server, config(x="1"), "two")).json()
        assert set(owners(shared)) == {("one", "Apply", ""), ("two", "Apply", "")}
        forced = (await apply(server, config(x="2"), "two", force=True)).json()
        assert forced["data"] == {"x": "2"} and set(owners(forced)) == {("two", "Apply", "")}

    play(scenario)


def test_plain_writes_have_owners_too() -> None:
    """Create, update and patch are noted under the field manager or the User-Agent; times change when fields do."""

    async def scenario(server: orlop.Server) -> None:
        made = (await server.request("POST", MAPS, config(x="1"), headers={"user-agent": "kubectl/v1.32"})).json()
        assert owners(made) == {("kubectl", "Update", ""): {"f:data": {".": {}, "f:x": {}}}}
        patched = (await server.request("PATCH", f"{MAPS}/a", {"data": {"y": "2"}}, query={"fieldManager": "p"},
                                        headers=MERGE)).json()
        assert owners(patched)[("p", "Update", "")] == {"f:data": {"f:y": {}}}
        same = (await server.request("PATCH", f"{MAPS}/a", {"data": {"y": "2"}}, query={"fieldManager": "q"},
                                     headers=MERGE)).json()
        assert same == patched
        for forget in ([{}], []):
            await server.request("PATCH", f"{MAPS}/a", {"data": {"z": str(len(forget))}}, headers=MERGE)
            reset = await server.request("PATCH", f"{MAPS}/a", {"metadata": {"managedFields": forget}}, headers=MERGE)
            assert "managedFields" not in reset.json()["metadata"]
        put = reset.json() | {"metadata": reset.json()["metadata"] | {"managedFields": []}}
        assert "managedFields" not in (await server.request("PUT", f"{MAPS}/a", put)).json()["metadata"]
        first = (await apply(server, config(x="1"), "m")).json()
        assert ("before-first-apply", "Update", "") in owners(first)

    play(scenario)


def test_status_and_scale_are_rooms_of_their_own() -> None:
    """An entry for each room; the owner of replicas through scale is seen by an apply to the whole."""

    async def scenario(server: orlop.Server) -> None:
        await apply(server, deployment(replicas=2), "m", f"{DEPLOYMENTS}/a")
        status = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "status": {"replicas": 2}}
        noted = (await apply(server, status, "controller", f"{DEPLOYMENTS}/a/status")).json()
        assert noted["status"]["replicas"] == 2
        assert owners(noted)[("controller", "Apply", "status")] == {"f:status": {"f:replicas": {}}}
        scaled = await server.request("PATCH", f"{DEPLOYMENTS}/a/scale", {"spec": {"replicas": 5}},
                                      query={"fieldManager": "hpa"}, headers=MERGE)
        assert scaled.status == 200 and "managedFields" not in scaled.json()["metadata"]
        seen = (await server.request("GET", f"{DEPLOYMENTS}/a")).json()
        assert owners(seen)[("hpa", "Update", "scale")] == {"f:spec": {"f:replicas": {}}}
        refused = await apply(server, deployment(replicas=2), "m", f"{DEPLOYMENTS}/a")
        assert refused.status == 409 and ".spec.replicas" in refused.json()["message"]
        missing = await apply(server, status | {"metadata": {"name": "b"}}, "m", f"{DEPLOYMENTS}/b/status")
        assert missing.status == 404

    play(scenario)


def test_what_an_apply_refuses() -> None:
    """No manager, unknown fields, managedFields in the body, another kind, a uid of nothing, text that is no object."""

    async def scenario(server: orlop.Server) -> None:
        nobody = await server.request("PATCH", f"{MAPS}/a", config(), headers=YAML)
        assert nobody.status == 422 and "is required for apply patch" in nobody.json()["message"]
        odd = await apply(server, config() | {"dat": {}}, "m")
        assert odd.status == 500 and odd.json()["message"].startswith(
            "failed to create typed patch object (/a; /v1, Kind=ConfigMap)")
        owned = config() | {"metadata": {"name": "a", "managedFields": [{}]}}
        assert (await apply(server, owned, "m")).json()["message"] == "metadata.managedFields must be nil"
        assert (await apply(server, config() | {"kind": "Secret"}, "m")).status == 400
        stranger = config() | {"metadata": {"name": "a", "uid": "1-2-3"}}
        assert (await apply(server, stranger, "m")).status == 409
        assert (await apply(server, b"[1]", "m")).status == 400
        assert (await apply(server, b"a: b: c", "m")).status == 400
        twice = b'{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"x":"1","x":"2"}}'
        assert (await apply(server, twice, "m", fieldValidation="Strict")).status == 400
        assert (await server.request("GET", f"{MAPS}/a")).status == 404

    play(scenario)


def test_applies_do_not_touch_each_other() -> None:
    """Defaults of one object never show in another, and a dry run leaves nothing."""

    async def scenario(server: orlop.Server) -> None:
        for name in ("a", "b"):
            strategy = {"type": "Recreate"} if name == "b" else {}
            body = deployment(strategy=strategy)
            body["metadata"]["name"] = name
            made = await apply(server, body, "m", f"{DEPLOYMENTS}/{name}")
            assert made.status == 201, made.json()
        assert "rollingUpdate" not in made.json()["spec"]["strategy"]
        await make(server, "c")
        before = (await server.request("GET", f"{MAPS}/c")).json()
        body = config(x="9") | {"metadata": {"name": "c"}}
        shown = await apply(server, body, "m", f"{MAPS}/c", dryRun="All", force=True)
        assert shown.json()["data"]["x"] == "9"
        assert (await server.request("GET", f"{MAPS}/c")).json() == before

    play(scenario)


UNFIT = "failed to convert new object (/a; {kind}) to proper version: unable to convert unstructured object to {kind}: "


@pytest.mark.parametrize(("path", "body", "kind", "why"), [
    (f"{MAPS}/a", {**config(), "binaryData": {"x": "!!"}}, "/v1, Kind=ConfigMap",
     "error decoding from json: illegal base64 data at input byte 0"),
    (f"{DEPLOYMENTS}/a", deployment(replicas=1.5), "apps/v1, Kind=Deployment", "cannot convert float64 to int32"),
    (f"{DEPLOYMENTS}/a", deployment(strategy={"rollingUpdate": {"maxSurge": []}}), "apps/v1, Kind=Deployment",
     "json: cannot unmarshal array into Go value of type int32"),
])
def test_values_that_their_types_do_not_take(path: str, body: Tree, kind: str, why: str) -> None:
    """The merge knows less of types than the decoder, which has the last word."""

    async def scenario(server: orlop.Server) -> None:
        reply = await apply(server, body, "m", path)
        assert reply.status == 500 and reply.json()["message"] == UNFIT.format(kind=kind) + why

    play(scenario)


@pytest.mark.parametrize(("body", "message"), [
    (b"{", "error converting YAML to JSON: yaml: line 1: did not find expected node content"),
    (b"- a", "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value of type "
             "map[string]interface {}"),
    (rb'{"data":{"k":"\ud83d\ude00"}}', "error converting YAML to JSON: yaml: found invalid Unicode character escape "
                                        "code"),
])
def test_configurations_that_cannot_be_read(body: bytes, message: str) -> None:
    """They are YAML to upstream, in JSON too."""

    async def scenario(server: orlop.Server) -> None:
        reply = await apply(server, body, "m")
        assert reply.status == 400 and reply.json()["message"] == f"error decoding YAML: {message}"

    play(scenario)
