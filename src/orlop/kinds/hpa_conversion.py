"""The two forms of a HorizontalPodAutoscaler: autoscaling/v2, which is stored, and autoscaling/v1.

Called by the endpoints through `conversion.CONVERSIONS`. Each function owns the tree it gets. What v1 has no member for
travels in annotations. Behaviour: kubernetes `pkg/apis/autoscaling/v1/conversion.go`; what is printed for nothing
follows the two Go types.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import orjson

from orlop.api.gotext import json_text
from orlop.api.tree import Tree
from orlop.kinds.defaults.autoscaling import complete_behavior, cpu_metric

_PREFIX: Final = "autoscaling.alpha.kubernetes.io/"
_METRICS: Final = _PREFIX + "metrics"
_BEHAVIOR: Final = _PREFIX + "behavior"
_CURRENT: Final = _PREFIX + "current-metrics"
_CONDITIONS: Final = _PREFIX + "conditions"
_NOTES: Final = (_METRICS, _BEHAVIOR, _CURRENT, _CONDITIONS)
_ZERO: Final = "0"
_KINDS: Final = ("object", "pods", "resource", "containerResource", "external")

Members: TypeAlias = tuple[tuple[str, tuple[str, ...], Any], ...]
"""Name in v1, path in v2, what v1 prints for nothing (None: nothing)."""

_REFERENCE: Final = ("kind", "name", "apiVersion")
_CONDITION: Final = ("type", "status", "lastTransitionTime", "reason", "message", "observedGeneration")
_NAMED: Final = ("metric", "name")
_SELECTED: Final = ("metric", "selector")

_SPECS: Final[Mapping[str, Members]] = {
    "object": (("target", ("describedObject",), {}), ("metricName", _NAMED, ""),
               ("targetValue", ("target", "value"), _ZERO), ("selector", _SELECTED, None),
               ("averageValue", ("target", "averageValue"), None)),
    "pods": (("metricName", _NAMED, ""), ("targetAverageValue", ("target", "averageValue"), _ZERO),
             ("selector", _SELECTED, None)),
    "resource": (("name", ("name",), ""), ("targetAverageUtilization", ("target", "averageUtilization"), None),
                 ("targetAverageValue", ("target", "averageValue"), None)),
    "containerResource": (
        ("name", ("name",), ""), ("targetAverageUtilization", ("target", "averageUtilization"), None),
        ("targetAverageValue", ("target", "averageValue"), None), ("container", ("container",), "")),
    "external": (("metricName", _NAMED, ""), ("metricSelector", _SELECTED, None),
                 ("targetValue", ("target", "value"), None),
                 ("targetAverageValue", ("target", "averageValue"), None)),
}
_STATUSES: Final[Mapping[str, Members]] = {
    "object": (("target", ("describedObject",), {}), ("metricName", _NAMED, ""),
               ("currentValue", ("current", "value"), _ZERO), ("selector", _SELECTED, None),
               ("averageValue", ("current", "averageValue"), None)),
    "pods": (("metricName", _NAMED, ""), ("currentAverageValue", ("current", "averageValue"), _ZERO),
             ("selector", _SELECTED, None)),
    "resource": (("name", ("name",), ""), ("currentAverageUtilization", ("current", "averageUtilization"), None),
                 ("currentAverageValue", ("current", "averageValue"), _ZERO)),
    "containerResource": (
        ("name", ("name",), ""), ("currentAverageUtilization", ("current", "averageUtilization"), None),
        ("currentAverageValue", ("current", "averageValue"), _ZERO), ("container", ("container",), "")),
    "external": (("metricName", _NAMED, ""), ("metricSelector", _SELECTED, None),
                 ("currentValue", ("current", "value"), _ZERO),
                 ("currentAverageValue", ("current", "averageValue"), None)),
}


def drop_notes(metadata: Tree) -> None:
    """v2 says everything in members: what v1 keeps in annotations does not stay."""
    notes = metadata.get("annotations")
    if notes and any(name in notes for name in _NOTES):
        kept = {name: text for name, text in notes.items() if name not in _NOTES}
        if kept:
            metadata["annotations"] = kept
        else:
            del metadata["annotations"]


# --- to v1 -----------------------------------------------------------------------------------------------------------


def from_stored(autoscaler: Tree) -> Tree:
    """v2 to v1."""
    metadata = autoscaler.setdefault("metadata", {})
    drop_notes(metadata)
    spec, status = autoscaler.get("spec") or {}, autoscaler.get("status") or {}
    metrics, current = spec.get("metrics") or [], status.get("currentMetrics") or []
    notes: dict[str, str] = {}
    others = [_to_v1(metric, _SPECS) for metric in metrics if not _is_cpu_share(metric)]
    if others:
        notes[_METRICS] = json_text(others)
    if current:
        notes[_CURRENT] = json_text([_to_v1(metric, _STATUSES) for metric in current])
    if status.get("conditions"):
        notes[_CONDITIONS] = json_text([_condition(condition) for condition in status["conditions"]])
    if spec.get("behavior") is not None:
        notes[_BEHAVIOR] = json_text(_internal_behavior(spec["behavior"]))
    if notes:
        metadata["annotations"] = {**(metadata.get("annotations") or {}), **notes}
    autoscaler["spec"] = _spec_v1(spec, metrics)
    autoscaler["status"] = _status_v1(status, current)
    return autoscaler


def _is_cpu(metric: Tree) -> bool:
    return metric.get("type") == "Resource" and (metric.get("resource") or {}).get("name") == "cpu"


def _is_cpu_share(metric: Tree) -> bool:
    return _is_cpu(metric) and (metric["resource"].get("target") or {}).get("averageUtilization") is not None


def _spec_v1(spec: Tree, metrics: list[Tree]) -> Tree:
    made: Tree = {name: spec[name] for name in ("scaleTargetRef", "minReplicas", "maxReplicas") if name in spec}
    for metric in metrics:
        if _is_cpu(metric):
            share = (metric["resource"].get("target") or {}).get("averageUtilization")
            if share is not None:
                made["targetCPUUtilizationPercentage"] = share
            break
    return made


def _status_v1(status: Tree, current: list[Tree]) -> Tree:
    made: Tree = {name: status[name] for name in ("observedGeneration", "lastScaleTime") if name in status}
    for name in ("currentReplicas", "desiredReplicas"):
        made[name] = status.get(name) or 0
    for metric in current:
        share = (metric["resource"].get("current") or {}).get("averageUtilization") if _is_cpu(metric) else None
        if share is not None:
            made["currentCPUUtilizationPercentage"] = share
    return made


def _to_v1(metric: Tree, members: Mapping[str, Members]) -> Tree:
    made: Tree = {"type": metric.get("type") or ""}
    for kind in _KINDS:
        if metric.get(kind) is None:
            continue
        inner: Tree = {}
        for name, path, absent in members[kind]:
            value: Any = metric[kind]
            for step in path:
                value = (value or {}).get(step)
            if value is None:
                value = absent
            if value is not None:
                inner[name] = _reference(value) if name == "target" else value
        made[kind] = inner
    return made


def _reference(ref: Tree) -> Tree:
    made = {"kind": ref.get("kind") or "", "name": ref.get("name") or ""}
    if ref.get("apiVersion"):
        made["apiVersion"] = ref["apiVersion"]
    return made


def _condition(condition: Tree) -> Tree:
    made: Tree = {}
    for name in _CONDITION:
        if name in ("type", "status"):
            made[name] = condition.get(name) or ""
        elif name == "lastTransitionTime" or condition.get(name) not in (None, ""):
            made[name] = condition.get(name)
    return made


def _internal_behavior(behavior: Tree) -> Tree:
    """Under the names of the internal type's members, which have no JSON names."""
    return {"ScaleUp": _internal_rules(behavior.get("scaleUp")),
            "ScaleDown": _internal_rules(behavior.get("scaleDown"))}


