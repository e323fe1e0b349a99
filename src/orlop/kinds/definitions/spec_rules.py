"""The rules of a definition's spec, in the form in which versions share what they have in common.

Called by `definition`. Behaviour: apiextensions-apiserver `pkg/apis/apiextensions/validation/validation.go`
validateCustomResourceDefinitionSpec.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from orlop.api import names
from orlop.api.field import Path, invalid, required
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.kinds.checks import SPEC, Errors, chosen, unchanged
from orlop.kinds.definitions import (
    columns,
    conversion_rules,
    internal,
    naming_rules,
    root,
    schema_walk,
    shown,
    unsupported,
)
from orlop.kinds.definitions.options import Options
from orlop.kinds.definitions.plain import Plain, plain

_EXTENSIONS: Final = ("x-kubernetes-embedded-resource", "x-kubernetes-int-or-string", "x-kubernetes-list-map-keys",
                      "x-kubernetes-validations")
_POINTERS: Final = ("x-kubernetes-preserve-unknown-fields", "x-kubernetes-list-type")
_VERSIONS: Final = SPEC.child("versions")
_NAMES: Final = SPEC.child("names")
_LONGEST_WARNING: Final = 256


def check(spec: Tree, options: Options) -> Errors:
    found = _group(spec.get("group") or "")
    found += chosen(SPEC.child("scope"), spec.get("scope"), ("Cluster", "Namespaced"))
    prunes, known = not spec.get("preserveUnknownFields"), plain(*internal.schemas(spec))
    found += _schemas_present(spec, options)
    if prunes or _has_extensions(spec):
        options = replace(options, structural=True)
    if _has_defaults(spec, known):
        options = replace(options, structural=True)
        if not prunes:
            found.append(invalid(SPEC.child("preserveUnknownFields"), True,
                                 "must be false in order to use defaults in the schema"))
    for index, version in enumerate(spec["versions"]):
        found += _version(spec, version, _VERSIONS.index(index), options, known)
    found += _duplicates(spec)
    found += [required(_NAMES.child(name)) for name in ("plural", "singular", "kind", "listKind")
              if not spec["names"].get(name)]
    found += naming_rules.check(_NAMES, spec["names"])
    found += _common(spec, options, known)
    conversion = spec.get("conversion")
    if conversion is not None and conversion["strategy"] != "None" and not prunes:
        found.append(invalid(SPEC.child("conversion").child("strategy"), conversion["strategy"],
                             "must be None if spec.preserveUnknownFields is true"))
    return found + conversion_rules.check(SPEC.child("conversion"), conversion, options)


def check_change(spec: Tree, old: Tree, options: Options) -> Errors:
    """What objects are stored by stays, and once somebody may have stored some, also what they are."""
    found: Errors = []
    if options.fixed_names:
        found += unchanged(SPEC.child("scope"), spec.get("scope") or "", old.get("scope") or "")
        found += _same_name(spec, old, "kind")
    found += unchanged(SPEC.child("group"), spec.get("group") or "", old.get("group") or "")
    return found + _same_name(spec, old, "plural")


def _same_name(spec: Tree, old: Tree, name: str) -> Errors:
    return unchanged(_NAMES.child(name), spec["names"].get(name) or "", old["names"].get(name) or "")


def _group(group: str) -> Errors:
    path = SPEC.child("group")
    if not group:
        return [required(path)]
    complaints = names.dns1123_subdomain(group)
    if complaints:
        return [invalid(path, group, ",".join(complaints))]
    return [] if "." in group else [invalid(path, group, "should be a domain with at least one dot")]


def _schemas_present(spec: Tree, options: Options) -> Errors:
    if internal.schema_in(spec.get("validation")) is not None:
        return []
    without = [(index, version) for index, version in enumerate(spec["versions"])
               if internal.schema_in(version.get("schema")) is None]
    places = [(_VERSIONS.index(index).child("schema", "openAPIV3Schema"), version) for index, version in without]
    if options.needs_schema:
        return [required(path) for path, _ in places]
    if spec.get("preserveUnknownFields"):
        return []
    return [required(path, "because otherwise all fields are pruned") for path, version in places
            if version.get("served")]


def _has_defaults(spec: Tree, known: Plain) -> bool:
    return any(schema_walk.some(schema, lambda one: one.get("default") is not None, known)
               for schema in internal.schemas(spec))


def _has_extensions(spec: Tree) -> bool:
    def extended(schema: Tree) -> bool:
        return any(schema.get(name) for name in _EXTENSIONS) or any(schema.get(name) is not None for name in _POINTERS)

    return any(schema_walk.some(schema, extended) for schema in internal.schemas(spec))


# --- versions ----------------------------------------------------------------------------------------------------

def _version(spec: Tree, version: Tree, path: Path, options: Options, known: Plain) -> Errors:
    name = version.get("name") or ""
    complaints = names.dns1035_label(name)
    found: Errors = [invalid(path.child("name"), name, ",".join(complaints))] if complaints else []
    found += _deprecation(path.child("deprecationWarning"), version)
    has_status = _has_status(_subresources_of(spec, name))
    found += root.check(path.child("schema"), version.get("schema"), has_status, options.for_version(name), known)
    found += columns.subresources(path.child("subresources"), version.get("subresources"))
    found += columns.printer_columns(path.child("additionalPrinterColumns"), version.get("additionalPrinterColumns"))
    fields = version.get("selectableFields")
    if not fields:
        return found
    if internal.schema_in(version.get("schema")) is None:
        return [*found, invalid(path.child("selectableFields"), "", "may only be set when "
                                "`version.schema.openAPIV3Schema` is not included")]
    return found + _selectable(path, fields, version["schema"]["openAPIV3Schema"], name in options.many_fields)


def _selectable(path: Path, fields: list[Tree], schema: Tree, many: bool) -> Errors:
    unfit = unsupported.complaint(schema)
    if unfit:
        return [invalid(path.child("schema.openAPIV3Schema"), "", unfit)]
    return columns.selectable_fields(path.child("selectableFields"), fields, schema, many)


def _deprecation(path: Path, version: Tree) -> Errors:
    text = version.get("deprecationWarning")
    if text is None:
        return []
    shown_text: Any = json_value(text)
    if not version.get("deprecated"):
        return [invalid(path, shown_text, "can only be set for deprecated versions")]
    found: Errors = []
    if len(text.encode()) > _LONGEST_WARNING:
        found.append(invalid(path, shown_text, "must be <= 256 characters long"))
    if not text:
        found.append(invalid(path, shown_text, "must not be an empty string"))
    place = 0
    for char in text:
        if not (char.isprintable() or char == " "):
            found.append(invalid(path, shown_text, "must only contain printable UTF-8 characters; non-printable "
                                                   f"character found at index {place}"))
            break
        place += len(char.encode())
    return found


def _subresources_of(spec: Tree, version: str) -> Tree | None:
    """Of the first version with this name."""
    if all(one.get("subresources") is None for one in spec["versions"]):
        return spec.get("subresources")
    return next((one.get("subresources") for one in spec["versions"] if (one.get("name") or "") == version), None)


def _has_status(subresources: Tree | None) -> bool:
    return (subresources or {}).get("status") is not None


def _duplicates(spec: Tree) -> Errors:
    """What the versions must be together."""
    found: Errors = []
    versions, listed = spec["versions"], spec["listed"]
    if len({version.get("name") or "" for version in versions}) < len(versions):
        found.append(invalid(_VERSIONS, shown.versions(versions), "must contain unique version names"))
    if sum(bool(version.get("storage")) for version in versions) != 1:
        found.append(invalid(_VERSIONS, shown.versions(versions if listed else None),
                             "must have exactly one version marked as storage version"))
    complaints = names.dns1035_label(spec["version"]) if spec["version"] else []
    if complaints:
        found.append(invalid(SPEC.child("version"), spec["version"], ",".join(complaints)))
    return found


# --- what versions have in common ----------------------------------------------------------------------------------

def _common(spec: Tree, options: Options, known: Plain) -> Errors:
    everywhere = [spec.get("subresources"), *(version.get("subresources") for version in spec["versions"])]
    found = root.check(SPEC.child("validation"), spec.get("validation"), any(map(_has_status, everywhere)),
                       options.for_version(spec["version"]), known)
    found += columns.subresources(SPEC.child("subresources"), spec.get("subresources"))
    found += columns.printer_columns(SPEC.child("additionalPrinterColumns"), spec.get("additionalPrinterColumns"))
    fields = spec.get("selectableFields")
    if not fields:
        return found
    if spec.get("validation") is None:
        return [*found, invalid(SPEC.child("selectableFields"), "", "may only be set when validations.schema is "
                                                                    "included")]
    return found + _selectable(SPEC, fields, internal.schema_in(spec["validation"]) or {}, "" in options.many_fields)
