"""The rules of a whole definition: when it is made, changed, and when its status is written.

Called by `strategy`; metadata is looked after by the registry. Behaviour: apiextensions-apiserver
`pkg/apis/apiextensions/validation/validation.go`.
"""

from __future__ import annotations

from typing import Final

from orlop.api.field import Path, invalid, required
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.kinds.checks import SPEC, STATUS, Errors
from orlop.kinds.definitions import internal, naming_rules, spec_rules
from orlop.kinds.definitions.approval import ANNOTATION, INVALID, MISSING, approval, protected
from orlop.kinds.definitions.options import CREATING, updating

_STORED: Final = STATUS.child("storedVersions")
_APPROVAL: Final = Path("metadata.annotations").key(ANNOTATION)


def rules(definition: Tree) -> Errors:
    found = spec_rules.check(internal.spec_of(definition), CREATING)
    return found + _beyond_spec(definition, None)


def update_rules(definition: Tree, old: Tree) -> Errors:
    spec, before = internal.spec_of(definition), internal.spec_of(old)
    options = updating(spec, before, old)
    found = spec_rules.check(spec, options) + spec_rules.check_change(spec, before, options)
    return found + _beyond_spec(definition, old)


def status_rules(definition: Tree) -> Errors:
    names = (definition.get("status") or {}).get("acceptedNames") or {}
    return naming_rules.check(STATUS.child("acceptedNames"), names)


def _beyond_spec(definition: Tree, old: Tree | None) -> Errors:
    return [*status_rules(definition), *_stored_versions(definition), *_approved(definition, old),
            *_preserving(definition, old)]


def _stored_versions(definition: Tree) -> Errors:
    stored: list[str] = (definition.get("status") or {}).get("storedVersions") or []
    if not stored:
        return [invalid(_STORED, json_value(None), "must have at least one stored version")]
    versions: list[Tree] = (definition.get("spec") or {}).get("versions") or []
    places = {name: index for index, name in enumerate(stored)}
    found: Errors = []
    for version in versions:
        name = version.get("name") or ""
        # Each name counts once: of two versions with the same name, the second is missing.
        if places.pop(name, None) is None and version.get("storage"):
            found.append(invalid(_STORED, json_value(stored), f"must have the storage version {name}"))
    return found + [
        invalid(_STORED.index(index), name, f"missing from spec.versions; {name} was previously a storage version, and "
                f"must remain in spec.versions until a storage migration ensures no data remains persisted in {name} "
                f"and removes {name} from status.storedVersions")
        for name, index in places.items()]


def _approved(definition: Tree, old: Tree | None) -> Errors:
    """A state that was let in before may stay."""
    if not protected((definition.get("spec") or {}).get("group") or ""):
        return []
    state, reason = approval(definition["metadata"])
    if old is not None and approval(old["metadata"]).state == state:
        return []
    if state == MISSING:
        return [required(_APPROVAL, reason)]
    if state == INVALID:
        return [invalid(_APPROVAL, (definition["metadata"].get("annotations") or {})[ANNOTATION], reason)]
    return []


def _preserving(definition: Tree, old: Tree | None) -> Errors:
    if old is not None and (old.get("spec") or {}).get("preserveUnknownFields"):
        return []
    if not (definition.get("spec") or {}).get("preserveUnknownFields"):
        return []
    return [invalid(SPEC.child("preserveUnknownFields"), True, "cannot set to true, set "
                    "x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead")]
