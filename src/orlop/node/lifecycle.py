"""The life of one pod on a node, as a machine without input and output: told what happened and what time it is, it says
what is to be done.

Driven by `agent`, which carries the actions out on a runtime and writes the status that `pod_status` makes of this.

    accepted ──start delay──▶ init containers, one after the other (sidecars stay) ──▶ containers ──▶ all ended
        └────────────── deleted, or its deadline passed: stop what runs, sidecars last ─────────────▶ finished

Containers that end are started again as their policies say, after a wait (`back_off`); what their probes say comes from
outside (`probed`). Behaviour: kubernetes `pkg/kubelet/kuberuntime/kuberuntime_manager.go` (computePodActions),
`kuberuntime_container.go` (computeInitContainerActions), `pkg/kubelet/kubelet_pods.go` (getPhase).
"""

from __future__ import annotations

import math
from typing import Final

from orlop.api.field import quote
from orlop.api.tree import Tree
from orlop.node.back_off import BackOff, go_seconds
from orlop.node.container import RESTART_ALL, Container, Doom, Ended, Role, State, Stopping, containers_of
from orlop.node.doom import of_change, of_probe
from orlop.node.ending import NORMAL, WARNING, Action, Notice, PreStop, Start, Stop, end, has_turn, hasten, waits
from orlop.node.runtime import CONFIG_ERROR, PULL_BACK_OFF, PULL_ERROR

__all__ = ("NORMAL", "WARNING", "Action", "BackOff", "Life", "Notice", "PreStop", "Start", "Stop")

DEADLINE_REASON: Final = "DeadlineExceeded"
DEADLINE_MESSAGE: Final = "Pod was active on the node longer than the specified deadline"
RESTARTING: Final = "RestartingAllContainers"
_RESTARTING_MESSAGE: Final = "The container is removed because RestartAllContainers in place"
UNKNOWN: Final = "ContainerStatusUnknown"
LOST: Final = "The container could not be located when the pod was terminated"
KILLED: Final = 137
_MOUNT_FIRST: Final = 0.5
_MOUNT_MOST: Final = 122.0
_UNSTARTED: Final = 128
"""The exit code of what could not even begin."""


