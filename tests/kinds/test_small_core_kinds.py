"""Leases, nodes, limit ranges, quotas and endpoints: the rules of small kinds, in upstream's words."""

from __future__ import annotations

from typing import Any

import pytest
from kind_bench import Kind, Tree

# --- leases ----------------------------------------------------------------------------------------------------------

def test_lease_rules() -> None:
    """Durations are positive, transitions not negative; members of gated election are dropped."""
    kind = Kind("leases", "coordination.k8s.io")
    assert kind.refused(spec={"leaseDurationSeconds": 0, "leaseTransitions": -1}) == [
        "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
        "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0"]
    assert kind.create(spec={"holderIdentity": "a", "strategy": "OldestEmulationVersion"})["spec"] == {
        "holderIdentity": "a"}


def test_leases_may_be_made_by_put_but_not_blindly() -> None:
    """Leader election depends on resourceVersion."""
    strategy = Kind("leases", "coordination.k8s.io").strategy()
    assert strategy.allow_create_on_update and not strategy.allow_unconditional_update


# --- nodes -----------------------------------------------------------------------------------------------------------

def test_a_node_brings_its_status() -> None:
    """On creation; a later PUT keeps the stored one. Allocatable follows capacity, podCIDRs podCIDR."""
    kind = Kind("nodes")
    made = kind.create(spec={"podCIDR": "10.1.0.0/24"}, status={"capacity": {"cpu": "4"}})
    assert made["status"]["allocatable"] == {"cpu": "4"} and made["spec"]["podCIDRs"] == ["10.1.0.0/24"]
    assert kind.update(made, {"status": {"capacity": {"cpu": "8"}}})["status"]["capacity"] == {"cpu": "4"}
    assert kind.update(made, {"status": {"capacity": {"cpu": "8"}}}, "status")["status"]["capacity"] == {"cpu": "8"}


@pytest.mark.parametrize(("spec", "wrong"), [
    ({"taints": [{"key": "k", "effect": ""}]}, ["metadata.taints[0].effect: Required value"]),
    ({"taints": [{"key": "k", "effect": "NoSchedule"}] * 2},
     ['metadata.taints[1]: Duplicate value: {"Key":"k","Value":"","Effect":"NoSchedule","TimeAdded":null}: taints must '
      "be unique by key and effect pair"]),
    ({"podCIDRs": ["10.0.0.0/24", "10.1.0.0/24"]},
     ['spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.1.0.0/24"]: may specify no more than one CIDR for each IP '
      "family"]),
])
def test_node_rules(spec: Tree, wrong: list[str]) -> None:
    """Taints and pod networks."""
    assert Kind("nodes").refused(spec=spec) == wrong


def test_what_a_node_was_given_stays() -> None:
    """Pod networks and the provider's id are set once."""
    kind = Kind("nodes")
    old = kind.create(spec={"podCIDR": "10.1.0.0/24", "podCIDRs": ["10.1.0.0/24"], "providerID": "p://1"})
    changed = {"podCIDR": "10.2.0.0/24", "podCIDRs": ["10.2.0.0/24"], "providerID": "p://2"}
    assert kind.refused_update(old, {"spec": changed}) == [
        'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
        'spec.providerID: Forbidden: node updates may not change providerID except from "" to valid']


# --- limit ranges ----------------------------------------------------------------------------------------------------

def limits(**members: Tree) -> list[str]:
    return Kind("limitranges").refused(spec={"limits": [{"type": "Container", **members}]})


def test_container_limits_fill_each_other() -> None:
    """Defaults come from the maximum, requests from limits and the minimum."""
    made = Kind("limitranges").create(spec={"limits": [
        {"type": "Container", "max": {"cpu": "2"}, "min": {"memory": "1Mi"}}]})
    assert made["spec"]["limits"][0] == {
        "type": "Container", "max": {"cpu": "2"}, "min": {"memory": "1Mi"}, "default": {"cpu": "2"},
        "defaultRequest": {"cpu": "2", "memory": "1Mi"}}


@pytest.mark.parametrize(("members", "wrong"), [
    ({"min": {"cpu": "2"}, "max": {"cpu": "1"}, "default": {"cpu": "1"}, "defaultRequest": {"cpu": "1"}},
     "spec.limits[0].min[cpu]: Invalid value: \"2\": min value 2 is greater than max value 1"),
    ({"default": {"cpu": "1"}, "defaultRequest": {"cpu": "2"}},
     'spec.limits[0].defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than default limit '
     "value 1"),
    ({"maxLimitRequestRatio": {"cpu": "0.5"}},
     'spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1'),
    ({"max": {"cpu": "4"}, "min": {"cpu": "2"}, "maxLimitRequestRatio": {"cpu": "3"}},
     'spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "3": ratio 3 is greater than max/min = 2.000000'),
])
def test_limits_leave_room(members: dict[str, Tree], wrong: str) -> None:
    """Each bound against the others."""
    assert wrong in limits(**members)


