"""What a server of a program's own kinds serves besides them: what kubectl, access control and operators need.

Used by `application` for servers without the built-in kinds. All kinds are stored as ever (the server itself is built
of them); what is not here has no routes, and is in neither discovery nor OpenAPI.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from orlop.kinds.declaration import Resource

_KEPT: Final[dict[str, frozenset[str] | None]] = {
    "": frozenset({"configmaps", "events", "namespaces", "secrets", "serviceaccounts"}),
    "apiextensions.k8s.io": None, "authentication.k8s.io": None, "authorization.k8s.io": None,
    "coordination.k8s.io": frozenset({"leases"}), "events.k8s.io": None, "rbac.authorization.k8s.io": None,
}
"""Plurals by group; None for all."""


def minimum(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    found = []
    for resource in resources:
        plurals = _KEPT.get(resource.group, frozenset())
        if plurals is None or resource.plural in plurals:
            found.append(resource)
    return tuple(found)


def described(path: str) -> bool:
    """Whether an OpenAPI document is about any of that; those that are about no group stay."""
    parts = path.split("/")
    return parts[0] != "apis" or len(parts) == 1 or parts[1] in _KEPT
