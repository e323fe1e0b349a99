"""What the status of a Job may say: counters that never go back, conditions that agree with each other.

Called by `job`. Most rules hold for changes only, so that a status that broke them before can still be written. Texts
and order: kubernetes `pkg/apis/batch/validation/validation.go` (validateJobStatus, ValidateJobStatusUpdate),
`pkg/registry/batch/job/strategy.go` (getStatusValidationOptions).
"""

from __future__ import annotations

from typing import Any, Final

from orlop.api.field import OMITTED, duplicate, invalid, required
from orlop.api.gotext import json_value
from orlop.api.times import parse
from orlop.api.tree import Tree
from orlop.api.validation import IMMUTABLE
from orlop.kinds.checks import STATUS, Errors, not_negative
from orlop.kinds.go_form import Form
from orlop.kinds.workloads.job_policies import BadIndexes, indexes, interval
from orlop.kinds.workloads.job_rules import INDEXED

_COUNTS: Final = ("active", "succeeded", "failed", "ready", "terminating")
_TERMINAL: Final = ("Failed", "Complete", "FailureTarget")
_CONDITIONS: Final = STATUS.child("conditions")
_UNCOUNTED: Final = Form({"Succeeded": ("succeeded", None), "Failed": ("failed", None)})


def is_true(status: Tree, kind: str) -> bool:
    return _says(status, kind, "True")


def _says(status: Tree, kind: str, value: str) -> bool:
    return any(condition.get("type") == kind and condition.get("status") == value
               for condition in status.get("conditions") or ())


def _finished(status: Tree) -> bool:
    return is_true(status, "Complete") or is_true(status, "Failed")


