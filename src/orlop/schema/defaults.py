"""The walk that sets defaults: calls a function for every object of certain types in a tree, and visits
nothing else.

`kinds` supplies the functions, by OpenAPI name; `registry` strategies run the compiled walk on every write.
The walk of a type is a list of the members below which such types can occur, found once; members that cannot
lead to one are never looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from orlop.api.tree import Tree
from orlop.schema import types as t
from orlop.schema.types import Type

Defaulter: TypeAlias = Callable[[Tree], None]
_Walk: TypeAlias = Callable[[Any], None]


def compile_defaults(root: Type, defaulters: Mapping[str, Defaulter]) -> Defaulter:
    """The walk over objects of type `root`."""
    walk = _Compiler(defaulters).walk(root)
    return walk if walk is not None else _nothing


def _nothing(tree: Tree) -> None:
    """There is nothing to set below this type."""


class _Compiler:
    def __init__(self, defaulters: Mapping[str, Defaulter]) -> None:
        self._defaulters = defaulters
        self._walks: dict[Type, _Walk] = {}
        self._leads: dict[Type, bool] = {}

    def walk(self, kind: Type) -> _Walk | None:
        """The walk of values of a type, None when it would visit nothing."""
        if not self._reaches(kind):
            return None
        if kind.shape == t.POINTER:
            return self.walk(kind.element)
        if kind.shape in (t.LIST, t.MAP):
            inner = self.walk(kind.element)
            return None if inner is None else _over(inner, kind.shape == t.LIST)
        found = self._walks.get(kind)
        return found if found is not None else self._struct(kind)

    def _reaches(self, kind: Type) -> bool:
        """Whether a type with a defaulter is the type itself or can occur below it."""
        if kind not in self._leads:
            self._leads[kind] = self._searches(kind)
        return self._leads[kind]

    def _searches(self, kind: Type) -> bool:
        todo, seen = [kind], {kind}
        while todo:
            current = todo.pop()
            if current.shape == t.STRUCT and current.openapi in self._defaulters:
                return True
            below = [field.type for field in current.fields.values()]
            if current.shape in (t.POINTER, t.LIST, t.MAP):
                below.append(current.element)
            for other in below:
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
        return False

    def _struct(self, kind: Type) -> _Walk:
        own = self._defaulters.get(kind.openapi)
        steps: list[tuple[str, _Walk]] = []

        def walk(value: Any) -> None:
            if own is not None:
                own(value)
            for name, step in steps:
                member = value.get(name)
                if member is not None:
                    step(member)

        self._walks[kind] = walk
        for name, field in kind.fields.items():
            step = self.walk(field.type)
            if step is not None:
                steps.append((name, step))
        return walk


def _over(step: _Walk, is_list: bool) -> _Walk:
    def walk_list(value: Any) -> None:
        for item in value:
            if item is not None:
                step(item)

    def walk_map(value: Any) -> None:
        for item in value.values():
            if item is not None:
                step(item)

    return walk_list if is_list else walk_map
