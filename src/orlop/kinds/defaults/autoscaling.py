"""Defaults of HorizontalPodAutoscalers, in both versions.

Merged by `defaults`; what version 1 gets only on its way to version 2 is in `hpa_conversion`. Values: kubernetes
`pkg/apis/autoscaling/{v1,v2}/defaults.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from orlop.api.tree import Tree

CPU_UTILIZATION: Final = 80
"""Percent of the request: what is aimed at when nothing is said."""
_UP: Final[Mapping[str, Any]] = {
    "stabilizationWindowSeconds": 0, "selectPolicy": "Max",
    "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15},
                 {"type": "Percent", "value": 100, "periodSeconds": 15}]}
_DOWN: Final[Mapping[str, Any]] = {
    "selectPolicy": "Max", "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}]}


def cpu_metric(utilization: int = CPU_UTILIZATION) -> Tree:
    return {"type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": utilization}}}


def _least(autoscaler: Tree) -> None:
    spec = autoscaler.setdefault("spec", {})
    if spec.get("minReplicas") is None:
        spec["minReplicas"] = 1


def _v2(autoscaler: Tree) -> None:
    _least(autoscaler)
    spec = autoscaler["spec"]
    if not spec.get("metrics"):
        spec["metrics"] = [cpu_metric()]
    complete_behavior(spec.get("behavior"))


def complete_behavior(behavior: Tree | None) -> None:
    """Rules for a direction that is not spoken of, once any is."""
    if behavior is None:
        return
    for name, usual in (("scaleUp", _UP), ("scaleDown", _DOWN)):
        given = {member: value for member, value in (behavior.get(name) or {}).items() if value is not None}
        fresh = {**usual, "policies": [dict(policy) for policy in usual["policies"]]}
        behavior[name] = {**fresh, **given}


DEFAULTERS: Mapping[str, Callable[[Tree], None]] = {
    "io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler": _least,
    "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler": _v2,
}
