"""How the libraries declare their functions: signatures that become overloads with their run-time price.

Every `library_*` module builds its `Function`s with these; the environment gets finished `Library` objects. Prices are
`cost_runtime`'s.
"""

from __future__ import annotations

from dataclasses import replace

from orlop.cel.cost_runtime import cost_of
from orlop.cel.functions import Call, Function, Overload
from orlop.cel.types import Type


def member(id_: str, args: tuple[Type, ...], result: Type, call: Call) -> Overload:
    """`receiver.function(...)`; the receiver is the first of `args`."""
    return Overload(id_, args, result, True, call)


def plain(id_: str, args: tuple[Type, ...], result: Type, call: Call) -> Overload:
    """`function(...)`."""
    return Overload(id_, args, result, False, call)


def function(name: str, *overloads: Overload) -> Function:
    """A function with its overloads, each given its run-time price."""
    return Function(name, tuple(replace(one, cost=cost_of(name, one.id)) for one in overloads))


def singleton(name: str, call: Call, *overloads: Overload) -> Function:
    """A function that does not look which overload the values fit: `call` serves them all."""
    return replace(function(name, *overloads), dispatch=call)
