"""Rules for metadata, the same for every kind.

Called by the registry before each write and by the validations of kinds; hands back the errors found, none
for nearly every object, quickly. Left to strategies: the form of names. Rules, texts and their order:
apimachinery `pkg/api/validation/objectmeta.go` and `pkg/apis/meta/v1/validation/validation.go`; the rules of
core kinds on finalizers: kubernetes `pkg/apis/core/validation`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from orlop.api import field_manager, names, owner_references
from orlop.api.field import FieldError, Path, forbidden, invalid, not_supported, quote, required, too_long
from orlop.api.gotext import json_value
from orlop.api.tree import Tree

NameCheck: TypeAlias = Callable[[str, bool], Sequence[str]]
"""Complaints about a name or, when the flag is set, about the prefix of a name yet to be generated."""

IMMUTABLE = "field is immutable"
ANNOTATIONS_SIZE = 256 * 1024
SUBRESOURCE_LENGTH = 256
REMEMBERED = 8192
"""How many valid label keys (values, annotation keys) are remembered, each; a full memory is emptied."""

METADATA = Path("metadata")
_ORPHAN, _FOREGROUND = "orphan", "foregroundDeletion"
_STANDARD_FINALIZERS = frozenset({"kubernetes", _ORPHAN, _FOREGROUND})
_OPERATIONS = ("Apply", "Update")

_label_keys: set[str] = set()
_label_values: set[str] = {""}
_annotation_keys: set[str] = set()
_finalizers: set[str] = set()
_managers: set[str] = set()
_namespaces: set[str] = set()


def _remember(known: set[str], text: str) -> None:
    if len(known) >= REMEMBERED:
        known.clear()
    known.add(text)


def validate_object_meta(metadata: Tree, namespaced: bool, check_name: NameCheck, path: Path = METADATA, *,
                         generated: bool = True) -> list[FieldError]:
    """Everything that must hold of an object's metadata by itself; names are generated already. Kinds whose
    upstream validation looks at the name only, not at generateName (ValidateObjectMetaWithOpts), say so by
    `generated`."""
    found: list[FieldError] = []
    prefix, name = metadata.get("generateName"), metadata.get("name")
    if prefix and generated:
        found += [invalid(path.child("generateName"), prefix, text) for text in check_name(prefix, True)]
    if not name:
        found.append(required(path.child("name"), "name or generateName is required"))
    elif complaints := check_name(name, False):
        found += [invalid(path.child("name"), name, text) for text in complaints]
    namespace = metadata.get("namespace")
    if not namespaced:
        if namespace:
            found.append(forbidden(path.child("namespace"), "not allowed on this type"))
    elif not namespace:
        found.append(required(path.child("namespace")))
    elif namespace not in _namespaces:
        if complaints := names.dns1123_label(namespace):
            found += [invalid(path.child("namespace"), namespace, text) for text in complaints]
        else:
            _remember(_namespaces, namespace)
    generation = metadata.get("generation")
    if generation is not None and generation < 0:
        _refuse_generation(found, generation, path)
    _check_contents(found, metadata, path, finalizers=True)
    return found


def validate_object_meta_update(new: Tree, old: Tree, namespaced: bool,
                                path: Path = METADATA) -> list[FieldError]:
    """What apiserver checks of every update, before the rules of the kind: the new metadata, then the
    change."""
    found: list[FieldError] = []
    if _described(new) != _described(old) or not old.get("uid"):
        found = validate_object_meta(new, namespaced, names.name_is_path_segment, path)
    elif managed := new.get("managedFields"):
        _check_managed(found, managed, path)
    if not found:
        # What is right by itself need not be looked at twice.
        _check_change(found, new, old, path)
        return found
    return found + validate_change(new, old, path)


def _described(metadata: Tree) -> tuple[Any, ...]:
    """All that is looked at by itself, but for managedFields: most updates leave it as it was found right before."""
    get = metadata.get
    return (get("name"), get("namespace"), get("labels"), get("annotations"), get("ownerReferences"),
            get("finalizers"), get("generation"), get("generateName"))


def validate_change(new: Tree, old: Tree, path: Path = METADATA) -> list[FieldError]:
    """What must hold between old and new metadata (upstream's ValidateObjectMetaUpdate, which kinds call once
    more)."""
    found: list[FieldError] = []
    _check_change(found, new, old, path)
    _check_contents(found, new, path, finalizers=False)
    return found


def _check_change(found: list[FieldError], new: Tree, old: Tree, path: Path) -> None:
    if old.get("deletionTimestamp"):
        found += _check_new_finalizers(new.get("finalizers") or (), old.get("finalizers") or (), path)
    if not new.get("resourceVersion"):
        found.append(invalid(path.child("resourceVersion"), "", "must be specified for an update"))
    generation, before = new.get("generation") or 0, old.get("generation") or 0
    if generation < 0:
        _refuse_generation(found, generation, path)
    if generation < before:
        found.append(invalid(path.child("generation"), generation, "must not be decremented"))
    for name, compare in _FIXED:
        value, before = new.get(name), old.get(name)
        if value != before:
            compare(found, value, before, path, name)


def _fixed_name(found: list[FieldError], value: Any, before: Any, path: Path, name: str) -> None:
    if (value or "") != (before or ""):
        found.append(invalid(path.child(name), value or "", IMMUTABLE))


def _fixed_uid(found: list[FieldError], value: Any, before: Any, path: Path, name: str) -> None:
    if (value or "") != (before or ""):
        found.append(invalid(path.child(name), json_value(value or ""), IMMUTABLE))


def _fixed_time(found: list[FieldError], value: Any, before: Any, path: Path, name: str) -> None:
    instant = _instant(value)
    if instant != _instant(before):
        shown = instant.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(instant, datetime) else instant
        found.append(invalid(path.child(name), json_value(shown), IMMUTABLE))


def _fixed_number(found: list[FieldError], value: Any, before: Any, path: Path, name: str) -> None:
    found.append(invalid(path.child(name), json_value(value), IMMUTABLE))


_FIXED: tuple[tuple[str, Callable[[list[FieldError], Any, Any, Path, str], None]], ...] = (
    ("name", _fixed_name), ("namespace", _fixed_name), ("uid", _fixed_uid),
    ("creationTimestamp", _fixed_time), ("deletionTimestamp", _fixed_time),
    ("deletionGracePeriodSeconds", _fixed_number))


def _instant(text: str | None) -> datetime | str | None:
    """The moment that a timestamp names: spellings differ, moments count."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return text


