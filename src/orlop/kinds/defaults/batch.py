"""Defaults of Jobs and CronJobs.

Merged by `defaults`. Values: kubernetes `pkg/apis/batch/v1/defaults.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from orlop.api.tree import Tree

_RETRIES: Final = 6
_NO_BOUND: Final = (1 << 31) - 1


def _job(job: Tree) -> None:
    spec = job.setdefault("spec", {})
    parallelism = spec.get("parallelism")
    if parallelism is None:
        if spec.get("completions") is None:
            spec["completions"] = 1
        spec["parallelism"] = 1
    if spec.get("backoffLimit") is None:
        spec["backoffLimit"] = _RETRIES if spec.get("backoffLimitPerIndex") is None else _NO_BOUND
    if spec.get("completionMode") is None:
        spec["completionMode"] = "NonIndexed"
    if spec.get("suspend") is None:
        spec["suspend"] = False
    if spec.get("podReplacementPolicy") is None:
        spec["podReplacementPolicy"] = "TerminatingOrFailed" if spec.get("podFailurePolicy") is None else "Failed"
    if spec.get("manualSelector") is None:
        spec["manualSelector"] = False
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    metadata = job.setdefault("metadata", {})
    if labels is not None and not metadata.get("labels"):
        metadata["labels"] = labels  # one object, so that generated labels show in both places as they do upstream


def _condition_pattern(pattern: Tree) -> None:
    if not pattern.get("status"):
        pattern["status"] = "True"


def _cron_job(cron_job: Tree) -> None:
    spec = cron_job.setdefault("spec", {})
    if not spec.get("concurrencyPolicy"):
        spec["concurrencyPolicy"] = "Allow"
    for name, value in (("suspend", False), ("successfulJobsHistoryLimit", 3), ("failedJobsHistoryLimit", 1)):
        if spec.get(name) is None:
            spec[name] = value


DEFAULTERS: Mapping[str, Callable[[Tree], None]] = {
    "io.k8s.api.batch.v1.CronJob": _cron_job,
    "io.k8s.api.batch.v1.Job": _job,
    "io.k8s.api.batch.v1.PodFailurePolicyOnPodConditionsPattern": _condition_pattern,
}
