"""Rows of pods: each case is a state that kubectl names in one word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orlop.kinds.printers import printer

Tree = dict[str, Any]

RUNNING: Tree = {"ready": True, "state": {"running": {"startedAt": "2025-12-31T23:00:00Z"}}}
STARTING: Tree = {"state": {"running": {"startedAt": "2025-12-31T23:00:00Z"}}}


def waiting(reason: str = "") -> Tree:
    return {"state": {"waiting": {"reason": reason} if reason else {}}}


def ended(code: int = 0, reason: str = "", signal: int = 0) -> Tree:
    terminated: Tree = {"exitCode": code}
    if reason:
        terminated["reason"] = reason
    if signal:
        terminated["signal"] = signal
    return {"state": {"terminated": terminated}}


def restarted(status: Tree, count: int, finished: str | None = None) -> Tree:
    last = {"terminated": {"exitCode": 1, "finishedAt": finished}} if finished else {}
    return {**status, "restartCount": count, "lastState": last}


def pod(*containers: Tree, init: tuple[Tree, ...] = (), sidecars: int = 0, phase: str = "Running",
        conditions: Tree | None = None, **status: Any) -> Tree:
    """A pod with these container statuses; the first `sidecars` of the init containers never end."""
    return {
        "spec": {
            "containers": [{"name": f"c{i}"} for i in range(max(1, len(containers)))],
            "initContainers": [{"name": f"i{i}", **({"restartPolicy": "Always"} if i < sidecars else {})}
                               for i in range(len(init))],
        },
        "status": {
            "phase": phase,
            "conditions": [{"type": k, **(v if isinstance(v, dict) else {"status": v})}
                           for k, v in (conditions or {}).items()],
            "containerStatuses": [{"name": f"c{i}", **c} for i, c in enumerate(containers)],
            "initContainerStatuses": [{"name": f"i{i}", **c} for i, c in enumerate(init)],
            **status,
        },
    }


DELETED = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
READY = {"Ready": "True"}
GATED = {"PodScheduled": {"status": "False", "reason": "SchedulingGated"}}


@pytest.mark.parametrize(("tree", "row"), [
    (pod(phase="Pending"), ["0/1", "Pending", "0"]),
    (pod(RUNNING), ["1/1", "Running", "0"]),
    (pod(STARTING), ["0/1", "Running", "0"]),
    (pod(RUNNING, waiting("CrashLoopBackOff")), ["1/2", "CrashLoopBackOff", "0"]),
    (pod(waiting("ImagePullBackOff"), waiting("CreateContainerError")), ["0/2", "ImagePullBackOff", "0"]),
    (pod(waiting(), phase="Pending"), ["0/1", "Pending", "0"]),
    (pod(ended(0, "Completed"), phase="Succeeded"), ["0/1", "Completed", "0"]),
    (pod(ended(3), phase="Failed"), ["0/1", "ExitCode:3", "0"]),
    (pod(ended(137, signal=9), phase="Failed"), ["0/1", "Signal:9", "0"]),
    (pod(ended(137, "OOMKilled"), phase="Failed"), ["0/1", "OOMKilled", "0"]),
    (pod(RUNNING, ended(0, "Completed"), conditions=READY), ["1/2", "Running", "0"]),
    (pod(ended(0, "Completed"), RUNNING, conditions=READY), ["1/2", "Running", "0"]),
    (pod(ended(0, "Completed"), RUNNING), ["1/2", "NotReady", "0"]),
    (pod(phase="Failed", reason="Evicted"), ["0/1", "Evicted", "0"]),
    (pod(phase="Pending", conditions=GATED), ["0/1", "SchedulingGated", "0"]),
])
def test_containers(printed: Callable[..., list[Any]], tree: Tree, row: list[Any]) -> None:
    """Ready containers of all, the word of the first container with something to say, restarts."""
    assert printed("v1/pods", tree)[1:4] == row


@pytest.mark.parametrize(("tree", "row"), [
    (pod(init=(waiting("PodInitializing"),), phase="Pending"), ["0/1", "Init:0/1", "0"]),
    (pod(init=(ended(), STARTING, waiting()), phase="Pending"), ["0/1", "Init:1/3", "0"]),
    (pod(init=(waiting("ErrImagePull"),), phase="Pending"), ["0/1", "Init:ErrImagePull", "0"]),
    (pod(init=(ended(2),)), ["0/1", "Init:ExitCode:2", "0"]),
    (pod(init=(ended(2, signal=15),)), ["0/1", "Init:Signal:15", "0"]),
    (pod(init=(restarted(ended(1, "Error"), 4),), phase="Pending"), ["0/1", "Init:Error", "4"]),
    (pod(RUNNING, init=(restarted(ended(), 3),)), ["1/1", "Running", "0"]),
    (pod(waiting("PodInitializing"), init=(STARTING,), phase="Pending"), ["0/1", "Init:0/1", "0"]),
    (pod(RUNNING, init=(STARTING,), conditions={"Initialized": "True"}), ["1/1", "Init:0/1", "0"]),
    (pod(RUNNING, init=({**RUNNING, "started": True},), sidecars=1), ["2/2", "Running", "0"]),
    (pod(RUNNING, init=(restarted({**RUNNING, "started": True}, 2),), sidecars=1), ["2/2", "Running", "2"]),
    (pod(RUNNING, init=({**STARTING, "started": True},), sidecars=1), ["1/2", "Running", "0"]),
    (pod(init=({**STARTING, "started": False}, waiting()), sidecars=1, phase="Pending"),
     ["0/2", "Init:0/2", "0"]),
    (pod(init=({**RUNNING, "started": True}, STARTING), sidecars=1, phase="Pending"),
     ["1/2", "Init:1/2", "0"]),
    (pod(ended(0, "Completed"), init=(ended(),), sidecars=1, phase="Succeeded"), ["0/2", "Completed", "0"]),
])
def test_init_containers(printed: Callable[..., list[Any]], tree: Tree, row: list[Any]) -> None:
    """The first unfinished init container gives the word; sidecars count as containers once started."""
    assert printed("v1/pods", tree)[1:4] == row


def test_status_of_unknown_init_container(printed: Callable[..., list[Any]]) -> None:
    """A status whose container is not in the spec is no sidecar, and does no harm."""
    tree = pod(init=(STARTING,))
    tree["status"]["initContainerStatuses"][0]["name"] = "other"
    assert printed("v1/pods", tree)[2] == "Init:0/1"


@pytest.mark.parametrize(("tree", "status"), [
    (pod(RUNNING), "Terminating"),
    (pod(RUNNING, reason="NodeLost"), "Unknown"),
    (pod(ended(0, "Completed"), phase="Succeeded"), "Completed"),
    (pod(ended(1, "Error"), phase="Failed"), "Error"),
    (pod(init=(waiting(),), phase="Pending"), "Terminating"),
])
def test_deletion(printed: Callable[..., list[Any]], tree: Tree, status: str) -> None:
    """Deletion hides the state of a pod that still runs; NodeLost says that nobody knows."""
    assert printed("v1/pods", {**tree, "metadata": DELETED})[2] == status


@pytest.mark.parametrize(("tree", "restarts"), [
    (pod(restarted(RUNNING, 3, "2025-12-31T23:55:00Z")), "3 (5m ago)"),
    (pod(restarted(RUNNING, 3)), "3"),
    (pod(restarted(RUNNING, 1, "2025-12-31T22:00:00Z"), restarted(RUNNING, 2, "2025-12-31T23:00:00Z")),
     "3 (60m ago)"),
    (pod(restarted(RUNNING, 0, "2025-12-31T23:55:00Z")), "0"),
    (pod(init=(restarted(waiting("CrashLoopBackOff"), 5, "2025-12-31T23:59:00Z"),)), "5 (60s ago)"),
    (pod(RUNNING, init=(restarted(ended(), 5, "2025-12-31T23:59:00Z"),)), "0"),
    (pod(restarted(RUNNING, 1, "2025-12-31T23:00:00Z"),
         init=(restarted({**RUNNING, "started": True}, 1, "2025-12-31T23:59:00Z"),),
         sidecars=1), "2 (60s ago)"),
])
def test_restarts(printed: Callable[..., list[Any]], tree: Tree, restarts: str) -> None:
    """Restarts of what runs now, with the time since the last; finished init containers no longer count."""
    assert printed("v1/pods", tree)[3] == restarts


def test_wide_columns(printed: Callable[..., list[Any]]) -> None:
    """IP, node, nominated node and readiness gates; <none> where nothing is set."""
    tree = pod(RUNNING, conditions={"a": "True", "b": "False"},
               podIPs=[{"ip": "10.0.0.1"}, {"ip": "fd00::1"}],
               nominatedNodeName="n2")
    assert printed("v1/pods", pod())[4:] == ["60m", "<none>", "<none>", "<none>", "<none>"]
    tree["spec"] |= {"nodeName": "n1", "readinessGates": [{"conditionType": c} for c in "abc"]}
    assert printed("v1/pods", tree)[4:] == ["60m", "10.0.0.1", "n1", "n2", "1/3"]


@pytest.mark.parametrize(("phase", "reason"),
                         [("Succeeded", "Succeeded"), ("Failed", "Failed"), ("Running", None)])
def test_row_conditions(phase: str, reason: str | None) -> None:
    """Rows of pods that are over carry the condition Completed; other rows carry none."""
    conditions = printer("", "v1", "pods").conditions
    assert conditions is not None
    found = conditions({"status": {"phase": phase}})
    assert [(c["type"], c["status"], c["reason"]) for c in found] == (
        [("Completed", "True", reason)] if reason else [])
    assert printer("", "v1", "nodes").conditions is None
