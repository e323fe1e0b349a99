"""The rules of one schema and of all schemas within it.

Called by `root` with a version's schema. Goes through every member that holds schemas and gathers what `keywords`,
`list_rules` and `rules` say. Behaviour: apiextensions-apiserver `pkg/apis/apiextensions/validation/validation.go`
ValidateCustomResourceDefinitionOpenAPISchema.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from orlop.api.field import Path, forbidden, invalid
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors
from orlop.kinds.definitions import keywords, list_rules, rules
from orlop.kinds.definitions.keywords import Standing
from orlop.kinds.definitions.options import Options
from orlop.kinds.definitions.plain import Plain
from orlop.kinds.definitions.rules import RULES, Scope

_META: Final = frozenset({"metadata", "kind", "apiVersion"})
_PRESERVES: Final = "x-kubernetes-preserve-unknown-fields"


class _Inner(NamedTuple):
    """A schema within another."""

    path: Path
    schema: Tree
    standing: Standing
    scope: Scope | None


class _Found(NamedTuple):
    """Rules are compiled only where nothing is wrong with the schema, so their errors are kept apart."""

    schema: Errors
    rules: Errors


def check(path: Path, schema: Tree, standing: Standing, options: Options, scope: Scope | None,
          plain: Plain) -> Errors:
    """Everything wrong with a version's schema. Without a scope no rules are compiled."""
    found = _check(_Inner(path, schema, standing, scope), options, plain, root=True)
    return found.schema + found.rules


def _check(at: _Inner, options: Options, plain: Plain, root: bool = False) -> _Found:
    path, schema = at.path, at.schema
    errors = keywords.check(path, schema, at.standing)
    if schema.get("uniqueItems"):
        errors.append(forbidden(path.child("uniqueItems"), "uniqueItems cannot be set to true since the runtime "
                                                           "complexity becomes quadratic"))
    if schema.get("properties") and schema.get("additionalProperties") not in (None, True):
        errors.append(forbidden(path.child("additionalProperties"), "additionalProperties and properties are mutual "
                                                                    "exclusive"))
    of_rules: Errors = []
    for inner in _inner(at, root, plain):
        found = _check(inner, options, plain)
        errors += found.schema
        of_rules += found.rules
    if schema.get(_PRESERVES) is False:
        errors.append(invalid(path.child(_PRESERVES), False, "must be true or undefined"))
    errors += list_rules.check(path, schema, options.atomic_sets)
    if options.definite_items:
        errors += list_rules.definite_items(path, schema)
    if schema.get(RULES):
        errors += rules.check_rules(schema, path)
        if not errors and at.scope is not None:
            from orlop.kinds.definitions import rule_compilation

            of_rules += rule_compilation.compile_rules(schema, path, at.scope, at.standing, options)
    return _Found(errors, of_rules)


def _inner(at: _Inner, root: bool, plain: Plain) -> Iterator[_Inner]:
    schema, path, standing = at.schema, at.path, at.standing
    values = schema.get("additionalProperties")
    if isinstance(values, dict) and id(values) not in plain:
        below = standing.without_defaults("inside additionalProperties applying to object metadata") \
            if standing.inside_meta else standing
        yield _Inner(path.child("additionalProperties"), values, below, _scope(at, values, rules.VALUES))
    yield from _properties(at, root, plain)
    if isinstance(schema.get("not"), dict):
        yield _Inner(path.child("not"), schema["not"], standing, None)
    for junctor in ("allOf", "oneOf", "anyOf"):
        for index, junct in enumerate(schema.get(junctor) or ()):
            yield _Inner(path.child(junctor).index(index), junct, standing, None)
    yield from _named(at, "definitions")
    yield from _items(at, plain)
    yield from _named(at, "dependencies")


def _scope(at: _Inner, schema: Tree, step: str) -> Scope | None:
    return None if at.scope is None else at.scope.child(schema, step)


def _properties(at: _Inner, root: bool, plain: Plain) -> Iterator[_Inner]:
    schema = at.schema
    standing = at.standing
    if schema.get(list_rules.MAP_TYPE) not in (None, "granular", "atomic"):
        standing = standing.without_old_self(at.path)
    resource = root or bool(schema.get("x-kubernetes-embedded-resource"))
    properties: dict[str, Any] = schema.get("properties") or {}
    for name in sorted(name for name, member in properties.items() if id(member) not in plain):
        below = standing
        if resource and name in _META:
            below = below.within_meta()
            if root:
                below = below.without_defaults(f"in top-level {name}")
        yield _Inner(at.path.child("properties").key(name), properties[name], below,
                     _scope(at, properties[name], name))


def _named(at: _Inner, member: str) -> Iterator[_Inner]:
    schemas: dict[str, Any] = at.schema.get(member) or {}
    for name in sorted(schemas):
        if isinstance(schemas[name], dict):
            yield _Inner(at.path.child(member).key(name), schemas[name], at.standing, None)


def _items(at: _Inner, plain: Plain) -> Iterator[_Inner]:
    items, path = at.schema.get("items"), at.path.child("items")
    if id(items) in plain:
        return
    standing = at.standing
    if at.schema.get(list_rules.LIST_TYPE) != "map":
        standing = standing.without_old_self(at.path)
    if isinstance(items, dict):
        yield _Inner(path, items, standing, _scope(at, items, rules.ITEMS))
    elif isinstance(items, list):
        for index, item in enumerate(items):
            yield _Inner(path.index(index), item, standing, _scope(at, item, rules.ITEMS))
