"""The life of one pod on a node, as a machine without input and output: told what happened and what time it is, it says
what is to be done.

Driven by `agent`, which carries the actions out on a runtime and writes the status that `pod_status` makes of this.

    accepted ──start delay──▶ init containers, one after the other (sidecars stay) ──▶ containers ──▶ all ended
        └────────────── deleted, or its deadline passed: stop what runs, sidecars last ─────────────▶ finished

Containers that end are started again as their policies say: the first time at once, then after a back-off that doubles.
Behaviour: kubernetes `pkg/kubelet/kuberuntime/kuberuntime_manager.go` (computePodActions, doBackOff),
`pkg/kubelet/kubelet_pods.go` (getPhase). Probes are not run: what runs is ready.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from orlop.api.tree import Tree
from orlop.node.container import Container, Ended, Role, State, containers_of

NORMAL: Final = "Normal"
WARNING: Final = "Warning"
DEADLINE_REASON: Final = "DeadlineExceeded"
DEADLINE_MESSAGE: Final = "Pod was active on the node longer than the specified deadline"


@dataclass(frozen=True, slots=True)
class BackOff:
    """Seconds between a container's end and its next start, from the second failure on. A run of `reset` forgets."""

    first: float = 10.0
    most: float = 300.0
    reset: float = 600.0

    def next(self, current: float, last: float, ran: float) -> float:
        """`current`: the former wait, `last`: whether there was a run before."""
        if not last or ran >= self.reset:
            return 0.0
        return min(self.most, current * 2) if current else self.first


class Start(NamedTuple):
    container: Container


class Stop(NamedTuple):
    """Ask it to end; by force after `grace` seconds."""

    container: Container
    grace: float


class Notice(NamedTuple):
    """Something to tell in an event about the pod, of a container or, with "", of the whole."""

    container: Container
    type: str
    reason: str
    message: str


Action = Start | Stop | Notice


