"""A compiled expression: what callers keep and evaluate.

`environment` makes these. `evaluate` runs the fast build, and the tracked one for the words of an error;
`evaluate_within` runs the tracked build against a budget. Behaviour: cel-go cel/program.go.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from orlop.cel.ast import Call, Checked, Comprehension, Ident, ListExpr, MapExpr, Node, Select, StructExpr
from orlop.cel.exact import Exact
from orlop.cel.exact_steps import Run
from orlop.cel.fast import FAILURES, Fast
from orlop.cel.functions import Function
from orlop.cel.scopes import Slots
from orlop.cel.types import Declared, Type
from orlop.cel.values import UINT_MAX, BudgetExceeded, CelError

DEEP: Final = 40
"""Nesting of an expression from which on Python's limit of recursion is raised while it is handled."""

FRAMES: Final = 12_000
"""Python's limit of recursion meanwhile: the deepest expression the parser lets through needs less."""


@contextmanager
def room_to_recurse() -> Iterator[None]:
    """Lets deep expressions recurse: the parser bounds their depth, so this ends."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, FRAMES))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@dataclass(slots=True)
class Budget:
    """What evaluations may still cost; `evaluate_within` takes from it."""

    remaining: int


@dataclass(frozen=True, slots=True)
class References:
    """What an expression looks at: variables by name, and chains of fields as paths such as `self.spec.replicas`."""

    variables: frozenset[str]
    paths: frozenset[str]


class Program:
    """A compiled expression."""

    __slots__ = (
        "_deep", "_exact", "_exact_count", "_fast", "_fast_count", "_names", "_needed", "checked", "references",
    )  # fmt: skip

    checked: Checked
    references: References

    def __init__(
        self, checked: Checked, functions: Mapping[str, Function], variables: Mapping[str, Declared | None]
    ) -> None:
        self.checked = checked
        self._deep = _depth(checked.root) > DEEP
        slots = Slots.of(variables)
        self._exact: Callable[[Run], Any] = Exact(checked, functions, slots).step(checked.root)
        self._exact_count = slots.count
        slots = Slots.of(variables)
        self._fast: Callable[[list[Any]], Any] = Fast(checked, functions, slots).step(checked.root)
        self._fast_count = slots.count
        self._names = tuple(variables)
        self.references = _references(checked, frozenset(variables))
        used = self.references.variables
        self._needed = tuple((slot, name) for slot, name in enumerate(self._names) if name in used)

    @property
    def output(self) -> Type:
        """The type of the result."""
        return self.checked.output

    @property
    def ast(self) -> Node:
        """The checked tree."""
        return self.checked.root

    def evaluate(self, bindings: Mapping[str, Any]) -> Any:
        """The value for these variables, without a limit; `CelError` where there is none."""
        if self._deep:
            with room_to_recurse():
                return self._evaluate(bindings)
        return self._evaluate(bindings)

    def _evaluate(self, bindings: Mapping[str, Any]) -> Any:
        frame: list[Any] = [None] * self._fast_count
        try:
            for slot, name in self._needed:
                frame[slot] = bindings[name]
            return self._fast(frame)
        except FAILURES:
            return self._tracked(bindings, UINT_MAX)[0]

    def evaluate_within(self, bindings: Mapping[str, Any], budget: Budget) -> Any:
        """The value, its cost taken from the budget; `BudgetExceeded` where that is not enough."""
        try:
            with room_to_recurse():
                value, cost = self._tracked(bindings, budget.remaining)
        except BudgetExceeded:
            budget.remaining = -1
            raise
        budget.remaining -= cost
        if isinstance(value, CelError):
            raise value
        return value

    def cost_of(self, bindings: Mapping[str, Any]) -> int:
        """What evaluating costs with these variables, whether it fails or not."""
        with room_to_recurse():
            return self._run(bindings, UINT_MAX)[1]

    def _tracked(self, bindings: Mapping[str, Any], limit: int) -> tuple[Any, int]:
        value, cost = self._run(bindings, limit)
        if isinstance(value, CelError):
            raise value
        return value, cost

    def _run(self, bindings: Mapping[str, Any], limit: int) -> tuple[Any, int]:
        slots = [_bound(bindings, name) for name in self._names]
        run = Run(slots + [None] * (self._exact_count - len(slots)), limit)
        return self._exact(run), run.cost


def _bound(bindings: Mapping[str, Any], name: str) -> Any:
    if name in bindings:
        return bindings[name]
    return CelError(f"no such attribute(s): {name}")


def _children(node: Node) -> Sequence[Node]:
    match node:
        case Select():
            return (node.operand,)
        case Call():
            return node.args if node.target is None else [node.target, *node.args]
        case ListExpr():
            return node.elements
        case MapExpr():
            return [part for entry in node.entries for part in (entry.key, entry.value)]
        case StructExpr():
            return [field.value for field in node.fields]
        case Comprehension():
            return (node.iter_range, node.accu_init, node.loop_condition, node.loop_step, node.result)
    return ()


def descendants(root: Node) -> Iterator[Node]:
    """Every node of a tree, parents first, from left to right."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(_children(node)))


def _depth(root: Node) -> int:
    level: Sequence[Node] = [root]
    depth = 0
    while level:
        depth += 1
        level = [child for node in level for child in _children(node)]
    return depth


def _references(checked: Checked, variables: frozenset[str]) -> References:
    names: set[str] = set()
    paths: set[str] = set()
    for node in descendants(checked.root):
        if isinstance(node, Ident) and node.name in variables:
            names.add(node.name)
        path = _path(node)
        if path is not None and path.split(".", 1)[0] in variables:
            paths.add(path)
    return References(frozenset(names), frozenset(paths))


def _path(node: Node) -> str | None:
    fields: list[str] = []
    while isinstance(node, Select):
        fields.append(node.field)
        node = node.operand
    return ".".join((node.name, *reversed(fields))) if isinstance(node, Ident) else None
