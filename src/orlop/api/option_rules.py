"""Rules for options: which values and combinations are refused.

Called by `query_options` with values as they were sent; the texts reach clients as 422 on
ListOptions.meta.k8s.io and its siblings. Rules and texts: apimachinery
`pkg/apis/meta/v1/validation/validation.go` and `pkg/apis/meta/internalversion/validation/validation.go`.
"""

from __future__ import annotations

from collections.abc import Sequence

from orlop.api import field_manager
from orlop.api.field import FieldError, Path, forbidden, invalid, not_supported, required
from orlop.api.gotext import json_value
from orlop.api.options import ListOptions

EXACT, NOT_OLDER_THAN = "Exact", "NotOlderThan"
POLICIES = ("Foreground", "Background", "Orphan")
FIELD_VALIDATIONS = ("", "Ignore", "Strict", "Warn")

_MATCH = Path("resourceVersionMatch")
_INITIAL = Path("sendInitialEvents")
_POLICY = Path("propagationPolicy")
_MANAGER = Path("fieldManager")


def check_list(options: ListOptions) -> list[FieldError]:
    """Of a list, a deletecollection or, when `watch` is set, a watch."""
    if options.watch:
        return _check_watch(options)
    match, version = options.resource_version_match, options.resource_version
    found = []
    if match:
        if not version:
            detail = "resourceVersionMatch is forbidden unless resourceVersion is provided"
            found.append(forbidden(_MATCH, detail))
        if options.continue_:
            found.append(forbidden(_MATCH, "resourceVersionMatch is forbidden when continue is provided"))
        if match not in (EXACT, NOT_OLDER_THAN):
            found.append(not_supported(_MATCH, json_value(match), (EXACT, NOT_OLDER_THAN, "")))
        if match == EXACT and version == "0":
            detail = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
            found.append(forbidden(_MATCH, detail))
    if options.send_initial_events is not None:
        found.append(forbidden(_INITIAL, "sendInitialEvents is forbidden for list"))
    return found


def _check_watch(options: ListOptions) -> list[FieldError]:
    match, initial = options.resource_version_match, options.send_initial_events
    found = []
    if initial is not None and match != NOT_OLDER_THAN:
        detail = f"sendInitialEvents requires setting resourceVersionMatch to {NOT_OLDER_THAN}"
        found.append(forbidden(_MATCH, detail))
    if match:
        if initial is None:
            detail = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            found.append(forbidden(_MATCH, detail))
        if match != NOT_OLDER_THAN:
            found.append(not_supported(_MATCH, json_value(match), (NOT_OLDER_THAN,)))
        if options.continue_:
            found.append(forbidden(_MATCH, "resourceVersionMatch is forbidden when continue is provided"))
    return found


def _check_dry_run(dry_run: Sequence[str]) -> list[FieldError]:
    if all(value == "All" for value in dry_run):
        return []
    return [not_supported(Path("dryRun"), json_value(list(dry_run)), ("All",))]


def check_write(manager: str, dry_run: Sequence[str], field_validation: str) -> list[FieldError]:
    """Of a create, an update or a patch."""
    found = field_manager.validate(manager, _MANAGER)
    found += _check_dry_run(dry_run)
    if field_validation not in FIELD_VALIDATIONS:
        found.append(not_supported(Path("fieldValidation"), field_validation, FIELD_VALIDATIONS))
    return found


def check_patch(apply: bool, manager: str, force: bool | None) -> list[FieldError]:
    """What a patch has to obey before the rules of every write."""
    if apply:
        return [] if manager else [required(_MANAGER, "is required for apply patch")]
    return [] if force is None else [forbidden(Path("force"), "may not be specified for non-apply patch")]


def check_delete(policy: str | None, orphan: bool | None, dry_run: Sequence[str]) -> list[FieldError]:
    found = []
    if policy is not None:
        if orphan is not None:
            detail = "orphanDependents and deletionPropagation cannot be both set"
            found.append(invalid(_POLICY, json_value(policy), detail))
        if policy not in POLICIES:
            found.append(not_supported(_POLICY, json_value(policy), (*POLICIES, "nil")))
    return found + _check_dry_run(dry_run)


def check_table(include_object: str) -> list[FieldError]:
    if include_object in ("", "Metadata", "Object", "None"):
        return []
    detail = "must be 'Metadata', 'Object', 'None', or empty"
    return [invalid(Path("includeObject"), json_value(include_object), detail)]
