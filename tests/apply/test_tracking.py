"""The field manager: entries of managedFields, their times and order, resets, and refusals."""

from __future__ import annotations

import json

import pytest
from rooms import BOX, Room, fields

from orlop.api.errors import APIError
from orlop.apply import entries, scale
from orlop.apply.conflicts import ApplyConflict
from orlop.apply.filters import Exclude

ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"


def shown(room):
    return [(entry["manager"], entry["operation"], entry.get("time", "")[-3:-1]) for entry in room.entries]


def test_an_entry_is_spelled_as_upstream_spells_it():
    """Members in Go's order, the subresource last and only where there is one."""
    room = Room(subresource="status")
    room.update("editor", {"name": "x"})
    assert json.dumps(room.entries) == json.dumps([{
        "manager": "editor", "operation": "Update", "apiVersion": "v1", "time": "2026-01-01T00:00:01Z",
        "fieldsType": "FieldsV1", "fieldsV1": {"f:name": {}}, "subresource": "status"}])


def test_a_manager_without_a_name_is_unknown():
    """Plain writes by nameless callers have an owner too."""
    room = Room()
    room.update("", {"name": "x"})
    assert room.entries[0]["manager"] == "unknown"


def test_order_of_entries():
    """Applies before updates, then by time, none first, then by manager."""
    room = Room()
    room.update("z-editor", {"name": "x"})
    room.apply("b", {"value": 1})
    room.apply("a", {"flag": True})
    room.apply("c", {"flag": True})
    assert shown(room) == [("c", "Apply", ""), ("b", "Apply", "02"), ("a", "Apply", "03"), ("z-editor", "Update", "01")]


def test_times_move_only_with_the_object():
    """An apply or write that changes nothing leaves its entry as it is, and who only loses fields keeps the time."""
    room = Room()
    room.apply("one", {"name": "x", "value": 1})
    room.apply("one", {"name": "x", "value": 1})
    room.update("editor", {"name": "x", "value": 1})
    assert shown(room) == [("one", "Apply", "01")]
    room.update("editor", {"name": "y", "value": 1})
    assert shown(room) == [("one", "Apply", "01"), ("editor", "Update", "04")]
    room.apply("one", {"value": 2})
    assert shown(room) == [("one", "Apply", "05"), ("editor", "Update", "04")]


def test_who_gains_or_gives_up_ownership_only_keeps_the_time():
    """The object did not change."""
    room = Room()
    room.apply("one", {"name": "x"})
    room.apply("two", {"name": "x", "value": 1})
    room.apply("two", {"value": 1})
    room.apply("one", {"name": "x", "value": 1})
    assert [(*entry, room.owners[entry[0]]) for entry in shown(room)] == [
        ("one", "Apply", "01", fields("name", "value")), ("two", "Apply", "02", fields("value"))]


def test_untouched_lists_and_entries_are_the_very_same():
    """Nothing is made anew for what nothing happened to."""
    room = Room()
    room.apply("one", {"name": "x"})
    room.update("editor", {"name": "x", "value": 1})
    before = room.entries
    room.update("editor", {"name": "x", "value": 1})
    assert room.entries is before
    room.update("editor", {"name": "x", "value": 2})
    assert room.entries[0] is before[0]


def test_old_writers_are_joined():
    """At most ten entries of plain writers: the oldest are joined, one entry for each version."""
    room = Room()
    for number in range(13):
        room.update(f"m{number:02}", {"labels": {f"k{n:02}": "v" for n in range(number + 1)}},
                    version="v2" if number == 1 else "v1")
    names = [entry["manager"] for entry in room.entries]
    assert len(names) == 10
    assert names[0] == "m01" and names[1] == "ancient-changes" and names[2] == "m05"
    old = room.entries[1]
    assert old["time"] == "2026-01-01T00:00:05Z"
    assert old["fieldsV1"] == fields("labels", *(("labels", f"k{n:02}") for n in (0, 2, 3, 4)))


# --- managedFields sent by clients


def sent(room, managed, content=None, manager="editor"):
    """A plain write whose body has managedFields."""
    new = {"metadata": {"name": "box", "managedFields": managed}, **(content or room.content)}
    result = room.managers["v1"].update(room.live, new, manager, "2026-05-05T00:00:00Z")
    room.live = {**new, "metadata": {**room.live["metadata"], "managedFields": result or []}}
    return result


@pytest.mark.parametrize("reset", [[], [{}]])
def test_resets(reset):
    """An empty list or entry forgets all owners; then nothing is noted until the next apply."""
    room = Room()
    room.apply("one", {"name": "x"})
    assert sent(room, reset, {"name": "y"}) is None
    room.update("editor", {"name": "z"})
    assert room.entries == []
    with pytest.raises(ApplyConflict, match=r'conflict with "before-first-apply" using v1: \.name'):
        room.apply("two", {"name": "y"})
    room.apply("two", {"name": "z", "value": 1})
    assert room.owners == {"two": fields("name", "value"), "before-first-apply/": fields("name")}


