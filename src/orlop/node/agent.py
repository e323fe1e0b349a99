"""The node's agent: takes the pods that are bound to the node, and brings them through their lives.

Made by `run`. Follows the pods of its node, asks each pod's `Life` what is to be done, has the runtime do it, and
writes what came of it into the pod's status. When a deleted pod has ended it is deleted for good. Plays the part of
kubernetes `pkg/kubelet/pod_workers.go` and `pkg/kubelet/status/status_manager.go`.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import quote

from orlop.api.tree import Tree
from orlop.controllers.event_recorder import EventRecorder
from orlop.controllers.work_queue import WorkQueue
from orlop.node.addresses import AddressesExhausted, addresses_of
from orlop.node.adoption import adopt
from orlop.node.api import STRATEGIC, Api, APIUnavailable
from orlop.node.container import Container, Role
from orlop.node.events import about_pod
from orlop.node.follower import Follower
from orlop.node.hook import Hooks, run_hook
from orlop.node.lifecycle import WARNING, Action, Life, Notice, PreStop, Start, Stop
from orlop.node.pod_status import Place, status_of
from orlop.node.probe import LIVENESS, READINESS, STARTUP, Outcome, told_of
from orlop.node.probe_action import Target, attempt
from orlop.node.prober import Prober
from orlop.node.runtime import MOUNT_ERROR, PULL_ERROR, RUN_ERROR, Exit, Run, Runtime, StartFailure
from orlop.node.script import ScriptError, ready_after_of, start_delay_of, unready_of
from orlop.node.settings import PROCESS, NodeSettings
from orlop.node.start_notices import told_of_failure, told_of_start
from orlop.registry import times
from orlop.world.clock import Clock

log = logging.getLogger(__name__)

WORKERS: Final = 16
"""Pods that are worked on at once."""
_FIELDS: Final = {Role.INIT: "initContainers", Role.SIDECAR: "initContainers", Role.MAIN: "containers",
                  Role.EPHEMERAL: "ephemeralContainers"}


@dataclass(slots=True)
class Work:
    """A pod of this node. `written`: the status last written; `news`: what it has come to is shown before it goes
    on; `gone`: deleted from the API server; `released`: another pod may have the address."""

    pod: Tree
    life: Life
    ip: str
    written: Tree | None = None
    timer: asyncio.TimerHandle | None = None
    news: bool = True
    gone: bool = False
    released: bool = False

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
        self._addresses = addresses_of(settings)
        self._waiting: dict[str, Tree] = {}
        """Pods that wait for an address, by uid; bounded as those."""
        self._heeds = settings.mode == PROCESS
        self._user = _user() if self._heeds else None

        async def probe(spec: Tree, target: Target, timeout: float) -> Outcome:
            return await attempt(spec, target, runtime, timeout)

        self._prober, self._hooks = Prober(probe, clock), Hooks()
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
        await self._prober.close()
        await self._hooks.close()
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
        self._waiting.pop(uid, None)
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
        if not self._heeds:
            work.life.unready = unready_of(pod)
        if pod["metadata"].get("deletionTimestamp"):
            grace = pod["metadata"].get("deletionGracePeriodSeconds")
            work.life.delete(30.0 if grace is None else float(grace))
            for container in work.life.containers:
                self._prober.end(uid, container.name, (STARTUP, LIVENESS))
        self._queue.add(uid)

    def _accept(self, pod: Tree) -> Work | None:
        status, metadata = pod.get("status") or {}, pod["metadata"]
        if status.get("phase") in ("Succeeded", "Failed") and not metadata.get("deletionTimestamp"):
            return None
        address = self._address(pod)
        if address is None:
            return None
        now = self._clock.now()
        try:
            delay = start_delay_of(pod, self._settings.start_delay)
        except ScriptError as error:
            self._events.record(about_pod(pod), WARNING, "InvalidAnnotation", str(error))
            delay = self._settings.start_delay
        began = status.get("startTime")
        life = Life(pod, times.seconds(began) if began else now, delay, self._settings.back_off, self._heeds)
        work = Work(pod, life, address)
        if status.get("containerStatuses"):
            adopt(life, status, partial(self._resume, work), now)
        return work

    def _address(self, pod: Tree) -> str | None:
        """None: there is none for now."""
        if pod["spec"].get("hostNetwork"):
            return self._settings.address
        former: str = (pod.get("status") or {}).get("podIP") or ""
        try:
            return self._addresses.take(former)
        except AddressesExhausted as error:
            if pod["metadata"].get("deletionTimestamp"):
                return former
            self._waiting[pod["metadata"]["uid"]] = pod
            self._events.record(about_pod(pod), WARNING, "FailedCreatePodSandBox",
                                f"Failed to create pod sandbox: {error}")
            return None

    def _release(self, work: Work) -> None:
        """The pod's address may be given again: to the one that waits for it longest."""
        if not work.released:
            work.released = True
            self._addresses.release(work.ip)
            for pod in list(self._waiting.values())[:1]:
                self._on_pod("MODIFIED", pod)

    def _resume(self, work: Work, container: Container, started: float) -> bool:
        container.ready_at = started + ready_after_of(work.pod, container.name, container.role)
        return self._runtime.resume(self._run(work, container), partial(self._on_exit, work, container), started)

    def _on_exit(self, work: Work, container: Container, exit: Exit) -> None:
        uid = work.pod["metadata"]["uid"]
        self._prober.end(uid, container.name)
        self._hooks.end(uid, container.name)
        work.life.ended(container, exit.code, self._clock.now(), exit.reason, exit.message)
        work.news = True
        self._queue.add(uid)

    def _on_probe(self, work: Work, container: Container, kind: str, outcome: Outcome, verdict: bool | None) -> None:
        if not container.runs:
            return
        if told := told_of(kind, outcome):
            self._tell(work, Notice(container, *told))
        if verdict is not None and work.life.probed(container, kind, verdict):
            if kind == STARTUP and verdict:
                self._probe(work, container)
            self._queue.add(work.pod["metadata"]["uid"])

    def _on_post_start(self, work: Work, container: Container, failure: str) -> None:
        if failure:
            self._tell(work, Notice(container, WARNING, "FailedPostStartHook", "PostStartHook failed"))
        work.life.hook_ended(container, failure)
        if not failure:
            self._probe(work, container)
        self._queue.add(work.pod["metadata"]["uid"])

    def _on_pre_stop(self, work: Work, container: Container, failure: str) -> None:
        if failure:
            self._tell(work, Notice(container, WARNING, "FailedPreStopHook", "PreStopHook failed"))
        work.life.pre_stop_ended(container, self._clock.now())
        self._queue.add(work.pod["metadata"]["uid"])

    def _probe(self, work: Work, container: Container) -> None:
        """Begin the probes that are due in the container's state."""
        if self._heeds and container.runs:
            kinds = (READINESS, LIVENESS) if container.up else (STARTUP,)
            self._prober.begin(self._target(work, container), kinds, container.started,
                               partial(self._on_probe, work, container))

    def _hook(self, work: Work, container: Container, kind: str,
              on_end: Callable[[Work, Container, str], None]) -> None:
        handler = container.hook(kind) or {}
        run = run_hook(handler, self._target(work, container), self._runtime)
        self._hooks.begin(work.pod["metadata"]["uid"], container.name, run, partial(on_end, work, container))

    def _target(self, work: Work, container: Container) -> Target:
        return Target(work.pod["metadata"]["uid"], work.life.text, container.spec, work.ip, self._settings.twin)

    # --- one pod -------------------------------------------------------------------------------------------------

    async def _reconcile(self, uid: str) -> bool:
        work = self._works.get(uid)
        if work is None:
            return False
        if work.gone:
            await self._forget(uid, work)
            return False
        try:
            news, work.news = work.news, False
            if news and not await self._write(work):
                return False
            await self._advance(work)
            if not await self._write(work):
                return False
            if work.life.deleting and work.life.finished:
                return await self._delete(uid, work)
            if work.life.finished:
                self._release(work)
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
                else:
                    self._end(work, action)
        self._set_timer(work)

    def _end(self, work: Work, action: Action) -> None:
        """A step of a container's end, or something to tell."""
        uid = work.pod["metadata"]["uid"]
        if isinstance(action, Notice):
            self._tell(work, action)
            return
        name = action.container.name
        self._prober.end(uid, name, (STARTUP, LIVENESS))
        if isinstance(action, PreStop):
            self._hook(work, action.container, "preStop", self._on_pre_stop)
        elif isinstance(action, Stop):
            self._hooks.end(uid, name)
            self._runtime.stop(uid, name, action.grace)

    def _set_timer(self, work: Work) -> None:
        if work.timer is not None:
            work.timer.cancel()
            work.timer = None
        if math.isfinite(work.life.wake):
            delay = max(0.0, work.life.wake - self._clock.now())
            uid = work.pod["metadata"]["uid"]
            work.timer = asyncio.get_running_loop().call_later(delay, self._queue.add, uid)

    async def _start(self, work: Work, container: Container) -> None:
        now = self._clock.now
        try:
            id = await self._runtime.start(self._run(work, container), partial(self._on_exit, work, container))
        except StartFailure as failure:
            self._tell(work, *told_of_failure(container, failure))
            if failure.reason == MOUNT_ERROR:
                work.life.unmounted(container, now())
            elif failure.reason == RUN_ERROR:
                work.life.stillborn(container, failure.reason, failure.message, now())
                await self._write(work)
            else:
                work.life.refused(container, failure.reason, failure.message, now())
                if failure.reason == PULL_ERROR:
                    await self._write(work)
            return
        after = 0.0 if self._heeds else ready_after_of(work.pod, container.name, container.role)
        work.life.began(container, id, now(), after)
        self._tell(work, *told_of_start(container))
        if container.hooked:
            self._hook(work, container, "postStart", self._on_post_start)
        self._probe(work, container)

    def _run(self, work: Work, container: Container) -> Run:
        return Run(work.pod, container.spec, container.role, container.attempt, self._settings.twin(work.ip))

    def _tell(self, work: Work, *notices: Notice) -> None:
        for container, type, reason, message in notices:
            field = f"spec.{_FIELDS[container.role]}{{{container.name}}}" if container is not None else ""
            self._events.record(about_pod(work.pod, field), type, reason, message)

    # --- writes --------------------------------------------------------------------------------------------------

    async def _write(self, work: Work) -> bool:
        """Write the status if it is news; False when the pod is not there any more."""
        place = Place(self._settings.address, work.ip, self._settings.scheme, self._user)
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
        for container in work.life.containers:
            self._prober.end(uid, container.name)
            self._hooks.end(uid, container.name)
        await self._runtime.remove(uid)
        self._release(work)


def _user() -> Tree:
    """Whose processes a node in process mode runs."""
    return {"linux": {"uid": os.getuid(), "gid": os.getgid(), "supplementalGroups": sorted(os.getgroups())}}


def _overlaid(status: Tree, written: Tree | None) -> Tree:
    """The conditions of the pod as known, with those last written in place of older ones."""
    if written is None:
        return status
    own = {c["type"]: c for c in written["conditions"]}
    others = [c for c in status.get("conditions") or () if c.get("type") not in own]
    return {"conditions": [*others, *own.values()]}
