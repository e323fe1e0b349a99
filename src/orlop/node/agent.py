"""The node's agent: takes the pods that are bound to the node, and brings them through their lives.

Made by `run`. Follows the pods of its node, asks each pod's `Life` what is to be done, has the runtime do it, and
writes what came of it into the pod's status. When a deleted pod has ended it is deleted for good. Plays the part of
kubernetes `pkg/kubelet/pod_workers.go` and `pkg/kubelet/status/status_manager.go`.
"""

from __future__ import annotations

import asyncio
import logging
import math
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import quote

from orlop.api.tree import Tree
from orlop.controllers.work_queue import WorkQueue
from orlop.node.addresses import PodAddresses
from orlop.node.adoption import adopt
from orlop.node.api import STRATEGIC, Api, APIUnavailable
from orlop.node.container import Container, Role
from orlop.node.events import EventRecorder, about_pod
from orlop.node.follower import Follower
from orlop.node.lifecycle import NORMAL, WARNING, Life, Notice, Start, Stop
from orlop.node.pod_status import Place, status_of
from orlop.node.runtime import Exit, Run, Runtime, StartFailure
from orlop.node.script import ScriptError, start_delay_of
from orlop.node.settings import PROCESS, NodeSettings
from orlop.world.clock import Clock

log = logging.getLogger(__name__)

WORKERS: Final = 16
"""Pods that are worked on at once."""
_FIELDS: Final = {Role.INIT: "initContainers", Role.SIDECAR: "initContainers", Role.MAIN: "containers",
                  Role.EPHEMERAL: "ephemeralContainers"}


@dataclass(slots=True)
class Work:
    """A pod of this node. `written`: the status last written; `gone`: deleted from the API server."""

    pod: Tree
    life: Life
    ip: str
    written: Tree | None = None
    timer: asyncio.TimerHandle | None = None
    gone: bool = False

    @property
    def path(self) -> str:
        metadata = self.pod["metadata"]
        return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"


