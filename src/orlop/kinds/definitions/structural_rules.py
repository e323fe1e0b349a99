"""Structural schemas: every value has one place that says its type, and junctors only restrict what is said there.

Asked by `root` and by the controller that tells of schemas that are not structural; the schema must have nothing
`unsupported` about it. The errors come sorted by their texts. What a schema says within junctors is `nested_rules`'
matter, that everything said there is also said outside is `completeness`'. Behaviour: apiextensions-apiserver
`pkg/apiserver/schema/validation.go`.
"""

from __future__ import annotations

from typing import Final

from orlop.api.field import Path, forbidden, invalid, required
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors
from orlop.kinds.definitions import completeness, nested_rules
from orlop.kinds.definitions.plain import NOTHING_PLAIN, Plain

ROOT: Final = "must not be empty at the root"
ITEM: Final = "must not be empty for specified array items"
FIELD: Final = "must not be empty for specified object fields"
"""Where a schema stands, as the complaint about its missing type."""

_PRESERVES: Final = "x-kubernetes-preserve-unknown-fields"
_EMBEDDED: Final = "x-kubernetes-embedded-resource"
_INT_OR_STRING: Final = "x-kubernetes-int-or-string"
_NAMES: Final = frozenset({"name", "generateName"})


def check(path: Path, schema: Tree, plain: Plain = NOTHING_PLAIN) -> Errors:
    found = _invariants(path, schema, ROOT, plain) + completeness.check(path, schema)
    return sorted(found, key=str)


def _invariants(path: Path, schema: Tree, level: str, plain: Plain) -> Errors:
    found = _inner(path, schema, level, plain)
    found += _extensions(path, schema)
    found += nested_rules.values(path, schema)
    found += _type(path, schema, level)
    found += _metadata(path, schema, level)
    if schema.get(_EMBEDDED) and not schema.get(_PRESERVES) and not schema.get("properties"):
        found.append(required(path.child("properties"), f"must not be empty if {_EMBEDDED} is true without "
                                                        f"{_PRESERVES}"))
    return found


def _inner(path: Path, schema: Tree, level: str, plain: Plain) -> Errors:
    found: Errors = []
    items, values = schema.get("items"), schema.get("additionalProperties")
    if isinstance(items, dict):
        if id(items) not in plain:
            found += _invariants(path.child("items"), items, ITEM, plain)
    elif schema.get("type") == "array":
        found.append(required(path.child("items"), "must be specified"))
    properties = path.child("properties")
    for name, member in (schema.get("properties") or {}).items():
        if id(member) not in plain:
            found += _invariants(properties.key(name), member, FIELD, plain)
    if values is not None and level == ROOT:
        found.append(forbidden(path.child("additionalProperties"), "must not be used at the root"))
    if isinstance(values, dict) and id(values) not in plain:
        found += _invariants(path.child("additionalProperties"), values, FIELD, plain)
    return found


def _extensions(path: Path, schema: Tree) -> Errors:
    if not schema.get(_INT_OR_STRING):
        return []
    return [invalid(path.child(name), True, f"must be false if {_INT_OR_STRING} is true")
            for name in (_PRESERVES, _EMBEDDED) if schema.get(name)]


def _type(path: Path, schema: Tree, level: str) -> Errors:
    found: Errors = []
    kind, embedded = schema.get("type") or "", schema.get(_EMBEDDED)
    if embedded and kind != "object":
        why = f"must be object if {_EMBEDDED} is true"
        found.append(invalid(path.child("type"), kind, why) if kind else required(path.child("type"), why))
    elif not kind and not schema.get(_INT_OR_STRING) and not schema.get(_PRESERVES):
        found.append(required(path.child("type"), level))
    if embedded and schema.get("additionalProperties") is not None:
        found.append(forbidden(path.child("additionalProperties"), f"must not be used if {_EMBEDDED} is set"))
    if level == ROOT and kind and kind != "object":
        found.append(invalid(path.child("type"), kind, "must be object at the root"))
    return found


def _metadata(path: Path, schema: Tree, level: str) -> Errors:
    """What every object has is said by the server, in the root and in embedded objects."""
    found: Errors = []
    properties: Tree = schema.get("properties") or {}
    whole = level == ROOT or bool(schema.get(_EMBEDDED))
    wanted = [("kind", "string"), ("apiVersion", "string"), ("metadata", "object")] if whole else []
    for name, kind in wanted:
        said = properties[name].get("type") or "" if name in properties else kind
        if said != kind:
            found.append(invalid(path.child("properties").key(name).child("type"), said, f"must be {kind}"))
    if level == ROOT and "metadata" in properties and _says_more(properties["metadata"]):
        found.append(forbidden(path.child("properties").key("metadata"), "must not specify anything other than name "
                               "and generateName, but metadata is implicitly specified"))
    return found


def _says_more(metadata: Tree) -> bool:
    """Than the type, a default (which other rules forbid) and the names. Decoded schemas have no empty members."""
    allowed = {"type", "default"}
    if set(metadata.get("properties") or ()) <= _NAMES:
        allowed.add("properties")
    return not metadata.keys() <= allowed
