"""Rows of nodes, services, endpoints, volumes, events and the core group's small kinds.

Several cases repeat what a kube-apiserver 1.36 answered for the same objects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Tree = dict[str, Any]
Printed = Callable[..., list[Any]]


def condition(kind: str, status: str = "True", **more: str) -> Tree:
    return {"type": kind, "status": status, **more}


@pytest.mark.parametrize(("node", "state"), [
    ({}, "Unknown"),
    ({"status": {"conditions": [condition("Ready")]}}, "Ready"),
    ({"status": {"conditions": [condition("Ready", "Unknown")]}}, "NotReady"),
    ({"status": {"conditions": [condition("DiskPressure")]}}, "Unknown"),
    ({"spec": {"unschedulable": True}}, "Unknown,SchedulingDisabled"),
    ({"spec": {"unschedulable": True}, "status": {"conditions": [condition("Ready", "False")]}},
     "NotReady,SchedulingDisabled"),
])
def test_node_state(printed: Printed, node: Tree, state: str) -> None:
    """The Ready condition in one word, and whether pods may be placed."""
    assert printed("v1/nodes", node)[1] == state


@pytest.mark.parametrize(("labels", "roles"), [
    ({}, "<none>"),
    ({"node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/control-plane": "x"},
     "control-plane,worker"),
    ({"kubernetes.io/role": "old", "node-role.kubernetes.io/": ""}, "old"),
    ({"kubernetes.io/role": ""}, "<none>"),
])
def test_node_roles(printed: Printed, labels: Tree, roles: str) -> None:
    """Roles come from labels, old style and new, sorted."""
    assert printed("v1/nodes", {"metadata": {"labels": labels}})[2] == roles


def test_node_wide_columns(printed: Printed) -> None:
    """Version, the first address of each type, and the system's description."""
    assert printed("v1/nodes", {})[4:] == ["", "<none>", "<none>", "<unknown>", "<unknown>", "<unknown>"]
    addresses = [{"type": t, "address": a} for t, a in [
        ("Hostname", "h"), ("InternalIP", "10.0.0.1"), ("InternalIP", "10.0.0.2"), ("ExternalIP", "1.2.3.4")]]
    info = {"kubeletVersion": "v1", "osImage": "os", "kernelVersion": "6.1",
            "containerRuntimeVersion": "c://2"}
    assert printed("v1/nodes", {"status": {"addresses": addresses, "nodeInfo": info}})[4:] == [
        "v1", "10.0.0.1", "1.2.3.4", "os", "6.1", "c://2"]


BALANCED = {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}, {"hostname": "a.example.com"}, {"ip": "1.2.3.4"},
                                         {}]}}


@pytest.mark.parametrize(("spec", "status", "external"), [
    ({"type": "ClusterIP"}, {}, "<none>"),
    ({"type": "NodePort", "externalIPs": ["192.0.2.1", "192.0.2.2"]}, {}, "192.0.2.1,192.0.2.2"),
    ({"type": "LoadBalancer"}, {}, "<pending>"),
    ({"type": "LoadBalancer", "externalIPs": ["192.0.2.9"]}, {}, "192.0.2.9"),
    ({"type": "LoadBalancer"}, BALANCED, "1.2.3.4,a.example.com"),
    ({"type": "LoadBalancer", "externalIPs": ["192.0.2.9"]}, BALANCED, "1.2.3.4,a.example.com,192.0.2.9"),
    ({"type": "ExternalName", "externalName": "db.example.com"}, {}, "db.example.com"),
    ({}, {}, "<unknown>"),
])
def test_service_external_ip(printed: Printed, spec: Tree, status: Tree, external: str) -> None:
    """Where a service is reachable from outside depends on its type."""
    assert printed("v1/services", {"spec": spec, "status": status})[3] == external


def test_service(printed: Printed) -> None:
    """The first cluster IP, ports with node ports, and the selector."""
    ports = [{"port": 80, "protocol": "TCP"}, {"port": 53, "protocol": "UDP", "nodePort": 30053}]
    spec = {"type": "ClusterIP", "clusterIPs": ["10.0.0.1", "fd00::1"], "ports": ports,
            "selector": {"b": "2", "a": "1"}}
    assert printed("v1/services", {"spec": spec}) == [
        "x", "ClusterIP", "10.0.0.1", "<none>", "80/TCP,53:30053/UDP", "60m", "a=1,b=2"]
    assert printed("v1/services", {"spec": {"type": "ExternalName"}})[2:] == ["<none>", "", "<none>", "60m",
                                                                              "<none>"]


