"""What a namespace's status says while it is being emptied: five conditions.

Called by `namespaces` after each attempt. Pure. Types, reasons and texts: kube-controller-manager
`pkg/controller/namespace/deletion/status_condition_utils.go`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from orlop.api.gvk import GroupResource
from orlop.api.tree import Tree

DISCOVERY: Final = "NamespaceDeletionDiscoveryFailure"
PARSING: Final = "NamespaceDeletionGroupVersionParsingFailure"
CONTENT_FAILURE: Final = "NamespaceDeletionContentFailure"
REMAINING: Final = "NamespaceContentRemaining"
FINALIZERS: Final = "NamespaceFinalizersRemaining"

_FINE: Final[Mapping[str, tuple[str, str]]] = {
    DISCOVERY: ("ResourcesDiscovered", "All resources successfully discovered"),
    PARSING: ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
    CONTENT_FAILURE: ("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
    REMAINING: ("ContentRemoved", "All content successfully removed"),
    FINALIZERS: ("ContentRemoved", "All content successfully removed"),
}


@dataclass(slots=True)
class Leftovers:
    """What an attempt to empty a namespace left: objects by resource, objects by finalizer, errors."""

    objects: dict[GroupResource, int] = field(default_factory=dict)
    finalizers: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.objects or self.failures)


def _troubles(left: Leftovers) -> dict[str, tuple[str, str]]:
    """Reason and message of the conditions that are true."""
    found: dict[str, tuple[str, str]] = {}
    if left.failures:
        texts = ", ".join(sorted(left.failures))
        found[CONTENT_FAILURE] = (
            "ContentDeletionFailed", f"Failed to delete all resource types, {len(left.failures)} remaining: {texts}")
    if left.objects:
        texts = ", ".join(sorted(f"{resource.resource}.{resource.group} has {number} resource instances"
                                 for resource, number in left.objects.items()))
        found[REMAINING] = ("SomeResourcesRemain", f"Some resources are remaining: {texts}")
    if left.finalizers:
        texts = ", ".join(sorted(f"{name} in {number} resource instances"
                                 for name, number in left.finalizers.items()))
        found[FINALIZERS] = ("SomeFinalizerRemain", f"Some finalizers are remaining: {texts}")
    return found


def updated(old: Sequence[Tree], left: Leftovers, now: str) -> list[Tree]:
    """The conditions after an attempt; equal to `old` when nothing changed."""
    troubles = _troubles(left)
    conditions = [dict(condition) for condition in old]
    by_type = {condition["type"]: condition for condition in conditions}
    for type, fine in _FINE.items():
        status = "True" if type in troubles else "False"
        reason, message = troubles.get(type, fine)
        condition = by_type.get(type)
        if condition is None:
            conditions.append({"type": type, "status": status, "lastTransitionTime": now, "reason": reason,
                               "message": message})
            continue
        if condition["status"] != status:
            condition["lastTransitionTime"] = now
        condition.update(status=status, reason=reason, message=message)
    return conditions
