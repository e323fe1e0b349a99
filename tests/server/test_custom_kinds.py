"""Custom resources are served as soon as they are defined, as long as they are, and as they are defined now."""

from __future__ import annotations

from custom_bench import (
    APPLY,
    DEFINITIONS,
    MERGE,
    SPEC,
    WIDGETS,
    Tree,
    change,
    define,
    make,
    until,
    version,
    widget,
)
from served import TABLE, play

import orlop

V2 = WIDGETS.replace("/v1/", "/v2/")


def test_a_kind_is_served_once_it_is_established() -> None:
    """Objects can be made, read, listed and deleted, and say what they are wherever they stand."""

    async def scenario(server: orlop.Server) -> None:
        await define(server)
        made = await make(server, widget(spec={"size": 1}))
        assert made["metadata"]["generation"] == 1
        read = (await server.request("GET", f"{WIDGETS}/a")).json()
        assert read == made
        listed = (await server.request("GET", WIDGETS)).json()
        assert listed["kind"] == "WidgetList" and listed["metadata"]["continue"] == ""
        assert listed["items"] == [made]
        gone = await server.request("DELETE", f"{WIDGETS}/a")
        assert gone.json()["details"]["kind"] == "widgets"

    play(scenario)


def test_discovery_tells_of_custom_kinds() -> None:
    """Group, versions by their priority, rooms, and nothing once the definition is gone."""

    async def scenario(server: orlop.Server) -> None:
        rooms = {"subresources": {"status": {}, "scale": {"specReplicasPath": ".spec.size",
                                                          "statusReplicasPath": ".status.size"}}}
        await define(server, version("v1beta1", stored=False), version("v1", **rooms))
        group = (await server.request("GET", "/apis/example.com")).json()
        assert [each["version"] for each in group["versions"]] == ["v1", "v1beta1"]
        found = (await server.request("GET", "/apis/example.com/v1")).json()["resources"]
        assert [each["name"] for each in found] == ["widgets", "widgets/status", "widgets/scale"]
        assert found[0]["storageVersionHash"] and found[2]["kind"] == "Scale"
        document = (await server.request("GET", "/openapi/v3/apis/example.com/v1")).json()
        assert "com.example.v1.Widget" in document["components"]["schemas"]
        await server.request("DELETE", f"{DEFINITIONS}/widgets.example.com")
        await gone(server)
        assert (await server.request("GET", "/apis/example.com")).status == 404
        assert (await server.request("GET", "/openapi/v3/apis/example.com/v1")).status == 404

    play(scenario)


async def gone(server: orlop.Server) -> None:
    await until(server, f"{DEFINITIONS}/widgets.example.com", 404)


def test_unknown_places_are_not_found() -> None:
    """Paths that no definition has are plain 404s, rooms that it does not have are objects not found."""

    async def scenario(server: orlop.Server) -> None:
        await define(server)
        for path in (WIDGETS.replace("widgets", "gadgets"), V2, "/apis/example.com/v1/widgets/a"):
            reply = await server.request("GET", path)
            assert (reply.status, reply.body) == (404, b"404 page not found\n"), path
        reply = await server.request("GET", f"{WIDGETS}/a/status")
        assert reply.json()["message"] == 'widgets.example.com "a" not found'
        assert (await server.request("PUT", WIDGETS, widget())).json()["message"] == "name must be provided"

    play(scenario)


def test_bodies_must_be_of_the_kind() -> None:
    """A body without a kind, of another version or of another kind is refused, each in its own words."""

    async def scenario(server: orlop.Server) -> None:
        await define(server)
        told = []
        for body in ({"apiVersion": "example.com/v1", "metadata": {"name": "a"}},
                     {"kind": "Widget", "metadata": {"name": "a"}}, widget(api_version="example.com/v2"),
                     {**widget(), "kind": "Gadget"}):
            reply = await server.request("POST", WIDGETS, body)
            told.append((reply.status, reply.json()["message"]))
        assert told[0][0] == 400 and "Object 'Kind' is missing in '{" in told[0][1]
        assert told[1] == (400, "the API version in the data () does not match the expected API version "
                                "(example.com/v1)")
        assert told[2][1].startswith("the API version in the data (example.com/v2) does not match")
        assert told[3] == (422, 'Gadget.example.com "a" is invalid: kind: Invalid value: "Gadget": must be Widget')

    play(scenario)