def subset(ips: list[str], *ports: int) -> Tree:
    return {"addresses": [{"ip": ip} for ip in ips], "ports": [{"port": port} for port in ports]}


@pytest.mark.parametrize(("subsets", "text"), [
    ([], "<none>"),
    ([subset(["10.0.0.9", "10.0.0.8"], 80)], "10.0.0.9:80,10.0.0.8:80"),
    ([subset(["10.0.0.1", "10.0.0.2"], 80, 81)], "10.0.0.1:80,10.0.0.2:80,10.0.0.1:81 + 1 more..."),
    ([subset(["10.0.0.1"]), subset(["fd00::1"], 80)], "10.0.0.1,[fd00::1]:80"),
    ([subset([f"10.0.0.{i}" for i in range(1, 7)], 80)], "10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 3 more..."),
    ([{"notReadyAddresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 80}]}], ""),
])
def test_endpoints(printed: Printed, subsets: list[Tree], text: str) -> None:
    """Three ready addresses with their ports, then how many more."""
    assert printed("v1/endpoints", {"subsets": subsets})[1] == text


@pytest.mark.parametrize(("tree", "cells"), [
    ({}, ["", "<unset>", "<unset>"]),
    ({"addressType": "IPv6", "ports": [{"name": ""}], "endpoints": [{"addresses": ["fd00::1"]}]},
     ["IPv6", "<unset>", "fd00::1"]),
    ({"addressType": "IPv4", "ports": [{}, {"name": "web"}, {"name": "b", "port": 8}], "endpoints": [
        {"addresses": ["10.0.0.1", "10.0.0.2"]}, {"addresses": ["10.0.0.3", "10.0.0.4"]}]},
     ["IPv4", "*,web,8", "10.0.0.1,10.0.0.2,10.0.0.3 + 1 more..."]),
])
def test_endpoint_slice(printed: Printed, tree: Tree, cells: list[str]) -> None:
    """A port without number goes by its name; one without a name too stands for all."""
    assert printed("discovery.k8s.io/v1/endpointslices", tree)[1:4] == cells


@pytest.mark.parametrize(("tree", "cells"), [
    ({"spec": {"volumeMode": "Filesystem"}, "status": {"phase": "Pending"}},
     ["Pending", "", "", "", "", "<unset>", "60m", "Filesystem"]),
    ({"spec": {"volumeName": "pv1", "storageClassName": "fast"}, "status": {"phase": "Pending"}},
     ["Pending", "pv1", "0", "", "fast", "<unset>", "60m", "<unset>"]),
    ({"spec": {"volumeName": "pv9", "volumeAttributesClassName": "gold"}, "status": {
        "phase": "Bound", "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany", "ReadWriteOnce"]}},
     ["Bound", "pv9", "1Gi", "RWO,RWX", "", "gold", "60m", "<unset>"]),
    ({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z",
                   "annotations": {"volume.beta.kubernetes.io/storage-class": "beta"}},
      "spec": {"storageClassName": "fast"}, "status": {"phase": "Bound"}},
     ["Terminating", "", "", "", "beta", "<unset>", "60m", "<unset>"]),
])
def test_claim(printed: Printed, tree: Tree, cells: list[str]) -> None:
    """Size and modes are those of the bound volume, and shown only when there is one."""
    assert printed("v1/persistentvolumeclaims", tree)[1:] == cells


def test_volume(printed: Printed) -> None:
    """Capacity, modes in fixed order, claim as namespace/name, class, reason."""
    assert printed("v1/persistentvolumes", {}) == [
        "x", "0", "", "", "", "", "", "<unset>", "", "60m", "<unset>"]
    tree = {
        "spec": {"capacity": {"storage": "5Gi"}, "accessModes": ["ReadWriteOncePod", "ReadOnlyMany"],
                 "persistentVolumeReclaimPolicy": "Retain", "claimRef": {"namespace": "d", "name": "c"},
                 "storageClassName": "slow", "volumeAttributesClassName": "gold", "volumeMode": "Block"},
        "status": {"phase": "Failed", "reason": "gone"},
    }
    assert printed("v1/persistentvolumes", tree) == [
        "x", "5Gi", "ROX,RWOP", "Retain", "Failed", "d/c", "slow", "gold", "gone", "60m", "Block"]


CORE_EVENT = {
    "involvedObject": {"kind": "Pod", "name": "p", "fieldPath": "spec.containers{c}"}, "reason": "Pulled",
    "type": "Normal", "message": " Image pulled\n", "source": {"component": "kubelet", "host": "n1"},
    "firstTimestamp": "2025-12-31T22:00:00Z", "lastTimestamp": "2025-12-31T23:50:00Z", "count": 2,
}
NEW_EVENT = {
    "regarding": CORE_EVENT["involvedObject"], "reason": "Pulled", "type": "Normal",
    "note": " Image pulled\n",
    "deprecatedSource": CORE_EVENT["source"], "deprecatedFirstTimestamp": "2025-12-31T22:00:00Z",
    "deprecatedLastTimestamp": "2025-12-31T23:50:00Z", "deprecatedCount": 2,
}


@pytest.mark.parametrize(("resource", "event"), [
    ("v1/events", CORE_EVENT), ("events.k8s.io/v1/events", NEW_EVENT),
    ("v1/events", NEW_EVENT), ("events.k8s.io/v1/events", CORE_EVENT),
])
def test_event(printed: Printed, resource: str, event: Tree) -> None:
    """Both versions of an event print the same row."""
    assert printed(resource, event) == [
        "10m", "Normal", "Pulled", "pod/p", "spec.containers{c}", "kubelet, n1", "Image pulled",
        "120m", 2, "x"]


@pytest.mark.parametrize(("event", "last", "first", "count"), [
    ({"firstTimestamp": None, "lastTimestamp": None, "eventTime": None}, "<unknown>", "<unknown>", 1),
    ({"eventTime": "2025-12-31T23:59:00.500000Z"}, "59s", "59s", 1),
    ({"eventTime": "2025-12-31T23:00:00.000000Z",
      "series": {"count": 7, "lastObservedTime": "2025-12-31T23:59:50.000000Z"}}, "10s", "60m", 7),
    ({"firstTimestamp": "2025-12-31T23:59:00Z", "count": 4}, "60s", "60s", 4),
])
def test_event_times(printed: Printed, event: Tree, last: str, first: str, count: int) -> None:
    """Missing times fall back from last to first to the event's own; a series counts by itself."""
    row = printed("v1/events", event)
    assert (row[0], row[7], row[8]) == (last, first, count)


@pytest.mark.parametrize(("event", "source"), [
    ({"reportingComponent": "c/d", "reportingInstance": "i"}, "c/d, i"),
    ({"reportingController": "c", "deprecatedSource": {"host": "h"}}, "c, h"),
    ({"source": {"component": "kubelet"}}, "kubelet"),
    ({}, ""),
])
def test_event_source(printed: Printed, event: Tree, source: str) -> None:
    """The old source where there is one, else the reporting controller and its instance."""
    assert printed("v1/events", event)[5] == source


def test_event_about_a_kind(printed: Printed) -> None:
    """An event about no object in particular names the kind alone."""
    assert printed("v1/events", {"involvedObject": {"kind": "Node"}})[3] == "node"


def test_quota(printed: Printed) -> None:
    """Used of hard in order, limits apart; what is not counted yet is zero."""
    status = {"hard": {"requests.cpu": "1", "pods": "10", "limits.memory": "2Gi", "limits": "1"},
              "used": {"pods": "2", "requests.cpu": "250m"}}
    assert printed("v1/resourcequotas", {"status": status}) == [
        "x", "limits: 0/1, pods: 2/10, requests.cpu: 250m/1", "limits.memory: 0/2Gi", "60m"]


@pytest.mark.parametrize(("resource", "tree", "row"), [
    ("v1/namespaces", {"status": {"phase": "Terminating"}}, ["x", "Terminating", "60m"]),
    ("v1/configmaps", {"data": {"a": "1"}, "binaryData": {"b": "", "c": ""}}, ["x", 3, "60m"]),
    ("v1/secrets", {"type": "Opaque", "data": {"a": "MQ=="}}, ["x", "Opaque", 1, "60m"]),
    ("v1/serviceaccounts", {"secrets": [{"name": "a"}]}, ["x", "60m"]),
    ("v1/componentstatuses", {}, ["x", "Unknown", "", ""]),
    ("v1/componentstatuses", {"conditions": [condition("Healthy", message="ok")]},
     ["x", "Healthy", "ok", ""]),
    ("v1/componentstatuses", {"conditions": [condition("Healthy", "False", error="no")]},
     ["x", "Unhealthy", "", "no"]),
])
def test_small_kinds(printed: Printed, resource: str, tree: Tree, row: list[Any]) -> None:
    """Counts and phases."""
    assert printed(resource, tree) == row