class Life:
    """`pod` is the newest known; `accepted` is when this node took it, in seconds since 1970."""

    def __init__(self, pod: Tree, accepted: float, start_delay: float = 0.0, back_off: BackOff | None = None) -> None:
        self.pod, self.accepted = pod, accepted
        self._not_before = accepted + start_delay
        self._back_off = back_off or BackOff()
        self.containers = list(containers_of(pod))
        self.initialized = not any(c.role in (Role.INIT, Role.SIDECAR) for c in self.containers)
        self.failed_reason = self.failed_message = ""
        """Why the pod as a whole failed, if not by its containers."""
        self.deleting = False
        self._grace = math.inf
        self._init_failed = False
        self.wake = math.inf
        """When `step` must be called again, if nothing happens before."""

    # --- what is known -------------------------------------------------------------------------------------------

    @property
    def policy(self) -> str:
        return self.pod["spec"].get("restartPolicy") or "Always"

    @property
    def text(self) -> str:
        """The pod, as kubelets name it in messages."""
        metadata = self.pod["metadata"]
        return f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"

    def container(self, name: str) -> Container | None:
        return next((c for c in self.containers if c.name == name), None)

    def of(self, *roles: Role) -> list[Container]:
        return [c for c in self.containers if c.role in roles]

    @property
    def ending(self) -> bool:
        return self.deleting or bool(self.failed_reason) or self._init_failed

    @property
    def settled(self) -> bool:
        """All that was to run has run; nothing will be started again."""
        return self.ending or (self.initialized and all(self._over(c) for c in self.of(Role.MAIN)))

    @property
    def finished(self) -> bool:
        """Nothing runs and nothing will."""
        return self.settled and not any(c.alive for c in self.containers)

    def _over(self, container: Container) -> bool:
        ended = container.ended
        return (container.state is State.TERMINATED and ended is not None
                and not container.restarts_after(ended.code, self.policy))

    @property
    def phase(self) -> str:
        mains = self.of(Role.MAIN)
        if self.failed_reason or self._init_failed:
            return "Failed"
        if self.finished and all(c.ended is not None or c.last is not None for c in mains):
            return "Succeeded" if all((c.ended or c.last).code == 0 for c in mains) else "Failed"  # type: ignore[union-attr]
        if self.finished:
            return "Failed"
        begun = all(c.state in (State.RUNNING, State.TERMINATED) or c.last is not None for c in mains)
        return "Running" if self.initialized and begun else "Pending"

    # --- what happens --------------------------------------------------------------------------------------------

    def update(self, pod: Tree) -> None:
        """A newer state of the pod: images, and ephemeral containers that were added."""
        self.pod = pod
        known = {c.name: c for c in self.containers}
        for fresh in containers_of(pod):
            found = known.get(fresh.name)
            if found is None:
                self.containers.append(fresh)
            elif not found.alive:
                found.spec = fresh.spec

    def delete(self, grace: float) -> None:
        """The pod is being deleted. Told again with a shorter grace, that counts."""
        if not self.deleting or grace < self._grace:
            for container in self.containers:
                container.stopping = False
        self.deleting, self._grace = True, min(grace, self._grace)

    def began(self, container: Container, id: str, now: float) -> None:
        container.state, container.id, container.started = State.RUNNING, id, now
        container.reason = container.message = ""

    def refused(self, container: Container, reason: str, message: str, now: float) -> None:
        """It could not be started; it is tried again after the back-off."""
        container.state, container.reason, container.message = State.WAITING, reason, message
        container.back_off = min(self._back_off.most, container.back_off * 2 or self._back_off.first)
        container.due = now + container.back_off

    def ended(self, container: Container, code: int, now: float, reason: str = "", message: str = "") -> None:
        if container.state is not State.RUNNING:
            return
        container.ended = Ended(code, container.started, now, container.id, reason, message)
        container.state, container.stopping = State.TERMINATED, False
        container.back_off = self._back_off.next(container.back_off, container.last is not None,
                                                 now - container.started)
        container.due = now + container.back_off

    # --- what is to be done --------------------------------------------------------------------------------------

    def step(self, now: float) -> list[Action]:
        """Sets `wake`. May be called at any time; without news it says nothing."""
        self.wake = math.inf
        self._check_deadline(now)
        if self.ending:
            return self._stop_all()
        if now < self._not_before:
            self.wake = self._not_before
            return []
        actions: list[Action] = []
        if self._initialize(now, actions):
            self.initialized = True
            for container in self.of(Role.MAIN):
                self._run(container, now, actions)
        if self._init_failed:
            return actions + self._stop_all()
        if self.settled:
            return actions + self._stop_all(sidecars_only=True)
        for container in self.of(Role.EPHEMERAL):
            if container.ended is None:
                self._run(container, now, actions)
        return actions

    def _check_deadline(self, now: float) -> None:
        limit = self.pod["spec"].get("activeDeadlineSeconds")
        if limit is None or self.ending or self.settled:
            return
        if now >= self.accepted + limit:
            self.failed_reason, self.failed_message = DEADLINE_REASON, DEADLINE_MESSAGE
            self._grace = self._default_grace()
        else:
            self.wake = min(self.wake, self.accepted + limit)

    def _default_grace(self) -> float:
        grace = self.pod["spec"].get("terminationGracePeriodSeconds")
        return 30.0 if grace is None else float(grace)

    def _initialize(self, now: float, actions: list[Action]) -> bool:
        """True once all init containers have done their part. Sidecars are kept running for good."""
        for container in self.of(Role.INIT, Role.SIDECAR):
            if container.role is Role.SIDECAR:
                if not self.settled:
                    self._run(container, now, actions)
                if self.initialized or container.state is State.RUNNING:
                    continue
                return False
            if self.initialized or (container.ended is not None and container.ended.code == 0):
                continue
            if container.ended is not None and self._over(container):
                self._init_failed = True
                self._grace = self._default_grace()
                return False
            self._run(container, now, actions)
            return False
        return True

    def _run(self, container: Container, now: float, actions: list[Action]) -> None:
        """Start it unless it runs, is over, or must wait."""
        if container.alive or self._over(container):
            return
        if now < container.due:
            self.wake = min(self.wake, container.due)
            self._show_back_off(container, actions)
            return
        if container.ended is not None:
            container.last, container.ended = container.ended, None
            container.restarts += 1
        elif container.last is not None and container.reason == "CrashLoopBackOff":
            container.restarts += 1
        container.state, container.reason, container.message = State.STARTING, "", ""
        actions.append(Start(container))

    def _show_back_off(self, container: Container, actions: list[Action]) -> None:
        if container.ended is None:
            return
        container.last, container.ended, container.state = container.ended, None, State.WAITING
        container.reason = "CrashLoopBackOff"
        wait = _go_seconds(container.back_off)
        container.message = f"back-off {wait} restarting failed container={container.name} pod={self.text}"
        actions.append(Notice(container, WARNING, "BackOff",
                              f"Back-off restarting failed container {container.name} in pod {self.text}"))

    def _stop_all(self, sidecars_only: bool = False) -> list[Action]:
        """Sidecars go when the others have gone."""
        others = [] if sidecars_only else [c for c in self.containers if c.role is not Role.SIDECAR]
        if any(c.alive for c in others):
            return self._stop(others)
        return self._stop(self.of(Role.SIDECAR, Role.EPHEMERAL))

    def _stop(self, containers: Iterable[Container]) -> list[Action]:
        actions: list[Action] = []
        grace = self._grace if math.isfinite(self._grace) else self._default_grace()
        for container in containers:
            if container.state is State.RUNNING and not container.stopping:
                container.stopping = True
                actions.append(Notice(container, NORMAL, "Killing", f"Stopping container {container.name}"))
                actions.append(Stop(container, grace))
        return actions


def _go_seconds(seconds: float) -> str:
    """A whole number of seconds as Go prints a duration."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
