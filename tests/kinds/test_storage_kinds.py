"""Claims, volumes, storage classes and what CSI drivers write."""

from __future__ import annotations

from typing import Any

import pytest
from kind_bench import Kind, Tree

GROUP = "storage.k8s.io"
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
VOLUME = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}, "hostPath": {"path": "/x"}}


def claim(**members: Any) -> list[str]:
    return Kind("persistentvolumeclaims").refused(spec={**CLAIM, **members})


def test_a_new_claim_is_pending() -> None:
    """Whatever the client says."""
    made = Kind("persistentvolumeclaims").create(spec=CLAIM, status={"phase": "Bound"})
    assert made["status"] == {"phase": "Pending"} and made["spec"]["volumeMode"] == "Filesystem"


@pytest.mark.parametrize(("members", "wrong"), [
    ({"accessModes": []}, ["spec.accessModes: Required value: at least 1 access mode is required"]),
    ({"accessModes": ["ReadWriteOncePod", "ReadWriteOnce"]},
     ["spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes"]),
    ({"resources": {}}, ["spec.resources[storage]: Required value"]),
    ({"resources": {"requests": {"storage": "0"}}},
     ['spec.resources[storage]: Invalid value: "0": must be greater than zero']),
    ({"volumeMode": "Tape"},
     ['spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"']),
])
def test_claim_rules(members: Tree, wrong: list[str]) -> None:
    """Modes and size."""
    assert claim(**members) == wrong


def test_both_sources_of_a_claim_agree() -> None:
    """Either member fills the other; an unknown classic source is dropped."""
    kind = Kind("persistentvolumeclaims")
    other = {"kind": "PersistentVolumeClaim", "name": "c"}
    made = kind.create(spec={**CLAIM, "dataSource": other})["spec"]
    assert made["dataSourceRef"]["name"] == "c"
    assert kind.create(spec={**CLAIM, "dataSourceRef": other})["spec"]["dataSource"]["name"] == "c"
    odd = {"apiGroup": "x.example.com", "kind": "K", "name": "c"}
    assert "dataSource" not in kind.create(spec={**CLAIM, "dataSource": odd})["spec"]


def test_a_change_of_a_claim_is_shown() -> None:
    """As a diff of Go's form of the spec."""
    kind = Kind("persistentvolumeclaims")
    old = kind.create(spec={**CLAIM, "storageClassName": "a"})
    [text] = kind.refused_update(old, {"spec": {**old["spec"], "storageClassName": "b"}})
    assert text.startswith("spec: Forbidden: spec is immutable after creation except resources.requests and "
                           "volumeAttributesClassName for bound claims\n@@ ")
    assert {line.replace(" ", "") for line in text.splitlines() if line[0] in "+-"} == {
        '-"StorageClassName":"a",', '+"StorageClassName":"b",'}


def test_a_bound_claim_may_grow() -> None:
    """But not shrink below what it has."""
    kind = Kind("persistentvolumeclaims")
    old = kind.create(spec=CLAIM)
    old["status"] = {"phase": "Bound", "capacity": {"storage": "1Gi"}}

    def to(size: str) -> list[str]:
        return kind.refused_update(old, {"spec": {**old["spec"], "resources": {"requests": {"storage": size}}}})

    assert to("2Gi") == []
    assert to("1Mi") == ["spec.resources.requests.storage: Forbidden: field can not be less than status.capacity"]


def test_a_claim_may_get_its_volume_and_class_later() -> None:
    """The binder and the class defaulter write them once."""
    kind = Kind("persistentvolumeclaims")
    old = kind.create(spec=CLAIM)
    assert kind.refused_update(old, {"spec": {**old["spec"], "volumeName": "v", "storageClassName": "c"}}) == []


def test_volumes() -> None:
    """Exactly one source, and it stays."""
    kind = Kind("persistentvolumes")
    old = kind.create(spec=VOLUME)
    assert old["status"]["phase"] == "Pending" and old["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    assert kind.refused(spec={**VOLUME, "hostPath": None}) == ["spec: Required value: must specify a volume type"]
    assert kind.refused(spec={**VOLUME, "nfs": {"server": "s", "path": "/"}}) == [
        "spec.nfs: Forbidden: may not specify more than 1 volume type"]
    assert kind.refused(spec={**VOLUME, "hostPath": None, "local": {"path": "/x"}}) == [
        "spec.nodeAffinity: Required value: Local volume requires node affinity"]
    assert kind.refused_update(old, {"spec": {**old["spec"], "hostPath": {"path": "/y", "type": ""}}}) == [
        "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n"
        '@@ -2,7 +2,7 @@\n  "GCEPersistentDisk": null,\n  "AWSElasticBlockStore": null,\n  "HostPath": {\n'
        '-  "Path": "/x",\n+  "Path": "/y",\n   "Type": ""\n  },\n  "Glusterfs": null,\n']


def test_storage_classes_are_fixed() -> None:
    """Parameters, provisioner and policies; defaults as upstream has them."""
    kind = Kind("storageclasses", GROUP)
    old = kind.create(provisioner="p", parameters={"a": "b"})
    assert (old["reclaimPolicy"], old["volumeBindingMode"]) == ("Delete", "Immediate")
    assert kind.refused_update(old, {"parameters": {}, "provisioner": "q", "reclaimPolicy": "Retain"}) == [
        "parameters: Invalid value: null: field is immutable",
        "provisioner: Invalid value: \"q\": field is immutable",
        "reclaimPolicy: Invalid value: \"Retain\": field is immutable"]
    assert kind.refused(provisioner="") == ["provisioner: Required value"]


def test_csi_nodes() -> None:
    """Names once; what a driver has said stays."""
    kind = Kind("csinodes", GROUP)
    driver = {"name": "d.example.com", "nodeID": "n", "topologyKeys": ["k"]}
    assert kind.refused(spec={"drivers": [driver, driver]}) == [
        'spec.drivers[1].name: Duplicate value: "d.example.com"']
    old = kind.create(spec={"drivers": [driver]})
    assert kind.refused_update(old, {"spec": {"drivers": [{**driver, "nodeID": "m"}]}}) == [
        'spec.drivers: Invalid value: {"Name":"d.example.com","NodeID":"m","TopologyKeys":["k"],"Allocatable":null}: '
        "field is immutable"]
    assert kind.refused_update(old, {"spec": {"drivers": []}}) == []


def test_csi_drivers_and_attachments() -> None:
    """Defaults of a driver; an attachment attaches one thing and stays."""
    driver = Kind("csidrivers", GROUP).create(spec={})["spec"]
    assert driver["attachRequired"] is True and driver["volumeLifecycleModes"] == ["Persistent"]
    kind = Kind("volumeattachments", GROUP)
    spec = {"attacher": "a", "nodeName": "n", "source": {"persistentVolumeName": "v"}}
    assert kind.refused(spec={**spec, "source": {}}) == [
        "spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName"]
    [text] = kind.refused_update(kind.create(spec=spec), {"spec": {**spec, "nodeName": "m"}})
    assert text.startswith('spec: Invalid value: {"Attacher":"a",') and text.endswith(": field is immutable")
