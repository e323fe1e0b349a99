"""HorizontalPodAutoscalers between autoscaling/v1 and v2."""

from __future__ import annotations

from typing import Any

import orjson

from orlop.kinds.defaults.autoscaling import complete_behavior
from orlop.kinds.hpa_conversion import from_stored, to_stored

PREFIX = "autoscaling.alpha.kubernetes.io/"
TARGET = {"kind": "Deployment", "name": "d"}
CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}
MEMORY = {"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue",
                                                                        "averageValue": "1Gi"}}}
OTHERS = [
    {"type": "Pods", "pods": {"metric": {"name": "rps"}, "target": {"type": "AverageValue", "averageValue": "9"}}},
    {"type": "Object", "object": {"metric": {"name": "hits", "selector": {"matchLabels": {"a": "b"}}},
                                  "describedObject": {"kind": "Ingress", "name": "i"},
                                  "target": {"type": "Value", "value": "2k"}}},
    {"type": "External", "external": {"metric": {"name": "q"},
                                      "target": {"type": "AverageValue", "averageValue": "30"}}},
    {"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "c", "target": {
        "type": "Utilization", "averageUtilization": 60}}},
]
POLICY = {"type": "Percent", "value": 10, "periodSeconds": 15}


def copied(tree: Any) -> Any:
    return orjson.loads(orjson.dumps(tree))


def stored(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "h"}, "spec": {"scaleTargetRef": TARGET, "maxReplicas": 5, **spec},
            "status": {"desiredReplicas": 0, "currentMetrics": None}}


def test_cpu_has_a_member_of_its_own() -> None:
    """No annotation is needed."""
    shown = from_stored(stored(metrics=[CPU], minReplicas=1))
    assert shown["spec"] == {"scaleTargetRef": TARGET, "minReplicas": 1, "maxReplicas": 5,
                             "targetCPUUtilizationPercentage": 70}
    assert shown["status"] == {"currentReplicas": 0, "desiredReplicas": 0} and "annotations" not in shown["metadata"]


def test_other_metrics_travel_in_an_annotation() -> None:
    """In the words of v1, as Go writes them."""
    notes = from_stored(stored(metrics=[CPU, MEMORY]))["metadata"]["annotations"]
    assert notes == {
        PREFIX + "metrics": '[{"type":"Resource","resource":{"name":"memory","targetAverageValue":"1Gi"}}]'}


def test_behavior_travels_under_internal_names() -> None:
    """It has no form in v1."""
    rules = {"selectPolicy": "Min", "policies": [POLICY]}
    notes = from_stored(stored(metrics=[CPU], behavior={"scaleDown": rules}))["metadata"]["annotations"]
    assert notes[PREFIX + "behavior"] == (
        '{"ScaleUp":null,"ScaleDown":{"StabilizationWindowSeconds":null,"SelectPolicy":"Min",'
        '"Policies":[{"Type":"Percent","Value":10,"PeriodSeconds":15}],"Tolerance":null}}')


def test_there_and_back() -> None:
    """Nothing is lost, but that cpu comes last and rules that nobody gave are spelled out."""
    whole = stored(metrics=[*OTHERS, MEMORY, CPU], behavior={"scaleUp": {"policies": [POLICY]},
                                                            "scaleDown": {"stabilizationWindowSeconds": 60}})
    whole["metadata"]["annotations"] = {"a": "b"}
    whole["status"] = {
        "currentReplicas": 2, "desiredReplicas": 3,
        "currentMetrics": [{"type": "Resource", "resource": {
            "name": "cpu", "current": {"averageUtilization": 45, "averageValue": "10m"}}}],
        "conditions": [{"type": "AbleToScale", "status": "True", "lastTransitionTime": "2024-01-01T00:00:00Z"}]}
    shown = from_stored(copied(whole))
    assert shown["status"]["currentCPUUtilizationPercentage"] == 45
    complete_behavior(whole["spec"]["behavior"])
    assert to_stored(shown) == whole


def test_v1_without_metrics() -> None:
    """Means cpu at eighty percent; unreadable annotations go."""
    tree = {"metadata": {"annotations": {PREFIX + "metrics": "nonsense"}}, "spec": {"maxReplicas": 1}}
    made = to_stored(tree)
    assert made["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 80
    assert made["metadata"] == {} and made["status"] == {"desiredReplicas": 0, "currentMetrics": None}
