"""PersistentVolumeClaims: what is asked for, and nearly nothing of it may change.

Made by `makers`. Behaviour: kubernetes `pkg/registry/core/persistentvolumeclaim`, `pkg/api/persistentvolumeclaim`,
`pkg/apis/core/validation` ValidatePersistentVolumeClaim.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from orlop.api import quantity
from orlop.api.context import Context
from orlop.api.field import Path, forbidden, invalid, not_supported, required
from orlop.api.gotext import json_value
from orlop.api.label_selector_validation import has_invalid_value, validate_label_selector
from orlop.api.tree import Tree
from orlop.kinds import resource_names
from orlop.kinds.checks import (
    SPEC,
    STATUS,
    Errors,
    dns_label,
    dns_subdomain,
    qualified_name,
    quantity_positive,
    unchanged,
)
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import MainStrategy, StatusStrategy, copied
from orlop.kinds.go_diff import diff
from orlop.kinds.go_form import Form
from orlop.kinds.rooms import RestOptions, Rooms, stores

ACCESS_MODES: Final = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
VOLUME_MODES: Final = ("Block", "Filesystem")
CLASS_ANNOTATION: Final = "volume.beta.kubernetes.io/storage-class"
_CLASS_IN_USE: Final = "update to {} is forbidden when status.currentVolumeAttributesClassName is not nil"
_RESIZES: Final = ("ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress",
                   "NodeResizeInfeasible", "NodeResizePending")
_SNAPSHOTS: Final = "snapshot.storage.k8s.io"
_DEFAULT_GROUP: Final = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
_STORAGE: Final = SPEC.child("resources").key("storage")
_IMMUTABLE: Final = ("spec is immutable after creation except resources.requests and volumeAttributesClassName for "
                     "bound claims\n")
_FORM: Final = Form(
    {"AccessModes": ("accessModes", None), "Selector": ("selector", None), "Resources": ("resources", {}),
     "VolumeName": ("volumeName", ""), "StorageClassName": ("storageClassName", None),
     "VolumeMode": ("volumeMode", None), "DataSource": ("dataSource", None),
     "DataSourceRef": ("dataSourceRef", None), "VolumeAttributesClassName": ("volumeAttributesClassName", None)},
    {"Resources": Form({"Limits": ("limits", None), "Requests": ("requests", None)}),
     "DataSource": Form({"APIGroup": ("apiGroup", None), "Kind": ("kind", ""), "Name": ("name", "")}),
     "DataSourceRef": Form({"APIGroup": ("apiGroup", None), "Kind": ("kind", ""), "Name": ("name", ""),
                            "Namespace": ("namespace", None)})})


def access_modes(path: Path, modes: Sequence[str], detail: str = "") -> Errors:
    if not modes:
        return [required(path, detail)]
    found = [not_supported(path, mode, ACCESS_MODES) for mode in modes if mode not in ACCESS_MODES]
    known = {mode for mode in modes if mode in ACCESS_MODES}
    if "ReadWriteOncePod" in known and len(known) > 1:
        found.append(forbidden(path, "may not use ReadWriteOncePod with other access modes"))
    return found


def _source(path: Path, source: Tree) -> Errors:
    found: Errors = []
    for member in ("name", "kind"):
        if not source.get(member):
            found.append(required(path.child(member)))
    group = source.get("apiGroup") or ""
    if not group and source.get("kind") != "PersistentVolumeClaim":
        found.append(invalid(path, source.get("kind") or "", _DEFAULT_GROUP))
    if group:
        found += dns_subdomain(path.child("apiGroup"), group)
    return found


def claim_spec(spec: Tree, path: Path = SPEC, invalid_values: bool = False) -> Errors:
    found = access_modes(path.child("accessModes"), spec.get("accessModes") or (), "at least 1 access mode is required")
    found += validate_label_selector(spec.get("selector"), path.child("selector"), invalid_values=invalid_values)
    asked = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    place = path.child("resources").key("storage")
    found += [required(place)] if asked is None else quantity_positive(place, asked)
    if spec.get("storageClassName"):
        found += dns_subdomain(path.child("storageClassName"), spec["storageClassName"])
    mode = spec.get("volumeMode")
    if mode is not None and mode not in VOLUME_MODES:
        found.append(not_supported(path.child("volumeMode"), mode, VOLUME_MODES))
    source, reference = spec.get("dataSource"), spec.get("dataSourceRef")
    if source is not None:
        found += _source(path.child("dataSource"), source)
    if reference is not None:
        found += _source(path.child("dataSourceRef"), reference)
        if reference.get("namespace"):
            found += dns_label(path.child("dataSourceRef", "namespace"), reference["namespace"])
    if source is not None and reference is not None:
        if reference.get("namespace"):
            found.append(invalid(path, json_value({}), (
                "may not be specified when dataSourceRef.namespace is specified")))
        elif source.get("apiGroup") != reference.get("apiGroup") or any(
                (source.get(name) or "") != (reference.get(name) or "") for name in ("kind", "name")):
            found.append(invalid(path, json_value({}), "must match dataSourceRef"))
    if spec.get("volumeAttributesClassName"):
        found += dns_subdomain(path.child("volumeAttributesClassName"), spec["volumeAttributesClassName"])
    return found


def settle_sources(spec: Tree, old: Tree) -> None:
    """dataSource takes claims and snapshots only; it and dataSourceRef say the same."""
    reference = spec.get("dataSourceRef")
    if reference is not None and reference.get("namespace") and old.get("dataSourceRef") is None:
        del spec["dataSourceRef"]
        reference = None
    source = spec.get("dataSource")
    used = old.get("dataSource") is not None or old.get("dataSourceRef") is not None
    if source is not None and reference is None and not used and not _is_classic(source):
        del spec["dataSource"]
        source = None
    if reference is not None and reference.get("namespace"):
        return
    if source is not None and reference is None:
        spec["dataSourceRef"] = copied(source)
    elif source is None and reference is not None:
        spec["dataSource"] = {name: reference.get(name) for name in ("apiGroup", "kind", "name")}


def _is_classic(source: Tree) -> bool:
    group, kind = source.get("apiGroup") or "", source.get("kind")
    return (group, kind) in (("", "PersistentVolumeClaim"), (_SNAPSHOTS, "VolumeSnapshot"))


class ClaimStrategy(MainStrategy):
    returns_deleted_object = True

    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        obj["status"] = {"phase": "Pending"}
        settle_sources(obj.setdefault("spec", {}), {})

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        super().prepare_for_update(ctx, obj, old)
        settle_sources(obj.setdefault("spec", {}), old.get("spec") or {})

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        return claim_spec(obj.get("spec") or {})

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        new, before = obj.get("spec") or {}, old.get("spec") or {}
        found = claim_spec(new, invalid_values=has_invalid_value(before.get("selector")))
        if not _takes_class_over(obj, old):
            found += _class_note_change(obj, old)
        found += _spec_change(obj, old)
        return found + _size_change(new, before, old.get("status") or {}) + _class_change(new, before, old)

    def warnings_on_create(self, ctx: Context, obj: Tree) -> Sequence[str]:
        return claim_warnings(obj)

    def warnings_on_update(self, ctx: Context, obj: Tree, old: Tree) -> Sequence[str]:
        return claim_warnings(obj)


def claim_warnings(claim: Tree) -> list[str]:
    found: list[str] = []
    if CLASS_ANNOTATION in (claim["metadata"].get("annotations") or ()):
        found.append(f"metadata.annotations[{CLASS_ANNOTATION}]: deprecated since v1.8; "
                     'use "storageClassName" attribute instead')
    return found + claim_spec_warnings(SPEC, claim.get("spec") or {})


def claim_spec_warnings(path: Path, spec: Tree) -> list[str]:
    """Of the spec of a claim, or of a template of claims."""
    found: list[str] = []
    resources = spec.get("resources") or {}
    for member in ("requests", "limits"):
        text = (resources.get(member) or {}).get("storage")
        if text is not None and quantity.parse(text).milli_value() % 1000:
            found.append(f'{path.child("resources", member)}[storage]: fractional byte value "{text}" is invalid, '
                         "must be an integer")
    return found


def _takes_class_over(obj: Tree, old: Tree) -> bool:
    """Whether the class moves from the annotation, where it was first, to its own member."""
    notes, before = ((tree["metadata"].get("annotations") or {}).get(CLASS_ANNOTATION) for tree in (obj, old))
    given, had = ((tree.get("spec") or {}).get("storageClassName") for tree in (obj, old))
    return before is not None and had is None and given == before and notes in (None, before)


def _class_note_change(obj: Tree, old: Tree) -> Errors:
    notes, before = ((tree["metadata"].get("annotations") or {}).get(CLASS_ANNOTATION, "") for tree in (obj, old))
    return unchanged(Path("metadata").child("annotations", CLASS_ANNOTATION), notes, before)


def _spec_change(obj: Tree, old_claim: Tree) -> Errors:
    shown, before = copied(obj.get("spec") or {}), copied(old_claim.get("spec") or {})
    if not before.get("volumeName"):
        before.pop("volumeName", None)
        if shown.get("volumeName"):
            before["volumeName"] = shown["volumeName"]
    note = (old_claim["metadata"].get("annotations") or {}).get(CLASS_ANNOTATION)
    given = shown.get("storageClassName")
    if given is not None and before.get("storageClassName") is None and note in (None, given):
        del shown["storageClassName"]  # a class may be given once, later
    if (obj.get("status") or {}).get("phase") == "Bound":
        requests = (shown.get("resources") or {}).get("requests")
        size = ((before.get("resources") or {}).get("requests") or {}).get("storage")
        if requests is not None:
            requests["storage"] = "0" if size is None else size
        shown["volumeAttributesClassName"] = before.get("volumeAttributesClassName")
    one, other = _FORM.tree(_printed(before)), _FORM.tree(_printed(shown))
    if one == other:
        return []
    return [forbidden(SPEC, _IMMUTABLE + diff(one, other))]


def _printed(spec: Tree) -> Tree:
    """Maps in order of their keys; the selector is a public struct, which prints as it is sent."""
    tree: Tree = _sorted(spec)
    selector = spec.get("selector")
    if selector is not None:
        shown = {"matchLabels": _sorted(selector.get("matchLabels")), "matchExpressions": [
            {"key": wanted.get("key") or "", "operator": wanted.get("operator") or "",
             **({"values": wanted["values"]} if wanted.get("values") else {})}
            for wanted in selector.get("matchExpressions") or ()]}
        tree["selector"] = {name: value for name, value in shown.items() if value}
    return tree


def _sorted(value: Any) -> Any:
    """Maps print in order of their keys."""
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return value


def _size_change(new: Tree, old: Tree, status: Tree) -> Errors:
    size, before = (((spec.get("resources") or {}).get("requests") or {}).get("storage") or "0" for spec in (new, old))
    actual = (status.get("capacity") or {}).get("storage") or "0"
    if quantity.parse(size) < quantity.parse(before) and quantity.parse(size) <= quantity.parse(actual):
        return [forbidden(SPEC.child("resources.requests.storage"), "field can not be less than status.capacity")]
    return []


def _class_change(new: Tree, old: Tree, claim: Tree) -> Errors:
    found = unchanged(Path("volumeMode"), new.get("volumeMode"), old.get("volumeMode"))
    name = "volumeAttributesClassName"
    in_use = (claim.get("status") or {}).get("currentVolumeAttributesClassName") is not None
    if in_use and new.get(name) != old.get(name):
        if new.get(name) is None:
            found.append(forbidden(SPEC.child(name), _CLASS_IN_USE.format("nil")))
        elif not new[name]:
            found.append(forbidden(SPEC.child(name), _CLASS_IN_USE.format("empty string")))
    return found


class ClaimStatusStrategy(StatusStrategy):
    repeats_metadata_rules = ("change",)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        found: Errors = []
        for name, text in ((obj.get("status") or {}).get("capacity") or {}).items():
            value = quantity.parse(text).value()
            if value < 0:
                found.append(invalid(STATUS.child("capacity").key(name), value, "must be a valid resource quantity"))
        return found + _resizes(obj.get("status") or {})


def _resizes(status: Tree) -> Errors:
    place = STATUS.child("allocatedResourceStatuses")
    found: Errors = []
    for name, state in (status.get("allocatedResourceStatuses") or {}).items():
        found += _resource_key(place, name)
        if state not in _RESIZES:
            found.append(not_supported(place, name, _RESIZES))
    place = STATUS.child("allocatedResources")
    for name, text in (status.get("allocatedResources") or {}).items():
        wrong = _resource_key(place, name)
        value = quantity.parse(text).value()
        if not wrong and value < 0:
            wrong = [invalid(place.key(name), value, "must be a valid resource quantity")]
        found += wrong or resource_names.amount(place.key(name), "storage", text)
    return found


def _resource_key(path: Path, name: str) -> Errors:
    if wrong := qualified_name(path, name):
        return wrong
    return [not_supported(path, name, ("storage",))] if resource_names.is_native(name) and name != "storage" else []


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, ClaimStrategy, ClaimStatusStrategy)
