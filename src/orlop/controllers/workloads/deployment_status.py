"""A Deployment's status, made of its ReplicaSets. Pure; used by `deployment`.

Behaviour and texts: kubernetes `pkg/controller/deployment/sync.go` (calculateStatus), `progress.go`.
"""

from __future__ import annotations

from collections.abc import Sequence

from orlop.api.tree import Tree
from orlop.controllers.workloads.rollout import bounds, replicas


def _sum(sets: Sequence[Tree], member: str) -> int:
    return sum((one.get("status") or {}).get(member) or 0 for one in sets)


def status_of(deployment: Tree, new: Tree | None, old: Sequence[Tree], now: str) -> Tree:
    every = [*old, *([new] if new is not None else [])]
    total, available = _sum(every, "replicas"), _sum(every, "availableReplicas")
    wanted = sum(map(replicas, every))
    counted: Tree = {"replicas": total, "updatedReplicas": _sum([new] if new is not None else [], "replicas"),
                     "readyReplicas": _sum(every, "readyReplicas"), "availableReplicas": available,
                     "unavailableReplicas": max(0, wanted - available)}
    status: Tree = {name: count for name, count in counted.items() if count}
    status["observedGeneration"] = deployment["metadata"].get("generation") or 0
    former = {c["type"]: c for c in (deployment.get("status") or {}).get("conditions") or ()}
    enough = available >= replicas(deployment) - bounds(deployment)[1]
    conditions = [_condition("Available", enough, "MinimumReplicasAvailable" if enough else
                             "MinimumReplicasUnavailable", "Deployment has minimum availability." if enough else
                             "Deployment does not have minimum availability.", former, now)]
    if new is not None:
        conditions.append(_progress(deployment, new, counted, former, now))
    status["conditions"] = conditions
    return status


def _progress(deployment: Tree, new: Tree, counted: Tree, former: dict[str, Tree], now: str) -> Tree:
    name, desired = new["metadata"]["name"], replicas(deployment)
    if (counted["updatedReplicas"] == desired == counted["replicas"] == counted["availableReplicas"]
            and not deployment["spec"].get("paused")):
        reason, message = "NewReplicaSetAvailable", f'ReplicaSet "{name}" has successfully progressed.'
    elif not counted["updatedReplicas"]:
        reason, message = "NewReplicaSetCreated", f'Created new replica set "{name}"'
    else:
        reason, message = "ReplicaSetUpdated", f'ReplicaSet "{name}" is progressing.'
    return _condition("Progressing", True, reason, message, former, now)


def _condition(kind: str, holds: bool, reason: str, message: str, former: dict[str, Tree], now: str) -> Tree:
    status, before = "True" if holds else "False", former.get(kind) or {}
    if (before.get("status"), before.get("reason"), before.get("message")) == (status, reason, message):
        return before
    since = before["lastTransitionTime"] if before.get("status") == status else now
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastUpdateTime": now,
            "lastTransitionTime": since}
