"""Rows of the other groups: networking, storage, RBAC, policy, flow control, admission, devices, API
services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Tree = dict[str, Any]
Printed = Callable[..., list[Any]]

DELETED = {"deletionTimestamp": "2026-01-01T00:00:00Z"}


def rules(*hosts: str) -> list[Tree]:
    return [{"host": host} if host else {} for host in hosts]


@pytest.mark.parametrize(("found", "text"), [
    ([], "*"),
    (rules("", ""), "*"),
    (rules("a", "b", "c"), "a,b,c"),
    (rules("a", "", "b"), "a,b"),
    (rules("a", "b", "c", "d", "e"), "a,b,c + 2 more..."),
    (rules("a", "", "b", "c", ""), "a,b,c + 2 more..."),
    (rules("", "a", "b", "c"), "a,b,c"),
])
def test_ingress_hosts(printed: Printed, found: list[Tree], text: str) -> None:
    """Three hosts; the number of more is counted in rules beyond three."""
    assert printed("networking.k8s.io/v1/ingresses", {"spec": {"rules": found}})[2] == text


def test_ingress(printed: Printed) -> None:
    """Class, addresses whole and in order, ports by whether there is TLS."""
    points = [{"hostname": "h.example.com"}, {"ip": "1.2.3.4"}]
    tree = {"spec": {"ingressClassName": "nginx", "tls": [{}]},
            "status": {"loadBalancer": {"ingress": points}}}
    assert printed("networking.k8s.io/v1/ingresses", tree) == [
        "x", "nginx", "*", "1.2.3.4,h.example.com", "80, 443", "60m"]
    assert printed("networking.k8s.io/v1/ingresses", {}) == ["x", "<none>", "*", "", "80", "60m"]


@pytest.mark.parametrize(("selector", "text"), [
    ({}, "<none>"),
    ({"matchLabels": {"b": "2", "a": "1"}, "matchExpressions": [
        {"key": "e", "operator": "Exists"}, {"key": "n", "operator": "NotIn", "values": ["y", "x"]},
        {"key": "d", "operator": "DoesNotExist"}]}, "a=1,b=2,!d,e,n notin (x,y)"),
    ({"matchExpressions": [{"key": "example.com/e", "operator": "In", "values": ["1"]}]},
     "example.com/e in (1)"),
    ({"matchLabels": {"a": ""}}, "a="),
    ({"matchExpressions": [{"key": "e", "operator": "In", "values": []}]}, "<error>"),
    ({"matchExpressions": [{"key": "e", "operator": "Exists", "values": ["x"]}]}, "<error>"),
    ({"matchLabels": {"a": "not valid"}}, "<error>"),
    ({"matchLabels": {"Bad/a": "1"}}, "<error>"),
    ({"matchLabels": {"a" * 64: "1"}}, "<error>"),
])
def test_label_selector(printed: Printed, selector: Tree, text: str) -> None:
    """Requirements in order of their keys; a selector that cannot be one is an error."""
    assert printed("networking.k8s.io/v1/networkpolicies", {"spec": {"podSelector": selector}})[1] == text


RESOURCE_ROWS: list[tuple[str, Tree, list[Any]]] = [
    ("networking.k8s.io/v1/ingressclasses", {"spec": {"controller": "c"}}, ["x", "c", "<none>", "60m"]),
    ("networking.k8s.io/v1/ingressclasses", {"spec": {"parameters": {"kind": "K", "name": "n"}}},
     ["x", "", "K/n", "60m"]),
    ("networking.k8s.io/v1/ingressclasses",
     {"spec": {"parameters": {"apiGroup": "example.com", "kind": "K", "name": "n"}}},
     ["x", "", "K.example.com/n", "60m"]),
    ("networking.k8s.io/v1/servicecidrs", {"spec": {"cidrs": ["10.0.0.0/8", "fd00::/64"]}},
     ["x", "10.0.0.0/8,fd00::/64", "60m"]),
    ("networking.k8s.io/v1/ipaddresses", {}, ["x", "<none>", "60m"]),
    ("networking.k8s.io/v1/ipaddresses",
     {"spec": {"parentRef": {"resource": "Services", "namespace": "d", "name": "k"}}},
     ["x", "services/d/k", "60m"]),
    ("networking.k8s.io/v1/ipaddresses",
     {"spec": {"parentRef": {"group": "example.com", "resource": "things", "name": "k"}}},
     ["x", "things.example.com/k", "60m"]),
    ("storage.k8s.io/v1/storageclasses", {"provisioner": "p"},
     ["x", "p", "Delete", "Immediate", False, "60m"]),
    ("storage.k8s.io/v1/storageclasses",
     {"metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
      "reclaimPolicy": "Retain",
      "volumeBindingMode": "WaitForFirstConsumer", "allowVolumeExpansion": True},
     ["x (default)", "", "Retain", "WaitForFirstConsumer", True, "60m"]),
    ("storage.k8s.io/v1/storageclasses",
     {"metadata": {"annotations": {"storageclass.beta.kubernetes.io/is-default-class": "false"}}},
     ["x", "", "Delete", "Immediate", False, "60m"]),
    ("storage.k8s.io/v1/volumeattributesclasses",
     {"driverName": "d", "metadata": {
         "annotations": {"volumeattributesclass.alpha.kubernetes.io/is-default-class": "true"}}},
     ["x (default)", "d", "60m"]),
    ("storage.k8s.io/v1/volumeattachments",
     {"spec": {"attacher": "d", "nodeName": "n", "source": {"persistentVolumeName": "pv"}},
      "status": {"attached": True}},
     ["x", "d", "pv", "n", True, "60m"]),
    ("storage.k8s.io/v1/csinodes", {"spec": {"drivers": [{}, {}]}}, ["x", 2, "60m"]),
    ("storage.k8s.io/v1/csidrivers", {}, ["x", True, False, False, "<unset>", False, "<none>", "60m"]),
    ("storage.k8s.io/v1/csidrivers",
     {"spec": {"attachRequired": False, "podInfoOnMount": True, "storageCapacity": True,
               "requiresRepublish": True,
               "tokenRequests": [{"audience": "a"}, {"audience": ""}],
               "volumeLifecycleModes": ["Persistent", "Ephemeral"]}},
     ["x", False, True, True, "a,", True, "Persistent,Ephemeral", "60m"]),
    ("rbac.authorization.k8s.io/v1/rolebindings",
     {"roleRef": {"kind": "ClusterRole", "name": "view"}, "subjects": [
         {"kind": "User", "name": "u0"}, {"kind": "Group", "name": "g"}, {"kind": "User", "name": "u1"},
         {"kind": "ServiceAccount", "name": "s", "namespace": "n"}, {"kind": "Robot", "name": "r"}]},
     ["x", "ClusterRole/view", "60m", "u0, u1", "g", "n/s"]),
    ("rbac.authorization.k8s.io/v1/clusterrolebindings", {"roleRef": {"kind": "ClusterRole", "name": "c"}},
     ["x", "ClusterRole/c", "60m", "", "", ""]),
    ("policy/v1/poddisruptionbudgets", {"spec": {"minAvailable": 1}}, ["x", "1", "N/A", 0, "60m"]),
    ("policy/v1/poddisruptionbudgets",
     {"spec": {"maxUnavailable": "20%"}, "status": {"disruptionsAllowed": 2}},
     ["x", "N/A", "20%", 2, "60m"]),
    ("policy/v1/poddisruptionbudgets", {"spec": {"minAvailable": 0}}, ["x", "0", "N/A", 0, "60m"]),
    ("scheduling.k8s.io/v1/priorityclasses",
     {"value": -5, "globalDefault": True, "preemptionPolicy": "Never"},
     ["x", -5, True, "60m", "Never"]),
    ("node.k8s.io/v1/runtimeclasses", {"handler": "kata"}, ["x", "kata", "60m"]),
    ("coordination.k8s.io/v1/leases", {"spec": {"holderIdentity": "me"}}, ["x", "me", "60m"]),
    ("flowcontrol.apiserver.k8s.io/v1/flowschemas", {}, ["x", "", 0, "<none>", "60m", "?"]),
    ("flowcontrol.apiserver.k8s.io/v1/flowschemas",
     {"spec": {"priorityLevelConfiguration": {"name": "l"}, "matchingPrecedence": 9000,
               "distinguisherMethod": {"type": "ByUser"}},
      "status": {"conditions": [{"type": "Dangling", "status": "False"}]}},
     ["x", "l", 9000, "ByUser", "60m", "False"]),
    ("flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations",
     {"spec": {"type": "Exempt", "exempt": {}}},
     ["x", "Exempt", "<none>", "<none>", "<none>", "<none>", "60m"]),
    ("flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations",
     {"spec": {"type": "Limited",
               "limited": {"nominalConcurrencyShares": 0, "limitResponse": {"type": "Reject"}}}},
     ["x", "Limited", 0, "<none>", "<none>", "<none>", "60m"]),
    ("flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations",
     {"spec": {"type": "Limited", "limited": {"nominalConcurrencyShares": 5, "limitResponse": {
         "queuing": {"queues": 64, "handSize": 8, "queueLengthLimit": 50}}}}},
     ["x", "Limited", 5, 64, 8, 50, "60m"]),
    ("admissionregistration.k8s.io/v1/validatingwebhookconfigurations", {"webhooks": [{}, {}]},
     ["x", 2, "60m"]),
    ("admissionregistration.k8s.io/v1/validatingadmissionpolicies",
     {"spec": {"validations": [{}], "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}}},
     ["x", 1, "v1/ConfigMap", "60m"]),
    ("admissionregistration.k8s.io/v1/mutatingadmissionpolicies", {"spec": {"mutations": [{}, {}]}},
     ["x", 2, "<unset>", "60m"]),
    ("resource.k8s.io/v1/resourceclaims", {}, ["x", "pending", "60m"]),
    ("resource.k8s.io/v1/resourceclaims", {"metadata": DELETED}, ["x", "deleted", "60m"]),
    ("resource.k8s.io/v1/resourceclaims", {"status": {"allocation": {}}}, ["x", "allocated", "60m"]),
    ("resource.k8s.io/v1/resourceclaims",
     {"metadata": DELETED, "status": {"allocation": {}, "reservedFor": [{}]}},
     ["x", "deleted,allocated,reserved", "60m"]),
    ("resource.k8s.io/v1/resourceclaims", {"status": {"reservedFor": [{}]}}, ["x", "pending", "60m"]),
    ("resource.k8s.io/v1/resourceslices", {"spec": {"nodeName": "n", "driver": "d", "pool": {"name": "p"}}},
     ["x", "n", "d", "p", "60m"]),
    ("resource.k8s.io/v1/deviceclasses", {}, ["x", "60m"]),
]


@pytest.mark.parametrize(("resource", "tree", "row"), RESOURCE_ROWS)
def test_row(printed: Printed, resource: str, tree: Tree, row: list[Any]) -> None:
    """Absent fields show as each kind's own word for nothing."""
    assert printed(resource, tree) == row