def test_status_is_a_room_of_its_own() -> None:
    """Neither side changes what is the other's, and only what is not status moves the generation."""

    async def scenario(server: orlop.Server) -> None:
        await define(server, version(subresources={"status": {}}))
        made = await make(server, widget(spec={"size": 1}, status={"size": 9}))
        assert "status" not in made
        path = f"{WIDGETS}/a"
        told = (await server.request("PATCH", f"{path}/status", {"spec": {"size": 5}, "status": {"size": 1}},
                                     headers=MERGE)).json()
        assert (told["spec"], told["status"], told["metadata"]["generation"]) == ({"size": 1}, {"size": 1}, 1)
        told = (await server.request("PATCH", path, {"spec": {"size": 2}, "status": {"size": 7}}, headers=MERGE)).json()
        assert (told["spec"], told["status"], told["metadata"]["generation"]) == ({"size": 2}, {"size": 1}, 2)

    play(scenario)


def test_an_update_that_changes_nothing_writes_nothing() -> None:
    """What is stored names its kind, what is compared does not."""

    async def scenario(server: orlop.Server) -> None:
        await define(server)
        made = await make(server, widget(spec={"size": 1}))
        again = (await server.request("PATCH", f"{WIDGETS}/a", {"spec": {"size": 1}}, headers=MERGE)).json()
        assert again["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]

    play(scenario)


def test_scale_goes_by_the_paths_of_the_definition() -> None:
    """Replicas are read and written where the definition has them; an object without them has no scale."""

    async def scenario(server: orlop.Server) -> None:
        scale = {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size",
                 "labelSelectorPath": ".status.selector"}
        await define(server, version(subresources={"scale": scale}))
        await make(server, widget(spec={"size": 2}, status={"size": 1, "selector": "a=b"}))
        found = (await server.request("GET", f"{WIDGETS}/a/scale")).json()
        assert (found["spec"], found["status"]) == ({"replicas": 2}, {"replicas": 1, "selector": "a=b"})
        reply = await server.request("PATCH", f"{WIDGETS}/a/scale", {"spec": {"replicas": 7}}, headers=MERGE)
        assert reply.json()["spec"] == {"replicas": 7}
        assert (await server.request("GET", f"{WIDGETS}/a")).json()["spec"] == {"size": 7}
        reply = await server.request("PATCH", f"{WIDGETS}/a/scale", {"spec": {"replicas": -1}}, headers=MERGE)
        assert reply.json()["message"].endswith(".spec.size: Invalid value: -1: should be a non-negative integer")
        await make(server, widget("none"))
        reply = await server.request("GET", f"{WIDGETS}/none/scale")
        assert reply.json()["message"].endswith('the spec replicas field ".spec.size" does not exist')

    play(scenario)


def test_tables_have_the_columns_of_the_definition() -> None:
    """Cells are found by JSONPath; a change of columns shows at once."""

    async def scenario(server: orlop.Server) -> None:
        columns = [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}]
        await define(server, version(additionalPrinterColumns=columns))
        await make(server, widget(spec={"size": 3}))
        table = (await server.request("GET", WIDGETS, headers={"accept": TABLE})).json()
        assert [each["name"] for each in table["columnDefinitions"]] == ["Name", "Size"]
        assert table["rows"][0]["cells"] == ["a", 3]
        await change(server, {"versions": [version()]})
        table = (await server.request("GET", WIDGETS, headers={"accept": TABLE})).json()
        assert [each["name"] for each in table["columnDefinitions"]] == ["Name", "Age"]
        assert table["rows"][0]["cells"] == ["a", "0s"]

    play(scenario)


def test_selectable_fields_select() -> None:
    """Those of the definition, also ones that it got later; others are refused."""

    async def scenario(server: orlop.Server) -> None:
        await define(server)
        await make(server, widget("red", spec={"color": "red"}))
        await make(server, widget("blue", spec={"color": "blue"}))
        reply = await server.request("GET", WIDGETS, query={"fieldSelector": "spec.color=red"})
        assert (reply.status, reply.json()["message"]) == (400, "field label not supported: spec.color")
        await change(server, {"versions": [version(selectableFields=[{"jsonPath": ".spec.color"}])]})
        listed = (await server.request("GET", WIDGETS, query={"fieldSelector": "spec.color=red"})).json()
        assert [each["metadata"]["name"] for each in listed["items"]] == ["red"]

    play(scenario)


