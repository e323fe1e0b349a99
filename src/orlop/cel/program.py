"""A compiled expression: what callers keep and evaluate.

`environment` makes these. `evaluate` runs the fast build, `evaluate_within` the counting one against a budget; both run
the tracked build where something fails, for its words and its price. Behaviour: cel-go cel/program.go.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

from orlop.cel.ast import Call, Checked, Comprehension, Ident, ListExpr, MapExpr, Node, Select, StructExpr
from orlop.cel.counted import FIRST, Counted, Uncounted
from orlop.cel.exact import Exact
from orlop.cel.exact_steps import Run
from orlop.cel.fast import FAILURES, Fast
from orlop.cel.functions import Function
from orlop.cel.meter import Budget, Meter
from orlop.cel.scopes import Slots
from orlop.cel.types import Declared, Type
from orlop.cel.values import UINT_MAX, BudgetExceeded, CelError

DEEP: Final = 40
"""Nesting of an expression from which on Python's limit of recursion is raised while it is handled."""

FRAMES: Final = 12_000
"""Python's limit of recursion meanwhile: the deepest expression the parser lets through needs less."""


class _Room:
    """Python's limit is one for all threads: whoever comes first raises it, whoever goes last lowers it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside, self._before = 0, 0

    def enter(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = sys.getrecursionlimit()
                sys.setrecursionlimit(max(self._before, FRAMES))
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                sys.setrecursionlimit(self._before)


_ROOM: Final = _Room()


@contextmanager
def room_to_recurse() -> Iterator[None]:
    """Lets deep expressions recurse: the parser bounds their depth, so this ends."""
    _ROOM.enter()
    try:
        yield
    finally:
        _ROOM.leave()


@dataclass(frozen=True, slots=True)
class References:
    """What an expression looks at: variables by name, and chains of fields as paths such as `self.spec.replicas`."""

    variables: frozenset[str]
    paths: frozenset[str]


class Program:
    """A compiled expression."""

    __slots__ = (
        "_counted", "_deep", "_exact", "_exact_count", "_fast", "_fast_count", "_functions", "_names", "_needed",
        "_variables", "checked", "references",
    )  # fmt: skip

    checked: Checked
    references: References

    def __init__(
        self, checked: Checked, functions: Mapping[str, Function], variables: Mapping[str, Declared | None]
    ) -> None:
        self.checked, self._functions, self._variables = checked, functions, variables
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
        self._counted: _Counting | Literal[False] | None = False

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
            value = self._run(bindings, Meter(UINT_MAX))[0]
            if isinstance(value, CelError):
                raise value from None
            return value

    def evaluate_within(self, bindings: Mapping[str, Any], budget: Budget) -> Any:
        """The value, its cost taken from the budget; `BudgetExceeded` where that is not enough."""
        try:
            value, cost = self.account(bindings, Meter(budget.remaining))
        except BudgetExceeded:
            budget.remaining = -1
            raise
        budget.remaining -= cost
        if isinstance(value, CelError):
            raise value
        return value

    def account(self, bindings: Mapping[str, Any], meter: Meter, fit: bool = True) -> tuple[Any, int]:
        """The value, a `CelError` where there is none, and what it cost; `BudgetExceeded` where that is more than the
        meter allows. Not `fit`: there may be errors within the values."""
        meter.begin()
        counted = self._counted
        if counted is False:
            counted = self._counting()
        if counted is None or not fit:
            return self._run_deep(bindings, meter)
        frame: list[Any] = [0, meter.bound, meter, *counted.places]
        try:
            for slot, name in counted.needed:
                frame[slot] = bindings[name]
            if self._deep:
                with room_to_recurse():
                    value = counted.step(frame)
            else:
                value = counted.step(frame)
        except FAILURES:
            meter.begin()
            return self._run_deep(bindings, meter)
        cost = frame[0] + counted.owed
        if cost > meter.bound:
            meter.pass_bound(cost)
        return value, cost

    def _counting(self) -> _Counting | None:
        """The counting build, made when it is first needed; None where there can be none."""
        slots = Slots.of(self._variables, FIRST)
        build = Counted(self.checked, self._functions, slots)
        made: _Counting | None
        try:
            with room_to_recurse():
                step = build.step(self.checked.root)
            needed = tuple((FIRST + slot, name) for slot, name in self._needed)
            made = _Counting(step, build.owed, (None,) * (slots.count - FIRST), needed)
        except Uncounted:
            made = None
        self._counted = made
        return made

    def cost_of(self, bindings: Mapping[str, Any]) -> int:
        """What evaluating costs with these variables, whether it fails or not."""
        return self._run_deep(bindings, Meter(UINT_MAX))[1]

    def _run_deep(self, bindings: Mapping[str, Any], meter: Meter) -> tuple[Any, int]:
        if not self._deep:
            return self._run(bindings, meter)
        with room_to_recurse():
            return self._run(bindings, meter)

    def _run(self, bindings: Mapping[str, Any], meter: Meter) -> tuple[Any, int]:
        slots = [_bound(bindings, name) for name in self._names]
        run = Run(slots + [None] * (self._exact_count - len(slots)), meter)
        try:
            return self._exact(run), run.cost
        except CelError as ended:  # what no operator absorbs
            return ended, run.cost


@dataclass(frozen=True, slots=True)
class _Counting:
    """The counting build of a whole expression, what it costs besides, and its variables' places in a frame."""

    step: Callable[[list[Any]], Any]
    owed: int
    places: tuple[None, ...]
    needed: tuple[tuple[int, str], ...]


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
