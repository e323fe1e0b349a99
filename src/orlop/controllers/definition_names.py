"""Which of the names that a definition asks for it gets: those that no other definition of its group has.

Called by `definition_conditions` with all definitions of the group; pure. Names of built-in kinds do not count, nor do
names that others ask for and have not got. Behaviour: apiextensions-apiserver
`pkg/controller/status/naming_controller.go`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from orlop.api.field import quote
from orlop.api.tree import Tree
from orlop.kinds.definitions import conditions

_NO_CONFLICTS: Final = conditions.condition(
    conditions.NAMES_ACCEPTED, "True", "NoConflicts", "no conflicts found")
_NOT_ACCEPTED: Final = conditions.condition(
    conditions.ESTABLISHED, "False", "NotAccepted", "not all names are accepted")
_INSTALLING: Final = conditions.condition(
    conditions.ESTABLISHED, "False", "Installing", "the initial names have been accepted")
_MEMBERS: Final = ("plural", "singular", "shortNames", "kind", "listKind", "categories")


class Taken(NamedTuple):
    """Names in use in one group."""

    resources: frozenset[str]
    kinds: frozenset[str]


class Verdict(NamedTuple):
    names: Tree
    accepted: Tree
    """The condition NamesAccepted."""
    established: Tree


def taken(accepted: Iterable[Tree]) -> Taken:
    """What the definitions of a group have got, each by its `accepted_names`."""
    resources: set[str] = set()
    kinds: set[str] = set()
    for names in accepted:
        resources |= {names["plural"], names["singular"], *names["shortNames"]}
        kinds |= {names["kind"], names["listKind"]}
    return Taken(frozenset(resources), frozenset(kinds))


def accepted_names(definition: Tree) -> Tree:
    return _whole((definition.get("status") or {}).get("acceptedNames"))


def requested_names(definition: Tree) -> Tree:
    return _whole((definition.get("spec") or {}).get("names"))


def _whole(names: Tree | None) -> Tree:
    """With all members."""
    found = names or {}
    return {name: found.get(name) or ([] if name in ("shortNames", "categories") else "") for name in _MEMBERS}


def told(names: Tree) -> Tree:
    """As the status has it."""
    return {name: value for name, value in names.items() if value or name in ("plural", "kind")}


def judge(definition: Tree, used: Taken) -> Verdict:
    """The last conflict found is the one that is told."""
    wanted, has = requested_names(definition), accepted_names(definition)
    got, conflict = dict(has), dict(_NO_CONFLICTS)
    for name, reason, others in (("plural", "PluralConflict", used.resources),
                                 ("singular", "SingularConflict", used.resources),
                                 ("shortNames", "ShortNamesConflict", used.resources),
                                 ("kind", "KindConflict", used.kinds),
                                 ("listKind", "ListKindConflict", used.kinds)):
        complaints = _conflicts(wanted[name], has[name], others)
        if complaints:
            message = complaints[0] if len(complaints) == 1 else f"[{', '.join(complaints)}]"
            conflict = conditions.condition(conditions.NAMES_ACCEPTED, "False", reason, message)
        else:
            got[name] = wanted[name]
    got["categories"] = wanted["categories"]
    return Verdict(got, conflict, _established(definition, conflict["status"] == "True"))


def _conflicts(wanted: Any, has: Any, used: frozenset[str]) -> list[str]:
    if isinstance(wanted, list):
        return list(dict.fromkeys(f"{quote(name)} is already in use" for name in wanted
                                  if name not in has and name in used))
    return [f"{quote(wanted)} is already in use"] if wanted != has and wanted in used else []


def _established(definition: Tree, accepted: bool) -> Tree:
    """Once established, always established."""
    found = conditions.find(definition, conditions.ESTABLISHED)
    if accepted and (found is None or found.get("status") != "True"):
        return _INSTALLING
    if found is None:
        return _NOT_ACCEPTED
    return {name: value for name, value in found.items() if name != "lastTransitionTime"}
