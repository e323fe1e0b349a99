"""What a function, an overload, a macro and a library of CEL are: the seam between the language and its libraries.

Libraries (`standard`, `library_*`) declare these, the environment collects them, the checker resolves overloads among
them and the compiler calls `Overload.call` with evaluated native values (see `values`). Behaviour: cel-go
common/decls and cel/library.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orlop.cel.types import Type

if TYPE_CHECKING:
    from orlop.cel.ast import Node
    from orlop.cel.macro_scope import MacroScope

Call = Callable[..., Any]
"""Gets the evaluated arguments (the receiver first), returns a native value or raises `CelError`."""

Cost = Callable[[Sequence[Any], Any], int]
"""The run-time cost of one call from its arguments (the receiver first) and its result."""

Expander = Callable[["MacroScope", "Node | None", Sequence["Node"]], "Node | None"]
"""Expands a macro call (target, arguments); None leaves the call as it stands. Raises `MacroError`."""


@dataclass(frozen=True, slots=True, eq=False)
class Overload:
    """One signature of a function; `args` begins with the receiver where `member` is set."""

    id: str
    args: tuple[Type, ...]
    result: Type
    member: bool
    call: Call
    cost: Cost | None = None  # None: the language's own rule, 1 for what it has no rule


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function or operator with its overloads, in the order cel-go declares them."""

    name: str
    overloads: tuple[Overload, ...]
    dispatch: Call | None = None  # one implementation for all overloads, by run-time values (cel-go's singletons)


@dataclass(frozen=True, slots=True, eq=False)
class Macro:
    """A call shape that is rewritten at parse time; `arguments` None takes any number."""

    name: str
    member: bool
    arguments: int | None
    expand: Expander


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """A named set of declarations. `types` are type identifiers an expression may name (`type(x) == kubernetes.URL`);
    `constants` are identifiers with a type and a value."""

    name: str
    functions: tuple[Function, ...] = ()
    macros: tuple[Macro, ...] = ()
    types: Mapping[str, Type] = field(default_factory=dict)
    constants: Mapping[str, tuple[Type, Any]] = field(default_factory=dict)
