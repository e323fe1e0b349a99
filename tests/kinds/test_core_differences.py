"""Rules of core kinds that a comparison with kube-apiserver 1.36 found wanting; a row for each."""

from __future__ import annotations

from typing import Any

import pytest
from kind_bench import Kind, Tree

from orlop.kinds.pod_rules.pod_resources import qos_class

CONTAINER = {"name": "c", "image": "i", "resources": {"requests": {"cpu": "1"}}}
POD: Tree = {"containers": [{"name": "c", "image": "i"}]}
VOLUME: Tree = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}}
CSI: Tree = {"driver": "d.example.com", "volumeHandle": "h"}
TERMS = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "k", "operator": "In", "values": ["a"]}]}]}
RESOLVED = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
CLAIM: Tree = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
FEATURE = ("must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or "
           "MyFeature/mySubFeature), and contain only alphanumeric characters and slashes")
OPTIONS = "volume.beta.kubernetes.io/mount-options"


@pytest.mark.parametrize(("source", "wrong"), [
    ({"hostPath": {"path": "/x", "type": "Odd"}},
     ['spec.hostPath.type: Unsupported value: "Odd": supported values: "", "BlockDevice", "CharDevice", "Directory", '
      '"DirectoryOrCreate", "File", "FileOrCreate", "Socket"']),
    ({"gcePersistentDisk": {"pdName": ""}}, ["spec.persistentDisk.pdName: Required value"]),
    ({"glusterfs": {"endpoints": "e", "path": "p", "endpointsNamespace": ""}},
     ['spec.glusterfs.endpointsNamespace: Invalid value: "": if the endpointnamespace is set, it must be a valid '
      "namespace name"]),
    ({"iscsi": {"targetPortal": "1.2.3.4", "iqn": "x", "lun": 300, "chapAuthSession": True}},
     ['spec.iscsi.iqn: Invalid value: "x": must be valid format',
      "spec.iscsi.lun: Invalid value: 300: must be between 0 and 255, inclusive",
      "spec.iscsi.secretRef: Required value"]),
    ({"cinder": {"volumeID": "v", "secretRef": {"name": "s"}}},
     ["spec.cinder.secretRef.namespace: Required value"]),
    ({"azureFile": {"secretName": "s", "shareName": "n", "secretNamespace": ""}},
     ["spec.azureFile.secretNamespace: Required value"]),
    ({"csi": {**CSI, "nodePublishSecretRef": {"name": "s"}}},
     ["spec.csi.nodePublishSecretRef.namespace: Required value"]),
    ({"flocker": {"datasetName": "a", "datasetUUID": "b"}},
     ['spec.flocker: Invalid value: "resource": datasetName and datasetUUID can not be specified simultaneously']),
    ({"hostPath": {"path": "/x"}, "cephfs": {"monitors": ["m"]}, "flexVolume": {"driver": "a/b"}},
     ["spec.cephFS: Forbidden: may not specify more than 1 volume type"]),
    ({"hostPath": {"path": "/x"}, "volumeAttributesClassName": ""},
     ["spec.volumeAttributesClassName: Required value: an empty string is disallowed",
      "spec.csi: Required value: has to be specified when using volumeAttributesClassName"]),
    ({"hostPath": {"path": "/x"}, "nodeAffinity": {"required": {"nodeSelectorTerms": []}}},
     ["spec.nodeAffinity.required.nodeSelectorTerms: Required value: must have at least one node selector term"]),
])
def test_sources_of_volumes(source: Tree, wrong: list[str]) -> None:
    """Each source has its rules, with upstream's paths."""
    assert Kind("persistentvolumes").refused(spec={**VOLUME, **source}) == wrong