def entry(manager="x", operation="Apply", **more):
    return {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsType": "FieldsV1",
            "fieldsV1": {"f:name": {}}, **more}


def test_clients_may_rewrite_owners():
    """Entries that a client sends replace the stored ones, spelled anew, and the write's own changes come on top."""
    room = Room()
    room.apply("one", {"name": "x"})
    result = sent(room, [entry(fieldsV1={"f:value": {}, "f:labels": {"f:b": {}, "f:a": {}}})], {"name": "y"})
    assert [(e["manager"], json.dumps(e["fieldsV1"])) for e in result] == [
        ("x", json.dumps({"f:labels": {"f:a": {}, "f:b": {}}, "f:value": {}})), ("editor", '{"f:name": {}}')]


@pytest.mark.parametrize(("wrong", "why"), [
    (entry(operation="Patch"), "operation must be `Apply` or `Update`"),
    (entry(apiVersion=""), "apiVersion must not be empty"),
    (entry(fieldsType=""), "missing fieldsType in managed fields entry 0"),
    (entry(fieldsType="V2"), 'invalid fieldsType "V2" in managed fields entry 0'),
    (entry(fieldsV1={"name": {}}), "error decoding versioned set: error decoding set: missing colon: name"),
])
def test_wrong_entries_are_passed_over(wrong, why):
    """The stored ones stay; after admission the same check gives the reason for a warning."""
    room = Room()
    room.apply("one", {"name": "x"})
    before = room.entries
    assert sent(room, [wrong]) is before
    assert entries.check([wrong]).startswith(why)
    assert entries.check(before) == "" and entries.check(None) == ""


def test_a_subresource_cannot_change_owners():
    """managedFields in the body of a subresource are ignored."""
    room = Room(subresource="status")
    room.update("one", {"name": "x"})
    before = room.entries
    assert sent(room, []) is before


def test_objects_that_fit_no_type_lose_their_owners():
    """A plain write never fails for managedFields; what cannot be understood is owned by nobody."""
    room = Room()
    room.apply("one", {"name": "x"})
    assert sent(room, room.entries, {"items": [{}]}) is None


# --- reset fields


def test_fields_that_a_room_resets_are_owned_by_nobody():
    """Neither by an apply nor by a write, and they never conflict."""
    room = Room(reset={"v1": Exclude(("f:inner",))})
    room.apply("one", {"name": "x", "inner": {"a": "1"}})
    room.apply("two", {"inner": {"a": "2"}})
    room.update("editor", {"name": "x", "inner": {"a": "3"}})
    assert room.owners == {"one": fields("name")}


# --- refusals


def refused(room, config, manager="m"):
    with pytest.raises(APIError) as refusal:
        room.managers["v1"].apply(room.live, config, manager, False, "now")
    return refusal.value.code, refusal.value.reason, refusal.value.message


@pytest.mark.parametrize(("config", "answer"), [
    ({"apiVersion": "v2", "kind": "Box"}, (400, "BadRequest", "invalid object type: /v2, Kind=Box")),
    ({"apiVersion": "v1"}, (400, "BadRequest", "invalid object type: /v1, Kind=")),
    ({"apiVersion": "v1", "kind": "Box", "metadata": {"managedFields": []}},
     (400, "BadRequest", "metadata.managedFields must be nil")),
    ({"apiVersion": "v1", "kind": "Box", "metadata": {"name": "n"}, "inner": {"no": 1}},
     (500, "", "failed to create typed patch object (/n; /v1, Kind=Box): .inner.no: field not declared in schema")),
    ({"apiVersion": "v1", "kind": "Box", "metadata": {"name": "n", "namespace": "s"}, "tags": ["a", "a"]},
     (500, "", 'failed to create typed patch object (s/n; /v1, Kind=Box): .tags: duplicate entries for key [="a"]')),
])
def test_bad_configurations(config, answer):
    """Each has upstream's code and words."""
    room = Room()
    room.apply("one", {"name": "x"})
    assert refused(room, config) == answer


# --- client-side apply


def client_side(room, content, **annotations):
    """An object as `kubectl apply` leaves it."""
    text = json.dumps({"apiVersion": "v1", "kind": "Box", "metadata": {"name": "box"}, **content})
    room.live = {"metadata": {"name": "box", "uid": "u", "annotations": {ANNOTATION: text, **annotations}}, **content}
    new = {**room.live, "metadata": {name: room.live["metadata"][name] for name in ("name", "annotations")}}
    room.live["metadata"]["managedFields"] = room.managers["v1"].update(None, new, "kubectl-client-side-apply", "t")


