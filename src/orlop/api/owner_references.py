"""Rules for metadata.ownerReferences.

Called by metadata validation. Rules and texts: apimachinery `pkg/api/validation/objectmeta.go`.
"""

from __future__ import annotations

from collections.abc import Sequence

from orlop.api.field import FieldError, GoText, Path, invalid
from orlop.api.gotext import json_value
from orlop.api.gvk import GroupVersion
from orlop.api.tree import Tree

KNOWN_KINDS = 1024
"""How many kinds are remembered as fit to be owners; a full memory is emptied."""

_MEMBERS = (("apiVersion", ""), ("kind", ""), ("name", ""), ("uid", ""), ("controller", None),
            ("blockOwnerDeletion", None))
_known: set[tuple[str, str]] = set()


def _group_version(text: str) -> GroupVersion | None:
    """The parts of an apiVersion that names a version, else None."""
    if text.count("/") > 1:
        return None
    group, _, version = text.rpartition("/")
    return GroupVersion(group, version) if version else None


def shown(reference: Tree) -> Tree:
    """The reference as messages print it: upstream's members in upstream's order."""
    values = ((name, reference.get(name), default) for name, default in _MEMBERS)
    return {name: default if value is None else value for name, value, default in values
            if value is not None or default is not None}


def _shown_all(references: Sequence[Tree]) -> GoText:
    return json_value([shown(reference) for reference in references])


def _check_one(reference: Tree, path: Path) -> list[FieldError]:
    found = []
    api_version, kind = reference.get("apiVersion") or "", reference.get("kind") or ""
    version = _group_version(api_version)
    if version is None:
        found.append(invalid(path.child("apiVersion"), api_version, "version must not be empty"))
    for name in ("kind", "name", "uid"):
        if not reference.get(name):
            found.append(invalid(path.child(name), "", "must not be empty"))
    if version is not None and kind == "Event" and version == ("", "v1"):
        detail = f"{version.kind(kind)} is disallowed from being an owner"
        found.append(invalid(path, json_value(shown(reference)), detail))
    return found


def known_good(references: Sequence[Tree]) -> bool:
    """Whether a single reference is complete and to a kind that was owner before: nearly always so."""
    if len(references) != 1:
        return False
    get = references[0].get
    return bool((get("apiVersion"), get("kind")) in _known and get("name") and get("uid"))


def validate(references: Sequence[Tree], path: Path) -> list[FieldError]:
    """Each reference complete, at most one of them the controller's."""
    found: list[FieldError] = []
    controller = ""
    for reference in references:
        wrong = _check_one(reference, path)
        if wrong:
            found += wrong
        else:
            if len(_known) >= KNOWN_KINDS:
                _known.clear()
            _known.add((reference["apiVersion"], reference["kind"]))
        if reference.get("controller"):
            this = f"{reference.get('kind') or ''}/{reference.get('name') or ''}"
            if controller:
                detail = ("Only one reference can have Controller set to true. "
                          f'Found "true" in references for {controller} and {this}')
                found.append(invalid(path, _shown_all(references), detail))
            else:
                controller = this
    return found
