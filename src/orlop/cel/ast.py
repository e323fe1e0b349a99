"""The abstract syntax of CEL: nodes with ids, as the parser makes them and macros rewrite them.

The parser and the macros build these, the checker records types and references by node id in `Checked`, the compiler
and the static cost estimate read both. Positions are code point offsets. Behaviour: cel-go common/ast.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from orlop.cel.types import Type


@dataclass(slots=True, eq=False)
class Constant:
    """A literal: None, bool, int, Uint, float, str or bytes."""

    id: int
    value: Any


@dataclass(slots=True, eq=False)
class Ident:
    """A name; a leading dot is kept in it. After checking, qualified names are one Ident."""

    id: int
    name: str


@dataclass(slots=True, eq=False)
class Select:
    """`operand.field`, or `has(operand.field)` where `test_only` is set."""

    id: int
    operand: Node
    field: str
    test_only: bool = False


@dataclass(slots=True, eq=False)
class Call:
    """A call: global where `target` is None. Operators carry cel-go's names: `_+_`, `_?_:_`, `_[_]`, `_?._`."""

    id: int
    function: str
    target: Node | None
    args: list[Node]


@dataclass(slots=True, eq=False)
class ListExpr:
    """`[a, ?b]`; `optional` holds the indices written with `?`."""

    id: int
    elements: list[Node]
    optional: frozenset[int] = frozenset()


@dataclass(slots=True, eq=False)
class Entry:
    """`key: value` of a map literal."""

    id: int
    key: Node
    value: Node
    optional: bool = False


@dataclass(slots=True, eq=False)
class MapExpr:
    """`{k: v, ?k: v}`."""

    id: int
    entries: list[Entry]


@dataclass(slots=True, eq=False)
class StructField:
    """`name: value` of a message literal."""

    id: int
    name: str
    value: Node
    optional: bool = False


@dataclass(slots=True, eq=False)
class StructExpr:
    """`pkg.Type{name: value}`."""

    id: int
    type_name: str
    fields: list[StructField]


@dataclass(slots=True, eq=False)
class Comprehension:
    """The fold behind every looping macro; `iter_var2` is empty for one-variable forms."""

    id: int
    iter_range: Node
    iter_var: str
    iter_var2: str
    accu_var: str
    accu_init: Node
    loop_condition: Node
    loop_step: Node
    result: Node


Node: TypeAlias = Constant | Ident | Select | Call | ListExpr | MapExpr | StructExpr | Comprehension

ACCUMULATOR = "__result__"
"""The accumulator of macros: what users may not write."""


@dataclass(slots=True, eq=False)
class Parsed:
    """A parsed expression: `positions` by node id; `macro_calls` what macros replaced, by id of the result."""

    source: str
    root: Node
    positions: dict[int, int] = field(default_factory=dict)
    macro_calls: dict[int, Node] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reference:
    """What a node resolved to: a variable (`name`), a constant (`name`, `value`, `constant`) or overloads."""

    name: str = ""
    overloads: tuple[str, ...] = ()
    value: Any = None
    constant: bool = False


@dataclass(slots=True, eq=False)
class Checked:
    """A checked expression: the parsed one with types and references by node id."""

    parsed: Parsed
    root: Node
    types: dict[int, Type]
    references: dict[int, Reference]

    @property
    def output(self) -> Type:
        """The type of the whole expression."""
        return self.types[self.root.id]
