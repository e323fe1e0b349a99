"""Conflicts of an apply: fields that it would change and that others own.

Raised by `ownership`, filtered by `last_applied`, answered by the endpoint as it is. Behaviour: structured-merge-diff
`merge/conflict.go`, apimachinery `util/managedfields/internal/conflict.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from orlop.api.errors import APIError
from orlop.api.field import quote
from orlop.apply import field_set, path_element
from orlop.apply.entries import UPDATE, Owner
from orlop.apply.field_set import FieldPath, FieldSet


class Conflict(NamedTuple):
    """One field of somebody else's."""

    owner: Owner
    path: FieldPath


def among(taken: Mapping[Owner, FieldSet]) -> list[Conflict]:
    """The conflicts of fields taken from owners, in the order of the owners."""
    return [Conflict(owner, path) for owner in sorted(taken, key=lambda owner: owner.identifier)
            for path in field_set.paths(taken[owner])]


class ApplyConflict(APIError):
    """409 with a cause for each field."""

    def __init__(self, conflicts: Iterable[Conflict]) -> None:
        self.conflicts = list(conflicts)
        causes = [{"reason": "FieldManagerConflict", "message": f"conflict with {_shown(conflict.owner)}",
                   "field": _field(conflict.path)} for conflict in self.conflicts]
        super().__init__(409, "Conflict", _message(self.conflicts), {"causes": causes})


def _message(conflicts: list[Conflict]) -> str:
    if len(conflicts) == 1:
        [(owner, path)] = conflicts
        return f"Apply failed with 1 conflict: conflict with {_shown(owner)}: {_field(path)}"
    paths: dict[Owner, list[FieldPath]] = {}
    for owner, path in conflicts:
        paths.setdefault(owner, []).append(path)
    lines: list[str] = []
    for owner in sorted(paths, key=lambda owner: owner.identifier):
        lines.append(f"conflicts with {_shown(owner)}:")
        lines += [f"- {_field(path)}" for path in paths[owner]]
    return f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines)


def _field(path: FieldPath) -> str:
    return "".join(map(path_element.show, path))


def _shown(owner: Owner) -> str:
    text = quote(owner.manager)
    if owner.subresource:
        text += f" with subresource {quote(owner.subresource)}"
    return f"{text} using {owner.version}" if owner.operation == UPDATE else text
