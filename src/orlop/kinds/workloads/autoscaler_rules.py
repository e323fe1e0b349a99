"""What a HorizontalPodAutoscaler's spec (in v2) must look like.

Called by `autoscaler`. Texts and order: kubernetes `pkg/apis/autoscaling/validation/validation.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from orlop.api import names, quantity
from orlop.api.field import Path, forbidden, invalid, not_supported, required
from orlop.api.tree import Tree
from orlop.kinds import resource_names
from orlop.kinds.checks import SPEC, Errors, dns_label, said

_LONGEST_PERIOD: Final = 1800
_LONGEST_WINDOW: Final = 3600
_TYPES: Final = ("ContainerResource", "External", "Object", "Pods", "Resource")
_SELECTIONS: Final = ("Disabled", "Max", "Min")
_POLICIES: Final = ("Percent", "Pods")
_TARGETS: Final = ("Utilization", "Value", "AverageValue")
_UNGROUPED: Final = "apiVersion must specify API group"


class Leniency(NamedTuple):
    """What an update may keep. `no_group`: apiVersions without a group are fine. `any_version`: whatever they say."""

    least_replicas: int = 1
    target_any_version: bool = False
    target_no_group: bool = False
    metrics_any_version: bool = False


def bad_version(version: str, *, no_group: bool) -> str:
    """What is wrong with an apiVersion; nothing when it is fine."""
    if version in ("", "/"):
        group = ""
    elif version.count("/") > 1:
        return f"unexpected GroupVersion string: {version}"
    else:
        group = version.partition("/")[0] if "/" in version else ""
    return "" if group or no_group else _UNGROUPED


def reference(path: Path, ref: Tree, *, any_version: bool, no_group: bool) -> Errors:
    found: Errors = []
    for name in ("kind", "name"):
        text = ref.get(name) or ""
        found += said(path.child(name), text, names.path_segment_name(text)) if text else [required(path.child(name))]
    version = ref.get("apiVersion") or ""
    if not any_version and (why := bad_version(version, no_group=no_group)):
        found.append(invalid(path.child("apiVersion"), version, why))
    return found


def autoscaler_spec(spec: Tree, leniency: Leniency) -> Errors:
    least, most = spec.get("minReplicas"), spec.get("maxReplicas") or 0
    found: Errors = []
    if least is not None and least < leniency.least_replicas:
        found.append(invalid(SPEC.child("minReplicas"), least,
                             f"must be greater than or equal to {leniency.least_replicas}"))
    if most == 0:
        found.append(required(SPEC.child("maxReplicas"), "must be set and greater than 0"))
    elif most < 1:
        found.append(invalid(SPEC.child("maxReplicas"), most, "must be greater than or equal to 1"))
    if least is not None and most < least:
        found.append(invalid(SPEC.child("maxReplicas"), most, "must be greater than or equal to `minReplicas`"))
    found += reference(SPEC.child("scaleTargetRef"), spec.get("scaleTargetRef") or {},
                       any_version=leniency.target_any_version, no_group=leniency.target_no_group)
    found += _metrics(spec.get("metrics") or [], least, leniency)
    behavior = spec.get("behavior") or {}
    for name in ("scaleUp", "scaleDown"):
        if behavior.get(name) is not None:
            found += _scaling(SPEC.child("behavior", name), behavior[name])
    return found


def _metrics(metrics: list[Tree], least: int | None, leniency: Leniency) -> Errors:
    path, found = SPEC.child("metrics"), []
    for position, metric in enumerate(metrics):
        found += _metric(path.index(position), metric, leniency)
    if least == 0 and not any(metric.get("type") in ("Object", "External") for metric in metrics):
        found.append(forbidden(
            path, "must specify at least one Object or External metric to support scaling to zero replicas"))
    return found


def _metric(path: Path, metric: Tree, leniency: Leniency) -> Errors:
    kind, place = metric.get("type") or "", path.child("type")
    found: Errors = []
    if not kind:
        found.append(required(place, "must specify a metric source type"))
    if kind not in _TYPES:
        found.append(not_supported(place, kind, _TYPES))
    given = [name for name in _SOURCES if metric.get(name) is not None]
    if given:
        found += _SOURCES[given[0]](path.child(given[0]), metric[given[0]], leniency)
    expected = kind[:1].lower() + kind[1:]
    if kind not in _TYPES:
        found.append(not_supported(place, kind, _TYPES))
    elif metric.get(expected) is None:
        found.append(required(path.child(expected), "must populate information for the given metric source"))
    if len(given) != 1:
        found += [forbidden(path.child(name), "must populate the given metric source only")
                  for name in given if name != expected]
    return found


def _target(path: Path, source: Tree) -> Errors:
    path, target = path.child("target"), source.get("target") or {}
    kind, share = target.get("type") or "", target.get("averageUtilization")
    found: Errors = []
    if not kind:
        found.append(required(path.child("type"), "must specify a metric target type"))
    if kind not in _TARGETS:
        found.append(invalid(path.child("type"), kind, "must be either Utilization, Value, or AverageValue"))
    for name in ("value", "averageValue"):
        text = target.get(name)
        if text is not None and quantity.parse(text).sign <= 0:
            found.append(invalid(path.child(name), text, "must be positive"))
    if share is not None and share < 1:
        found.append(invalid(path.child("averageUtilization"), share, "must be greater than 0"))
    return found


def _identifier(path: Path, source: Tree) -> Errors:
    path, name = path.child("metric", "name"), (source.get("metric") or {}).get("name") or ""
    return said(path, name, names.path_segment_name(name)) if name else [required(path, "must specify a metric name")]


def _has(source: Tree, name: str) -> bool:
    return (source.get("target") or {}).get(name) is not None


def _object(path: Path, source: Tree, leniency: Leniency) -> Errors:
    found = reference(path.child("describedObject"), source.get("describedObject") or {},
                      any_version=leniency.metrics_any_version, no_group=True)
    found += _identifier(path, source) + _target(path, source)
    if not _has(source, "value") and not _has(source, "averageValue"):
        found.append(required(path.child("target", "averageValue"), "must set either a target value or averageValue"))
    return found


def _external(path: Path, source: Tree, leniency: Leniency) -> Errors:
    found = _identifier(path, source) + _target(path, source)
    value, average = _has(source, "value"), _has(source, "averageValue")
    if not value and not average:
        found.append(required(path.child("target", "averageValue"),
                              "must set either a target value for metric or a per-pod target"))
    if value and average:
        found.append(forbidden(path.child("target", "value"),
                               "may not set both a target value for metric and a per-pod target"))
    return found


def _pods(path: Path, source: Tree, leniency: Leniency) -> Errors:
    found = _identifier(path, source) + _target(path, source)
    if not _has(source, "averageValue"):
        found.append(required(path.child("target", "averageValue"), "must specify a positive target averageValue"))
    return found


def _amount(path: Path, source: Tree) -> Errors:
    found = _target(path, source)
    share, average = _has(source, "averageUtilization"), _has(source, "averageValue")
    if not share and not average:
        found.append(required(path.child("target", "averageUtilization"),
                              "must set either a target raw value or a target utilization"))
    if share and average:
        found.append(forbidden(path.child("target", "averageValue"),
                               "may not set both a target raw value and a target utilization"))
    return found


def _resource(path: Path, source: Tree, leniency: Leniency) -> Errors:
    found = [] if source.get("name") else [required(path.child("name"), "must specify a resource name")]
    return found + _amount(path, source)


def _container_resource(path: Path, source: Tree, leniency: Leniency) -> Errors:
    name, container = source.get("name"), source.get("container")
    found = resource_names.container_name(path.child("name"), name) if name \
        else [required(path.child("name"), "must specify a resource name")]
    found += dns_label(path.child("container"), container) if container \
        else [required(path.child("container"), "must specify a container")]
    return found + _amount(path, source)


_SOURCES: Final[dict[str, Callable[[Path, Tree, Leniency], Errors]]] = {
    "object": _object, "external": _external, "pods": _pods, "resource": _resource,
    "containerResource": _container_resource,
}
"""In the order in which upstream looks for them."""


def _scaling(path: Path, rules: Tree) -> Errors:
    window, selection = rules.get("stabilizationWindowSeconds"), rules.get("selectPolicy")
    place, found = path.child("stabilizationWindowSeconds"), []
    if window is not None and window < 0:
        found.append(invalid(place, window, "must be greater than or equal to zero"))
    if window is not None and window > _LONGEST_WINDOW:
        found.append(invalid(place, window, f"must be less than or equal to {_LONGEST_WINDOW}"))
    if selection is not None and selection not in _SELECTIONS:
        found.append(not_supported(path.child("selectPolicy"), selection, _SELECTIONS))
    policies: list[Any] = rules.get("policies") or []
    if not policies:
        found.append(required(path.child("policies"), "must specify at least one Policy"))
    for position, policy in enumerate(policies):
        found += _policy(path.child("policies").index(position), policy)
    tolerance = rules.get("tolerance")
    if tolerance is not None and quantity.parse(tolerance).sign < 0:
        found.append(invalid(path.child("tolerance"), tolerance, "must be greater than or equal to 0"))
    return found


def _policy(path: Path, policy: Tree) -> Errors:
    kind, value, period = policy.get("type") or "", policy.get("value") or 0, policy.get("periodSeconds") or 0
    found: Errors = []
    if kind not in _POLICIES:
        found.append(not_supported(path.child("type"), kind, _POLICIES))
    for name, number in (("value", value), ("periodSeconds", period)):
        if number <= 0:
            found.append(invalid(path.child(name), number, "must be greater than zero"))
    if period > _LONGEST_PERIOD:
        found.append(invalid(path.child("periodSeconds"), period, f"must be less than or equal to {_LONGEST_PERIOD}"))
    return found