def test_what_was_stored_before_is_shown_by_the_rules_of_now() -> None:
    """Defaults appear and fields vanish on reading; the object keeps its resourceVersion."""

    async def scenario(server: orlop.Server) -> None:
        await define(server)
        made = await make(server, widget(spec={"size": 1, "color": "red"}))
        later = {"type": "object", "properties": {"size": {"type": "integer"},
                                                  "late": {"type": "string", "default": "x"}}}
        await change(server, {"versions": [version(spec=later)]})
        read = (await server.request("GET", f"{WIDGETS}/a")).json()
        assert read["spec"] == {"size": 1, "late": "x"}
        assert read["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
        listed = (await server.request("GET", WIDGETS)).json()
        assert listed["items"] == [read]

    play(scenario)


def test_every_version_shows_every_object() -> None:
    """Whatever version it was written in, and whatever version is the stored one now."""

    async def scenario(server: orlop.Server) -> None:
        await define(server, version("v1"), version("v2", stored=False))
        await make(server, widget("one", spec={"size": 1}))
        await make(server, widget("two", "example.com/v2", spec={"size": 2}), V2)
        await change(server, {"versions": [version("v1", stored=False), version("v2")]})
        await make(server, widget("three", spec={"size": 3}))
        for path, api_version in ((WIDGETS, "example.com/v1"), (V2, "example.com/v2")):
            listed = (await server.request("GET", path)).json()
            assert listed["apiVersion"] == api_version
            assert {(each["metadata"]["name"], each["apiVersion"], each["kind"]) for each in listed["items"]} == {
                (name, api_version, "Widget") for name in ("one", "two", "three")}

    play(scenario)


def test_a_write_through_one_version_is_told_in_another() -> None:
    """Watchers of each version see each event in theirs."""

    async def scenario(server: orlop.Server) -> None:
        extra = {"type": "object", "properties": {**SPEC["properties"], "d": {"type": "string", "default": "two"}}}
        await define(server, version("v1"), version("v2", stored=False, spec=extra))
        listed = (await server.request("GET", WIDGETS)).json()
        query = {"resourceVersion": listed["metadata"]["resourceVersion"]}
        async with await server.watch(WIDGETS, query=query) as one, await server.watch(V2, query=query) as two:
            await make(server, widget(spec={"size": 1}))
            seen: list[Tree] = [(await anext(each))["object"] for each in (one, two)]
        assert [each["apiVersion"] for each in seen] == ["example.com/v1", "example.com/v2"]

    play(scenario)


def test_a_watch_outlives_a_change_of_the_definition() -> None:
    """It ends with the definition, not with a change of its rules."""

    async def scenario(server: orlop.Server) -> None:
        await define(server)
        listed = (await server.request("GET", WIDGETS)).json()
        query = {"resourceVersion": listed["metadata"]["resourceVersion"]}
        async with await server.watch(WIDGETS, query=query) as watch:
            await change(server, {"versions": [version(additionalPrinterColumns=[
                {"name": "Size", "type": "integer", "jsonPath": ".spec.size"}])]})
            await make(server, widget())
            assert (await anext(watch))["type"] == "ADDED"
            await server.request("DELETE", f"{DEFINITIONS}/widgets.example.com")
            assert (await anext(watch))["type"] == "DELETED"
            assert [event async for event in watch] == []

    play(scenario)


def test_apply_knows_the_types_of_the_schema() -> None:
    """Fields that the schema does not have are refused, conflicts are found, status is not owned by the main room."""

    async def scenario(server: orlop.Server) -> None:
        await define(server, version(subresources={"status": {}}))
        body = widget(spec={"size": 1}, status={"size": 4})
        reply = await server.request("PATCH", f"{WIDGETS}/a", body, query={"fieldManager": "one"}, headers=APPLY)
        assert reply.status == 201
        assert reply.json()["metadata"]["managedFields"][0]["fieldsV1"] == {"f:spec": {"f:size": {}}}
        reply = await server.request("PATCH", f"{WIDGETS}/a", widget(spec={"size": 2}),
                                     query={"fieldManager": "two"}, headers=APPLY)
        assert reply.status == 409
        reply = await server.request("PATCH", f"{WIDGETS}/a", widget(spec={"nope": 2}),
                                     query={"fieldManager": "two"}, headers=APPLY)
        assert reply.json()["message"].endswith(".spec.nope: field not declared in schema")
        reply = await server.request("PATCH", f"{WIDGETS}/a", {"spec": {}}, headers={
            "content-type": "application/strategic-merge-patch+json"})
        assert reply.status == 415 and "application/apply-patch+yaml" in reply.json()["message"]

    play(scenario)


def test_deprecated_versions_warn() -> None:
    """Each request is told of the version to use instead."""

    async def scenario(server: orlop.Server) -> None:
        await define(server, version("v1"), version("v1beta1", stored=False, deprecated=True))
        reply = await server.request("GET", WIDGETS.replace("/v1/", "/v1beta1/"))
        assert reply.headers["warning"] == (
            '299 - "example.com/v1beta1 Widget is deprecated; use example.com/v1 Widget"')

    play(scenario)


def test_nothing_new_while_a_definition_ends() -> None:
    """An object with a finalizer holds its definition; meanwhile nothing can be created."""

    async def scenario(server: orlop.Server) -> None:
        await define(server)
        held = widget("held")
        held["metadata"]["finalizers"] = ["example.com/hold"]
        await make(server, held)
        await server.request("DELETE", f"{DEFINITIONS}/widgets.example.com")
        reply = await server.request("POST", WIDGETS, widget("new"))
        assert reply.status == 403
        assert reply.json()["message"].endswith("create not allowed while custom resource definition is terminating")
        await server.request("PATCH", f"{WIDGETS}/held", {"metadata": {"finalizers": None}}, headers=MERGE)
        await gone(server)
        assert (await server.request("GET", WIDGETS)).status == 404

    play(scenario)


def test_custom_objects_go_with_their_namespace() -> None:
    """The namespace controller knows kinds that came after it."""

    async def scenario(server: orlop.Server) -> None:
        await define(server)
        await server.request("POST", "/api/v1/namespaces", {"metadata": {"name": "team"}})
        path = WIDGETS.replace("default", "team")
        await make(server, widget(), path)
        await server.request("DELETE", "/api/v1/namespaces/team")
        await until(server, "/api/v1/namespaces/team", 404)
        assert (await server.request("GET", path)).json()["items"] == []

    play(scenario, namespace_controller=True)


def test_custom_objects_own_and_are_owned() -> None:
    """The garbage collector follows kinds that came after it."""

    async def scenario(server: orlop.Server) -> None:
        await define(server)
        owner = await make(server, widget())
        reference = {"apiVersion": "example.com/v1", "kind": "Widget", "name": "a", "uid": owner["metadata"]["uid"]}
        maps = "/api/v1/namespaces/default/configmaps"
        await server.request("POST", maps, {"metadata": {"name": "owned", "ownerReferences": [reference]}})
        await server.request("DELETE", f"{WIDGETS}/a")
        await until(server, f"{maps}/owned", 404)

    play(scenario, garbage_collector_controller=True)


def test_group_versions_have_their_api_service() -> None:
    """It comes and goes with what is served."""

    async def scenario(server: orlop.Server) -> None:
        await define(server)
        path = "/apis/apiregistration.k8s.io/v1/apiservices/v1.example.com"
        reply = await until(server, path, 200)
        assert reply.json()["spec"]["groupPriorityMinimum"] == 1000
        await server.request("DELETE", f"{DEFINITIONS}/widgets.example.com")
        await until(server, path, 404)

    play(scenario)


def test_a_restored_server_serves_its_kinds() -> None:
    """Definitions and objects of a snapshot are served from the first request on."""

    async def scenario(server: orlop.Server) -> None:
        await define(server)
        made = await make(server, widget(spec={"size": 1}))
        async with orlop.Server(listen=False, state=await server.snapshot()) as other:
            assert (await other.request("GET", f"{WIDGETS}/a")).json() == made

    play(scenario)


def test_a_restoration_brings_back_kinds_with_their_objects() -> None:
    """Also kinds that are not served any more when it begins."""

    async def scenario(server: orlop.Server) -> None:
        await define(server)
        made = await make(server, widget(spec={"size": 1}))
        snapshot = await server.snapshot()
        await server.request("DELETE", f"{DEFINITIONS}/widgets.example.com")
        await gone(server)
        await server.restore(snapshot)
        back = (await server.request("GET", f"{WIDGETS}/a")).json()
        assert back["metadata"]["uid"] == made["metadata"]["uid"] and back["spec"] == {"size": 1}

    play(scenario)


def test_a_definition_may_come_again() -> None:
    """Another definition of the same name has nothing of the first."""

    async def scenario(server: orlop.Server) -> None:
        await define(server)
        await make(server, widget())
        await server.request("DELETE", f"{DEFINITIONS}/widgets.example.com")
        await gone(server)
        await define(server, scope="Cluster")
        path = "/apis/example.com/v1/widgets"
        assert (await server.request("GET", path)).json()["items"] == []
        await make(server, widget(), path)
        assert (await server.request("GET", WIDGETS)).status == 404

    play(scenario)


def test_protobuf_is_not_acceptable() -> None:
    """Custom kinds have no messages."""

    async def scenario(server: orlop.Server) -> None:
        await define(server)
        await make(server, widget())
        reply = await server.request("GET", f"{WIDGETS}/a", headers={"accept": "application/vnd.kubernetes.protobuf"})
        assert reply.status == 406

    play(scenario)
