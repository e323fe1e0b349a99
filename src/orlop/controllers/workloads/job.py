"""Jobs: pods until enough of them have succeeded.

Follows Jobs and their pods; makes and deletes pods, writes the status, and deletes what has outlived its
ttlSecondsAfterFinished. Plans are in `job_plan`. Pods get no tracking finalizer: what is deleted before it was counted
is lost. Failure and success policies, and back-off limits per index, are left out. Plays the part of kubernetes
`pkg/controller/job/job_controller.go` and `pkg/controller/ttlafterfinished`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from orlop.api.errors import APIError
from orlop.api.options import DeleteOptions
from orlop.api.tree import Tree
from orlop.controllers.event_recorder import EventRecorder, about
from orlop.controllers.key_feed import KeyFeed
from orlop.controllers.work_queue import WorkQueue
from orlop.controllers.workloads import job_plan
from orlop.controllers.workloads.dependents import Dependents
from orlop.controllers.workloads.pod_control import CreatePod, PodControl
from orlop.controllers.workloads.replica_set import BURST
from orlop.controllers.writer import Writer
from orlop.registry import times
from orlop.registry.store import Store

_GROUP: Final = "batch"
_PLURAL: Final = "jobs"


class JobController:
    """`statuses` is the store of the status room; `now`: seconds since 1970."""

    def __init__(self, writer: Writer, statuses: Store, create_pod: CreatePod, events: EventRecorder,
                 now: Callable[[], float]) -> None:
        self._writer, self._statuses, self._events, self._now = writer, statuses, events, now
        self._jobs = writer.stores[(_GROUP, _PLURAL)]
        self._queue = WorkQueue("jobs", self._reconcile)
        self._pods = Dependents(writer.stores[("", "pods")], "Job", self._queue.add)
        self._control = PodControl(writer, create_pod, self._pods, events)
        self._feed = KeyFeed(self._jobs, self._queue.add)

    def start(self) -> None:
        self._pods.start()
        self._feed.start()
        self._queue.start()

    async def stop(self) -> None:
        self._feed.stop()
        self._pods.stop()
        await self._queue.stop()

    async def _reconcile(self, key: str) -> bool:
        entry = self._jobs.cache.peek(self._jobs.prefix + key)
        if entry is None:
            return False
        job = entry.tree()
        if job["metadata"].get("deletionTimestamp") or job["spec"].get("managedBy"):
            return False
        try:
            if job_plan.over(job):
                return await self._expire(key, job)
            await self._advance(key, job)
        except APIError as error:
            if error.code not in (404, 409):
                raise
            return True
        return False

    async def _advance(self, key: str, job: Tree) -> None:
        uid, now = job["metadata"]["uid"], self._now()
        stands = job_plan.standing_of(job, self._pods.of(uid))
        ends = job_plan.verdict(job, stands, now)
        count = -len(stands.active) if ends[0] else job_plan.missing(job, stands)
        if count < 0:
            for pod in stands.active[count:]:
                await self._control.delete(about(job, "batch/v1", "Job"), pod["metadata"]["name"])
        elif count > 0:
            delay = job_plan.wait(stands, now)
            if delay:
                self._queue.add_later(key, delay)
            else:
                await self._make(job, stands, min(count, BURST))
        if count:
            stands = job_plan.standing_of(job, self._pods.of(uid))
        await self._write_status(job, job_plan.status_of(job, stands, ends, now))
        deadline = job["spec"].get("activeDeadlineSeconds")
        if deadline is not None and not ends[0]:
            started = (job.get("status") or {}).get("startTime")
            self._queue.add_later(key, (times.seconds(started) if started else now) + deadline - now + 0.001)

    async def _make(self, job: Tree, stands: job_plan.Standing, count: int) -> None:
        indexes = job_plan.free_indexes(job, stands, count) if job_plan.indexed(job) else [-1] * count
        owner = about(job, "batch/v1", "Job")
        await asyncio.gather(*(self._control.create(owner, job_plan.pod_of(job, index)) for index in indexes))

    async def _write_status(self, job: Tree, status: Tree) -> None:
        former, metadata = job.get("status") or {}, job["metadata"]
        if {k: v for k, v in status.items() if v} == {k: v for k, v in former.items() if v}:
            return

        def change(tree: Tree) -> bool:
            tree["status"] = status
            return True

        await self._writer.change(self._statuses, _GROUP, _PLURAL, metadata["namespace"], metadata["name"], change,
                                  uid=metadata["uid"])
        for type, reason, message in job_plan.told(former, status):
            self._events.record(about(job, "batch/v1", "Job"), type, reason, message)

    async def _expire(self, key: str, job: Tree) -> bool:
        keep = job["spec"].get("ttlSecondsAfterFinished")
        if keep is None:
            return False
        ended = max((times.seconds(c["lastTransitionTime"]) for c in job["status"]["conditions"]
                     if c.get("lastTransitionTime")), default=0.0)
        left = ended + keep - self._now()
        if left > 0:
            self._queue.add_later(key, left)
            return False
        metadata = job["metadata"]
        await self._writer.delete(_GROUP, _PLURAL, metadata["namespace"], metadata["name"],
                                  DeleteOptions(propagation_policy="Background"))
        return False
