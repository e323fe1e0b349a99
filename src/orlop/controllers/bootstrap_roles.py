"""What becomes of a stored role or binding at start, given what we would make: it keeps what it has more, and gets
what it lacks.

Called by `bootstrap`. An object whose annotation says so is left alone. Pure. Behaviour: component-helpers
`auth/rbac/reconciliation`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from orlop.api.tree import Tree
from orlop.auth.escalation import uncovered

ANNOTATION: Final = "rbac.authorization.kubernetes.io/autoupdate"


def is_protected(stored: Tree) -> bool:
    annotations = stored["metadata"].get("annotations") or {}
    return bool(annotations.get(ANNOTATION) == "false")


def _merge_metadata(stored: Tree, ours: Tree) -> bool:
    changed = False
    for member in ("annotations", "labels"):
        own: dict[str, str] = stored["metadata"].get(member) or {}
        merged = {**(ours["metadata"].get(member) or {}), **own}
        if merged != own:
            stored["metadata"][member], changed = merged, True
    return changed


def revise_role(stored: Tree, ours: Tree) -> bool:
    """Put a stored (cluster) role right; whether there was something to do."""
    if is_protected(stored):
        return False
    changed = _merge_metadata(stored, ours)
    rules, wanted = stored.get("rules") or [], ours.get("rules") or []
    missing = [] if rules == wanted else uncovered(rules, wanted)
    if missing:
        stored["rules"], changed = [*rules, *missing], True
    own, expected = stored.get("aggregationRule"), ours.get("aggregationRule")
    if expected is None and own is not None:
        del stored["aggregationRule"]
        return True
    if expected is None:
        return changed
    selectors = (own or {}).get("clusterRoleSelectors") or []
    lacking = [each for each in expected.get("clusterRoleSelectors") or [] if each not in selectors]
    if lacking:
        stored["aggregationRule"], changed = {"clusterRoleSelectors": [*selectors, *lacking]}, True
    return changed


def leads_elsewhere(stored: Tree, ours: Tree) -> bool:
    """Whether a binding is to another role: it cannot be put right, only made again."""
    return not is_protected(stored) and bool(stored.get("roleRef") != ours.get("roleRef"))


def revise_binding(stored: Tree, ours: Tree) -> bool:
    """As `revise_role`, for the subjects of a binding."""
    if is_protected(stored):
        return False
    changed = _merge_metadata(stored, ours)
    subjects: list[Tree] = stored.get("subjects") or []
    missing = [each for each in ours.get("subjects") or [] if each not in subjects]
    if missing:
        stored["subjects"], changed = [*subjects, *missing], True
    return changed


REVISIONS: Final[Mapping[str, Callable[[Tree, Tree], bool]]] = {
    "clusterroles": revise_role, "clusterrolebindings": revise_binding, "roles": revise_role,
    "rolebindings": revise_binding}
"""By plural."""
