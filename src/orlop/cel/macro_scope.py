"""What a macro may use while it expands: makers of nodes with fresh ids at the position of the call.

The parser hands one to every `Macro.expand`; the standard macros and the macros of libraries build their expansions
with it. Behaviour: cel-go parser/helper.go and parser/macro.go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from orlop.cel.ast import ACCUMULATOR, Call, Comprehension, Constant, Entry, Ident, ListExpr, MapExpr, Node, Select


class MacroError(Exception):
    """A macro call that cannot be expanded; `node` is where it is wrong (None: the call itself)."""

    def __init__(self, message: str, node: Node | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.node = node


class Numbering(Protocol):
    """What gives out node ids and knows their places; the parser."""

    positions: dict[int, int]

    def next_id(self, offset: int) -> int:
        """A fresh id, recorded at that offset."""
        ...


class MacroScope:
    """Makers of nodes, all placed where the macro call stands."""

    __slots__ = ("_ids", "_offset")

    accumulator = ACCUMULATOR

    def __init__(self, ids: Numbering, offset: int) -> None:
        self._ids = ids
        self._offset = offset

    def _next(self) -> int:
        return self._ids.next_id(self._offset)

    def placed_as(self, node: Node) -> MacroScope:
        """Makers of nodes that stand where that node stands."""
        return MacroScope(self._ids, self._ids.positions.get(node.id, self._offset))

    def constant(self, value: Any) -> Node:
        """A literal."""
        return Constant(self._next(), value)

    def ident(self, name: str) -> Node:
        """A name."""
        return Ident(self._next(), name)

    def accu(self) -> Node:
        """The accumulator of the loop."""
        return Ident(self._next(), ACCUMULATOR)

    def select(self, operand: Node, field: str, test_only: bool = False) -> Node:
        """`operand.field`."""
        return Select(self._next(), operand, field, test_only)

    def call(self, function: str, *args: Node) -> Node:
        """A global call or operator."""
        return Call(self._next(), function, None, list(args))

    def member(self, function: str, target: Node, *args: Node) -> Node:
        """A call of a member function."""
        return Call(self._next(), function, target, list(args))

    def list(self, *elements: Node) -> Node:
        """A list literal."""
        return ListExpr(self._next(), list(elements))

    def map(self, entries: Sequence[tuple[Node, Node]] = ()) -> Node:
        """A map literal."""
        identity = self._next()
        return MapExpr(identity, [Entry(self._next(), key, value) for key, value in entries])

    def fold(
        self,
        iter_range: Node,
        names: tuple[str, str],
        accu_var: str,
        parts: tuple[Node, Node, Node, Node],
    ) -> Node:
        """A comprehension: `names` the variables, `parts` the accumulator's start, the condition, step and result."""
        init, condition, step, result = parts
        return Comprehension(self._next(), iter_range, names[0], names[1], accu_var, init, condition, step, result)
