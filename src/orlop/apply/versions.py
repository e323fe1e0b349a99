"""The versions of a kind in which fields can be owned: their types, and the way of an object from one to another.

Made by whoever makes a `FieldManager`; `ownership` asks it where managers own fields in another version than that of
the request. Behaviour: apimachinery `util/managedfields/internal/versionconverter.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from orlop.api.tree import Tree
from orlop.apply.node import Node
from orlop.apply.typed_errors import TypedError

Convert: TypeAlias = Callable[[Tree, str, str], Tree]
"""A tree, its API version and the wanted one. May keep the tree or share parts with it, must not change it."""


KEPT: Final = 64
"""Versions whose types are remembered, those included that clients made up; then all are forgotten."""


class Versions:
    """`types` gives the root node of the kind in an API version, None where the kind is not (any more) there."""

    def __init__(self, types: Callable[[str], Node | None], convert: Convert, strict: bool = False,
                 lenient: bool = False) -> None:
        """`strict`: conversions may make what does not fit the type of the wanted version (custom kinds). `lenient`:
        they need whole objects (typed classes), so that what is left of one after a manager's fields were taken out
        may have no counterpart; nothing is taken out then."""
        self._types, self._convert, self.strict, self.lenient = types, convert, strict, lenient
        self._known: dict[str, Node | None] = {}

    def type(self, version: str) -> Node | None:
        try:
            return self._known[version]
        except KeyError:
            if len(self._known) >= KEPT:
                self._known.clear()
            node = self._known[version] = self._types(version)
            return node

    def convert(self, tree: Tree, source: str, target: str) -> Tree:
        """Raises TypedError."""
        if source == target:
            return tree
        converted = self._convert(tree, source, target)
        node = self.type(target) if self.strict else None
        complaints = node.validate(converted) if node is not None else ()  # in another version none may repeat
        if complaints:
            raise TypedError(list(complaints))
        return converted
