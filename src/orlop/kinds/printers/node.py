"""Cells of nodes. Upstream: `pkg/printers/internalversion/printers.go` (printNode)."""

from __future__ import annotations

from orlop.api.tree import Tree
from orlop.kinds.printers.cells import NONE, UNKNOWN, Cell, age, metadata_of, name_of, spec_of, status_of

_ROLE_PREFIX = "node-role.kubernetes.io/"
_ROLE_LABEL = "kubernetes.io/role"


def node_cells(node: Tree) -> list[Cell]:
    metadata, status = metadata_of(node), status_of(node)
    info = status.get("nodeInfo") or {}
    return [
        name_of(metadata), _state(node, status), _roles(metadata), age(metadata),
        info.get("kubeletVersion") or "",
        _address(status, "InternalIP"), _address(status, "ExternalIP"), info.get("osImage") or UNKNOWN,
        _kernel(info), info.get("containerRuntimeVersion") or UNKNOWN,
    ]


def _kernel(info: Tree) -> str:
    version: str = info.get("kernelVersion") or UNKNOWN
    return f"{version} ({info['architecture']})" if info.get("architecture") else version


def _state(node: Tree, status: Tree) -> str:
    state = "Unknown"
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Ready":
            state = "Ready" if condition.get("status") == "True" else "NotReady"
    return f"{state},SchedulingDisabled" if spec_of(node).get("unschedulable") else state


def _roles(metadata: Tree) -> str:
    """Roles are labels: the end of `node-role.kubernetes.io/ROLE`, the value of `kubernetes.io/role`."""
    roles = set()
    for key, value in (metadata.get("labels") or {}).items():
        if key.startswith(_ROLE_PREFIX):
            roles.add(key[len(_ROLE_PREFIX):])
        elif key == _ROLE_LABEL:
            roles.add(value)
    return ",".join(sorted(roles - {""})) or NONE


def _address(status: Tree, kind: str) -> str:
    for address in status.get("addresses") or ():
        if address.get("type") == kind:
            return address.get("address") or ""
    return NONE