@pytest.mark.parametrize("resource", ["validatingadmissionpolicybindings", "mutatingadmissionpolicybindings"])
@pytest.mark.parametrize(("reference", "text"), [
    (None, "<unset>"), ({}, "<unset>"), ({"name": "a"}, "*/a"), ({"name": "a", "namespace": "n"}, "n/a"),
    ({"selector": {}},
     "&LabelSelector{MatchLabels:map[string]string{},MatchExpressions:[]LabelSelectorRequirement{},}"),
    ({"selector": {"matchLabels": {"b": "2", "a": "1"},
                   "matchExpressions": [{"key": "k", "operator": "In", "values": ["y", "x"]}]}},
     "&LabelSelector{MatchLabels:map[string]string{a: 1,b: 2,},MatchExpressions:[]LabelSelectorRequirement{"
     "LabelSelectorRequirement{Key:k,Operator:In,Values:[y x],},},}"),
])
def test_policy_binding(printed: Printed, resource: str, reference: Tree | None, text: str) -> None:
    """Parameters by name, in all namespaces unless one is given; a selector as Go prints it."""
    spec = {"policyName": "p", **({} if reference is None else {"paramRef": reference})}
    assert printed(f"admissionregistration.k8s.io/v1/{resource}", {"spec": spec}) == ["x", "p", text, "60m"]


