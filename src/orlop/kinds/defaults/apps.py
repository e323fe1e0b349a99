"""Defaults of Deployments, ReplicaSets, StatefulSets and DaemonSets.

Merged by `defaults`. Values: kubernetes `pkg/apis/apps/v1/defaults.go`; the type of claims in StatefulSets:
`pkg/apis/apps/v1/conversion.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from orlop.api.tree import Tree

_ROLLING: Final = "RollingUpdate"
_HISTORY: Final = 10
GENERATION: Final = "deprecated.daemonset.template.generation"
"""The annotation in which DaemonSets count the changes of their template."""
_DEADLINE: Final = 600
_PORTION: Final = "25%"


def _replicas(spec: Tree) -> None:
    if spec.get("replicas") is None:
        spec["replicas"] = 1


def _history(spec: Tree) -> None:
    if spec.get("revisionHistoryLimit") is None:
        spec["revisionHistoryLimit"] = _HISTORY


def _rolling(spec: Tree, member: str) -> Tree | None:
    """The parameters of a rolling update, when that is how pods are replaced."""
    strategy: Tree = spec.setdefault(member, {})
    if not strategy.get("type"):
        strategy["type"] = _ROLLING
    if strategy["type"] != _ROLLING:
        return None
    if strategy.get("rollingUpdate") is None:
        strategy["rollingUpdate"] = {}
    rolling: Tree = strategy["rollingUpdate"]
    return rolling


def _deployment(deployment: Tree) -> None:
    spec = deployment.setdefault("spec", {})
    _replicas(spec)
    rolling = _rolling(spec, "strategy")
    if rolling is not None:
        for name in ("maxUnavailable", "maxSurge"):
            if rolling.get(name) is None:
                rolling[name] = _PORTION
    _history(spec)
    if spec.get("progressDeadlineSeconds") is None:
        spec["progressDeadlineSeconds"] = _DEADLINE


def _replica_set(replica_set: Tree) -> None:
    _replicas(replica_set.setdefault("spec", {}))


def _daemon_set(daemon_set: Tree) -> None:
    spec = daemon_set.setdefault("spec", {})
    rolling = _rolling(spec, "updateStrategy")
    if rolling is not None:
        if rolling.get("maxUnavailable") is None:
            rolling["maxUnavailable"] = 1
        if rolling.get("maxSurge") is None:
            rolling["maxSurge"] = 0
    _history(spec)
    _counted(daemon_set)


def _counted(daemon_set: Tree) -> None:
    """A field inside, so that there is always a number; who writes the object owns it with the rest."""
    metadata = daemon_set.setdefault("metadata", {})
    annotations = metadata.get("annotations")
    if annotations is None:
        metadata["annotations"] = {GENERATION: "0"}
    else:
        annotations.setdefault(GENERATION, "0")


def _stateful_set(stateful_set: Tree) -> None:
    spec = stateful_set.setdefault("spec", {})
    if not spec.get("podManagementPolicy"):
        spec["podManagementPolicy"] = "OrderedReady"
    strategy = spec.setdefault("updateStrategy", {})
    if not strategy.get("type"):
        strategy["type"] = _ROLLING
        if strategy.get("rollingUpdate") is None:
            strategy["rollingUpdate"] = {}
    rolling = strategy.get("rollingUpdate")
    if strategy["type"] == _ROLLING and rolling is not None and rolling.get("partition") is None:
        rolling["partition"] = 0
    policy = spec.get("persistentVolumeClaimRetentionPolicy")
    if policy is None:
        policy = spec["persistentVolumeClaimRetentionPolicy"] = {}
    for name in ("whenDeleted", "whenScaled"):
        if not policy.get(name):
            policy[name] = "Retain"
    _replicas(spec)
    _history(spec)
    for claim in spec.get("volumeClaimTemplates") or ():
        claim["kind"], claim["apiVersion"] = "PersistentVolumeClaim", "v1"


DEFAULTERS: Mapping[str, Callable[[Tree], None]] = {
    "io.k8s.api.apps.v1.DaemonSet": _daemon_set,
    "io.k8s.api.apps.v1.Deployment": _deployment,
    "io.k8s.api.apps.v1.ReplicaSet": _replica_set,
    "io.k8s.api.apps.v1.StatefulSet": _stateful_set,
}
