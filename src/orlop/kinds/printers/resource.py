"""Cells of resource.k8s.io. Upstream: `pkg/printers/internalversion/printers.go` (printDeviceClass and
after)."""

from __future__ import annotations

from orlop.api.tree import Tree
from orlop.kinds.printers.cells import Cell, age, metadata_of, name_of, spec_of, status_of


def device_class_cells(device_class: Tree) -> list[Cell]:
    metadata = metadata_of(device_class)
    return [name_of(metadata), age(metadata)]


def claim_template_cells(template: Tree) -> list[Cell]:
    metadata = metadata_of(template)
    return [name_of(metadata), age(metadata)]


def resource_claim_cells(claim: Tree) -> list[Cell]:
    metadata = metadata_of(claim)
    return [name_of(metadata), _state(metadata, status_of(claim)), age(metadata)]


def _state(metadata: Tree, status: Tree) -> str:
    states = ["deleted"] if metadata.get("deletionTimestamp") else []
    if status.get("allocation") is not None:
        states.append("allocated")
        if status.get("reservedFor"):
            states.append("reserved")
    elif not states:
        states.append("pending")
    return ",".join(states)


def resource_slice_cells(resource_slice: Tree) -> list[Cell]:
    metadata, spec = metadata_of(resource_slice), spec_of(resource_slice)
    return [name_of(metadata), spec.get("nodeName") or "", spec.get("driver") or "",
            (spec.get("pool") or {}).get("name") or "", age(metadata)]
