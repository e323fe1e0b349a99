"""Completeness of structural schemas: what a junctor restricts must be declared outside of it.

Called by `structural_rules`. Behaviour: apiextensions-apiserver `pkg/apiserver/schema/complete.go`.
"""

from __future__ import annotations

from orlop.api.field import Path, required
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors


def check(path: Path, schema: Tree) -> Errors:
    return _values(schema, schema, path, path)


def _values(restricting: Tree, declared: Tree, declared_path: Path, path: Path) -> Errors:
    found: Errors = []
    if restricting.get("not") is not None:
        found += _nested(restricting["not"], declared, declared_path, path.child("not"))
    for junctor in ("allOf", "anyOf", "oneOf"):
        for index, junct in enumerate(restricting.get(junctor) or ()):
            found += _nested(junct, declared, declared_path, path.child(junctor).index(index))
    return found


def _nested(restricting: Tree, declared: Tree, declared_path: Path, path: Path) -> Errors:
    found = _values(restricting, declared, declared_path, path)
    if isinstance(restricting.get("items"), dict):
        found += _one(restricting["items"], declared.get("items"), declared_path.child("items"), path.child("items"))
    known: Tree = declared.get("properties") or {}
    for name, member in (restricting.get("properties") or {}).items():
        found += _one(member, known.get(name), declared_path.child("properties").key(name),
                      path.child("properties").key(name))
    return found


def _one(restricting: Tree, declared: object, declared_path: Path, path: Path) -> Errors:
    if not isinstance(declared, dict):
        return [required(declared_path, f"because it is defined in {path}")]
    return _nested(restricting, declared, declared_path, path)