def test_changes_of_volumes() -> None:
    """A secret for expansion may be added; a label may go from beta to its final name; nothing else."""
    kind = Kind("persistentvolumes")
    beta = {"nodeSelectorTerms": [{"matchExpressions": [
        {"key": "failure-domain.beta.kubernetes.io/zone", "operator": "In", "values": ["a"]}]}]}
    old = kind.create(spec={**VOLUME, "csi": CSI, "nodeAffinity": {"required": beta}})
    secret = {"name": "s", "namespace": "n"}
    final = {"nodeSelectorTerms": [{"matchExpressions": [
        {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["a"]}]}]}
    wanted = {**old["spec"], "csi": {**old["spec"]["csi"], "controllerExpandSecretRef": secret},
              "nodeAffinity": {"required": final}}
    assert kind.refused_update(old, {"spec": wanted}) == []
    assert kind.refused_update(old, {"spec": {**old["spec"], "nodeAffinity": {"required": TERMS}}}) == [
        'nodeAffinity: Invalid value: {"Required":{"NodeSelectorTerms":[{"MatchExpressions":[{"Key":"k",'
        '"Operator":"In","Values":["a"]}],"MatchFields":null}]}}: '
        'field is immutable, except for updating from beta label to GA']


def test_old_mount_options() -> None:
    """Only for kinds of volumes that are mounted with options."""
    kind = Kind("persistentvolumes")
    notes = {"name": "v", "annotations": {OPTIONS: "ro"}}
    assert kind.refused(metadata=notes, spec={**VOLUME, "csi": CSI}) == [
        f"metadata.annotations.{OPTIONS}: Forbidden: may not specify mount options for this volume type"]
    assert kind.refused(metadata=notes, spec={**VOLUME, "nfs": {"server": "s", "path": "/"}}) == []


@pytest.mark.parametrize(("status", "wrong"), [
    ({"declaredFeatures": ["a"]},
     [f'status.declaredFeatures[0]: Invalid value: "a": invalid feature name "a": {FEATURE}']),
    ({"declaredFeatures": ["B", "A"]},
     ['status.declaredFeatures[1]: Invalid value: "A": list must be sorted alphabetically']),
    ({"declaredFeatures": ["A", "A"]}, ['status.declaredFeatures[1]: Duplicate value: "A"']),
    ({"nodeInfo": {"swap": {"capacity": 0}}},
     ["metadata.nodeSwapStatus.capacity: Invalid value: 0: must be greater than zero"]),
])
def test_what_nodes_report(status: Tree, wrong: list[str]) -> None:
    """Features in order, swap that is there."""
    assert Kind("nodes").refused(status=status) == wrong


def test_the_first_pod_network_of_a_node_wins() -> None:
    """Older clients know podCIDR only; what configured kubelets is dropped."""
    made = Kind("nodes").create(spec={"podCIDR": "10.1.0.0/24", "podCIDRs": ["10.2.0.0/24"],
                                      "configSource": {"configMap": {"name": "c"}}}, status={"config": {"error": "e"}})
    assert made["spec"] == {"podCIDR": "10.1.0.0/24", "podCIDRs": ["10.1.0.0/24"]} and "config" not in made["status"]


@pytest.mark.parametrize(("text", "wrong"), [
    ("x", "invalid character 'x' looking for beginning of value"),
    ("5", "json: cannot unmarshal number into Go value of type v1.AvoidPods"),
])
def test_pods_to_avoid(text: str, wrong: str) -> None:
    """An old annotation that must be JSON."""
    key = "scheduler.alpha.kubernetes.io/preferAvoidPods"
    assert Kind("nodes").refused(metadata={"name": "n", "annotations": {key: text}}) == [
        f'metadata.annotations.AvoidPods: Invalid value: "{key}": {wrong}']


@pytest.mark.parametrize(("members", "wrong"), [
    ({"dataSource": {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "a"},
      "dataSourceRef": {"kind": "K", "name": "a"}},
     [f'spec.dataSourceRef: Invalid value: "K": {RESOLVED}', "spec: Invalid value: {}: must match dataSourceRef"]),
    ({"dataSource": {"apiGroup": "x.example.com", "kind": "K", "name": "c"},
      "dataSourceRef": {"kind": "PersistentVolumeClaim", "name": "c"}},
     ["spec: Invalid value: {}: must match dataSourceRef"]),
])
def test_sources_of_claims(members: Tree, wrong: list[str]) -> None:
    """A claim that names both gets both looked at."""
    assert Kind("persistentvolumeclaims").refused(spec={**CLAIM, **members}) == wrong


