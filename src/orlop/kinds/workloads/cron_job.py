"""CronJobs.

Made by `workload_makers`. Behaviour: kubernetes `pkg/registry/batch/cronjob`, `pkg/apis/batch/validation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orlop.api.context import Context
from orlop.api.field import GoText, Path, invalid, not_supported, required
from orlop.api.tree import Tree
from orlop.kinds.checks import SPEC, Errors, chosen, not_negative, said
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import StatusStrategy
from orlop.kinds.pod_rules.allowances import TEMPLATE as NO_FAULTS
from orlop.kinds.pod_rules.terms import Allowances
from orlop.kinds.rooms import RestOptions, Rooms
from orlop.kinds.selector_form import shown_selector
from orlop.kinds.workloads.base import WorkloadStrategy, rooms_of
from orlop.kinds.workloads.cron_schedule import BadSchedule, check_schedule, zone_complaints
from orlop.kinds.workloads.job import job_remarks
from orlop.kinds.workloads.job_rules import job_spec

_CONCURRENCY: Final = ("Allow", "Forbid", "Replace")
_LONGEST_NAME: Final = 52
"""The controller adds eleven characters for the names of Jobs."""
_SCHEDULE: Final = SPEC.child("schedule")
_JOB: Final = SPEC.child("jobTemplate", "spec")
_ZONE_IN_SCHEDULE: Final = (
    "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see "
    "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details")


def _schedule(spec: Tree, old: Tree | None) -> Errors:
    text = spec.get("schedule")
    if not text:
        return [required(_SCHEDULE)]
    found: Errors = []
    try:
        check_schedule(text)
    except BadSchedule as problem:
        found.append(invalid(_SCHEDULE, text, str(problem)))
    if "TZ" not in text:
        return found
    if "TZ" not in ((old or {}).get("schedule") or ""):
        found.append(invalid(_SCHEDULE, text, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"))
    elif spec.get("timeZone") is not None:
        found.append(invalid(_SCHEDULE, text, "cannot use both timeZone field and TZ or CRON_TZ in schedule"))
    return found


def cron_job_rules(spec: Tree, old: Tree | None, allow: Allowances) -> Errors:
    found = _schedule(spec, old)
    found += not_negative(SPEC.child("startingDeadlineSeconds"), spec.get("startingDeadlineSeconds"))
    zone = spec.get("timeZone")
    if zone is not None and (old is None or old.get("timeZone") != zone):
        found += said(SPEC.child("timeZone"), zone, zone_complaints(zone))
    found += chosen(SPEC.child("concurrencyPolicy"), spec.get("concurrencyPolicy"), _CONCURRENCY)
    job = (spec.get("jobTemplate") or {}).get("spec") or {}
    found += job_spec(_JOB, job, allow)
    if job.get("selector") is not None:
        found.append(invalid(_JOB.child("selector"), shown_selector(job["selector"]),
                             "`selector` will be auto-generated"))
    if job.get("manualSelector"):
        found.append(not_supported(_JOB.child("manualSelector"), GoText("true"), ("nil", "false")))
    for name in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        found += not_negative(SPEC.child(name), spec.get(name))
    return found


class CronJobStrategy(WorkloadStrategy):
    advises_on_name = True
    repeats_metadata_rules = ("change",)

    def template(self, obj: Tree) -> Tree:
        job: Tree = ((obj.get("spec") or {}).get("jobTemplate") or {}).get("spec") or {}
        return job.get("template") or {}

    def remarks(self, obj: Tree) -> list[str]:
        job: Tree = ((obj.get("spec") or {}).get("jobTemplate") or {}).get("spec") or {}
        return job_remarks(_JOB, job)

    def warnings_on_update(self, ctx: Context, obj: Tree, old: Tree) -> Sequence[str]:
        found = list(super().warnings_on_update(ctx, obj, old))
        if "TZ" in ((obj.get("spec") or {}).get("schedule") or ""):
            found.append(_ZONE_IN_SCHEDULE)
        return found

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        found = cron_job_rules(obj.get("spec") or {}, None, NO_FAULTS)
        name = obj["metadata"].get("name") or ""
        if len(name) > _LONGEST_NAME:
            found.append(invalid(Path("metadata.name"), name, f"must be no more than {_LONGEST_NAME} characters"))
        return found

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        return cron_job_rules(obj.get("spec") or {}, old.get("spec") or {}, self.allowances(old))


class CronJobStatusStrategy(StatusStrategy):
    repeats_metadata_rules = ()


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return rooms_of(resource, options, CronJobStrategy, CronJobStatusStrategy)
