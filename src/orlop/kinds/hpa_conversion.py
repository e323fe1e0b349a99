"""HorizontalPodAutoscalers between autoscaling/v1 and autoscaling/v2, in which they are stored.

Read by `conversion`. Version 1 knows one metric, the utilization of cpu; everything else travels in annotations, which
exist in version 1 only. Behaviour: kubernetes `pkg/apis/autoscaling/v1/conversion.go`,
`pkg/apis/autoscaling/helpers.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from orlop.api.gotext import json_text
from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree
from orlop.kinds import hpa_metrics
from orlop.kinds.defaults.autoscaling import cpu_metric

_PREFIX: Final = "autoscaling.alpha.kubernetes.io/"
METRICS: Final = _PREFIX + "metrics"
CURRENT_METRICS: Final = _PREFIX + "current-metrics"
CONDITIONS: Final = _PREFIX + "conditions"
BEHAVIOR: Final = _PREFIX + "behavior"
_ALL: Final = (METRICS, BEHAVIOR, CURRENT_METRICS, CONDITIONS)
_CONDITION: Final = ("type", "status", "lastTransitionTime", "reason", "message", "observedGeneration")
_RULES: Final = ("stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance")
_POLICY: Final = ("type", "value", "periodSeconds")


def drop_annotations(metadata: Tree) -> None:
    """Take out what only conversion may write. For version 2, too, which has members for all of it."""
    annotations = metadata.get("annotations")
    if annotations and any(key in annotations for key in _ALL):
        metadata["annotations"] = {key: text for key, text in annotations.items() if key not in _ALL}
        if not metadata["annotations"]:
            del metadata["annotations"]


def _hidden(annotations: Mapping[str, str], key: str) -> Any:
    """What an annotation holds; None when there is none or it cannot be read."""
    try:
        return orjson.loads(annotations[key]) if key in annotations else None
    except orjson.JSONDecodeError:
        return None


def _hidden_list(annotations: Mapping[str, str], key: str) -> list[Tree] | None:
    found = _hidden(annotations, key)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        return None
    return found


def _is_cpu(metric: Tree) -> bool:
    return metric.get("type") == "Resource" and (metric.get("resource") or {}).get("name") == "cpu"


# --- version 1 to version 2 --------------------------------------------------------------------------------------

def to_v2(tree: Tree) -> Tree:
    annotations = tree["metadata"].get("annotations") or {}
    spec, status = tree.get("spec") or {}, tree.get("status") or {}
    tree["spec"] = _spec_to_v2(spec, annotations)
    tree["status"] = _status_to_v2(status, annotations)
    drop_annotations(tree["metadata"])
    return tree


def _spec_to_v2(spec: Tree, annotations: Mapping[str, str]) -> Tree:
    utilization = spec.pop("targetCPUUtilizationPercentage", None)
    metrics = [cpu_metric(utilization)] if utilization is not None else []
    others = _hidden_list(annotations, METRICS)
    if others:
        metrics = hpa_metrics.to_v2(others) + metrics
    made: Tree = {"scaleTargetRef": spec.get("scaleTargetRef") or {}}
    for name in ("minReplicas", "maxReplicas"):
        if name in spec:
            made[name] = spec[name]
    made["metrics"] = metrics or [cpu_metric()]
    behavior = _lowered(_hidden(annotations, BEHAVIOR))
    if behavior:
        made["behavior"] = behavior
    return made


def _status_to_v2(status: Tree, annotations: Mapping[str, str]) -> Tree:
    utilization = status.pop("currentCPUUtilizationPercentage", None)
    current: list[Tree] | None = None
    if utilization is not None:
        current = [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": utilization}}}]
    hidden = _hidden_list(annotations, CURRENT_METRICS)
    if hidden is not None:
        current = hpa_metrics.states_to_v2(hidden)
    made: Tree = {name: status[name] for name in ("observedGeneration", "lastScaleTime") if name in status}
    if status.get("currentReplicas"):
        made["currentReplicas"] = status["currentReplicas"]
    made["desiredReplicas"] = status.get("desiredReplicas") or 0
    made["currentMetrics"] = current
    conditions = _hidden_list(annotations, CONDITIONS)
    if conditions:
        made["conditions"] = [_condition(condition) for condition in conditions]
    return made


def _condition(given: Tree) -> Tree:
    made: Tree = {name: given[name] for name in _CONDITION if given.get(name)}
    return {"type": "", "status": "", "lastTransitionTime": None, **made}


def _lowered(given: Any) -> Tree | None:
    """Behavior, from Go's names (in any case, as Go reads them) to JSON's."""
    if not isinstance(given, dict):
        return None
    behavior: Tree = {}
    for direction in ("scaleUp", "scaleDown"):
        rules = _member(given, direction)
        if not isinstance(rules, dict):
            continue
        kept = {name: value for name in _RULES if (value := _member(rules, name)) is not None}
        if isinstance(kept.get("policies"), list):
            kept["policies"] = [{name: _member(policy, name) for name in _POLICY}
                                for policy in kept["policies"] if isinstance(policy, dict)]
        behavior[direction] = kept
    return behavior or None


def _member(tree: Tree, name: str) -> Any:
    if name in tree:
        return tree[name]
    return next((value for key, value in tree.items() if key.lower() == name.lower()), None)


# --- version 2 to version 1 --------------------------------------------------------------------------------------

def to_v1(tree: Tree) -> Tree:
    spec, status = tree.get("spec") or {}, tree.get("status") or {}
    drop_annotations(tree["metadata"])
    hidden = _annotations(spec, status)
    if hidden:
        tree["metadata"]["annotations"] = {**(tree["metadata"].get("annotations") or {}), **hidden}
    tree["spec"] = _spec_to_v1(spec)
    tree["status"] = _status_to_v1(status)
    return tree


def _annotations(spec: Tree, status: Tree) -> dict[str, str]:
    hidden: dict[str, str] = {}
    others = [metric for metric in spec.get("metrics") or () if _utilization(metric) is None]
    if others:
        hidden[METRICS] = json_text(hpa_metrics.to_v1(others))
    if status.get("currentMetrics"):
        hidden[CURRENT_METRICS] = json_text(hpa_metrics.states_to_v1(status["currentMetrics"]))
    if spec.get("behavior") is not None:
        hidden[BEHAVIOR] = json_text(_raised(spec["behavior"]))
    if status.get("conditions"):
        ordered = [{name: condition[name] for name in _CONDITION if name in condition}
                   for condition in status["conditions"]]
        hidden[CONDITIONS] = json_text(ordered)
    return hidden


def _utilization(metric: Tree) -> int | None:
    """What version 1 can say of a metric."""
    if not _is_cpu(metric):
        return None
    target = metric["resource"].get("target") or {}
    utilization: int | None = target.get("averageUtilization")
    return utilization


def _raised(behavior: Tree) -> Tree:
    """Behavior under Go's names: upstream writes its internal struct."""
    shown: Tree = {}
    for direction in ("scaleUp", "scaleDown"):
        rules = behavior.get(direction)
        if rules is None:
            shown[_go(direction)] = None
            continue
        own = {_go(name): rules.get(name) for name in _RULES}
        if own["Policies"] is not None:
            own["Policies"] = [{_go(name): policy.get(name) for name in _POLICY} for policy in own["Policies"]]
        shown[_go(direction)] = own
    return shown


