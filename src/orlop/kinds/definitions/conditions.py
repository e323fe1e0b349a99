"""Conditions in the status of a CustomResourceDefinition.

Used by the definitions' store and controllers. Behaviour: apiextensions-apiserver `pkg/apihelpers/helpers.go`.
"""

from __future__ import annotations

from typing import Final

from orlop.api.tree import Tree

ESTABLISHED: Final = "Established"
NAMES_ACCEPTED: Final = "NamesAccepted"
NON_STRUCTURAL: Final = "NonStructuralSchema"
TERMINATING: Final = "Terminating"
APPROVAL: Final = "KubernetesAPIApprovalPolicyConformant"


def condition(kind: str, status: str, reason: str, message: str) -> Tree:
    """One without a time, which `put` sets."""
    return {"type": kind, "status": status, "reason": reason, "message": message}


def find(definition: Tree, kind: str) -> Tree | None:
    conditions = (definition.get("status") or {}).get("conditions") or ()
    return next((found for found in conditions if found.get("type") == kind), None)


def holds(definition: Tree, kind: str) -> bool:
    """Whether the condition is there and True."""
    found = find(definition, kind)
    return found is not None and found.get("status") == "True"


def says(found: Tree | None, wanted: Tree) -> bool:
    """Whether a condition says all of `wanted` already, but for the time."""
    return found is not None and all(found.get(name, "") == value for name, value in wanted.items())


def put(definition: Tree, wanted: Tree, now: str) -> None:
    """Set the condition; its time moves only when its status does."""
    status = definition.setdefault("status", {})
    found = find(definition, wanted["type"])
    if found is None:
        status["conditions"] = [*(status.get("conditions") or ()), {**wanted, "lastTransitionTime": now}]
        return
    if found.get("status") != wanted["status"] or not found.get("lastTransitionTime"):
        found["lastTransitionTime"] = now
    found.update(wanted)


def remove(definition: Tree, kind: str) -> None:
    status = definition.get("status") or {}
    status["conditions"] = [found for found in status.get("conditions") or () if found.get("type") != kind]