def _internal_rules(rules: Tree | None) -> Tree | None:
    if rules is None:
        return None
    policies = rules.get("policies")
    return {
        "StabilizationWindowSeconds": rules.get("stabilizationWindowSeconds"),
        "SelectPolicy": rules.get("selectPolicy"),
        "Policies": None if policies is None else [
            {"Type": policy.get("type") or "", "Value": policy.get("value") or 0,
             "PeriodSeconds": policy.get("periodSeconds") or 0} for policy in policies],
        "Tolerance": rules.get("tolerance")}


# --- from v1 ---------------------------------------------------------------------------------------------------------


def to_stored(autoscaler: Tree) -> Tree:
    """v1 to v2. Annotations that cannot be read are dropped, as they are when they can."""
    metadata = autoscaler.setdefault("metadata", {})
    notes: Mapping[str, str] = metadata.get("annotations") or {}
    spec, status = autoscaler.get("spec") or {}, autoscaler.get("status") or {}
    share = spec.pop("targetCPUUtilizationPercentage", None)
    metrics = [] if share is None else [cpu_metric(share)]
    others = _read(notes, _METRICS, list)
    if others is not None:
        metrics = [_spec_from_v1(metric) for metric in others if isinstance(metric, dict)] + metrics
    spec["metrics"] = metrics or [cpu_metric()]
    behavior = _read(notes, _BEHAVIOR, dict)
    if behavior and (made := _published_behavior(behavior)):
        complete_behavior(made)  # upstream does so whenever it reads one from storage
        spec["behavior"] = made
    autoscaler["spec"] = spec
    autoscaler["status"] = _status_v2(status, notes)
    drop_notes(metadata)
    return autoscaler


