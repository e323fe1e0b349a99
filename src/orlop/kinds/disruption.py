"""Disruption budgets as evictions see them: which one guards a pod, and what is left of it.

Called by `eviction`; takes disruptions straight from the stored budget. Behaviour and texts: kubernetes
`pkg/registry/core/pod/storage/eviction.go` (getPodDisruptionBudgets, checkAndDecrement), component-helpers
`apps/poddisruptionbudget`.
"""

from __future__ import annotations

from typing import Final

from orlop.api import errors, labels
from orlop.api.context import Context
from orlop.api.errors import APIError
from orlop.api.gvk import GroupResource
from orlop.api.tree import Tree
from orlop.registry import times
from orlop.registry.encoding import encode
from orlop.registry.error_mapping import interpret
from orlop.registry.store import Store
from orlop.storage.errors import KeyNotFound, StorageError
from orlop.storage.interface import Attributes, Entry, Write
from orlop.storage.predicate import Predicate

MAX_DISRUPTED_PODS: Final = 2000
"""Evictions that the budget's controller has not noticed yet; beyond it evictions are refused."""
RETRY_SECONDS: Final = 10
_RESOURCE: Final = GroupResource("policy", "poddisruptionbudget")
_VIOLATION: Final = "Cannot evict pod as it would violate the pod's disruption budget."
_CONDITION: Final = "DisruptionAllowed"


def guarding(store: Store, ctx: Context, pod: Tree) -> list[Tree]:
    """The budgets whose selector matches a pod: an empty one matches every pod, none matches nothing."""
    own = pod["metadata"].get("labels") or {}
    found = []
    for entry in store.cache.select(Predicate(ctx.namespace)).entries:
        budget = entry.tree()
        try:
            selector = labels.from_label_selector((budget.get("spec") or {}).get("selector"))
        except labels.SelectorError:
            continue
        if selector.selectable and selector.matches(own):
            found.append(budget)
    return found


def spares_unready(budget: Tree) -> bool:
    """Whether a pod that is not ready may go without being counted."""
    status: Tree = budget.get("status") or {}
    if (budget.get("spec") or {}).get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    desired = status.get("desiredHealthy") or 0
    return desired > 0 and (status.get("currentHealthy") or 0) >= desired


def busy(name: str) -> APIError:
    return _too_many(f"The disruption budget {name} is still being processed by the server.", RETRY_SECONDS)


def _too_many(message: str, retry: int) -> APIError:
    refusal = errors.too_many_requests(_VIOLATION, retry)
    details: Tree = {"causes": [{"reason": "DisruptionBudget", "message": message}]}
    refusal.details = {**details, **(refusal.details or {})}
    return refusal


def decrement(budget: Tree, pod: str, now: float) -> None:
    """Take one disruption for a pod. Raises 429 when none is left, 403 for a budget out of order."""
    metadata, status = budget["metadata"], budget.setdefault("status", {})
    name, allowed = metadata["name"], status.get("disruptionsAllowed") or 0
    if (status.get("observedGeneration") or 0) < (metadata.get("generation") or 0):
        raise busy(name)
    if allowed < 0:
        raise errors.forbidden(_RESOURCE, name, "pdb disruptions allowed is negative")
    if len(status.get("disruptedPods") or ()) > MAX_DISRUPTED_PODS:
        raise errors.forbidden(_RESOURCE, name,
                               "DisruptedPods map too big - too many evictions not confirmed by PDB controller")
    if allowed == 0:
        raise _too_many(f"The disruption budget {name} needs {status.get('desiredHealthy') or 0} healthy pods and has "
                        f"{status.get('currentHealthy') or 0} currently", 0)
    status["disruptionsAllowed"] = allowed - 1
    if allowed == 1:
        _note_exhausted(status, now)
    status["disruptedPods"] = {**(status.get("disruptedPods") or {}), pod: times.text(now)}


def _note_exhausted(status: Tree, now: float) -> None:
    condition: Tree = {"type": _CONDITION, "status": "False", "lastTransitionTime": times.text(now),
                       "reason": "InsufficientPods", "message": ""}
    if status.get("observedGeneration"):
        condition["observedGeneration"] = status["observedGeneration"]
    conditions = status["conditions"] = list(status.get("conditions") or ())
    for position, former in enumerate(conditions):
        if former.get("type") == _CONDITION:
            if former.get("status") == condition["status"]:
                condition["lastTransitionTime"] = former.get("lastTransitionTime")
            conditions[position] = condition
            return
    conditions.append(condition)


async def spend(store: Store, ctx: Context, name: str, pod: str, now: float) -> None:
    """`decrement`, stored."""
    key = store.key(ctx, name)

    def update(entry: Entry | None) -> Write:
        if entry is None:
            raise KeyNotFound(key)
        budget = entry.tree()
        decrement(budget, pod, now)
        own = budget["metadata"].get("labels") or {}
        return Write(encode(budget), Attributes(own, store.strategy.fields(budget)))

    try:
        await store.cache.guaranteed_update(key, update, origin=store.origin(ctx))
    except StorageError as error:
        raise interpret(error, store.resource, name) from None
