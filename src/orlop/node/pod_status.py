"""A pod's status, as the node writes it, made of the pod's life.

Called by `agent` after each step; pure. Conditions keep the time of their last change. Behaviour and texts: kubernetes
`pkg/kubelet/kubelet_pods.go`, `pkg/kubelet/status/generate.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from orlop.api.tree import Tree
from orlop.node.container import Container, Ended, Role, State
from orlop.node.lifecycle import Life
from orlop.node.pod_resources import pod_resources
from orlop.registry import times

_STATUSES: Final = (("initContainerStatuses", (Role.INIT, Role.SIDECAR)), ("containerStatuses", (Role.MAIN,)),
                    ("ephemeralContainerStatuses", (Role.EPHEMERAL,)))

RESTARTING_ALL: Final = "AllContainersRestarting"
"""The one condition of which no generation is told."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pod is. `scheme` is that of container ids; `user` is whose processes run there."""

    host_ip: str
    pod_ip: str
    scheme: str
    user: Tree | None = None


def status_of(life: Life, place: Place, former: Tree, now: float) -> Tree:
    """`former`: the pod's status so far, whose conditions may keep their times."""
    phase = life.phase
    status: Tree = {"phase": phase, "hostIP": place.host_ip, "hostIPs": [{"ip": place.host_ip}],
                    "startTime": times.text(life.accepted)}
    generation = life.pod["metadata"].get("generation")
    if generation:
        status["observedGeneration"] = generation
    if life.failed_reason and phase == "Failed":
        status["reason"], status["message"] = life.failed_reason, life.failed_message
    if life.begun:
        status["podIP"], status["podIPs"] = place.pod_ip, [{"ip": place.pod_ip}]
    for member, roles in _STATUSES:
        found = [_container(life, _before(c) if c.hooked else c, place) for c in life.of(*roles)]
        if len(found) > 1 and Role.INIT not in roles:
            found.sort(key=lambda one: str(one["name"]))
        if found:
            status[member] = found
    status["resources"], allocated = pod_resources(life.pod, phase == "Running")
    if allocated:
        status["allocatedResources"] = allocated
    status["conditions"] = _conditions(life, phase, former, now)
    return status


# --- containers --------------------------------------------------------------------------------------------------


def _before(container: Container) -> Container:
    """As it was before this run, which does not count yet: its postStart hook is under way."""
    last, waits = container.last, bool(container.reason)
    return replace(container, state=State.WAITING, restarts=container.restarts - (last is not None),
                   id=last.id if last is not None else "", ended=None if waits else last,
                   last=last if waits else container.earlier)


def _container(life: Life, container: Container, place: Place) -> Tree:
    image = container.image
    known: Tree = {
        "name": container.name, "image": image, "imageID": f"{place.scheme}://{image}" if container.id else "",
        "restartCount": container.restarts, "ready": _ready(life, container),
        "state": _state(life, container, place), "lastState": _ended(container.last, place)}
    if container.role is not Role.EPHEMERAL:
        known["started"] = container.runs and container.up
    if container.id:
        known["containerID"] = f"{place.scheme}://{container.id}"
        _add_resources(known, container.spec.get("resources") or {})
        if place.user is not None:
            known["user"] = place.user
    if mounts := container.spec.get("volumeMounts"):
        known["volumeMounts"] = [_mount(one) for one in mounts]
    return known


def _add_resources(known: Tree, resources: Tree) -> None:
    """What it asks for is what it has: nothing is allocated here."""
    known["resources"] = {kind: resources[kind] for kind in ("limits", "requests", "claims") if resources.get(kind)}
    if requests := resources.get("requests"):
        known["allocatedResources"] = requests


def _mount(mount: Tree) -> Tree:
    known = {"name": mount["name"], "mountPath": mount["mountPath"]}
    return {**known, "readOnly": True, "recursiveReadOnly": "Disabled"} if mount.get("readOnly") else known


def _ready(life: Life, container: Container) -> bool:
    if container.role is Role.INIT:
        return container.ended is not None and container.ended.code == 0
    if container.role is Role.EPHEMERAL:
        return False
    return container.runs and container.ready and container.name not in life.unready


def _state(life: Life, container: Container, place: Place) -> Tree:
    if container.runs:
        return {"running": {"startedAt": times.text(container.started)}}
    if container.ended is not None:
        return _ended(container.ended, place)
    if container.reason:
        waiting = {"reason": container.reason}
        if container.message:
            waiting["message"] = container.message
        return {"waiting": waiting}
    has_init = any(c.role in (Role.INIT, Role.SIDECAR) for c in life.containers)
    return {"waiting": {"reason": "PodInitializing" if has_init else "ContainerCreating"}}


def _ended(ended: Ended | None, place: Place) -> Tree:
    if ended is None:
        return {}
    known: Tree = {"exitCode": ended.code, "reason": ended.why, "startedAt": None, "finishedAt": None}
    if ended.finished:
        known["startedAt"], known["finishedAt"] = times.text(ended.started), times.text(ended.finished)
    if ended.message:
        known["message"] = ended.message
    if ended.id:
        known["containerID"] = f"{place.scheme}://{ended.id}"
    return {"terminated": known}


# --- conditions --------------------------------------------------------------------------------------------------


def _conditions(life: Life, phase: str, former: Tree, now: float) -> list[Tree]:
    known = {c.get("type"): c for c in former.get("conditions") or ()}
    ready = _containers_ready(life, "Failed" if life.failing else phase)
    sandbox = life.begun and not life.finished
    wanted = [("PodReadyToStartContainers", (sandbox, "", "")), ("Initialized", _initialized(life, phase)),
              ("Ready", _pod_ready(life, ready, known)), ("ContainersReady", ready), ("PodScheduled", (True, "", ""))]
    if any(c.restarts_all for c in life.containers):
        wanted.append((RESTARTING_ALL, _restarting(life, phase)))
    generation = life.pod["metadata"].get("generation")
    return [_condition(kind, *what, known.get(kind), None if kind == RESTARTING_ALL else generation, now)
            for kind, what in wanted]


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
    if life.initialized or life.was_initialized:
        return True, "", ""
    late = [c.name for c in life.of(Role.INIT, Role.SIDECAR)
            if not (c.runs and c.up if c.role is Role.SIDECAR else c.ended is not None and c.ended.code == 0)]
    return (False, "ContainersNotInitialized", f"containers with incomplete status: [{' '.join(late)}]") if late else (
        True, "", "")


def _containers_ready(life: Life, phase: str) -> tuple[bool, str, str]:
    if phase == "Succeeded":
        return False, "PodCompleted", ""
    if phase == "Failed":
        return False, "PodFailed", ""
    late = [c.name for c in life.of(Role.SIDECAR, Role.MAIN) if not _ready(life, c)]
    return (False, "ContainersNotReady", f"containers with unready status: [{' '.join(late)}]") if late else (
        True, "", "")


def _restarting(life: Life, phase: str) -> tuple[bool, str, str]:
    if phase in ("Succeeded", "Failed"):
        return False, "PodCompleted" if phase == "Succeeded" else "PodFailed", ""
    if life.restarting_all:
        return True, "RestartAllContainersStarted", "container exited with restart policy rule"
    return False, "", ""


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
