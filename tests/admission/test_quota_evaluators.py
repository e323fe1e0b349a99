"""How much of a quota an object takes, and which quotas apply to it."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.admission.quota_evaluators import Evaluators, in_scope
from orlop.api.amounts import written
from orlop.api.gvk import GroupResource
from orlop.api.tree import Tree

EVALUATORS = Evaluators(lambda: 1_000_000_000.0, lambda: {"gpu": {"spec": {"extendedResourceName": "example.com/gpu"}}})
PODS, SERVICES = GroupResource("", "pods"), GroupResource("", "services")
CLAIMS, DEVICES = GroupResource("", "persistentvolumeclaims"), GroupResource("resource.k8s.io", "resourceclaims")


def usage(resource: GroupResource, **members: Any) -> dict[str, str]:
    return written(EVALUATORS.of(resource).usage({"metadata": {}, **members}))


def container(name: str = "c", requests: Any = None, limits: Any = None, **more: Any) -> Tree:
    return {"name": name, "resources": {"requests": requests or {}, "limits": limits or {}}, **more}


def test_a_pod_as_a_whole() -> None:
    """Containers together or the most demanding start; sidecars count with both; then the overhead."""
    spec = {"containers": [container(requests={"cpu": "1"}, limits={"memory": "1Gi"}),
                           container(requests={"cpu": "500m", "example.com/gpu": "2"})],
            "initContainers": [container(requests={"cpu": "200m"}, restartPolicy="Always"),
                               container(requests={"cpu": "3", "hugepages-2Mi": "4Mi"})],
            "overhead": {"cpu": "100m", "memory": "1Mi"}}
    assert usage(PODS, spec=spec) == {
        "count/pods": "1", "pods": "1", "cpu": "3300m", "requests.cpu": "3300m", "memory": "1Mi",
        "requests.memory": "1Mi", "limits.memory": "1025Mi", "requests.example.com/gpu": "2", "hugepages-2Mi": "4Mi",
        "requests.hugepages-2Mi": "4Mi"}


def test_what_a_pod_says_for_itself_counts() -> None:
    """In place of what its containers say."""
    spec = {"containers": [container(requests={"cpu": "1"})], "resources": {"requests": {"cpu": "2"}}}
    assert usage(PODS, spec=spec)["requests.cpu"] == "2"
    assert EVALUATORS.of(PODS).missing(["requests.memory"], {"spec": spec}) == ""


def test_a_resize_counts_what_is_given() -> None:
    """The larger of what is wanted and what runs; only what runs when the wish cannot be granted."""
    spec = {"containers": [container(requests={"cpu": "1"})]}
    reported = [{"name": "c", "resources": {"requests": {"cpu": "3"}}, "allocatedResources": {"cpu": "2"}}]
    assert usage(PODS, spec=spec, status={"containerStatuses": reported})["cpu"] == "3"
    spec = {"containers": [container(requests={"cpu": "8"})]}
    pending = [{"type": "PodResizePending", "reason": "Infeasible"}]
    assert usage(PODS, spec=spec, status={"containerStatuses": reported, "conditions": pending})["cpu"] == "3"


@pytest.mark.parametrize(("metadata", "status", "counted"), [
    ({}, {}, True),
    ({}, {"phase": "Succeeded"}, False),
    ({"deletionTimestamp": "2001-09-09T01:46:00Z", "deletionGracePeriodSeconds": 30}, {}, False),
    ({"deletionTimestamp": "2001-09-09T01:46:20Z", "deletionGracePeriodSeconds": 30}, {}, True),
])
def test_what_has_ended_does_not_count(metadata: Tree, status: Tree, counted: bool) -> None:
    """But as an object."""
    used = usage(PODS, metadata=metadata, status=status, spec={})
    assert "count/pods" in used and ("pods" in used) is counted


def test_missing_amounts_are_named() -> None:
    """By resource, then by container."""
    pod = {"spec": {"containers": [container("b"), container("a", limits={"memory": "1"})]}}
    missing = EVALUATORS.of(PODS).missing(["limits.memory", "requests.cpu", "limits.ephemeral-storage"], pod)
    assert missing == "limits.memory for: b; requests.cpu for: a,b"


def test_services() -> None:
    """Node ports as they are meant to be allocated."""
    ports = [{"port": 1}, {"port": 2, "nodePort": 30000}]
    assert usage(SERVICES, spec={"type": "NodePort", "ports": ports})["services.nodeports"] == "2"
    balanced = {"type": "LoadBalancer", "ports": ports, "allocateLoadBalancerNodePorts": False}
    used = usage(SERVICES, spec=balanced)
    assert (used["services.nodeports"], used["services.loadbalancers"], used["services"]) == ("1", "1", "1")


def test_volume_claims() -> None:
    """Whole bytes, in all and by class; what was set aside counts when it is more."""
    spec = {"storageClassName": "gold", "resources": {"requests": {"storage": "1500m"}}}
    assert usage(CLAIMS, spec=spec) == {
        "count/persistentvolumeclaims": "1", "persistentvolumeclaims": "1", "requests.storage": "2",
        "gold.storageclass.storage.k8s.io/persistentvolumeclaims": "1",
        "gold.storageclass.storage.k8s.io/requests.storage": "2"}
    assert usage(CLAIMS, spec=spec, status={"allocatedResources": {"storage": "1Gi"}})["requests.storage"] == "1Gi"


def test_device_claims() -> None:
    """By class, and under the resource that the class stands for; of alternatives the worst."""
    requests = [{"exactly": {"deviceClassName": "gpu", "allocationMode": "ExactCount", "count": 2}},
                {"firstAvailable": [{"deviceClassName": "gpu", "allocationMode": "ExactCount", "count": 1},
                                    {"deviceClassName": "gpu", "allocationMode": "All"}]}]
    used = usage(DEVICES, spec={"devices": {"requests": requests}})
    assert used["gpu.deviceclass.resource.k8s.io/devices"] == used["requests.example.com/gpu"] == "34"
    assert EVALUATORS.of(DEVICES).names(["requests.example.com/gpu", "requests.example.com/other"]) == [
        "requests.example.com/gpu"]


def test_anything_can_be_counted() -> None:
    """By its resource and group; some have an older name too."""
    assert usage(GroupResource("apps", "deployments")) == {"count/deployments.apps": "1"}
    assert usage(GroupResource("", "secrets")) == {"count/secrets": "1", "secrets": "1"}
    assert [one.resource for one in EVALUATORS.using(["count/widgets.example.com", "configmaps"])] == [
        ("", "configmaps"), ("example.com", "widgets")]


@pytest.mark.parametrize(("scope", "spec", "inside"), [
    ("Terminating", {"activeDeadlineSeconds": 0}, True),
    ("NotTerminating", {}, True),
    ("BestEffort", {"containers": [container()]}, True),
    ("NotBestEffort", {"containers": [container(requests={"cpu": "1"})]}, True),
    ("PriorityClass", {}, False),
    ("PriorityClass", {"priorityClassName": "high"}, True),
    ("CrossNamespacePodAffinity", {"affinity": {"podAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [{"podAffinityTerm": {"namespaceSelector": {}}}]}}}, True),
    ("CrossNamespacePodAffinity", {"affinity": {"podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "a"}]}}}, False),
])
def test_scopes_of_pods(scope: str, spec: Tree, inside: bool) -> None:
    """Each by what the pod says."""
    assert in_scope({"scopes": [scope]}, EVALUATORS.of(PODS), {"metadata": {}, "spec": spec}) is inside


@pytest.mark.parametrize(("operator", "values", "inside"), [
    ("In", ["high"], True), ("In", ["low"], False), ("NotIn", ["low"], True), ("DoesNotExist", [], False)])
def test_scope_selectors(operator: str, values: list[str], inside: bool) -> None:
    """As labels are selected."""
    expression = {"scopeName": "PriorityClass", "operator": operator, "values": values}
    spec = {"scopeSelector": {"matchExpressions": [expression]}}
    assert in_scope(spec, EVALUATORS.of(PODS), {"spec": {"priorityClassName": "high"}}) is inside


def test_scopes_of_volume_claims() -> None:
    """Any class that the claim has, had or will have."""
    expression = {"scopeName": "VolumeAttributesClass", "operator": "In", "values": ["old"]}
    spec = {"scopeSelector": {"matchExpressions": [expression]}}
    claim = {"spec": {"volumeAttributesClassName": "new"}, "status": {"currentVolumeAttributesClassName": "old"}}
    assert in_scope(spec, EVALUATORS.of(CLAIMS), claim)
    assert not in_scope(spec, EVALUATORS.of(SERVICES), claim)
