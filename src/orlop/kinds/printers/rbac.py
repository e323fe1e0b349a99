"""Cells of role bindings. Upstream: `pkg/printers/internalversion/printers.go`,
`pkg/apis/rbac/helpers.go`."""

from __future__ import annotations

from orlop.api.tree import Tree
from orlop.kinds.printers.cells import Cell, age, metadata_of, name_of


def binding_cells(binding: Tree) -> list[Cell]:
    """Of a RoleBinding or a ClusterRoleBinding; subjects of unknown kinds are not shown."""
    metadata, role = metadata_of(binding), binding.get("roleRef") or {}
    subjects: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for subject in binding.get("subjects") or ():
        kind, name = subject.get("kind"), subject.get("name") or ""
        if kind in subjects:
            prefix = f"{subject.get('namespace') or ''}/" if kind == "ServiceAccount" else ""
            subjects[kind].append(prefix + name)
    return [name_of(metadata), f"{role.get('kind') or ''}/{role.get('name') or ''}", age(metadata),
            *[", ".join(names) for names in subjects.values()]]