def test_kubectl_takes_over_what_it_applied_client_side():
    """No conflict for what the annotation says and still is so; others get one."""
    room = Room()
    client_side(room, {"name": "x", "value": 1})
    with pytest.raises(ApplyConflict):
        room.apply("somebody", {"name": "y"})
    room.apply("kubectl", {"name": "y", "value": 2})
    assert room.content == {"name": "y", "value": 2}
    assert room.owners["kubectl"] == fields("name", "value")
    text = room.live["metadata"]["annotations"][ANNOTATION]
    assert text == ('{"apiVersion":"v1","kind":"Box","metadata":{"name":"box"},"name":"y","value":2}\n')


def test_kubectl_does_not_take_what_others_changed_since():
    """Those fields conflict, and only those are told."""
    room = Room()
    client_side(room, {"name": "x", "value": 1})
    room.update("editor", {"name": "x", "value": 7})
    with pytest.raises(ApplyConflict, match=r'1 conflict: conflict with "editor" using v1: \.value'):
        room.apply("kubectl", {"name": "y", "value": 2})


def test_the_annotation_is_sorted_json_without_itself():
    """`<`, `>` and `&` are escaped as Go escapes them."""
    room = Room()
    client_side(room, {"name": "x"})
    room.apply("kubectl", {"labels": {"b": "<&>", "a": "1"}, "name": "x", "metadata": {
        "name": "box", "annotations": {ANNOTATION: "old"}}}, force=True)
    text = room.live["metadata"]["annotations"][ANNOTATION]
    assert text == ('{"apiVersion":"v1","kind":"Box","labels":{"a":"1","b":"\\u003c\\u0026\\u003e"},'
                    '"metadata":{"annotations":{},"name":"box"},"name":"x"}\n')


def test_an_annotation_that_would_not_fit_is_taken_away():
    """All annotations together have a limit."""
    room = Room()
    client_side(room, {"name": "x"}, other="y" * (255 * 1024))
    room.apply("kubectl", {"name": "x", "args": ["z" * 2000]})
    assert set(room.live["metadata"]["annotations"]) == {"other"}


# --- scale


REPLICAS = {"v1": ("f:inner", "f:a"), "v2": None}


def test_owners_of_replicas_own_those_of_the_scale():
    """Entries without replicas, or of versions without a scale, are left out."""
    room = Room()
    room.apply("one", {"inner": {"a": "1"}, "name": "x"})
    room.update("two", {"inner": {"a": "1"}, "name": "x", "value": 1})
    assert [(e["manager"], e["apiVersion"], e["fieldsV1"]) for e in scale.to_scale(room.entries, REPLICAS)] == [
        ("one", "autoscaling/v1", fields(("spec", "replicas")))]


def test_a_scale_takes_the_replicas_home():
    """Who owned them and does not any more loses only them; the new owner's entry has no time."""
    room = Room()
    room.apply("one", {"inner": {"a": "1"}, "name": "x"})
    taken = [entry("two", "Update", apiVersion="autoscaling/v1", subresource="scale", time="2026-01-01T00:00:09Z",
                   fieldsV1=fields(("spec", "replicas")))]
    home = scale.to_parent(room.entries, taken, "v1", REPLICAS)
    assert [(e["manager"], e["apiVersion"], e.get("time", ""), e["fieldsV1"], e.get("subresource")) for e in home] == [
        ("one", "v1", "2026-01-01T00:00:01Z", fields("name"), None),
        ("two", "v1", "", fields(("inner", "a")), "scale")]
    assert scale.to_parent(room.entries, scale.to_scale(room.entries, REPLICAS), "v1", REPLICAS) == room.entries


# --- times that nothing else goes with


def test_times_are_taken_back_when_nothing_else_changed():
    """So that storage sees no change; not when anything but times differs."""
    old = {"metadata": {"name": "n", "resourceVersion": "1", "managedFields": [entry(time="a")]}, "x": 1}
    new = {"metadata": {"name": "n", "managedFields": [entry(time="b")]}, "x": 1}
    entries.keep_times(old, new)
    assert new["metadata"]["managedFields"] == old["metadata"]["managedFields"]
    for other in ({"metadata": {"name": "n", "managedFields": [entry(time="b")]}, "x": 2},
                  {"metadata": {"name": "n", "managedFields": [entry("y", time="b")]}, "x": 1}):
        entries.keep_times(old, other)
        assert other["metadata"]["managedFields"][0]["time"] == "b"


def test_the_type_of_the_kind_is_there():
    """A field manager cannot be made for a version without a type."""
    room = Room(BOX)
    with pytest.raises(ValueError, match="no corresponding type for /v9, Kind=Box"):
        type(room.managers["v1"])(room.managers["v1"].gvk._replace(version="v9"),
                                  room.managers["v1"]._ownership.versions, {"metadata": {}})
