"""Cells of batch. Upstream: `pkg/printers/internalversion/printers.go` (printJob, printCronJob)."""

from __future__ import annotations

from orlop.api.durations import human_duration
from orlop.api.tree import Tree
from orlop.kinds.printers.cells import (
    NONE,
    Cell,
    Relative,
    age,
    ago,
    metadata_of,
    name_of,
    spec_of,
    status_of,
)
from orlop.kinds.printers.format import bool_text, format_label_selector, names_and_images
from orlop.registry.times import seconds


def job_cells(job: Tree) -> list[Cell]:
    metadata, spec, status = metadata_of(job), spec_of(job), status_of(job)
    return [
        name_of(metadata), _state(metadata, status), _completions(spec, status), _duration(status),
        age(metadata),
        *names_and_images(spec.get("template")), format_label_selector(spec.get("selector")),
    ]


def _state(metadata: Tree, status: Tree) -> str:
    """The weightiest of the conditions that are true; of conditions with the same type the first counts."""
    true: dict[str, bool] = {}
    for condition in status.get("conditions") or ():
        true.setdefault(condition.get("type") or "", condition.get("status") == "True")
    if true.get("Complete"):
        return "Complete"
    if true.get("Failed"):
        return "Failed"
    if metadata.get("deletionTimestamp"):
        return "Terminating"
    if true.get("Suspended"):
        return "Suspended"
    return "FailureTarget" if true.get("FailureTarget") else "Running"


def _completions(spec: Tree, status: Tree) -> str:
    succeeded, completions = status.get("succeeded") or 0, spec.get("completions")
    if completions is not None:
        return f"{succeeded}/{completions}"
    parallelism = spec.get("parallelism") or 0
    return f"{succeeded}/1 of {parallelism}" if parallelism > 1 else f"{succeeded}/1"


def _duration(status: Tree) -> str | Relative:
    started, completed = status.get("startTime"), status.get("completionTime")
    if not started:
        return ""
    if not completed:
        return ago(started)
    return human_duration(seconds(completed) - seconds(started))


def cron_job_cells(cron_job: Tree) -> list[Cell]:
    metadata, spec, status = metadata_of(cron_job), spec_of(cron_job), status_of(cron_job)
    job = spec_of(spec.get("jobTemplate") or {})
    last, zone = status.get("lastScheduleTime"), spec.get("timeZone")
    return [
        name_of(metadata), spec.get("schedule") or "", NONE if zone is None else zone,
        bool_text(spec.get("suspend")),
        len(status.get("active") or ()), ago(last) if last else NONE, age(metadata),
        *names_and_images(job.get("template")), format_label_selector(job.get("selector")),
    ]
