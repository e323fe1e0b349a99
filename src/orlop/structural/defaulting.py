"""Default values: compiled to a walk that visits only what can receive one.

`kind.CustomSchema` compiles the walk once per version, and before it prunes the defaults themselves, as upstream does
when a definition is first served. Behaviour: apiextensions-apiserver `pkg/apiserver/schema/defaulting`
(algorithm.go, prune.go, surroundingobject.go).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from orlop.api.tree import Tree, Value
from orlop.structural.embedded import coerce
from orlop.structural.pruning import prune
from orlop.structural.schema import Node

Walk: TypeAlias = Callable[[Any], None]
Make: TypeAlias = Callable[[], Value]

INDEX: Final = None
"""The step of a path that leads into a list."""
Path: TypeAlias = tuple[str | None, ...]


def copied(value: Value) -> Value:
    """A copy that shares nothing that can change."""
    if type(value) is dict:
        return {key: copied(inner) for key, inner in value.items()}
    return [copied(inner) for inner in value] if type(value) is list else value


def compile_walk(node: Node | None) -> Walk | None:
    """The walk that sets the defaults of a schema; None when there are none."""
    if node is None:
        return None
    own = [(name, _maker(below.default), below.nullable)
           for name, below in node.properties.items() if below.default is not None]
    steps = [(name, step) for name, below in node.properties.items() if (step := compile_walk(below)) is not None]
    rest = _replacing(node.additional)
    items = _replacing(node.items)
    if not own and not steps and rest is None and items is None:
        return None
    named = frozenset(node.properties)

    def walk(value: Any) -> None:
        kind = type(value)
        if kind is dict:
            for name, make, nullable in own:
                if name not in value or (value[name] is None and not nullable):
                    value[name] = make()
            for name, step in steps:
                inner = value.get(name)
                if inner is not None:
                    step(inner)
            if rest is not None:
                for name, inner in value.items():
                    if name not in named:
                        new = rest(inner)
                        if new is not inner:
                            value[name] = new
        elif kind is list and items is not None:
            for index, inner in enumerate(value):
                new = items(inner)
                if new is not inner:
                    value[index] = new

    return walk


def _replacing(node: Node | None) -> Callable[[Value], Value] | None:
    """For values without a name of their own (items, further members): gives out what takes the place of a null."""
    if node is None:
        return None
    walk, nullable = compile_walk(node), node.nullable
    make = _maker(node.default) if node.default is not None else None
    if walk is None and (make is None or nullable):
        return None

    def replace(value: Value) -> Value:
        if value is None:
            if nullable or make is None:
                return None
            value = make()
        if walk is not None:
            walk(value)
        return value

    return replace


def _maker(default: Value) -> Make:
    if default == {} and type(default) is dict:
        return dict
    if type(default) in (dict, list):
        return lambda: copied(default)
    return lambda: default


def surround(value: Value, path: Path) -> Value:
    """The smallest object that has the value at a path below its root."""
    for step in reversed(path):
        value = [value] if step is INDEX else {step: value}
    return value


def reach(value: Value, path: Path) -> Value:
    """What stands at the path, None when nothing does any more."""
    for step in path:
        if step is INDEX:
            value = value[0] if type(value) is list and value else None
        else:
            value = value.get(step) if type(value) is dict else None
    return value


def prune_defaults(root: Node | None) -> None:
    """Prune every default of a schema in the place where it would stand. Changes the nodes."""
    if root is not None:
        _prune_defaults(root, root, ())


def _prune_defaults(node: Node, root: Node, path: Path) -> None:
    if node.default is not None:
        around: Tree = surround(copied(node.default), path)
        if type(around) is dict:
            coerce(around, root, is_root=True, drop=True)
            prune(around, root, is_root=True)
            node.default = reach(around, path)
    if node.additional is not None:
        _prune_defaults(node.additional, root, (*path, "*"))
    if node.items is not None:
        _prune_defaults(node.items, root, (*path, INDEX))
    for name, below in node.properties.items():
        _prune_defaults(below, root, (*path, name))
