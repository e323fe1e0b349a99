"""Default values must be right themselves: pruned, valid under the schema they belong to, good metadata.

Called by the rules of CustomResourceDefinitions for every version's schema. Rules in CEL are judged by a function
that the caller brings. Behaviour: apiextensions-apiserver `pkg/apiserver/schema/defaulting/validation.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from orlop.api.field import FieldError, Path, aggregate, invalid
from orlop.api.tree import Tree, Value
from orlop.structural import defaulting, embedded
from orlop.structural.numbers import same, shown
from orlop.structural.problems import field_errors
from orlop.structural.pruning import prune
from orlop.structural.schema import META_FIELDS, Node
from orlop.structural.validation import examine

Judge: TypeAlias = Callable[[Node, Value, Path, bool], list[FieldError]]
"""Judges a default value by the rules of its schema; the flag tells that the schema is that of a whole resource."""

_TYPE_META: Final = {"kind": "Validation", "apiVersion": "validation/v1"}


class _Place(NamedTuple):
    """Where a schema stands: below `root`, at `way`; `in_meta` tells that it describes kind, apiVersion or metadata
    of a resource."""

    root: Node
    way: defaulting.Path
    in_meta: bool


def validate_defaults(node: Node | None, path: Path, is_root: bool, require_pruned: bool,
                      judge: Judge | None = None) -> list[FieldError]:
    """What is wrong with the defaults of a schema. `is_root`: it is that of a whole resource; `require_pruned`: none
    may have unknown fields."""
    if node is None:
        return []
    found: list[FieldError] = []
    _Rules(require_pruned, judge, node if is_root else None, found).visit(node, path, _Place(node, (), False))
    return found


class _Rules:
    def __init__(self, require_pruned: bool, judge: Judge | None, resource: Node | None,
                 found: list[FieldError]) -> None:
        self._require_pruned, self._judge, self._resource, self._found = require_pruned, judge, resource, found

    def visit(self, node: Node, path: Path, place: _Place) -> None:
        if self._is_resource(node):
            place = _Place(node, (), False)
        if node.default is not None:
            self._found += self._check(node, path.child("default"), place)
        if node.items is not None:
            self.visit(node.items, path.child("items"), place._replace(way=(*place.way, defaulting.INDEX)))
        for name, below in node.properties.items():
            in_meta = place.in_meta or (self._is_resource(node) and name in META_FIELDS)
            self.visit(below, path.child("properties").key(name), _Place(place.root, (*place.way, name), in_meta))

    def _is_resource(self, node: Node) -> bool:
        return node.embedded or node is self._resource

    def _check(self, node: Node, path: Path, place: _Place) -> list[FieldError]:
        value = defaulting.copied(node.default)
        found = self._check_in_metadata(value, path, place) if place.in_meta else self._check_alone(node, value, path)
        unfit = any(error.detail != _UNPRUNED for error in found)
        if not unfit:
            problems = field_errors(examine(Node(node.props, literal=True), value, ""), path)
            if not problems and self._judge is not None:
                problems = self._judge(node, value, path, node is place.root)
            found += problems
        return found

    def _check_in_metadata(self, value: Value, path: Path, place: _Place) -> list[FieldError]:
        around: Tree = {**_TYPE_META, **defaulting.surround(defaulting.copied(value), place.way)}
        complaint = ""
        try:
            embedded.coerce(around, place.root, is_root=True)
        except embedded.Misfit as misfit:
            complaint = str(misfit)
        else:
            errors = embedded.validate(around, place.root, embedded.ROOT, is_root=True)
            complaint = aggregate(errors) if errors else ""
        return [invalid(path, shown(value), f"must result in valid metadata: {complaint}")] if complaint else []

    def _check_alone(self, node: Node, value: Value, path: Path) -> list[FieldError]:
        found: list[FieldError] = []
        resource = self._is_resource(node)
        if self._require_pruned:
            pruned = defaulting.copied(value)
            prune(pruned, node, resource)
            if not same(pruned, value):
                found.append(invalid(path, shown(value), _UNPRUNED))
        try:
            embedded.coerce(value, node, resource, path=path)
        except embedded.Misfit as misfit:
            return [*found, misfit.error]
        return found + embedded.validate(value, node, path, resource)


_UNPRUNED: Final = "must not have unknown fields"