def test_what_is_resized_is_storage() -> None:
    """Of claims' status."""
    kind = Kind("persistentvolumeclaims")
    old = kind.create(spec=CLAIM)
    states = ('supported values: "ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", '
              '"NodeResizeInfeasible", "NodeResizePending"')
    status: Tree = {**old["status"], "allocatedResourceStatuses": {"storage": "Odd"},
                    "allocatedResources": {"cpu": "1"}}
    assert kind.refused_update(old, {"status": status}, "status") == [
        f'status.allocatedResourceStatuses: Unsupported value: "storage": {states}',
        'status.allocatedResources: Unsupported value: "cpu": supported values: "storage"']


@pytest.mark.parametrize(("spec", "kind"), [
    ({"containers": [CONTAINER]}, "Burstable"),
    ({"containers": [CONTAINER], "resources": {}}, "BestEffort"),
    ({"containers": [CONTAINER], "resources": {"limits": {"cpu": "1", "memory": "1"}, "requests": {"cpu": "1"}}},
     "Burstable"),
])
def test_a_pods_own_resources_decide(spec: Tree, kind: str) -> None:
    """Even when there are none."""
    assert qos_class(spec) == kind


@pytest.mark.parametrize(("members", "wrong"), [
    ({"os": {"name": ""}}, ["spec.os.name: Required value"]),
    ({"securityContext": {"seLinuxChangePolicy": "MountOption"}},
     ['spec.securityContext.seLinuxChangePolicy: Unsupported value: "MountOption": supported values: "Recursive"']),
    ({"volumes": [{"name": "v", "azureDisk": {"diskName": "d", "diskURI": "https://x", "cachingMode": ""}}]},
     ['spec.volumes[0].azureDisk.cachingMode: Unsupported value: "": supported values: "None", "ReadOnly", '
      '"ReadWrite"']),
])
def test_pods(members: Tree, wrong: list[str]) -> None:
    """Members of specs."""
    assert Kind("pods").refused(spec={**POD, **members}) == wrong


def test_an_empty_port_name_is_a_name() -> None:
    """Not a missing number."""
    probe: dict[str, Any] = {"tcpSocket": {"port": ""}}
    place = "spec.containers[0].livenessProbe.tcpSocket.port"
    assert Kind("pods").refused(spec={**POD, "containers": [{**CONTAINER, "livenessProbe": probe}]}) == [
        f'{place}: Invalid value: "": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
        f'{place}: Invalid value: "": must contain at least one letter (a-z)']


def test_an_update_looks_at_generate_name() -> None:
    """By the rules that the kind has for names."""
    kind = Kind("pods")
    old = kind.create(spec=POD)
    [text] = kind.refused_update(old, {"metadata": {**old["metadata"], "generateName": "UPPER"}})
    assert text.startswith('metadata.generateName: Invalid value: "UPPER": a lowercase RFC 1123 subdomain must consist')


@pytest.mark.parametrize(("plural", "members", "times"), [
    ("services", {"spec": {"ports": [{"port": 80}]}}, 3), ("namespaces", {}, 4), ("nodes", {}, 4),
    ("persistentvolumes", {"spec": {**VOLUME, "hostPath": {"path": "/x"}}}, 4),
    ("replicationcontrollers", {"spec": {"selector": {"a": "b"}, "template": {
        "metadata": {"labels": {"a": "b"}}, "spec": POD}}}, 3),
])
def test_how_often_metadata_is_looked_at(plural: str, members: Tree, times: int) -> None:
    """Twice for all kinds, then as often as the rules of each kind do."""
    kind = Kind(plural)
    old = kind.create(**members)
    changed = {**old["metadata"], "annotations": {"bad key!": ""}}
    assert len(kind.refused_update(old, {"metadata": changed})) == times