class Agent:
    def __init__(self, settings: NodeSettings, api: Api, runtime: Runtime, events: EventRecorder,
                 clock: Clock) -> None:
        self._settings, self._api, self._runtime = settings, api, runtime
        self._events, self._clock = events, clock
        self._works: dict[str, Work] = {}
        """By uid; bounded by the pods bound to this node."""
        self._addresses = PodAddresses(settings.number, settings.mode == PROCESS, str(settings.data_dir or ""))
        self._queue = WorkQueue(f"node-{settings.name}", self._reconcile, WORKERS)
        self.follower = Follower(api, "/api/v1/pods", f"fieldSelector={quote('spec.nodeName=' + settings.name)}",
                                 self._on_pod)
        self._following: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._queue.start()
        self._following = asyncio.create_task(self.follower.run(), name=f"node-{self._settings.name}-pods")

    async def stop(self) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        await self._queue.stop()
        for work in self._works.values():
            if work.timer is not None:
                work.timer.cancel()

    # --- what the endpoint asks ----------------------------------------------------------------------------------

    def find(self, namespace: str, name: str) -> Work | None:
        return next((w for w in self._works.values() if w.pod["metadata"]["name"] == name
                     and w.pod["metadata"]["namespace"] == namespace), None)

    def works(self) -> list[Work]:
        return list(self._works.values())

    def pods(self) -> list[Tree]:
        return [{**w.pod, "status": {**(w.pod.get("status") or {}), **(w.written or {})}}
                for w in self._works.values()]

    # --- news ----------------------------------------------------------------------------------------------------

    def _on_pod(self, kind: str, pod: Tree) -> None:
        uid = pod["metadata"]["uid"]
        work = self._works.get(uid)
        if kind == "DELETED":
            if work is not None:
                work.gone = True
                self._queue.add(uid)
            return
        if work is None:
            work = self._accept(pod)
            if work is None:
                return
            self._works[uid] = work
        work.pod = pod
        work.life.update(pod)
        if pod["metadata"].get("deletionTimestamp"):
            grace = pod["metadata"].get("deletionGracePeriodSeconds")
            work.life.delete(30.0 if grace is None else float(grace))
        self._queue.add(uid)

    def _accept(self, pod: Tree) -> Work | None:
        status, metadata = pod.get("status") or {}, pod["metadata"]
        if status.get("phase") in ("Succeeded", "Failed") and not metadata.get("deletionTimestamp"):
            return None
        now = self._clock.now()
        try:
            delay = start_delay_of(pod, self._settings.start_delay)
        except ScriptError as error:
            self._events.record(about_pod(pod), WARNING, "InvalidAnnotation", str(error))
            delay = self._settings.start_delay
        life = Life(pod, now, delay, self._settings.back_off)
        work = Work(pod, life, self._addresses.take(status.get("podIP") or ""))
        if status.get("containerStatuses"):
            adopt(life, status, partial(self._resume, work), now)
        return work

    def _resume(self, work: Work, container: Container, started: float) -> bool:
        return self._runtime.resume(self._run(work, container), partial(self._on_exit, work, container), started)

    def _on_exit(self, work: Work, container: Container, exit: Exit) -> None:
        work.life.ended(container, exit.code, self._clock.now(), exit.reason, exit.message)
        self._queue.add(work.pod["metadata"]["uid"])

    # --- one pod -------------------------------------------------------------------------------------------------

    async def _reconcile(self, uid: str) -> bool:
        work = self._works.get(uid)
        if work is None:
            return False
        if work.gone:
            await self._forget(uid, work)
            return False
        try:
            if work.written is None and not await self._write(work):
                return False
            await self._advance(work)
            if not await self._write(work):
                return False
            if work.life.deleting and work.life.finished:
                return await self._delete(uid, work)
        except APIUnavailable as error:
            log.info("node %s: pod %s: %s", self._settings.name, work.life.text, error)
            return True
        return False

    async def _advance(self, work: Work) -> None:
        """Do what there is to do until there is nothing more for now."""
        while actions := work.life.step(self._clock.now()):
            for action in actions:
                if isinstance(action, Start):
                    await self._start(work, action.container)
                elif isinstance(action, Stop):
                    self._runtime.stop(work.pod["metadata"]["uid"], action.container.name, action.grace)
                else:
                    self._tell(work, action)
        self._set_timer(work)

    def _set_timer(self, work: Work) -> None:
        if work.timer is not None:
            work.timer.cancel()
            work.timer = None
        if math.isfinite(work.life.wake):
            delay = max(0.0, work.life.wake - self._clock.now())
            uid = work.pod["metadata"]["uid"]
            work.timer = asyncio.get_running_loop().call_later(delay, self._queue.add, uid)

    async def _start(self, work: Work, container: Container) -> None:
        image, now = container.image, self._clock.now
        try:
            id = await self._runtime.start(self._run(work, container), partial(self._on_exit, work, container))
        except StartFailure as failure:
            work.life.refused(container, failure.reason, failure.message, now())
            self._tell(work, Notice(container, WARNING, "Failed", f"Error: {failure.message}"))
            return
        work.life.began(container, id, now())
        if not container.restarts and image:
            pulled = f'Container image "{image}" already present on machine'
            self._tell(work, Notice(container, NORMAL, "Pulled", pulled))
        self._tell(work, Notice(container, NORMAL, "Created", "Container created"))
        self._tell(work, Notice(container, NORMAL, "Started", "Container started"))

    def _run(self, work: Work, container: Container) -> Run:
        return Run(work.pod, container.spec, container.role, container.attempt, work.ip)

    def _tell(self, work: Work, notice: Notice) -> None:
        container = notice.container
        field = f"spec.{_FIELDS[container.role]}{{{container.name}}}"
        self._events.record(about_pod(work.pod, field), notice.type, notice.reason, notice.message)

    # --- writes --------------------------------------------------------------------------------------------------

    async def _write(self, work: Work) -> bool:
        """Write the status if it is news; False when the pod is not there any more."""
        place = Place(self._settings.address, work.ip, self._settings.scheme)
        former = _overlaid(work.pod.get("status") or {}, work.written)
        status = status_of(work.life, place, former, self._clock.now())
        if status == work.written:
            return True
        change = {"metadata": {"uid": work.pod["metadata"]["uid"]}, "status": status}
        reply = await self._api.request("PATCH", work.path + "/status", change, STRATEGIC)
        if reply.status in (404, 409):
            return False
        if not reply.ok:
            raise APIUnavailable(f"status refused: {reply.message}")
        work.written = status
        return True

    async def _delete(self, uid: str, work: Work) -> bool:
        await self._runtime.remove(uid)
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}}
        reply = await self._api.request("DELETE", work.path, options)
        return not reply.ok and reply.status not in (404, 409)

    async def _forget(self, uid: str, work: Work) -> None:
        """Nobody waits for what still runs: it is ended by force."""
        self._works.pop(uid, None)
        if work.timer is not None:
            work.timer.cancel()
        await self._runtime.remove(uid)
        self._addresses.release(work.ip)


def _overlaid(status: Tree, written: Tree | None) -> Tree:
    """The conditions of the pod as known, with those last written in place of older ones."""
    if written is None:
        return status
    own = {c["type"]: c for c in written["conditions"]}
    others = [c for c in status.get("conditions") or () if c.get("type") not in own]
    return {"conditions": [*others, *own.values()]}
