"""Cells of horizontal pod autoscalers and of the scale subresource.

Upstream: `pkg/printers/internalversion/printers.go` (formatHPAMetrics, printScale); version v1 is read as
`pkg/apis/autoscaling/v1/conversion.go` converts it: a CPU target of its own, all other metrics in
annotations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from orlop.api.tree import Tree
from orlop.kinds.printers.cells import (
    NONE,
    UNKNOWN,
    UNSET,
    Cell,
    age,
    metadata_of,
    name_of,
    quantity,
    spec_of,
    status_of,
)

_METRICS_MAX = 2
_METRICS = "autoscaling.alpha.kubernetes.io/metrics"
_CURRENT_METRICS = "autoscaling.alpha.kubernetes.io/current-metrics"
_DEFAULT_CPU = 80


def autoscaler_cells(autoscaler: Tree) -> list[Cell]:
    spec, status = spec_of(autoscaler), status_of(autoscaler)
    metrics = _metrics(spec.get("metrics") or (), status.get("currentMetrics") or ())
    return _cells(autoscaler, spec, status, metrics)


def autoscaler_v1_cells(autoscaler: Tree) -> list[Cell]:
    spec, status = spec_of(autoscaler), status_of(autoscaler)
    annotations = metadata_of(autoscaler).get("annotations") or {}
    specs = [_spec_from_v1(metric) for metric in _decoded(annotations, _METRICS)]
    cpu = spec.get("targetCPUUtilizationPercentage")
    if cpu is not None or not specs:
        specs.append(_cpu("target", _DEFAULT_CPU if cpu is None else cpu))
    currents = [_status_from_v1(metric) for metric in _decoded(annotations, _CURRENT_METRICS)]
    cpu = status.get("currentCPUUtilizationPercentage")
    if cpu is not None and not currents:
        currents.append(_cpu("current", cpu))
    return _cells(autoscaler, spec, status, _metrics(specs, currents))


def _cells(autoscaler: Tree, spec: Tree, status: Tree, metrics: str) -> list[Cell]:
    metadata, target = metadata_of(autoscaler), spec.get("scaleTargetRef") or {}
    least = spec.get("minReplicas")
    return [
        name_of(metadata), f"{target.get('kind') or ''}/{target.get('name') or ''}", metrics,
        UNSET if least is None else str(least), spec.get("maxReplicas") or 0,
        status.get("currentReplicas") or 0,
        age(metadata),
    ]


def _metrics(specs: Sequence[Tree], statuses: Sequence[Tree]) -> str:
    """Current/target of the first metrics. Statuses belong to specs by position."""
    if not specs:
        return NONE
    shown = enumerate(specs[:_METRICS_MAX])
    texts = [_metric(spec, statuses[i] if i < len(statuses) else {}) for i, spec in shown]
    text = ", ".join(texts)
    return f"{text} + {len(specs) - _METRICS_MAX} more..." if len(specs) > _METRICS_MAX else text


def _metric(metric: Tree, status: Tree) -> str:
    kind = metric.get("type") or ""
    field = kind[:1].lower() + kind[1:]
    source = metric.get(field) or {}
    target = source.get("target") or {}
    found = status.get(field)
    current = (found or {}).get("current") or {}
    if kind in ("External", "Object"):
        if (average := target.get("averageValue")) is not None:
            return f"{_known(current.get('averageValue'))}/{average} (avg)"
        return f"{_present(found, current.get('value'))}/{quantity(target.get('value'))}"
    if kind == "Pods":
        return f"{_present(found, current.get('averageValue'))}/{quantity(target.get('averageValue'))}"
    if kind in ("Resource", "ContainerResource"):
        name = source.get("name") or ""
        if (average := target.get("averageValue")) is not None:
            return f"{name}: {_present(found, current.get('averageValue'))}/{average}"
        return f"{name}: {_percent(current, UNKNOWN)}/{_percent(target, '<auto>')}"
    return "<unknown type>"


def _known(value: Any) -> str:
    return UNKNOWN if value is None else str(value)


def _present(status: Tree | None, value: Any) -> str:
    """A value inside a status: zero when the status is there without it, unknown when there is no status."""
    return UNKNOWN if status is None else quantity(value)


def _percent(value: Tree, otherwise: str) -> str:
    utilization = value.get("averageUtilization")
    return otherwise if utilization is None else f"{utilization}%"


def _decoded(annotations: Tree, key: str) -> list[Tree]:
    """Metrics kept in an annotation. Text that a client broke is left aside, as conversion does."""
    try:
        metrics = orjson.loads(annotations.get(key) or "[]")
    except orjson.JSONDecodeError:
        return []
    return [m for m in metrics if isinstance(m, dict)] if isinstance(metrics, list) else []


def _cpu(field: str, utilization: int) -> Tree:
    return {"type": "Resource", "resource": {"name": "cpu", field: {"averageUtilization": utilization}}}


def _spec_from_v1(metric: Tree) -> Tree:
    return _from_v1(metric, "target", {"targetValue": "value", "targetAverageValue": "averageValue",
                                       "averageValue": "averageValue",
                                       "targetAverageUtilization": "averageUtilization"})


def _status_from_v1(metric: Tree) -> Tree:
    return _from_v1(metric, "current", {"currentValue": "value", "currentAverageValue": "averageValue",
                                        "averageValue": "averageValue",
                                        "currentAverageUtilization": "averageUtilization"})


def _from_v1(metric: Tree, field: str, names: dict[str, str]) -> Tree:
    """A metric in v2 form, as far as cells show it. v1 keeps the numbers beside what they measure."""
    kind = metric.get("type") or ""
    member = kind[:1].lower() + kind[1:]
    source = metric.get(member)
    if source is None:
        return {"type": kind}
    values = {new: source[old] for old, new in names.items() if source.get(old) is not None}
    return {"type": kind, member: {"name": source.get("name"), field: values}}


def scale_cells(scale: Tree) -> list[Cell]:
    metadata = metadata_of(scale)
    return [name_of(metadata), spec_of(scale).get("replicas") or 0, status_of(scale).get("replicas") or 0,
            age(metadata)]
