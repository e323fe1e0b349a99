"""Cells of certificate signing requests. Upstream: `pkg/printers/internalversion/printers.go`."""

from __future__ import annotations

from orlop.api.durations import human_duration
from orlop.api.tree import Tree
from orlop.kinds.printers.cells import NONE, Cell, age, metadata_of, name_of, spec_of, status_of


def signing_request_cells(request: Tree) -> list[Cell]:
    metadata, spec = metadata_of(request), spec_of(request)
    duration = spec.get("expirationSeconds")
    return [
        name_of(metadata), age(metadata), spec.get("signerName") or NONE, spec.get("username") or "",
        NONE if duration is None else human_duration(duration), _state(status_of(request)),
    ]


def _state(status: Tree) -> str:
    """Denied beats Approved, whatever the conditions' own status says; Failed and Issued are added."""
    types = {condition.get("type") for condition in status.get("conditions") or ()}
    state = "Denied" if "Denied" in types else "Approved" if "Approved" in types else "Pending"
    if "Failed" in types:
        state += ",Failed"
    return f"{state},Issued" if status.get("certificate") else state
