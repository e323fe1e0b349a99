"""Taking up pods that ran on this node before it was started (again), from what their status says.

Called by `agent` for each pod it meets with a status. Counts of restarts go on where they were; what ran then and is
not there any more has ended as killed. Behaviour: kubernetes `pkg/kubelet/kubelet_pods.go` (ContainerStatusUnknown).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from orlop.api.tree import Tree
from orlop.node.container import Container, Ended, Role, State
from orlop.node.lifecycle import KILLED, LOST, UNKNOWN, Life
from orlop.registry import times

_LISTS: Final = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")

Resume = Callable[[Container, float], bool]
"""Whether a container that was started then still runs."""


def adopt(life: Life, status: Tree, resume: Resume, now: float) -> None:
    known = {one["name"]: one for member in _LISTS for one in status.get(member) or ()}
    for container in life.containers:
        if container.name in known:
            _take_up(container, known[container.name], resume, now)
            life.begun = life.begun or container.ran or bool(container.reason)
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Initialized" and condition.get("status") == "True":
            life.initialized = life.initialized or all(
                c.ended is not None or c.state is State.RUNNING or c.last is not None for c in life.of(Role.INIT))
            life.was_initialized = True


def _take_up(container: Container, known: Tree, resume: Resume, now: float) -> None:
    container.restarts = known.get("restartCount") or 0
    container.id = (known.get("containerID") or "").rpartition("://")[2]
    container.last = _ended((known.get("lastState") or {}).get("terminated"))
    container.ran = container.last is not None
    state = known.get("state") or {}
    if terminated := state.get("terminated"):
        container.ended, container.state, container.ran = _ended(terminated), State.TERMINATED, True
    elif running := state.get("running"):
        started = _time(running.get("startedAt"), now)
        container.ran = True
        if resume(container, started):
            container.state, container.started = State.RUNNING, started
            container.up, container.ready = bool(known.get("started")), bool(known.get("ready"))
        else:
            container.state = State.TERMINATED
            container.ended = Ended(KILLED, started, now, container.id, UNKNOWN, LOST)


def _ended(state: Tree | None) -> Ended | None:
    if not state:
        return None
    return Ended(state.get("exitCode") or 0, _time(state.get("startedAt"), 0.0), _time(state.get("finishedAt"), 0.0),
                 (state.get("containerID") or "").rpartition("://")[2], state.get("reason") or "",
                 state.get("message") or "")


def _time(text: str | None, default: float) -> float:
    return times.seconds(text) if text else default
