"""HorizontalPodAutoscalers in their stored version."""

from __future__ import annotations

import pytest
from kind_bench import Kind, Tree

TARGET = {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"}


def autoscalers() -> Kind:
    return Kind("horizontalpodautoscalers", "autoscaling")


def test_defaults() -> None:
    """One replica at least, cpu as the metric; a behavior is completed once there is one."""
    spec = autoscalers().create(spec={"scaleTargetRef": TARGET, "maxReplicas": 3,
                                      "behavior": {"scaleUp": {"selectPolicy": "Disabled"}}})["spec"]
    assert spec["minReplicas"] == 1
    assert spec["metrics"] == [
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]
    assert spec["behavior"]["scaleUp"]["selectPolicy"] == "Disabled"
    assert len(spec["behavior"]["scaleUp"]["policies"]) == 2
    assert "stabilizationWindowSeconds" not in spec["behavior"]["scaleDown"]


@pytest.mark.parametrize(("members", "wrong"), [
    ({"maxReplicas": 0, "minReplicas": 0}, [
        "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1",
        "spec.maxReplicas: Required value: must be set and greater than 0",
        "spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero "
        "replicas"]),
    ({"minReplicas": 9},
     ["spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`"]),
    ({"scaleTargetRef": {"kind": "a/b", "name": ""}}, [
        "spec.scaleTargetRef.kind: Invalid value: \"a/b\": may not contain '/'",
        "spec.scaleTargetRef.name: Required value",
        'spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group']),
    ({"metrics": [{"type": "Pods", "resource": {"name": "cpu", "target": {"type": "Utilization"}}}]}, [
        "spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a "
        "target utilization",
        "spec.metrics[0].pods: Required value: must populate information for the given metric source"]),
    ({"behavior": {"scaleUp": {"stabilizationWindowSeconds": 9999, "policies": [{"type": "Pods"}]}}}, [
        "spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 9999: must be less than or equal to 3600",
        "spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero",
        "spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 0: must be greater than zero"]),
])
def test_rules(members: Tree, wrong: list[str]) -> None:
    """Bounds, target, metrics and behavior."""
    assert autoscalers().refused(spec={"scaleTargetRef": TARGET, "maxReplicas": 5, **members}) == wrong


def test_replication_controllers_have_no_group() -> None:
    """The one kind of the core group that can be scaled."""
    target = {"kind": "ReplicationController", "name": "r", "apiVersion": "v1"}
    assert autoscalers().create(spec={"scaleTargetRef": target, "maxReplicas": 1})


def test_notes_of_v1_do_not_stay() -> None:
    """v2 says the same in members."""
    made = autoscalers().create(
        metadata={"name": "h", "annotations": {"autoscaling.alpha.kubernetes.io/metrics": "[]", "a": "b"}},
        spec={"scaleTargetRef": TARGET, "maxReplicas": 1})
    assert made["metadata"]["annotations"] == {"a": "b"}
