"""What a structural schema may say within allOf, anyOf, oneOf and not: restrictions of values, and nothing else.

Called by `structural_rules`. Behaviour: apiextensions-apiserver `pkg/apiserver/schema/validation.go`.
"""

from __future__ import annotations

from typing import Any, Final

from orlop.api.field import Path, forbidden, invalid
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors
from orlop.kinds.definitions import patterns

_INT_OR_STRING: Final = [{"type": "integer"}, {"type": "string"}]
"""The one anyOf that may speak of types."""
_EMPTY: Final = "must be empty to be structural"
_UNDEFINED: Final = "must be undefined to be structural"
_FALSE: Final = "must be false to be structural"
_FORBIDDEN: Final = (
    ("default", _UNDEFINED), ("title", _EMPTY), ("description", _EMPTY), ("nullable", _FALSE),
    ("x-kubernetes-preserve-unknown-fields", _FALSE), ("x-kubernetes-embedded-resource", _FALSE),
    ("x-kubernetes-int-or-string", _FALSE), ("x-kubernetes-list-map-keys", _EMPTY),
    ("x-kubernetes-list-type", _UNDEFINED), ("x-kubernetes-map-type", _UNDEFINED),
    ("x-kubernetes-validations", _EMPTY),
)


def values(path: Path, schema: Tree) -> Errors:
    """The restrictions of a schema outside of junctors."""
    first = (schema.get("allOf") or [{}])[0]
    return _values(path, schema, schema.get("anyOf") == _INT_OR_STRING, first.get("anyOf") == _INT_OR_STRING)


def _values(path: Path, schema: Tree, skips_any: bool = False, skips_first_all: bool = False) -> Errors:
    found: Errors = []
    if not skips_any:
        found += _each(path.child("anyOf"), schema.get("anyOf"))
    for index, junct in enumerate(schema.get("allOf") or ()):
        found += _nested(path.child("allOf").index(index), junct, skips_first_all and index == 0)
    found += _each(path.child("oneOf"), schema.get("oneOf"))
    if schema.get("not") is not None:
        found += _nested(path.child("not"), schema["not"])
    pattern = schema.get("pattern")
    problem = patterns.complaint(pattern) if pattern else ""
    if problem:
        found.append(invalid(path.child("pattern"), pattern,
                             f"must be a valid regular expression, but isn't: {problem}"))
    return found


def _each(path: Path, juncts: list[Tree] | None) -> Errors:
    found: Errors = []
    for index, junct in enumerate(juncts or ()):
        found += _nested(path.index(index), junct)
    return found


def _nested(path: Path, schema: Tree, skips_any: bool = False) -> Errors:
    found = _values(path, schema, skips_any)
    if isinstance(schema.get("items"), dict):
        found += _nested(path.child("items"), schema["items"])
    properties: Tree = schema.get("properties") or {}
    for name, member in properties.items():
        found += _nested(path.child("properties").key(name), member)
    if schema.get("type"):
        found.append(forbidden(path.child("type"), _EMPTY))
    if schema.get("additionalProperties") not in (None, False):
        found.append(forbidden(path.child("additionalProperties"), _UNDEFINED))
    found += [forbidden(path.child(name), why) for name, why in _FORBIDDEN if _says(schema.get(name), why)]
    if "metadata" in properties:
        found.append(forbidden(path.child("properties").key("metadata"), "must not be specified in a nested context"))
    return found


def _says(value: Any, why: str) -> bool:
    return value is not None if why == _UNDEFINED else bool(value)
