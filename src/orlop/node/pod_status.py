"""A pod's status, as the node writes it, made of the pod's life.

Called by `agent` after each step; pure. Conditions keep the time of their last change. Behaviour and texts: kubernetes
`pkg/kubelet/kubelet_pods.go`, `pkg/kubelet/status/generate.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from orlop.api.tree import Tree
from orlop.node.container import Container, Ended, Role, State
from orlop.node.lifecycle import Life
from orlop.registry import times

_STATUSES: Final = (("initContainerStatuses", (Role.INIT, Role.SIDECAR)), ("containerStatuses", (Role.MAIN,)),
                    ("ephemeralContainerStatuses", (Role.EPHEMERAL,)))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pod is. `scheme` is that of container ids."""

    host_ip: str
    pod_ip: str
    scheme: str


def status_of(life: Life, place: Place, former: Tree, now: float) -> Tree:
    """`former`: the pod's status so far, whose conditions may keep their times."""
    phase = life.phase
    status: Tree = {"phase": phase, "hostIP": place.host_ip, "hostIPs": [{"ip": place.host_ip}],
                    "startTime": times.text(life.accepted)}
    generation = life.pod["metadata"].get("generation")
    if generation:
        status["observedGeneration"] = generation
    if life.failed_reason:
        status["reason"], status["message"] = life.failed_reason, life.failed_message
    begun = any(c.state is not State.WAITING or c.last is not None for c in life.containers)
    if begun:
        status["podIP"], status["podIPs"] = place.pod_ip, [{"ip": place.pod_ip}]
    for member, roles in _STATUSES:
        found = [_container(life, c, place) for c in life.of(*roles)]
        if found:
            status[member] = found
    status["conditions"] = _conditions(life, phase, begun, former, now)
    return status


# --- containers --------------------------------------------------------------------------------------------------


def _container(life: Life, container: Container, place: Place) -> Tree:
    running = container.state is State.RUNNING
    image = container.image
    known: Tree = {
        "name": container.name, "image": image, "imageID": f"{place.scheme}://{image}" if container.id else "",
        "restartCount": container.restarts, "ready": _ready(container), "started": running,
        "state": _state(life, container, place), "lastState": _ended(container.last, place)}
    if container.id:
        known["containerID"] = f"{place.scheme}://{container.id}"
    if container.role is Role.EPHEMERAL:
        known["ready"] = False
    return known


def _ready(container: Container) -> bool:
    if container.role is Role.INIT:
        return container.ended is not None and container.ended.code == 0
    return container.state is State.RUNNING


def _state(life: Life, container: Container, place: Place) -> Tree:
    if container.state is State.RUNNING:
        return {"running": {"startedAt": times.text(container.started)}}
    if container.ended is not None:
        return _ended(container.ended, place)
    if container.reason:
        waiting = {"reason": container.reason}
        if container.message:
            waiting["message"] = container.message
        return {"waiting": waiting}
    has_init = any(c.role in (Role.INIT, Role.SIDECAR) for c in life.containers)
    held = has_init and not (life.initialized and container.role is not Role.INIT)
    return {"waiting": {"reason": "PodInitializing" if held else "ContainerCreating"}}


def _ended(ended: Ended | None, place: Place) -> Tree:
    if ended is None:
        return {}
    known: Tree = {"exitCode": ended.code, "reason": ended.why, "startedAt": times.text(ended.started),
                   "finishedAt": times.text(ended.finished)}
    if ended.message:
        known["message"] = ended.message
    if ended.id:
        known["containerID"] = f"{place.scheme}://{ended.id}"
    return {"terminated": known}


# --- conditions --------------------------------------------------------------------------------------------------


def _conditions(life: Life, phase: str, begun: bool, former: Tree, now: float) -> list[Tree]:
    known = {c.get("type"): c for c in former.get("conditions") or ()}
    ready = _containers_ready(life, phase)
    sandbox = begun and not life.finished
    wanted = (("PodReadyToStartContainers", (sandbox, "", "")), ("Initialized", _initialized(life, phase)),
              ("Ready", _pod_ready(life, ready, known)), ("ContainersReady", ready), ("PodScheduled", (True, "", "")))
    generation = life.pod["metadata"].get("generation")
    return [_condition(kind, *what, known.get(kind), generation, now) for kind, what in wanted]


def _condition(kind: str, holds: bool, reason: str, message: str, former: Mapping[str, str] | None,
               generation: int | None, now: float) -> Tree:
    status = "True" if holds else "False"
    same = former is not None and former.get("status") == status and former.get("lastTransitionTime")
    condition: Tree = {"type": kind, "status": status, "lastProbeTime": None,
                       "lastTransitionTime": former["lastTransitionTime"] if same and former else times.text(now)}
    if generation:
        condition["observedGeneration"] = generation
    before = former or {}
    for member, text in (("reason", reason), ("message", message)):
        if text:
            condition[member] = text
        elif before.get(member):
            condition[member] = None  # what a patch takes away
    return condition


def _initialized(life: Life, phase: str) -> tuple[bool, str, str]:
    if phase == "Succeeded":
        return True, "PodCompleted", ""
    if life.initialized:
        return True, "", ""
    late = [c.name for c in life.of(Role.INIT, Role.SIDECAR)
            if not (c.state is State.RUNNING if c.role is Role.SIDECAR else c.ended is not None and c.ended.code == 0)]
    return (False, "ContainersNotInitialized", f"containers with incomplete status: [{' '.join(late)}]") if late else (
        True, "", "")


def _containers_ready(life: Life, phase: str) -> tuple[bool, str, str]:
    if phase == "Succeeded":
        return False, "PodCompleted", ""
    if phase == "Failed":
        return False, "PodFailed", ""
    late = [c.name for c in life.of(Role.SIDECAR, Role.MAIN) if not _ready(c)]
    return (False, "ContainersNotReady", f"containers with unready status: [{' '.join(late)}]") if late else (
        True, "", "")


def _pod_ready(life: Life, containers: tuple[bool, str, str], known: Mapping[str, Tree]) -> tuple[bool, str, str]:
    if not containers[0]:
        return containers
    missing = []
    for gate in life.pod["spec"].get("readinessGates") or ():
        kind = gate.get("conditionType")
        found = known.get(kind)
        if found is None:
            missing.append(f'corresponding condition of pod readiness gate "{kind}" does not exist.')
        elif found.get("status") != "True":
            missing.append(f'the status of pod readiness gate "{kind}" is not "True", but {found.get("status")}')
    return (False, "ReadinessGatesNotReady", ", ".join(missing)) if missing else (True, "", "")
