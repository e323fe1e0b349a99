"""Rows of the kinds that run pods, and of autoscalers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

Tree = dict[str, Any]
Printed = Callable[..., list[Any]]

TEMPLATE = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:2"}],
             "nodeSelector": {"d": "ssd"}},
}
SELECTOR = {"matchLabels": {"app": "web"}}
BROKEN = {"matchExpressions": [{"key": "a", "operator": "Near"}]}


@pytest.mark.parametrize(("resource", "tree", "row"), [
    ("apps/v1/deployments",
     {"spec": {"replicas": 4, "selector": SELECTOR, "template": TEMPLATE},
      "status": {"readyReplicas": 3, "updatedReplicas": 4, "availableReplicas": 2}},
     ["x", "3/4", 4, 2, "60m", "a,b", "a:1,b:2", "app=web"]),
    ("apps/v1/deployments", {"spec": {"selector": BROKEN}}, ["x", "0/0", 0, 0, "60m", "", "", "<invalid>"]),
    ("apps/v1/deployments", {"spec": {"selector": {}}}, ["x", "0/0", 0, 0, "60m", "", "", ""]),
    ("apps/v1/replicasets",
     {"spec": {"replicas": 3, "selector": SELECTOR, "template": TEMPLATE},
      "status": {"replicas": 2, "readyReplicas": 1}},
     ["x", 3, 2, 1, "60m", "a,b", "a:1,b:2", "app=web"]),
    ("apps/v1/replicasets", {"spec": {"selector": BROKEN}}, ["x", 0, 0, 0, "60m", "", "", "<error>"]),
    ("v1/replicationcontrollers",
     {"spec": {"replicas": 3, "selector": {"b": "2", "a": "1"}, "template": TEMPLATE},
      "status": {"replicas": 2}},
     ["x", 3, 2, 0, "60m", "a,b", "a:1,b:2", "a=1,b=2"]),
    ("apps/v1/statefulsets", {"spec": {"replicas": 2, "template": TEMPLATE}, "status": {"readyReplicas": 1}},
     ["x", "1/2", "60m", "a,b", "a:1,b:2"]),
    ("apps/v1/daemonsets",
     {"spec": {"selector": SELECTOR, "template": TEMPLATE},
      "status": {"desiredNumberScheduled": 5, "currentNumberScheduled": 4, "numberReady": 3,
                 "updatedNumberScheduled": 2, "numberAvailable": 1}},
     ["x", 5, 4, 3, 2, 1, "d=ssd", "60m", "a,b", "a:1,b:2", "app=web"]),
    ("v1/podtemplates", {"template": TEMPLATE}, ["x", "a,b", "a:1,b:2", "app=web"]),
    ("apps/v1/controllerrevisions", {"revision": 3}, ["x", "<none>", 3, "60m"]),
    ("apps/v1/controllerrevisions",
     {"revision": 3, "metadata": {"ownerReferences": [
         {"apiVersion": "v1", "kind": "Node", "name": "n"},
         {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "controller": True}]}},
     ["x", "statefulset.apps/db", 3, "60m"]),
    ("apps/v1/controllerrevisions",
     {"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "n",
                                        "controller": True}]}},
     ["x", "node/n", 0, "60m"]),
    ("autoscaling/v1/scale", {"spec": {"replicas": 3}, "status": {"replicas": 2}}, ["x", 3, 2, "60m"]),
])
def test_row(printed: Printed, resource: str, tree: Tree, row: list[Any]) -> None:
    """Wanted and actual numbers, then containers, images and selector."""
    assert printed(resource, tree) == row


def true(*types: str) -> list[Tree]:
    return [{"type": kind, "status": "True"} for kind in types]


@pytest.mark.parametrize(("conditions", "deleted", "state"), [
    ([], False, "Running"),
    ([], True, "Terminating"),
    (true("Suspended"), False, "Suspended"),
    (true("Suspended"), True, "Terminating"),
    (true("FailureTarget"), False, "FailureTarget"),
    (true("FailureTarget", "Failed"), True, "Failed"),
    (true("SuccessCriteriaMet", "Complete"), True, "Complete"),
    ([{"type": "Complete", "status": "False"}, *true("Complete")], False, "Running"),
])
def test_job_state(printed: Printed, conditions: list[Tree], deleted: bool, state: str) -> None:
    """A finished job stays finished while it is deleted; of repeated conditions the first counts."""
    metadata = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if deleted else {}
    assert printed("batch/v1/jobs", {"metadata": metadata, "status": {"conditions": conditions}})[1] == state


@pytest.mark.parametrize(("spec", "text"), [
    ({"completions": 3, "parallelism": 2}, "1/3"), ({"completions": 0}, "1/0"),
    ({"parallelism": 4}, "1/1 of 4"),
    ({"parallelism": 1}, "1/1"), ({}, "1/1"),
])
def test_job_completions(printed: Printed, spec: Tree, text: str) -> None:
    """A job without completions is a work queue: one success is enough."""
    assert printed("batch/v1/jobs", {"spec": spec, "status": {"succeeded": 1}})[2] == text


@pytest.mark.parametrize(("status", "text"), [
    ({}, ""),
    ({"startTime": "2025-12-31T23:59:00Z"}, "60s"),
    ({"startTime": "2025-12-31T23:00:00Z", "completionTime": "2025-12-31T23:05:07Z"}, "5m7s"),
])
def test_job_duration(printed: Printed, status: Tree, text: str) -> None:
    """The duration follows the clock until the job is complete."""
    assert printed("batch/v1/jobs", {"status": status})[3] == text


@pytest.mark.parametrize(("tree", "row"), [
    ({"spec": {"schedule": "@hourly"}},
     ["x", "@hourly", "<none>", "<unset>", 0, "<none>", "60m", "", "", "<none>"]),
    ({"spec": {"schedule": "0 3 * * *", "suspend": False, "timeZone": "Europe/Rome",
               "jobTemplate": {"spec": {"template": TEMPLATE, "selector": SELECTOR}}},
      "status": {"active": [{}, {}], "lastScheduleTime": "2025-12-31T23:58:00Z"}},
     ["x", "0 3 * * *", "Europe/Rome", "False", 2, "2m", "60m", "a,b", "a:1,b:2", "app=web"]),
    ({"spec": {"suspend": True}}, ["x", "", "<none>", "True", 0, "<none>", "60m", "", "", "<none>"]),
])
def test_cron_job(printed: Printed, tree: Tree, row: list[Any]) -> None:
    """Schedule, zone and suspension as set, the last run as an age."""
    assert printed("batch/v1/cronjobs", tree) == row


def resource(target: Tree, current: Tree | None = None, kind: str = "Resource") -> tuple[Tree, Tree]:
    member = kind[0].lower() + kind[1:]
    spec = {"type": kind, member: {"name": "cpu", "target": target}}
    return spec, {"type": kind, **({} if current is None else {member: {"name": "cpu", "current": current}})}


@pytest.mark.parametrize(("metric", "text"), [
    (resource({"averageUtilization": 80}), "cpu: <unknown>/80%"),
    (resource({"averageUtilization": 80}, {"averageUtilization": 45}), "cpu: 45%/80%"),
    (resource({"averageUtilization": 80}, {"averageValue": "1"}), "cpu: <unknown>/80%"),
    (resource({}, {"averageUtilization": 45}), "cpu: 45%/<auto>"),
    (resource({"averageValue": "500Mi"}, {"averageValue": "100Mi"}), "cpu: 100Mi/500Mi"),
    (resource({"averageValue": "500Mi"}), "cpu: <unknown>/500Mi"),
    (resource({"averageValue": "500Mi"}, {"averageUtilization": 3}), "cpu: 0/500Mi"),
    (resource({"averageUtilization": 80}, {"averageUtilization": 5}, "ContainerResource"), "cpu: 5%/80%"),
    (resource({"averageValue": "9"}, {"averageValue": "8"}, "Pods"), "8/9"),
    (resource({"averageValue": "9"}, None, "Pods"), "<unknown>/9"),
    (resource({"value": "9"}, {"value": "8"}, "Object"), "8/9"),
    (resource({"averageValue": "9"}, {"averageValue": "8"}, "Object"), "8/9 (avg)"),
    (resource({"averageValue": "9"}, {"value": "8"}, "External"), "<unknown>/9 (avg)"),
    (resource({"value": "9"}, {"averageValue": "8"}, "External"), "0/9"),
    (resource({"value": "9"}, None, "External"), "<unknown>/9"),
    (({"type": "Moon"}, {}), "<unknown type>"),
])
def test_autoscaler_metric(printed: Printed, metric: tuple[Tree, Tree], text: str) -> None:
    """Current value of target; unknown without a status, zero with a status that lacks the value."""
    tree = {"spec": {"metrics": [metric[0]]}, "status": {"currentMetrics": [metric[1]]}}
    assert printed("autoscaling/v2/horizontalpodautoscalers", tree)[2] == text


def test_autoscaler(printed: Printed) -> None:
    """Two metrics are shown, the rest counted; bounds and replicas follow."""
    metrics = [resource({"averageUtilization": n})[0] for n in (1, 2, 3)]
    spec = {"scaleTargetRef": {"kind": "Deployment", "name": "d"}, "metrics": metrics, "maxReplicas": 5}
    assert printed("autoscaling/v2/horizontalpodautoscalers",
                   {"spec": spec, "status": {"currentReplicas": 2}}) == [
        "x", "Deployment/d", "cpu: <unknown>/1%, cpu: <unknown>/2% + 1 more...", "<unset>", 5, 2, "60m"]
    assert printed("autoscaling/v2/horizontalpodautoscalers", {"spec": {"minReplicas": 1}})[2:4] == ["<none>",
                                                                                                     "1"]


OTHERS = [
    {"type": "Resource", "resource": {"name": "memory", "targetAverageValue": "1Gi"}},
    {"type": "Object", "object": {"metricName": "hits", "targetValue": "9"}},
]
CURRENT = [
    {"type": "Resource", "resource": {"name": "memory", "currentAverageValue": "2Gi"}},
    {"type": "Object", "object": {"metricName": "hits", "currentValue": "3"}},
]


@pytest.mark.parametrize(("annotations", "spec", "status", "text"), [
    ({}, {}, {}, "cpu: <unknown>/80%"),
    ({}, {"targetCPUUtilizationPercentage": 55}, {"currentCPUUtilizationPercentage": 9}, "cpu: 9%/55%"),
    ({"metrics": OTHERS[:1]}, {"targetCPUUtilizationPercentage": 20}, {},
     "memory: <unknown>/1Gi, cpu: <unknown>/20%"),
    ({"metrics": OTHERS, "current-metrics": CURRENT}, {}, {"currentCPUUtilizationPercentage": 9},
     "memory: 2Gi/1Gi, 3/9"),
    ({"metrics": "no list"}, {}, {}, "cpu: <unknown>/80%"),
])
def test_autoscaler_v1(printed: Printed, annotations: Tree, spec: Tree, status: Tree, text: str) -> None:
    """Version v1 keeps metrics other than CPU in annotations, and means 80 % when it says nothing."""
    encoded = {f"autoscaling.alpha.kubernetes.io/{key}": orjson.dumps(value).decode()
               for key, value in annotations.items()}
    tree = {"metadata": {"annotations": encoded}, "spec": spec, "status": status}
    assert printed("autoscaling/v1/horizontalpodautoscalers", tree)[2] == text


def test_autoscaler_v1_broken_annotation(printed: Printed) -> None:
    """An annotation that a client spoilt hides its metrics, never the row."""
    annotations = {"autoscaling.alpha.kubernetes.io/metrics": "[{"}
    row = printed("autoscaling/v1/horizontalpodautoscalers", {"metadata": {"annotations": annotations}})
    assert row[2] == "cpu: <unknown>/80%"