@pytest.mark.parametrize(("conditions", "certificate", "state"), [
    ([], "", "Pending"), (["Approved"], "", "Approved"), (["Approved"], "Y2VydA==", "Approved,Issued"),
    (["Approved", "Denied"], "", "Denied"), (["Failed"], "", "Pending,Failed"),
    (["Approved", "Failed"], "Y2VydA==", "Approved,Failed,Issued"),
])
def test_signing_request(printed: Printed, conditions: list[str], certificate: str, state: str) -> None:
    """Denial beats approval; failure and the certificate are added."""
    status = {"conditions": [{"type": kind, "status": "True"} for kind in conditions],
              "certificate": certificate}
    spec = {"signerName": "example.com/s", "username": "u", "expirationSeconds": 3600}
    resource = "certificates.k8s.io/v1/certificatesigningrequests"
    assert printed(resource, {"spec": spec, "status": status}) == ["x", "60m", "example.com/s", "u", "60m",
                                                                   state]
    assert printed(resource, {})[2:] == ["<none>", "", "<none>", "Pending"]


@pytest.mark.parametrize(("tree", "service", "available"), [
    ({}, "Local", "Unknown"),
    ({"spec": {"service": {"namespace": "n", "name": "s"}}, "status": {"conditions": [
        {"type": "Available", "status": "False",
         "reason": "ServiceNotFound"}]}}, "n/s", "False (ServiceNotFound)"),
    ({"status": {"conditions": [{"type": "Available", "status": "True", "reason": "Local"}]}}, "Local",
     "True"),
    ({"status": {"conditions": [{"type": "Available", "status": "Unknown"}]}}, "Local", "Unknown"),
])
def test_api_service(printed: Printed, tree: Tree, service: str, available: str) -> None:
    """Where an API service stands, and why it is not available."""
    assert printed("apiregistration.k8s.io/v1/apiservices", tree) == ["x", service, available, "60m"]
