"""Which nodes can take a pod, and why the others cannot.

Called by `scheduler` for each pod. Pure. Filters are asked in the order of upstream's plugins, and the first that
refuses says why. Behaviour and texts: kubernetes `pkg/scheduler/framework/plugins` (nodeunschedulable,
tainttoleration, nodeaffinity, nodeports, noderesources, interpodaffinity), FitError in
`pkg/scheduler/framework/types.go`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from orlop.api.gotext import NumberError, parse_int64
from orlop.api.tree import Tree
from orlop.controllers.scheduler_affinity import Surroundings
from orlop.controllers.scheduler_node import NodeState
from orlop.controllers.scheduler_pod import PodFacts

UNSCHEDULABLE: Final = "node(s) were unschedulable"
TAINTED: Final = "node(s) had untolerated taint(s)"
NO_MATCH: Final = "node(s) didn't match Pod's node affinity/selector"
NO_PORTS: Final = "node(s) didn't have free ports for the requested pod ports"
TOO_MANY: Final = "Too many pods"
_CORDON: Final = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
_HARD: Final = ("NoSchedule", "NoExecute")


def refusals(pod: PodFacts, node: NodeState, surroundings: Surroundings | None) -> list[str]:
    """Why the pod cannot be on the node; empty when it can."""
    spec = pod.spec
    tolerations = spec.get("tolerations") or ()
    if node.unschedulable and not _tolerated(_CORDON, tolerations):
        return [UNSCHEDULABLE]
    if any(taint.get("effect") in _HARD and not _tolerated(taint, tolerations) for taint in node.taints):
        return [TAINTED]
    if not matches_node(spec, node):
        return [NO_MATCH]
    if any(node.conflicts(port) for port in pod.ports):
        return [NO_PORTS]
    if short := _shortages(pod, node):
        return short
    refusal = surroundings.refusal(node) if surroundings is not None else ""
    return [refusal] if refusal else []


def told(nodes: int, reasons: Iterable[Sequence[str]]) -> str:
    """All nodes' reasons in one sentence."""
    counted = Counter(reason for of_node in reasons for reason in of_node)
    texts = sorted(f"{count} {reason}" for reason, count in counted.items())
    return f"0/{nodes} nodes are available:" + (f" {', '.join(texts)}." if texts else "")


# --- taints ------------------------------------------------------------------------------------------------------


def _tolerated(taint: Tree, tolerations: Iterable[Tree]) -> bool:
    return any(_tolerates(one, taint) for one in tolerations)


def _tolerates(toleration: Tree, taint: Tree) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("key") and toleration["key"] != taint.get("key"):
        return False
    operator = toleration.get("operator") or "Equal"
    if operator == "Exists":
        return True
    return operator == "Equal" and (toleration.get("value") or "") == (taint.get("value") or "")


# --- labels of nodes ---------------------------------------------------------------------------------------------


def matches_node(spec: Tree, node: NodeState) -> bool:
    for key, value in (spec.get("nodeSelector") or {}).items():
        if node.labels.get(key) != value:
            return False
    required = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution")
    if not required:
        return True
    return any(_term(term, node) for term in required.get("nodeSelectorTerms") or ())


def _term(term: Tree, node: NodeState) -> bool:
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    named = {"metadata.name": node.name}
    return (all(_requirement(one, node.labels.get(one.get("key", ""))) for one in expressions)
            and all(_requirement(one, named.get(one.get("key", ""))) for one in fields))


def _requirement(wanted: Tree, value: str | None) -> bool:
    operator = wanted.get("operator")
    values: list[str] = wanted.get("values") or []
    if operator == "In":
        return value in values
    if operator == "NotIn":
        return value not in values
    if operator == "Exists":
        return value is not None
    if operator == "DoesNotExist":
        return value is None
    if operator not in ("Gt", "Lt") or value is None or len(values) != 1:
        return False
    try:
        left, right = parse_int64(value), parse_int64(values[0])
    except NumberError:
        return False
    return left > right if operator == "Gt" else left < right


# --- room --------------------------------------------------------------------------------------------------------


def _shortages(pod: PodFacts, node: NodeState) -> list[str]:
    found = [TOO_MANY] if len(node.pods) + 1 > node.most_pods else []
    found += [f"Insufficient {name}" for name, amount in pod.amounts.items()
              if amount > node.allocatable.get(name, 0) - node.used[name]]
    return found