class StatusChange:
    """The status of `job` as it is to replace that of `old`."""

    def __init__(self, job: Tree, old: Tree) -> None:
        self.spec: Tree = job.get("spec") or {}
        self.new: Tree = job.get("status") or {}
        self.old: Tree = old.get("status") or {}

    def _moved(self, name: str, absent: Any = None) -> bool:
        return bool((self.new.get(name) or absent) != (self.old.get(name) or absent))

    def _turned(self, kind: str) -> bool:
        return is_true(self.new, kind) != is_true(self.old, kind)

    def errors(self) -> Errors:
        found: Errors = []
        for name in _COUNTS:
            found += not_negative(STATUS.child(name), self.new.get(name))
        return (found + self._uncounted() + self._conflicts() + self._completion_time() + self._finish()
                + self._indexes() + self._criteria() + self._history())

    def _uncounted(self) -> Errors:
        pods = self.new.get("uncountedTerminatedPods") or {}
        found: Errors = []
        seen: set[str] = set()
        for kind in ("succeeded", "failed"):
            for position, uid in enumerate(pods.get(kind) or ()):
                place = STATUS.child("uncountedTerminatedPods", kind).index(position)
                if not uid:
                    found.append(invalid(place, uid, "must not be empty"))
                elif uid in seen:
                    found.append(duplicate(place, uid))
                seen.add(uid)
        return found

    def _conflicts(self) -> Errors:
        new, found = self.new, []
        if (self._turned("Complete") or self._turned("Failed")) and is_true(new, "Complete") \
                and is_true(new, "Failed"):
            found.append(invalid(_CONDITIONS, OMITTED, "cannot set Complete=True and Failed=true conditions"))
        if (self._turned("Complete") or self._turned("FailureTarget")) and is_true(new, "Complete") \
                and is_true(new, "FailureTarget"):
            found.append(invalid(_CONDITIONS, OMITTED, "cannot set Complete=True and FailureTarget=true conditions"))
        return found

    def _completion_time(self) -> Errors:
        new, place, found = self.new, STATUS.child("completionTime"), []
        ended, complete = new.get("completionTime"), is_true(self.new, "Complete")
        if self._turned("Complete") or self._moved("completionTime"):
            if ended is not None and not complete:
                found.append(invalid(place, json_value(ended),
                                     "cannot set completionTime when there is no Complete=True condition"))
            if ended is None and complete:
                found.append(required(place, "completionTime is required for Complete jobs"))
        started = new.get("startTime")
        if (self._moved("startTime") or self._moved("completionTime")) and started and ended \
                and parse(ended) < parse(started):
            found.append(invalid(place, json_value(ended), "must be equal to or after `startTime`"))
        return found

    def _finish(self) -> Errors:
        new, found = self.new, []
        finished = _finished(new)
        turned = finished != _finished(self.old)
        failed_moved = new.get("failedIndexes") != self.old.get("failedIndexes")
        if (self._turned("Failed") or failed_moved) and is_true(new, "Failed") and not is_true(new, "FailureTarget"):
            found.append(invalid(_CONDITIONS, OMITTED,
                                 "cannot set Failed=True condition without the FailureTarget=true condition"))
        if (self._turned("Complete") or self._turned("SuccessCriteriaMet")) and is_true(new, "Complete") \
                and not is_true(new, "SuccessCriteriaMet"):
            found.append(invalid(_CONDITIONS, OMITTED,
                                 "cannot set Complete=True condition without the SuccessCriteriaMet=true condition"))
        if not finished:
            return found
        if (turned or self._moved("active", 0)) and (new.get("active") or 0) > 0:
            found.append(invalid(STATUS.child("active"), new["active"], "active>0 is invalid for finished job"))
        empty = self.spec.get("suspend") is True and self.spec.get("completions") == 0
        if (turned or self._moved("startTime")) and new.get("startTime") is None and not empty:
            found.append(required(STATUS.child("startTime"), "startTime is required for finished job"))
        pods = new.get("uncountedTerminatedPods") or {}
        waiting = pods.get("failed") or pods.get("succeeded")
        if (turned or self._moved("uncountedTerminatedPods")) and waiting:
            found.append(invalid(STATUS.child("uncountedTerminatedPods"), _UNCOUNTED.text(pods),
                                 "must be empty for finished job"))
        return found

    def _indexes(self) -> Errors:
        new, spec, found = self.new, self.spec, []
        done, failed = new.get("completedIndexes") or "", new.get("failedIndexes")
        completions, per_index = spec.get("completions"), spec.get("backoffLimitPerIndex")
        done_moved, failed_moved = self._moved("completedIndexes", ""), failed != self.old.get("failedIndexes")
        if done_moved and completions is not None:
            found += _readable("completedIndexes", done, completions)
        if failed_moved and completions is not None and per_index is not None and failed is not None:
            found += _readable("failedIndexes", failed, completions)
        if done_moved and done and spec.get("completionMode") != INDEXED:
            found.append(invalid(STATUS.child("completedIndexes"), done,
                                 "cannot set non-empty completedIndexes when non-indexed completion mode"))
        if failed_moved and per_index is None and failed is not None:
            found.append(invalid(STATUS.child("failedIndexes"), failed,
                                 "cannot set non-null failedIndexes when backoffLimitPerIndex is null"))
        if (done_moved or failed_moved) and completions is not None and failed is not None:
            shared = _overlap(done, failed, completions)
            if shared is not None:
                found.append(invalid(STATUS.child("failedIndexes"), failed,
                                     f"failedIndexes and completedIndexes overlap at index: {shared}"))
        return found

    def _criteria(self) -> Errors:
        new, found = self.new, []
        terminating, ready = new.get("terminating"), new.get("ready")
        turned = _finished(new) != _finished(self.old)
        if (turned or self._moved("terminating", 0)) and (terminating or 0) > 0 and _finished(new):
            found.append(invalid(STATUS.child("terminating"), terminating, "terminating>0 is invalid for finished job"))
        moved = ready != self.old.get("ready") or self._moved("active", 0)
        if moved and ready is not None and ready > (new.get("active") or 0):
            found.append(invalid(STATUS.child("ready"), ready, "cannot set more ready pods than active"))
        if is_true(new, "SuccessCriteriaMet"):
            for kind in ("Failed", "FailureTarget"):
                if is_true(new, kind):
                    found.append(invalid(_CONDITIONS, OMITTED,
                                         f"cannot set SuccessCriteriaMet=True and {kind}=true conditions"))
        elif self.spec.get("successPolicy") is not None and is_true(new, "Complete"):
            found.append(invalid(_CONDITIONS, OMITTED, "cannot set Complete=True for Job with SuccessPolicy unless "
                                 "SuccessCriteriaMet=True"))
        return found

    def _history(self) -> Errors:
        new, old, found = self.new, self.old, []
        for kind in _TERMINAL:
            if is_true(old, kind) and not is_true(new, kind):
                found.append(invalid(_CONDITIONS, OMITTED, f"cannot disable the terminal {kind}=True condition"))
        elastic = self.spec.get("completionMode") == INDEXED \
            and self.spec.get("completions") == self.spec.get("parallelism")
        for name in ("failed",) if elastic else ("failed", "succeeded"):
            if (new.get(name) or 0) < (old.get(name) or 0):
                found.append(invalid(STATUS.child(name), new.get(name) or 0, f"cannot decrease the {name} counter"))
        ended, started = new.get("completionTime"), old.get("startTime")
        resumes = is_true(old, "Suspended") and _says(new, "Suspended", "False")
        if ended is not None and old.get("completionTime") is not None and ended != old["completionTime"]:
            found.append(invalid(STATUS.child("completionTime"), json_value(ended), IMMUTABLE))
        if started is not None and started != new.get("startTime") and not self.spec.get("suspend") and not resumes:
            found.append(invalid(STATUS.child("startTime"), json_value(new.get("startTime")),
                                 "field is immutable for unsuspended job once set"))
        met = is_true(new, "SuccessCriteriaMet")
        if is_true(old, "SuccessCriteriaMet") and not met:
            found.append(invalid(_CONDITIONS, OMITTED, "cannot disable the SuccessCriteriaMet=True condition"))
        if is_true(old, "Complete") and not is_true(old, "SuccessCriteriaMet") and met:
            found.append(invalid(_CONDITIONS, OMITTED, "cannot set SuccessCriteriaMet=True for Job already has "
                                 "Complete=true conditions"))
        return found


def _readable(name: str, text: str, completions: int) -> Errors:
    try:
        indexes(text, completions)
    except BadIndexes as problem:
        return [invalid(STATUS.child(name), text, f"error parsing {name}: {problem}")]
    return []


def _overlap(done: str, failed: str, completions: int) -> int | None:
    """The first index that is in both lists, as far as they can be read."""
    one, other = (_intervals(text, completions) for text in (done, failed))
    while one and other:
        (low, high), (first, last) = one[0], other[0]
        if low <= last and first <= high:
            return max(low, first)
        (one if low <= first else other).pop(0)
    return None


def _intervals(text: str, completions: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for fragment in text.split(",") if text else ():
        try:
            found.append(interval(fragment, completions))
        except BadIndexes:
            continue  # said where the format is checked
    return found