class Life:
    """`pod` is the newest known; `accepted` is when this node took it, in seconds since 1970. `heeds`: probes and hooks
    are run; without it, what runs is ready."""

    def __init__(self, pod: Tree, accepted: float, start_delay: float = 0.0, back_off: BackOff | None = None,
                 heeds: bool = False) -> None:
        self.pod, self.accepted, self.heeds = pod, accepted, heeds
        self._not_before = accepted + start_delay
        self._back_off = back_off or BackOff()
        self.containers = list(containers_of(pod))
        self.initialized = not any(c.role in (Role.INIT, Role.SIDECAR) for c in self.containers)
        self.was_initialized = self.initialized
        """It stays so when all containers begin anew."""
        self.begun = False
        """Something was started, or tried to be."""
        self.failed_reason = self.failed_message = ""
        """Why the pod as a whole failed, if not by its containers."""
        self.deleting = False
        self.restarting_all = False
        self.unready: frozenset[str] = frozenset()
        """Containers that are said not to be ready whatever they are."""
        self._grace = math.inf
        self._hastened = False
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
    def failing(self) -> bool:
        """It has failed, or will have when what runs has ended."""
        return bool(self.failed_reason) or self._init_failed

    @property
    def ending(self) -> bool:
        return self.deleting or self.failing

    @property
    def settled(self) -> bool:
        """All that was to run has run; nothing will be started again."""
        return self.ending or (self.initialized and not self.restarting_all
                               and all(self._over(c) for c in self.of(Role.MAIN)))

    @property
    def finished(self) -> bool:
        """Nothing runs and nothing will."""
        return self.settled and not any(c.alive for c in self.containers)

    def _over(self, container: Container) -> bool:
        ended = container.ended
        return (container.state is State.TERMINATED and ended is not None
                and not container.restarts_after(ended.code, self.policy))

    def restarts(self, container: Container) -> bool:
        """It has ended and will be started again."""
        return container.state is State.TERMINATED and not self.ending and not self._over(container)

    @property
    def phase(self) -> str:
        if self.finished:
            mains = self.of(Role.MAIN)
            well = all((e := c.ended or c.last) is not None and e.code == 0 for c in mains)
            return "Succeeded" if well and not self.failing else "Failed"
        begun = all(c.runs or c.ended is not None or c.last is not None for c in self.of(Role.MAIN))
        return "Running" if self.initialized and begun else "Pending"

    # --- what happens --------------------------------------------------------------------------------------------

    def update(self, pod: Tree) -> None:
        """A newer state of the pod: images, resources, and ephemeral containers that were added."""
        self.pod = pod
        known = {c.name: c for c in self.containers}
        for fresh in containers_of(pod):
            found = known.get(fresh.name)
            if found is None:
                self.containers.append(fresh)
                continue
            if found.alive and found.spec != fresh.spec:
                doom = of_change(found, fresh, self._default_grace())
                found.doom, found.changed = doom or found.doom, found.changed or doom is not None
            found.spec = fresh.spec

    def delete(self, grace: float) -> None:
        """The pod is being deleted. Told again with a shorter grace, that counts."""
        self._hastened = self._hastened or grace < self._grace
        self.deleting, self._grace = True, min(grace, self._grace)

    def began(self, container: Container, id: str, now: float, ready_after: float = 0.0) -> None:
        """It runs. With a postStart hook to heed, `hook_ended` must be told."""
        container.state, container.id, container.started = State.RUNNING, id, now
        container.ran, container.changed, container.hook_failure = True, False, ""
        container.hooked = self.heeds and container.hook("postStart") is not None
        container.up = not (self.heeds and container.probe("startup"))
        container.ready_at = now + ready_after
        container.ready = container.up and not (self.heeds and container.probe("readiness")) and ready_after <= 0
        if not container.hooked:
            container.reason = container.message = ""

    def hook_ended(self, container: Container, failure: str = "") -> None:
        """Its postStart hook. A failure, told as what to show, is the container's end."""
        if not container.hooked or container.state is not State.RUNNING:
            return
        if failure:
            container.hook_failure = failure
            container.doom = Doom("FailedPostStartHook", self._default_grace())
        else:
            container.hooked = False
            container.reason = container.message = ""

    def pre_stop_ended(self, container: Container, now: float) -> None:
        """Its preStop hook. What it took is counted in whole seconds."""
        if container.stopping is Stopping.HOOK:
            container.stopping = Stopping.TURN
            container.deadline = now + math.ceil(container.deadline - now - 1e-6)

    def probed(self, container: Container, kind: str, success: bool) -> bool:
        """The verdict of a probe; True if that is news."""
        if not container.runs:
            return False
        before = container.up, container.ready, container.doom
        if kind == "readiness":
            container.ready = success
        elif not success:
            container.doom = container.doom or of_probe(container, kind, self.policy, self._default_grace())
        elif kind == "startup":
            container.up = True
            container.ready = container.probe("readiness") is None
        return before != (container.up, container.ready, container.doom)

    def refused(self, container: Container, reason: str, message: str, now: float) -> None:
        """It could not be made; it is tried again after a wait, which grows unless its configuration is to blame."""
        container.state, container.reason, container.message = State.WAITING, reason, message
        grown = 0.0 if reason == CONFIG_ERROR else container.back_off * 2
        container.back_off = min(self._back_off.most, grown) or self._back_off.first
        container.due = now + container.back_off

    def unmounted(self, container: Container, now: float) -> None:
        """The pod's volumes are not there, without which nothing of it begins; they are tried again soon."""
        container.state = State.WAITING
        self.begun = any(c.ran for c in self.containers)
        container.back_off = min(_MOUNT_MOST, container.back_off * 2) or _MOUNT_FIRST
        container.due = now + container.back_off

    def stillborn(self, container: Container, reason: str, message: str, now: float) -> None:
        """It was made, and its command cannot be run: a run of its own, without a beginning."""
        container.state, container.ran = State.RUNNING, True
        container.hooked, container.hook_failure = False, ""
        self._end(container, Ended(_UNSTARTED, 0.0, now, "", "StartError", message), now)
        if self.restarts(container):
            self._wait(container, reason, message)

    def ended(self, container: Container, code: int, now: float, reason: str = "", message: str = "") -> None:
        if container.state is not State.RUNNING:
            return
        self._end(container, Ended(code, container.started, now, container.id, reason, message), now)
        if container.hook_failure and self.restarts(container):
            self._wait(container, "PostStartHookError", container.hook_failure)
        if container.rule_after(code) == RESTART_ALL and not self.ending:
            self.restarting_all = True

    def _end(self, container: Container, ended: Ended, now: float) -> None:
        since: float | None = now
        if container.doom is not None and not container.hook_failure:
            # The node starts such a container in the same breath, looking at the end before this one.
            since = container.last.finished if container.last is not None else None
        self._back_off.ended(container, now, since)
        container.ended, container.state = ended, State.TERMINATED
        container.up = container.ready = container.hooked = False
        container.doom, container.stopping, container.deadline = None, Stopping.NOT, math.inf

    # --- what is to be done --------------------------------------------------------------------------------------

    def step(self, now: float) -> list[Action]:
        """Sets `wake`. May be called at any time; without news it says nothing."""
        self.wake = math.inf
        actions: list[Action] = []
        self._check_deadline(now, actions)
        if self.restarting_all and not self.ending:
            self._restart_all(now, actions)
        elif not self.ending:
            self._go_on(now, actions)
        if self.settled:
            self._stop_all(now, actions)
        else:
            self._end_doomed(now, actions)
        for container in self.containers:
            if waits(container):
                self.wake = min(self.wake, container.deadline)
            if container.state is State.RUNNING and not container.ready and container.ready_at < math.inf:
                self._ripen(container, now)
        return actions

    def _ripen(self, container: Container, now: float) -> None:
        """What is ready after a time, and not because of a probe."""
        if self.heeds and (container.probe("readiness") or container.probe("startup")):
            return
        if now >= container.ready_at:
            container.ready = True
        else:
            self.wake = min(self.wake, container.ready_at)

    def _check_deadline(self, now: float, actions: list[Action]) -> None:
        limit = self.pod["spec"].get("activeDeadlineSeconds")
        if limit is None or self.settled:
            return
        if now >= self.accepted + limit:
            self.failed_reason, self.failed_message = DEADLINE_REASON, DEADLINE_MESSAGE
            actions.append(Notice(None, NORMAL, DEADLINE_REASON, DEADLINE_MESSAGE))
        else:
            self.wake = min(self.wake, self.accepted + limit)

    def _default_grace(self) -> float:
        grace = self.pod["spec"].get("terminationGracePeriodSeconds")
        return 30.0 if grace is None else float(grace)

    def _go_on(self, now: float, actions: list[Action]) -> None:
        if now < self._not_before:
            self.wake = min(self.wake, self._not_before)
            return
        for container in self.of(Role.EPHEMERAL) if self.begun and not self.settled else ():
            if container.ended is None:
                self._run(container, now, actions)
        if not self._initialize(now, actions):
            return
        self.initialized = self.was_initialized = True
        for container in self.of(Role.MAIN):
            self._run(container, now, actions)
            if container.hooked or (container.state is State.STARTING and self.heeds and container.hook("postStart")):
                return  # those after it wait for its hook

    def _initialize(self, now: float, actions: list[Action]) -> bool:
        """True once all init containers have done their part. Sidecars are kept running for good."""
        for container in self.of(Role.INIT, Role.SIDECAR):
            if container.role is Role.SIDECAR:
                if not self.settled:
                    self._run(container, now, actions)
                if self.initialized or (container.runs and container.up):
                    continue
                return False
            if self.initialized or (container.ended is not None and container.ended.code == 0):
                continue
            if container.ended is not None and self._over(container):
                self._init_failed = True
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
            container.earlier, container.last, container.ended = container.last, container.ended, None
        if container.ran:
            container.restarts += 1
            if container.counted:
                self._back_off.starts(container, now)
            container.ran = False
        self.begun = True
        container.state = State.STARTING
        actions.append(Start(container))

    def _show_back_off(self, container: Container, actions: list[Action]) -> None:
        if container.reason == PULL_ERROR:
            message = f"Back-off pulling image {quote(container.image)}"
            container.reason, container.message = PULL_BACK_OFF, f"{message}: {PULL_ERROR}: {container.message}"
            actions.append(Notice(container, NORMAL, "BackOff", message))
            actions.append(Notice(container, WARNING, "Failed", f"Error: {PULL_BACK_OFF}"))
        if container.reason == "CrashLoopBackOff" or not container.ran:
            return
        wait = go_seconds(container.back_off)
        self._wait(container, "CrashLoopBackOff",
                   f"back-off {wait} restarting failed container={container.name} pod={self.text}")
        actions.append(Notice(container, WARNING, "BackOff",
                              f"Back-off restarting failed container {container.name} in pod {self.text}"))

    def _wait(self, container: Container, reason: str, message: str) -> None:
        """It has ended, and is shown as waiting to be started again."""
        if container.ended is not None:
            container.earlier, container.last, container.ended = container.last, container.ended, None
        container.state, container.reason, container.message = State.WAITING, reason, message

    # --- the end of containers -----------------------------------------------------------------------------------

    def _end_doomed(self, now: float, actions: list[Action]) -> None:
        for container in self.containers:
            if container.doom is not None and container.state is State.RUNNING:
                actions.extend(end(container, now, container.doom.grace, container.doom.message, True, self.heeds))

    def _stop_all(self, now: float, actions: list[Action]) -> None:
        grace = self._grace if self.deleting else self._default_grace()
        for container in self.containers:
            if self._hastened:
                hasten(container, now + grace)
            if container.state is State.RUNNING:
                turn = has_turn(container, self.containers)
                actions.extend(end(container, now, grace, "", turn, self.heeds))
            elif container.state is State.WAITING:
                self._give_up(container)
        self._hastened = False

    def _give_up(self, container: Container) -> None:
        """It waits to be started, and will not be."""
        if container.ran and container.last is not None:
            container.ended, container.last = container.last, container.earlier
        elif container.role is Role.MAIN and self.initialized and self.finished:
            container.ended = Ended(KILLED, 0.0, 0.0, "", UNKNOWN, LOST)
        else:
            return
        container.state, container.reason, container.message = State.TERMINATED, "", ""

    def _restart_all(self, now: float, actions: list[Action]) -> None:
        """One of them said so by its exit code: all end, and the pod begins anew."""
        alive = [c for c in self.containers if c.alive and c.role is not Role.EPHEMERAL]
        for container in alive:
            actions.extend(end(container, now, 0.0, "killing", True, False))
        if alive:
            return
        self.restarting_all = False
        self.initialized = not self.of(Role.INIT, Role.SIDECAR)
        for container in self.of(Role.INIT, Role.SIDECAR, Role.MAIN):
            if container.ended is not None:
                container.last = Ended(KILLED, 0.0, 0.0, "", RESTARTING, _RESTARTING_MESSAGE)
                container.ended, container.restarts, container.ran = None, container.restarts + 1, False
                container.state, container.reason, container.message = State.WAITING, RESTARTING, _RESTARTING_MESSAGE
                container.due, container.back_off, container.id = 0.0, 0.0, ""
        self._go_on(now, actions)