def _refuse_generation(found: list[FieldError], generation: int, path: Path) -> None:
    found.append(invalid(path.child("generation"), generation, "must be greater than or equal to 0"))


def _check_contents(found: list[FieldError], metadata: Tree, path: Path, finalizers: bool) -> None:
    """Labels, annotations and lists. What was found valid before is known by heart; paths are made, and the
    right validation called, only where something is not."""
    get = metadata.get
    labels = get("labels")
    if labels and not (_label_keys.issuperset(labels) and _label_values.issuperset(labels.values())):
        found += validate_labels(labels, path.child("labels"))
    annotations = get("annotations")
    if annotations and not (_annotation_keys.issuperset(annotations) and len(annotations) < 64
                            and sum(map(len, annotations.values())) < ANNOTATIONS_SIZE // 8):
        found += validate_annotations(annotations, path.child("annotations"))
    references = get("ownerReferences")
    if references and not owner_references.known_good(references):
        found += owner_references.validate(references, path.child("ownerReferences"))
    if finalizers and (listed := get("finalizers")) and not (len(listed) == 1 and listed[0] in _finalizers):
        found += validate_finalizers(listed, path.child("finalizers"))
    if managed := get("managedFields"):
        _check_managed(found, managed, path)


def _check_managed(found: list[FieldError], managed: list[Tree], path: Path) -> None:
    for entry in managed:
        if not _known_entry(entry):
            found += validate_managed_fields(managed, path.child("managedFields"))
            return


def _known_entry(entry: Tree) -> bool:
    get = entry.get
    return (get("manager") in _managers and get("operation") in _OPERATIONS
            and get("fieldsType") == "FieldsV1" and len(get("subresource") or "") * 4 <= SUBRESOURCE_LENGTH)


def validate_labels(labels: Mapping[str, str], path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    for key, value in labels.items():
        if key not in _label_keys:
            if complaints := names.label_key(key):
                found += [invalid(path, key, text) for text in complaints]
            else:
                _remember(_label_keys, key)
        if value not in _label_values:
            if complaints := names.label_value(value):
                found += [invalid(path, value, text) for text in complaints]
            else:
                _remember(_label_values, value)
    return found


def validate_annotations(annotations: Mapping[str, str], path: Path) -> list[FieldError]:
    """Keys as those of labels, in any case; all keys and values together at most 256 KiB."""
    found: list[FieldError] = []
    size = 0
    for key, value in annotations.items():
        if key not in _annotation_keys:
            if complaints := names.label_key(key.lower()):
                found += [invalid(path, key, text) for text in complaints]
            else:
                _remember(_annotation_keys, key)
        size += names.length(key) + names.length(value)
    if size > ANNOTATIONS_SIZE:
        found.append(too_long(path, ANNOTATIONS_SIZE))
    return found


def validate_finalizer_name(name: str, path: Path) -> list[FieldError]:
    if name in _finalizers:
        return []
    complaints = names.label_key(name)
    if not complaints:
        _remember(_finalizers, name)
    return [invalid(path, name, text) for text in complaints]


def validate_finalizers(finalizers: Sequence[str], path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    for name in finalizers:
        found += validate_finalizer_name(name, path)
    if _ORPHAN in finalizers and _FOREGROUND in finalizers:
        detail = f"finalizer {_ORPHAN} and {_FOREGROUND} cannot be both set"
        found.append(invalid(path, json_value(finalizers), detail))
    return found


def validate_core_finalizers(metadata: Tree, path: Path = METADATA) -> list[FieldError]:
    """Kubernetes' own kinds (not custom resources, CRDs, APIServices) want finalizers with a domain. Their
    validations say this after the errors of `validate_object_meta`."""
    found = []
    for position, name in enumerate(metadata.get("finalizers") or ()):
        if "/" not in name and name not in _STANDARD_FINALIZERS:
            detail = "name is neither a standard finalizer name nor is it fully qualified"
            found.append(invalid(path.child("finalizers").index(position), name, detail))
    return found


def _check_new_finalizers(new: Sequence[str], old: Sequence[str], path: Path) -> list[FieldError]:
    extra = sorted(set(new).difference(old))
    if not extra:
        return []
    shown = "[]string{" + ", ".join(map(quote, extra)) + "}"
    detail = f"no new finalizers can be added if the object is being deleted, found new finalizers {shown}"
    return [forbidden(path.child("finalizers"), detail)]


def validate_managed_fields(entries: Sequence[Tree], path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    for position, entry in enumerate(entries):
        if not _known_entry(entry):
            found += _check_entry(entry, path.index(position))
    return found


def _check_entry(entry: Tree, path: Path) -> list[FieldError]:
    found: list[FieldError] = []
    operation, form = entry.get("operation") or "", entry.get("fieldsType") or ""
    if not operation:
        found.append(required(path.child("operation"), "must not be empty"))
    elif operation not in _OPERATIONS:
        found.append(not_supported(path.child("operation"), json_value(operation), _OPERATIONS))
    if form and form != "FieldsV1":
        found.append(invalid(path.child("fieldsType"), form, "must be `FieldsV1`"))
    manager = entry.get("manager") or ""
    if manager not in _managers:
        if complaints := field_manager.validate(manager, path.child("manager")):
            found += complaints
        else:
            _remember(_managers, manager)
    if names.length(entry.get("subresource") or "") > SUBRESOURCE_LENGTH:
        found.append(too_long(path.child("subresource"), SUBRESOURCE_LENGTH))
    return found
