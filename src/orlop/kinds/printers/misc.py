"""Cells of API services, and of every kind without a printer of its own.

Upstream: kube-aggregator `registry/apiservice/etcd/etcd.go`, apiserver `registry/rest/table.go`.
"""

from __future__ import annotations

from orlop.api.tree import Tree
from orlop.kinds.printers.cells import Cell, age, metadata_of, name_of, spec_of, status_of

_NEVER = "0001-01-01T00:00:00Z"
"""Go's zero time, which stands for an absent one where times are printed as they are."""


def default_cells(obj: Tree) -> list[Cell]:
    metadata = metadata_of(obj)
    return [name_of(metadata), metadata.get("creationTimestamp") or _NEVER]


def api_service_cells(api_service: Tree) -> list[Cell]:
    metadata, where = metadata_of(api_service), "Local"
    if (service := spec_of(api_service).get("service")) is not None:
        where = f"{service.get('namespace') or ''}/{service.get('name') or ''}"
    return [name_of(metadata), where, _available(status_of(api_service)), age(metadata)]


def _available(status: Tree) -> str:
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Available":
            value, reason = condition.get("status") or "", condition.get("reason")
            return f"{value} ({reason})" if value != "True" and reason else value
    return "Unknown"
