"""What a Job is short of, and how it stands: plans, pure.

Used by `job`. Behaviour and texts: kubernetes `pkg/controller/job/job_controller.go`, `backoff_utils.go`,
`indexed_job_utils.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from orlop.api.tree import Tree
from orlop.controllers.event_recorder import NORMAL, WARNING
from orlop.controllers.workloads.dependents import reference
from orlop.registry import times

INDEX: Final = "batch.kubernetes.io/job-completion-index"
FIRST_WAIT: Final = 10.0
MOST_WAIT: Final = 600.0
"""Seconds between a failure and the next pod, doubling."""
_FINISHED: Final = ("Complete", "Failed")


@dataclass(slots=True)
class Standing:
    """A Job's pods, sorted. `indexes` are those that are done; `taken` those that have an active pod."""

    active: list[Tree] = field(default_factory=list)
    succeeded: int = 0
    failed: int = 0
    ready: int = 0
    restarts: int = 0
    last_failure: float = 0.0
    indexes: set[int] = field(default_factory=set)
    taken: set[int] = field(default_factory=set)


def index_of(pod: Tree) -> int:
    text = (pod["metadata"].get("annotations") or {}).get(INDEX, "")
    return int(text) if text.isdecimal() else -1


def standing_of(job: Tree, pods: Iterable[Tree]) -> Standing:
    """What the status counted already stays counted, also when the pods have gone."""
    found = Standing()
    for pod in pods:
        status = pod.get("status") or {}
        phase = status.get("phase")
        if phase == "Succeeded":
            found.succeeded += 1
            found.indexes.add(index_of(pod))
        elif phase == "Failed" or pod["metadata"].get("deletionTimestamp"):
            if phase == "Failed":
                found.failed += 1
                found.last_failure = max(found.last_failure, _finished(status))
        else:
            found.active.append(pod)
            found.taken.add(index_of(pod))
            found.ready += any(c.get("type") == "Ready" and c.get("status") == "True"
                               for c in status.get("conditions") or ())
            found.restarts += sum(c.get("restartCount") or 0 for c in status.get("containerStatuses") or ())
    former = job.get("status") or {}
    found.failed = max(found.failed, former.get("failed") or 0)
    if indexed(job):
        found.indexes = {i for i in found.indexes | _numbers(former.get("completedIndexes") or "") if i >= 0}
        found.succeeded = len(found.indexes)
    found.succeeded = max(found.succeeded, former.get("succeeded") or 0)
    return found


def _finished(status: Tree) -> float:
    ends = [state["finishedAt"] for one in status.get("containerStatuses") or ()
            if (state := (one.get("state") or {}).get("terminated")) and state.get("finishedAt")]
    return max(map(times.seconds, ends), default=0.0)


def indexed(job: Tree) -> bool:
    return bool(job["spec"].get("completionMode") == "Indexed")


def over(job: Tree) -> bool:
    return any(c.get("type") in _FINISHED and c.get("status") == "True"
               for c in (job.get("status") or {}).get("conditions") or ())


def verdict(job: Tree, stands: Standing, now: float) -> tuple[str, str, str]:
    """(Complete or Failed, reason, message); "" while it goes on."""
    spec, started = job["spec"], (job.get("status") or {}).get("startTime")
    limit = spec.get("backoffLimit")
    limit = 6 if limit is None else limit
    restarting = (spec["template"]["spec"].get("restartPolicy")) == "OnFailure"
    if stands.failed > limit or (restarting and stands.restarts > limit):
        return "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and started and now - times.seconds(started) >= deadline:
        return "Failed", "DeadlineExceeded", "Job was active longer than specified deadline"
    completions = spec.get("completions")
    done = (stands.succeeded >= completions if completions is not None
            else stands.succeeded > 0 and not stands.active)
    return ("Complete", "CompletionsReached", "Reached expected number of succeeded pods") if done else ("", "", "")


def missing(job: Tree, stands: Standing) -> int:
    """Pods to make, or, below zero, to delete."""
    spec = job["spec"]
    if spec.get("suspend"):
        return -len(stands.active)
    parallel = spec.get("parallelism")
    wanted: int = 1 if parallel is None else parallel
    completions = spec.get("completions")
    if completions is not None:
        wanted = min(wanted, completions - stands.succeeded)
    elif stands.succeeded:
        wanted = min(wanted, len(stands.active))
    return wanted - len(stands.active)