def _read(notes: Mapping[str, str], name: str, kind: type) -> Any:
    text = notes.get(name)
    if text is None:
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, kind) else None


def _status_v2(status: Tree, notes: Mapping[str, str]) -> Tree:
    made: Tree = {name: status[name] for name in ("observedGeneration", "lastScaleTime") if name in status}
    if status.get("currentReplicas"):
        made["currentReplicas"] = status["currentReplicas"]
    made["desiredReplicas"] = status.get("desiredReplicas") or 0
    share = status.get("currentCPUUtilizationPercentage")
    made["currentMetrics"] = None if share is None else [
        {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": share}}}]
    current = _read(notes, _CURRENT, list)
    if current is not None:
        made["currentMetrics"] = [_from_v1(metric, _STATUSES) for metric in current if isinstance(metric, dict)]
    conditions = _read(notes, _CONDITIONS, list)
    if conditions:
        made["conditions"] = [_condition(condition) for condition in conditions if isinstance(condition, dict)]
    return made


def _from_v1(metric: Tree, members: Mapping[str, Members]) -> Tree:
    made: Tree = {"type": metric.get("type") or ""}
    for kind in _KINDS:
        if metric.get(kind) is None:
            continue
        inner: Tree = {}
        for name, path, absent in members[kind]:
            value = metric[kind].get(name)
            if value is None:
                value = absent
            if value is None:
                continue
            place = inner
            for step in path[:-1]:
                place = place.setdefault(step, {})
            place[path[-1]] = _reference(value) if name == "target" else value
        made[kind] = inner
    return made


def _spec_from_v1(metric: Tree) -> Tree:
    made = _from_v1(metric, _SPECS)
    for kind in _KINDS:
        if kind in made:
            target = made[kind].setdefault("target", {})
            made[kind]["target"] = {"type": _target_type(kind, target), **target}
    return made


def _target_type(kind: str, target: Tree) -> str:
    if kind in ("resource", "containerResource"):
        return "AverageValue" if target.get("averageUtilization") is None else "Utilization"
    if kind == "object":
        return "Value" if target.get("averageValue") is None else "AverageValue"
    if kind == "external":
        return "AverageValue" if target.get("value") is None else "Value"
    return "AverageValue"


def _published_behavior(behavior: Tree) -> Tree:
    made: Tree = {}
    for name, rules in _folded(behavior, ("scaleUp", "scaleDown")).items():
        if isinstance(rules, dict):
            made[name] = _published_rules(rules)
    return made


def _published_rules(rules: Tree) -> Tree:
    read = _folded(rules, ("stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance"))
    made = {name: value for name, value in read.items() if value is not None}
    if isinstance(made.get("policies"), list):
        made["policies"] = [_folded(policy, ("type", "value", "periodSeconds"))
                            for policy in made["policies"] if isinstance(policy, dict)]
    return made


def _folded(tree: Tree, names: tuple[str, ...]) -> Tree:
    """Known members under their published names: Go's decoder does not mind the case of letters."""
    known = {name.lower(): name for name in names}
    return {known[name.lower()]: value for name, value in tree.items() if name.lower() in known}
