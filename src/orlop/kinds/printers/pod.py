"""Cells of pods: how many containers are ready, one word for the state of them all, restarts.

Called through `printers.printer`. The word follows the order of upstream
`pkg/printers/internalversion/printers.go` (printPod): phase, then the pod's reason, then the first unfinished
init container, else the first container with something to say, and deletion over everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from orlop.api.tree import Tree
from orlop.kinds.printers.cells import NONE, Cell, Relative, age, elapsed, metadata_of, spec_of, status_of
from orlop.registry.times import seconds

_COMPLETED = {
    "Succeeded": {"type": "Completed", "status": "True", "reason": "Succeeded",
                  "message": "The pod has completed successfully."},
    "Failed": {"type": "Completed", "status": "True", "reason": "Failed", "message": "The pod failed."},
}
_NODE_LOST = "NodeLost"


class _Tally(NamedTuple):
    """What a group of containers adds up to. `reason` is "" when they have nothing to say; `last` is when the
    newest restart began, "" for never."""

    reason: str
    ready: int
    restarts: int
    last: str


_NOTHING = _Tally("", 0, 0, "")


def pod_cells(pod: Tree) -> list[Cell]:
    metadata, spec, status = metadata_of(pod), spec_of(pod), status_of(pod)
    conditions = status.get("conditions") or ()
    phase = reason = status.get("phase") or ""
    reason = status.get("reason") or phase
    for condition in conditions:
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "SchedulingGated":
            reason = "SchedulingGated"
    init_containers = spec.get("initContainers") or ()
    total = len(spec.get("containers") or ())
    init, sidecars = _NOTHING, _NOTHING
    if init_containers:
        total += sum([c.get("restartPolicy") == "Always" for c in init_containers])
    if init_statuses := status.get("initContainerStatuses"):
        init, sidecars = _initialization(init_containers, init_statuses)
    reason = init.reason or reason
    if init.reason and not _is_true(conditions, "Initialized"):
        _, ready, restarts, last = init
    else:
        reason, ready, restarts, last = _containers(reason, sidecars, status, conditions)
    if metadata.get("deletionTimestamp"):
        if status.get("reason") == _NODE_LOST:
            reason = "Unknown"
        elif phase not in _COMPLETED:
            reason = "Terminating"
    ips = status.get("podIPs")
    gates = spec.get("readinessGates")
    return [
        metadata.get("name") or "", f"{ready}/{total}", reason, _restarts(restarts, last), age(metadata),
        (ips[0].get("ip") if ips else "") or NONE, spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE, _gates(gates, conditions) if gates else NONE,
    ]


def _initialization(containers: Sequence[Tree], statuses: Sequence[Tree]) -> tuple[_Tally, _Tally]:
    """The init containers up to the first that keeps the pod waiting, and the sidecars among them.

    The first tally's reason names the one waited for, "" when initialization is over. Both count the sidecars
    that are ready: they go on running beside the containers.
    """
    always = {c.get("name") for c in containers if c.get("restartPolicy") == "Always"}
    ready = restarts = sidecar_restarts = 0
    last = sidecar_last = reason = ""
    for index, status in enumerate(statuses):
        count, finished = status.get("restartCount") or 0, _last_end(status)
        restarts += count
        last = max(last, finished)
        sidecar = status.get("name") in always
        if sidecar:
            sidecar_restarts += count
            sidecar_last = max(sidecar_last, finished)
        state = status.get("state") or {}
        terminated = state.get("terminated")
        if terminated is not None and not terminated.get("exitCode"):
            continue
        if sidecar and status.get("started"):
            ready += bool(status.get("ready"))
            continue
        reason = _waiting_for(state, f"{index}/{len(containers)}")
        break
    return _Tally(reason, ready, restarts, last), _Tally("", ready, sidecar_restarts, sidecar_last)


def _waiting_for(state: Tree, progress: str) -> str:
    terminated = state.get("terminated")
    if terminated is not None:
        return f"Init:{_end(terminated)}"
    waiting = (state.get("waiting") or {}).get("reason")
    if waiting and waiting != "PodInitializing":
        return f"Init:{waiting}"
    return f"Init:{progress}"


def _containers(reason: str, sidecars: _Tally, status: Tree, conditions: Sequence[Tree]) -> _Tally:
    _, ready, restarts, last = sidecars
    running = False
    for container in reversed(status.get("containerStatuses") or ()):
        if count := container.get("restartCount"):
            restarts += count
        if container.get("lastState"):
            last = max(last, _last_end(container))
        state = container.get("state") or {}
        if (waiting := state.get("waiting")) and waiting.get("reason"):
            reason = waiting["reason"]
        elif (terminated := state.get("terminated")) is not None:
            reason = _end(terminated)
        elif container.get("ready") and state.get("running") is not None:
            running = True
            ready += 1
    if running and reason == "Completed":
        reason = "Running" if any(_has(c, "Ready", "True") for c in conditions) else "NotReady"
    return _Tally(reason, ready, restarts, last)


def _end(terminated: Tree) -> str:
    """Why a container ended: its reason, else the signal, else the exit code."""
    if reason := terminated.get("reason"):
        return str(reason)
    if signal := terminated.get("signal"):
        return f"Signal:{signal}"
    return f"ExitCode:{terminated.get('exitCode') or 0}"


def _last_end(status: Tree) -> str:
    """When the container's previous run ended. Stored times are UTC in whole seconds and compare as text."""
    previous = (status.get("lastState") or {}).get("terminated")
    return (previous.get("finishedAt") or "") if previous else ""


def _has(condition: Tree, kind: str, status: str) -> bool:
    return condition.get("type") == kind and condition.get("status") == status


def _is_true(conditions: Sequence[Tree], kind: str) -> bool:
    """Whether the first condition of this type is True."""
    for condition in conditions:
        if condition.get("type") == kind:
            return bool(condition.get("status") == "True")
    return False


def _restarts(count: int, last: str) -> str | Relative:
    if count and last:
        return Relative(partial(_restarted, count, seconds(last)))
    return str(count)


def _restarted(count: int, last: float, now: float) -> str:
    return f"{count} ({elapsed(last, now)} ago)"


def _gates(gates: Sequence[Tree], conditions: Sequence[Tree]) -> str:
    true = sum([_is_true(conditions, gate.get("conditionType") or "") for gate in gates])
    return f"{true}/{len(gates)}"


def pod_conditions(pod: Tree) -> list[Tree]:
    """Row conditions: a pod that is over says so, so that clients can leave it out."""
    completed = _COMPLETED.get(status_of(pod).get("phase") or "")
    return [completed] if completed else []
