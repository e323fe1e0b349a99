"""Paths into objects that a definition names: printer columns, the scale subresource, selectable fields.

Called by `spec_rules` for each version and for what versions have in common. Behaviour: apiextensions-apiserver
`pkg/apis/apiextensions/validation/validation.go`.
"""

from __future__ import annotations

from typing import Any, Final

from orlop.api.field import Path, duplicate, invalid, required, too_many
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors, each
from orlop.kinds.definitions.options import MAX_SELECTABLE_FIELDS
from orlop.structural import field_path

_TYPES: Final = ("boolean", "date", "integer", "number", "string")
_FORMATS: Final = ("byte", "date", "date-time", "double", "float", "int32", "int64", "password")
_SELECTABLE: Final = ("string", "boolean", "integer")
_NOT_SELECTABLE: Final = ("must point to a field of type string, boolean or integer. Enum string fields and strings "
                          "with formats are allowed.")


def printer_columns(path: Path, columns: list[Tree] | None) -> Errors:
    return each(path, columns, _column)


def _column(path: Path, column: Tree) -> Errors:
    found: Errors = []
    kind, form, place = column.get("type") or "", column.get("format") or "", column.get("jsonPath") or ""
    if not column.get("name"):
        found.append(required(path.child("name")))
    if kind not in _TYPES:
        why = f"must be one of {','.join(_TYPES)}"
        found.append(invalid(path.child("type"), kind, why) if kind else required(path.child("type"), why))
    if form and form not in _FORMATS:
        found.append(invalid(path.child("format"), form, f"must be one of {','.join(_FORMATS)}"))
    if not place:
        found.append(required(path.child("JSONPath")))
    return found + _simple(path.child("JSONPath"), place) if place else found


def _simple(path: Path, text: str) -> Errors:
    return [] if text.startswith(".") else [invalid(path, text, "must be a simple json path starting with .")]


def subresources(path: Path, found: Tree | None) -> Errors:
    scale = (found or {}).get("scale")
    if scale is None:
        return []
    errors: Errors = []
    for name, root in (("specReplicasPath", "spec"), ("statusReplicasPath", "status")):
        place, text = path.child(f"scale.{name}"), scale.get(name) or ""
        errors += _below(place, text, f".{root}.", f"should be a json path under .{root}") if text \
            else [required(place)]
    selector = scale.get("labelSelectorPath") or ""
    if selector:
        errors += _below(path.child("scale.labelSelectorPath"), selector, (".spec.", ".status."),
                         "should be a json path under either .spec or .status")
    return errors


def _below(path: Path, text: str, roots: str | tuple[str, ...], why: str) -> Errors:
    found = _simple(path, text)
    return found if found or text.startswith(roots) else [invalid(path, text, why)]


def selectable_fields(path: Path, fields: list[Tree], schema: Tree, may_be_many: bool) -> Errors:
    """`schema` must have nothing `unsupported`."""
    found: Errors = []
    seen: set[str] = set()
    for index, field in enumerate(fields):
        place, text = path.index(index).child("jsonPath"), field.get("jsonPath") or ""
        if not text:
            found.append(required(place))
            continue
        try:
            end = field_path.follow(text, schema, arrays=False)
        except field_path.BadPath as problem:
            found.append(invalid(place, text, f"is an invalid path: {problem}"))
            continue
        found += _selectable(place, text, end)
        if str(end.path) in seen:
            found.append(duplicate(place, text))
        seen.add(str(end.path))
    if len(seen) > MAX_SELECTABLE_FIELDS and not may_be_many:
        found.append(too_many(path, len(seen), MAX_SELECTABLE_FIELDS))
    return found


def _selectable(place: Path, text: str, end: field_path.Found) -> Errors:
    found: Errors = []
    if end.root == "metadata":
        found.append(invalid(place, text, "must not point to fields in metadata"))
    declared: dict[str, Any] = end.schema or {}
    if declared.get("type") not in _SELECTABLE:
        found.append(invalid(place, text, _NOT_SELECTABLE))
    return found