def _go(name: str) -> str:
    return name[0].upper() + name[1:]


def _spec_to_v1(spec: Tree) -> Tree:
    made: Tree = {name: spec[name] for name in ("scaleTargetRef", "minReplicas", "maxReplicas") if name in spec}
    for metric in spec.get("metrics") or ():
        utilization = _utilization(metric)
        if utilization is not None:
            made["targetCPUUtilizationPercentage"] = utilization
            break
    return made


def _status_to_v1(status: Tree) -> Tree:
    made: Tree = {name: status[name] for name in ("observedGeneration", "lastScaleTime") if name in status}
    for name in ("currentReplicas", "desiredReplicas"):
        made[name] = status.get(name) or 0
    for metric in status.get("currentMetrics") or ():
        current = (metric["resource"].get("current") or {}) if _is_cpu(metric) else {}
        if current.get("averageUtilization") is not None:
            made["currentCPUUtilizationPercentage"] = current["averageUtilization"]
    return made


CONVERSIONS: Final[Mapping[GroupVersionKind, tuple[Callable[[Tree], Tree], Callable[[Tree], Tree]]]] = {
    GroupVersionKind("autoscaling", "v1", "HorizontalPodAutoscaler"): (to_v2, to_v1),
}
"""By served kind: to the stored version, and back."""
