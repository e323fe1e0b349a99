"""Cells of kinds that limit or rank others: disruption budgets, priorities, flow control, leases, runtime
classes.

Upstream: the functions print<Kind> of `pkg/printers/internalversion/printers.go`.
"""

from __future__ import annotations

from typing import Any

from orlop.api.tree import Tree
from orlop.kinds.printers.cells import NONE, Cell, age, metadata_of, name_of, spec_of, status_of


def disruption_budget_cells(budget: Tree) -> list[Cell]:
    metadata, spec = metadata_of(budget), spec_of(budget)
    return [name_of(metadata), _bound(spec.get("minAvailable")), _bound(spec.get("maxUnavailable")),
            status_of(budget).get("disruptionsAllowed") or 0, age(metadata)]


def _bound(value: Any) -> str:
    return "N/A" if value is None else str(value)


def priority_class_cells(priority: Tree) -> list[Cell]:
    metadata = metadata_of(priority)
    return [name_of(metadata), priority.get("value") or 0, bool(priority.get("globalDefault")), age(metadata),
            priority.get("preemptionPolicy") or ""]


def runtime_class_cells(runtime_class: Tree) -> list[Cell]:
    metadata = metadata_of(runtime_class)
    return [name_of(metadata), runtime_class.get("handler") or "", age(metadata)]


def lease_cells(lease: Tree) -> list[Cell]:
    metadata = metadata_of(lease)
    return [name_of(metadata), spec_of(lease).get("holderIdentity") or "", age(metadata)]


def flow_schema_cells(schema: Tree) -> list[Cell]:
    metadata, spec = metadata_of(schema), spec_of(schema)
    method = spec.get("distinguisherMethod")
    dangling = "?"
    for condition in status_of(schema).get("conditions") or ():
        if condition.get("type") == "Dangling":
            dangling = condition.get("status") or ""
            break
    return [
        name_of(metadata), (spec.get("priorityLevelConfiguration") or {}).get("name") or "",
        spec.get("matchingPrecedence") or 0, NONE if method is None else method.get("type") or "",
        age(metadata),
        dangling,
    ]


def flow_schema_order(schema: Tree) -> tuple[int, str]:
    """Lists of flow schemas are printed in the order in which requests are matched against them."""
    return spec_of(schema).get("matchingPrecedence") or 0, name_of(metadata_of(schema))


def priority_level_cells(level: Tree) -> list[Cell]:
    metadata, spec = metadata_of(level), spec_of(level)
    shares: Cell = NONE
    queues: list[Cell] = [NONE, NONE, NONE]
    if (limited := spec.get("limited")) is not None:
        shares = limited.get("nominalConcurrencyShares") or 0
        queuing = (limited.get("limitResponse") or {}).get("queuing")
        if queuing is not None:
            queues = [queuing.get(key) or 0 for key in ("queues", "handSize", "queueLengthLimit")]
    return [name_of(metadata), spec.get("type") or "", shares, *queues, age(metadata)]
