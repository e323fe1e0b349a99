"""Conditions in a pod's status that the server itself sets.

Called by the strategies of pods and by bindings and evictions. Behaviour: kubernetes `pkg/api/pod/util.go`
UpdatePodCondition.
"""

from __future__ import annotations

from orlop.api.tree import Tree
from orlop.registry import times


def set_condition(pod: Tree, kind: str, status: str, now: float, reason: str = "", message: str = "") -> None:
    """Add or replace one condition; its time moves only when its status does."""
    condition: Tree = {"type": kind, "status": status, "lastProbeTime": None, "lastTransitionTime": times.text(now)}
    if reason:
        condition["reason"] = reason
    if message:
        condition["message"] = message
    state: Tree = pod.setdefault("status", {})
    conditions = state["conditions"] = list(state.get("conditions") or ())
    for position, former in enumerate(conditions):
        if former.get("type") == kind:
            if former.get("status") == status:
                condition["lastTransitionTime"] = former.get("lastTransitionTime")
            conditions[position] = condition
            return
    conditions.append(condition)