def test_pod_limits_have_no_defaults() -> None:
    """And claims need a bound of storage."""
    kind = Kind("limitranges")
    assert kind.refused(spec={"limits": [{"type": "Pod", "default": {"cpu": "1"}}]}) == [
        "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'"]
    assert kind.refused(spec={"limits": [{"type": "PersistentVolumeClaim"}]}) == [
        "spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was "
        "provided"]


# --- quotas ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("spec", "wrong"), [
    ({"hard": {"cpu": "-1"}}, 'spec.hard[cpu]: Invalid value: "-1": must be greater than or equal to 0'),
    ({"hard": {"pods": "1500m"}}, 'spec.hard[pods]: Invalid value: "1500m": must be an integer'),
    ({"hard": {"storage": "1"}}, 'spec.hard[storage]: Invalid value: "storage": must be a standard resource for quota'),
    ({"scopes": ["Odd"]}, 'spec.scopes: Invalid value: ["Odd"]: unsupported scope'),
    ({"hard": {"cpu": "1"}, "scopes": ["BestEffort"]},
     'spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource'),
    ({"scopes": ["BestEffort", "NotBestEffort"]},
     'spec.scopes: Invalid value: ["BestEffort","NotBestEffort"]: conflicting scopes'),
    ({"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "In"}]}},
     "spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is 'In' "
     "or 'NotIn' for scope selector"),
])
def test_quota_rules(spec: Tree, wrong: str) -> None:
    """Names, amounts and scopes."""
    assert Kind("resourcequotas").refused(spec=spec) == [wrong]


def test_scopes_of_a_quota_stay() -> None:
    """In any order."""
    kind = Kind("resourcequotas")
    old = kind.create(spec={"scopes": ["Terminating", "BestEffort"]})
    assert kind.refused_update(old, {"spec": {"scopes": ["BestEffort", "Terminating"]}}) == []
    assert kind.refused_update(old, {"spec": {"scopes": ["Terminating"]}}) == [
        'spec.scopes: Invalid value: ["Terminating"]: field is immutable']


# --- endpoints -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("subset", "wrong"), [
    ({"ports": [{"port": 1}]}, "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"),
    ({"addresses": [{"ip": "127.0.0.1"}]}, 'subsets[0].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the '
                                           "loopback range (127.0.0.0/8, ::1/128)"),
    ({"notReadyAddresses": [{"ip": "169.254.1.1"}]},
     'subsets[0].notReadyAddresses[0].ip: Invalid value: "169.254.1.1": may not be in the link-local range '
     "(169.254.0.0/16, fe80::/10)"),
    ({"addresses": [{"ip": "1.2.3.4"}], "ports": [{"port": 1}, {"port": 2, "name": "b"}]},
     "subsets[0].ports[0].name: Required value"),
])
def test_endpoints_rules(subset: Tree, wrong: str) -> None:
    """Addresses that mean something to others, ports with names when there are several."""
    assert Kind("endpoints").refused(subsets=[subset]) == [wrong]


def test_subsets_stay_as_they_are() -> None:
    """1.36 packs nothing together; the protocol gets its default."""
    subsets = [{"addresses": [{"ip": "1.2.3.4"}], "ports": [{"port": 1}]}] * 2
    made = Kind("endpoints").create(subsets=subsets)
    assert made["subsets"] == [{"addresses": [{"ip": "1.2.3.4"}], "ports": [{"port": 1, "protocol": "TCP"}]}] * 2


def slices(**members: Any) -> list[str]:
    return Kind("endpointslices", "discovery.k8s.io").refused(**members)


def test_endpoint_slice_rules() -> None:
    """One family a slice, no port name twice."""
    assert slices(endpoints=[])[0] == "addressType: Required value"
    assert slices(addressType="IPv4", endpoints=[{"addresses": ["fd00::1"]}]) == [
        'endpoints[0].addresses: Invalid value: "fd00::1": must be an IPv4 address']
    assert slices(addressType="IPv4", endpoints=[{"addresses": []}]) == [
        "endpoints[0].addresses: Required value: must contain at least 1 address"]
    assert slices(addressType="FQDN", endpoints=[], ports=[{"port": 1}, {"port": 2}]) == [
        'ports[1].name: Duplicate value: ""']


def test_endpoint_slices_count_labels_too() -> None:
    """The generation moves with content and labels, not with annotations; the family stays."""
    kind = Kind("endpointslices", "discovery.k8s.io")
    old = kind.create(addressType="IPv4", endpoints=[{"addresses": ["1.2.3.4"]}])
    assert old["metadata"]["generation"] == 1
    assert kind.update(old, {"metadata": {"annotations": {"a": "b"}}})["metadata"]["generation"] == 1
    assert kind.update(old, {"metadata": {"labels": {"a": "b"}}})["metadata"]["generation"] == 2
    assert kind.refused_update(old, {"addressType": "FQDN", "endpoints": []}) == [
        'addressType: Invalid value: "FQDN": field is immutable']
