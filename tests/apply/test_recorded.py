"""What a real kube-apiserver made of single writes: managedFields, conflicts, complaints."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from orlop.api.errors import APIError
from orlop.api.gvk import GroupVersion, GroupVersionKind
from orlop.apply import field_set
from orlop.apply.builtin import Compiler, types_of
from orlop.apply.filters import Exclude
from orlop.apply.tracking import FieldManager
from orlop.apply.versions import Versions
from orlop.schema.kind import builtin

DATA = Path(__file__).parent.parent / "data"
RECORDED = json.loads((DATA / "apply" / "recorded.json").read_text())
COMPILER = Compiler(builtin())
NOW = "2026-02-02T00:00:00Z"


def room(kind: GroupVersionKind, subresource: str) -> FieldManager:
    schema = builtin().kind(kind)
    empty: dict[str, Any] = {}
    schema.decode(empty)
    unowned = Exclude(("f:spec",)) if subresource == "status" else Exclude(("f:status",))
    reset = {kind.api_version: unowned} if "status" in schema.fields else {}
    versions = Versions(types_of(COMPILER, kind.kind), lambda tree, source, target: tree)
    return FieldManager(kind, versions, empty, reset, subresource)


def room_of(step: dict[str, Any]) -> FieldManager:
    kind = GroupVersion.parse(step["version"]).kind(step["kind"])
    return room(kind, step["subresource"])


def timeless(entries: list[dict[str, Any]] | None) -> list[dict[str, Any]]:
    return [{**entry, "time": "time" in entry} for entry in entries or ()]


def label(step: dict[str, Any]) -> str:
    return f"{step['scenario']}-{step['manager']}"


@pytest.mark.parametrize("step", [step for step in RECORDED if "new" in step], ids=label)
def test_plain_writes(step):
    """A create or update leaves the managedFields that the real server had: entries, order, who has a time."""
    result = room_of(step).update(step["old"], step["new"], step["manager"], NOW)
    assert timeless(result) == timeless(step["managedFields"])


@pytest.mark.parametrize("step", [step for step in RECORDED if "config" in step and "status" not in step], ids=label)
def test_applies(step):
    """So does an apply; neither argument is touched, and applying once more changes nothing at all."""
    before = copy.deepcopy(step)
    manager = room_of(step)
    result = manager.apply(step["live"], step["config"], step["manager"], step["force"], NOW)
    assert timeless(result["metadata"].get("managedFields")) == timeless(step["managedFields"])
    assert step == before
    assert manager.apply(result, step["config"], step["manager"], False, "later") is result


@pytest.mark.parametrize("step", [step for step in RECORDED if "status" in step], ids=label)
def test_refusals(step):
    """Conflicts and complaints have the server's code, message, reason and causes."""
    with pytest.raises(APIError) as refused:
        room_of(step).apply(step["live"], step["config"], step["manager"], step["force"], NOW)
    status, wanted = refused.value.status(), step["status"]
    shown = {name: status[name] for name in ("code", "message", "reason", "details") if name in status}
    if wanted.get("details") == {}:  # the order of several managers' causes is chance, and was not recorded
        shown["details"] = {}
    assert shown == wanted


def stored_sets() -> list[Any]:
    layout = json.loads((DATA / "etcd" / "layout.json").read_text())
    found: list[Any] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            found.extend([value["fieldsV1"]] if "fieldsV1" in value else [])
            for member in value.values():
                walk(member)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    walk(layout)
    return found


def test_field_sets_are_spelled_byte_for_byte_as_in_etcd():
    """Any order of the members of a stored FieldsV1 reads back as the very text that a kube-apiserver stored."""
    def turned(tree: Any) -> Any:
        return {key: turned(tree[key]) for key in reversed(tree)}

    sets = stored_sets()
    assert len(sets) > 30
    for stored in sets:
        assert orjson.dumps(field_set.read(turned(stored))) == orjson.dumps(stored)


def test_what_a_kube_apiserver_stored_of_creations_is_made_anew():
    """Objects in etcd whose only owner created them: our field set of them is the stored text, order included."""
    layout = json.loads((DATA / "etcd" / "layout.json").read_text())
    compared = 0
    for record in layout:
        value = record["value"]
        managed = value.get("metadata", {}).get("managedFields") if isinstance(value, dict) else None
        if not managed or len(managed) != 1 or managed[0]["operation"] != "Update" or value["kind"] not in SIMPLE:
            continue
        kind = GroupVersion.parse(value["apiVersion"]).kind(value["kind"])
        new = {name: member for name, member in copy.deepcopy(value).items() if name not in ("kind", "apiVersion")}
        del new["metadata"]["managedFields"]
        made = room(kind, "").update(None, new, managed[0]["manager"], managed[0]["time"])
        assert orjson.dumps(made) == orjson.dumps(managed), value["metadata"]["name"]
        compared += 1
    assert compared >= 3


SIMPLE = {"ConfigMap", "Secret", "ClusterRole", "Role", "RoleBinding", "ClusterRoleBinding", "Lease", "PriorityClass",
          "FlowSchema", "PriorityLevelConfiguration"}
"""Kinds that nothing is added to after their owner is noted."""


@pytest.mark.parametrize(("kind", "place", "item", "element"), [
    ("Pod", "containers", {"image": "i"}, 'k:{"name":""}'),
    ("Pod", "imagePullSecrets", {}, 'k:{"name":""}'),
    ("Service", "ports", {"name": "web"}, 'k:{"port":0,"protocol":"TCP"}'),
])  # fmt: skip
def test_keys_left_out(kind: str, place: str, item: dict[str, Any], element: str) -> None:
    """A key that an item leaves out stands for what the OpenAPI document declares, or for Go's zero value."""
    fields = room(GroupVersionKind("", "v1", kind), "").update(
        None, {"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}, "spec": {place: [item]}}, "m", NOW)
    assert fields is not None
    assert element in fields[0]["fieldsV1"]["f:spec"][f"f:{place}"]
