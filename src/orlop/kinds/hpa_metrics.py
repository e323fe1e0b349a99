"""Metrics of autoscalers, as autoscaling/v1 hides them in annotations and as v2 has them.

Called by `hpa_conversion`. Whatever is wrong with a hidden metric leaves that member empty, as an unset one. Behaviour:
kubernetes `pkg/apis/autoscaling/v1/conversion.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from orlop.api.tree import Tree

Convert = Callable[[Tree], Tree]
_AVERAGE: Final = "AverageValue"
_VALUE: Final = "Value"
_UTILIZATION: Final = "Utilization"


def _some(**members: Any) -> Tree:
    """The members that are there."""
    return {name: value for name, value in members.items() if value is not None}


def _metric(name: Any, selector: Any) -> Tree:
    return _some(name=name or "", selector=selector)


def _reference(given: Any) -> Tree:
    tree: Tree = given or {}
    return {"kind": tree.get("kind") or "", "name": tree.get("name") or "",
            **_some(apiVersion=tree.get("apiVersion"))}


# --- what is aimed at --------------------------------------------------------------------------------------------

def _resource_in(given: Tree) -> Tree:
    utilization = given.get("targetAverageUtilization")
    target = _some(type=_AVERAGE if utilization is None else _UTILIZATION, averageUtilization=utilization,
                   averageValue=given.get("targetAverageValue"))
    return {"name": given.get("name") or "", **_some(container=given.get("container")), "target": target}


def _resource_out(given: Tree) -> Tree:
    target = given.get("target") or {}
    return {"name": given.get("name") or "",
            **_some(targetAverageUtilization=target.get("averageUtilization"),
                    targetAverageValue=target.get("averageValue"), container=given.get("container"))}


def _pods_in(given: Tree) -> Tree:
    target = {"type": _AVERAGE, "averageValue": given.get("targetAverageValue") or "0"}
    return {"metric": _metric(given.get("metricName"), given.get("selector")), "target": target}


def _pods_out(given: Tree) -> Tree:
    metric, target = given.get("metric") or {}, given.get("target") or {}
    return {"metricName": metric.get("name") or "", "targetAverageValue": target.get("averageValue") or "0",
            **_some(selector=metric.get("selector"))}


def _object_in(given: Tree) -> Tree:
    average = given.get("averageValue")
    target = _some(type=_VALUE if average is None else _AVERAGE, value=given.get("targetValue") or "0",
                   averageValue=average)
    return {"describedObject": _reference(given.get("target")), "target": target,
            "metric": _metric(given.get("metricName"), given.get("selector"))}


def _object_out(given: Tree) -> Tree:
    metric, target = given.get("metric") or {}, given.get("target") or {}
    return {"target": _reference(given.get("describedObject")), "metricName": metric.get("name") or "",
            "targetValue": target.get("value") or "0",
            **_some(selector=metric.get("selector"), averageValue=target.get("averageValue"))}


def _external_in(given: Tree) -> Tree:
    value = given.get("targetValue")
    target = _some(type=_AVERAGE if value is None else _VALUE, value=value,
                   averageValue=given.get("targetAverageValue"))
    return {"metric": _metric(given.get("metricName"), given.get("metricSelector")), "target": target}


def _external_out(given: Tree) -> Tree:
    metric, target = given.get("metric") or {}, given.get("target") or {}
    return {"metricName": metric.get("name") or "",
            **_some(metricSelector=metric.get("selector"), targetValue=target.get("value"),
                    targetAverageValue=target.get("averageValue"))}


# --- what was measured -------------------------------------------------------------------------------------------

def _resource_state_in(given: Tree) -> Tree:
    current = _some(averageValue=given.get("currentAverageValue") or "0",
                    averageUtilization=given.get("currentAverageUtilization"))
    return {"name": given.get("name") or "", "current": current, **_some(container=given.get("container"))}


def _resource_state_out(given: Tree) -> Tree:
    current = given.get("current") or {}
    return {"name": given.get("name") or "",
            **_some(currentAverageUtilization=current.get("averageUtilization")),
            "currentAverageValue": current.get("averageValue") or "0", **_some(container=given.get("container"))}


def _pods_state_in(given: Tree) -> Tree:
    return {"metric": _metric(given.get("metricName"), given.get("selector")),
            "current": {"averageValue": given.get("currentAverageValue") or "0"}}


def _pods_state_out(given: Tree) -> Tree:
    metric, current = given.get("metric") or {}, given.get("current") or {}
    return {"metricName": metric.get("name") or "", "currentAverageValue": current.get("averageValue") or "0",
            **_some(selector=metric.get("selector"))}


def _object_state_in(given: Tree) -> Tree:
    current = _some(value=given.get("currentValue") or "0", averageValue=given.get("averageValue"))
    return {"metric": _metric(given.get("metricName"), given.get("selector")), "current": current,
            "describedObject": _reference(given.get("target"))}


def _object_state_out(given: Tree) -> Tree:
    metric, current = given.get("metric") or {}, given.get("current") or {}
    return {"target": _reference(given.get("describedObject")), "metricName": metric.get("name") or "",
            "currentValue": current.get("value") or "0",
            **_some(selector=metric.get("selector"), averageValue=current.get("averageValue"))}


def _external_state_in(given: Tree) -> Tree:
    current = _some(value=given.get("currentValue") or "0", averageValue=given.get("currentAverageValue"))
    return {"metric": _metric(given.get("metricName"), given.get("metricSelector")), "current": current}


def _external_state_out(given: Tree) -> Tree:
    metric, current = given.get("metric") or {}, given.get("current") or {}
    return {"metricName": metric.get("name") or "", **_some(metricSelector=metric.get("selector")),
            "currentValue": current.get("value") or "0", **_some(currentAverageValue=current.get("averageValue"))}


_TO_V2: Final[Mapping[str, Convert]] = {
    "object": _object_in, "pods": _pods_in, "resource": _resource_in, "containerResource": _resource_in,
    "external": _external_in}
_TO_V1: Final[Mapping[str, Convert]] = {
    "object": _object_out, "pods": _pods_out, "resource": _resource_out, "containerResource": _resource_out,
    "external": _external_out}
_STATE_TO_V2: Final[Mapping[str, Convert]] = {
    "object": _object_state_in, "pods": _pods_state_in, "resource": _resource_state_in,
    "containerResource": _resource_state_in, "external": _external_state_in}
_STATE_TO_V1: Final[Mapping[str, Convert]] = {
    "object": _object_state_out, "pods": _pods_state_out, "resource": _resource_state_out,
    "containerResource": _resource_state_out, "external": _external_state_out}
"""In the order of the structs' members."""


def _each(metrics: list[Tree], table: Mapping[str, Convert]) -> list[Tree]:
    return [{"type": metric.get("type") or "",
             **{kind: convert(metric[kind]) for kind, convert in table.items() if metric.get(kind) is not None}}
            for metric in metrics]


def to_v2(metrics: list[Tree]) -> list[Tree]:
    return _each(metrics, _TO_V2)


def to_v1(metrics: list[Tree]) -> list[Tree]:
    return _each(metrics, _TO_V1)


def states_to_v2(metrics: list[Tree]) -> list[Tree]:
    return _each(metrics, _STATE_TO_V2)


def states_to_v1(metrics: list[Tree]) -> list[Tree]:
    return _each(metrics, _STATE_TO_V1)