def wait(stands: Standing, now: float) -> float:
    """Seconds until another pod may be made."""
    if not stands.failed or not stands.last_failure:
        return 0.0
    delay = min(MOST_WAIT, FIRST_WAIT * 2.0 ** min(stands.failed - 1, 16))
    return max(0.0, stands.last_failure + delay - now)


def free_indexes(job: Tree, stands: Standing, count: int) -> list[int]:
    every = range(job["spec"].get("completions") or 0)
    return [i for i in every if i not in stands.indexes and i not in stands.taken][:count]


def pod_of(job: Tree, index: int = -1) -> Tree:
    """A pod of the template; with an index, that of the index."""
    template, name = job["spec"]["template"], job["metadata"]["name"]
    shape = template.get("metadata") or {}
    metadata: Tree = {"generateName": f"{name}-", "labels": dict(shape.get("labels") or {}),
                      "annotations": dict(shape.get("annotations") or {}),
                      "ownerReferences": [reference(job, "batch/v1", "Job")]}
    spec = dict(template["spec"])
    if index >= 0:
        metadata["generateName"] = f"{name}-{index}-"
        metadata["annotations"][INDEX] = metadata["labels"][INDEX] = str(index)
        spec["hostname"] = f"{name}-{index}"
        variable = {"name": "JOB_COMPLETION_INDEX",
                    "valueFrom": {"fieldRef": {"fieldPath": f"metadata.annotations['{INDEX}']"}}}
        for member in ("initContainers", "containers"):
            if spec.get(member):
                spec[member] = [{**one, "env": [*(one.get("env") or ()), variable]} for one in spec[member]]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def status_of(job: Tree, stands: Standing, ends: tuple[str, str, str], now: float) -> Tree:
    former, stamp = job.get("status") or {}, times.text(now)
    status: Tree = {name: count for name, count in (
        ("active", len(stands.active)), ("succeeded", stands.succeeded), ("failed", stands.failed)) if count}
    status |= {"ready": stands.ready, "terminating": 0, "uncountedTerminatedPods": {}}
    suspended = bool(job["spec"].get("suspend"))
    if former.get("startTime") or not suspended:
        status["startTime"] = former.get("startTime") or stamp
    if indexed(job) and stands.indexes:
        status["completedIndexes"] = ranges(sorted(stands.indexes))
    conditions = list(former.get("conditions") or ())
    kind, reason, message = ends
    if kind:
        first = "SuccessCriteriaMet" if kind == "Complete" else "FailureTarget"
        conditions += [_condition(one, True, reason, message, stamp) for one in (first, kind)]
        if kind == "Complete":
            status["completionTime"] = stamp
    elif suspended != any(c.get("type") == "Suspended" and c.get("status") == "True" for c in conditions):
        conditions = [c for c in conditions if c.get("type") != "Suspended"]
        words = ("JobSuspended", "Job suspended") if suspended else ("JobResumed", "Job resumed")
        conditions.append(_condition("Suspended", suspended, *words, stamp))
    if conditions:
        status["conditions"] = conditions
    return status


def _condition(kind: str, holds: bool, reason: str, message: str, stamp: str) -> Tree:
    return {"type": kind, "status": "True" if holds else "False", "reason": reason, "message": message,
            "lastProbeTime": stamp, "lastTransitionTime": stamp}


def ranges(numbers: Sequence[int]) -> str:
    """`0-2,5`: sorted numbers, as a status has them."""
    parts: list[tuple[int, int]] = []
    for number in numbers:
        if parts and parts[-1][1] == number - 1:
            parts[-1] = parts[-1][0], number
        else:
            parts.append((number, number))
    return ",".join(str(a) if a == b else f"{a},{b}" if b == a + 1 else f"{a}-{b}" for a, b in parts)


def _numbers(text: str) -> set[int]:
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def told(former: Tree, status: Tree) -> list[tuple[str, str, str]]:
    """The events (type, reason, message) about what a new status says for the first time."""
    known = {(one["type"], one["status"]) for one in former.get("conditions") or ()}
    found = []
    for one in status.get("conditions") or ():
        if (one["type"], one["status"]) in known:
            continue
        if one["type"] == "Complete":
            found.append((NORMAL, "Completed", "Job completed"))
        elif one["type"] == "Failed":
            found.append((WARNING, one["reason"], one["message"]))
        elif one["type"] == "Suspended":
            found.append((NORMAL, one["reason"].removeprefix("Job"), one["message"]))
    return found
