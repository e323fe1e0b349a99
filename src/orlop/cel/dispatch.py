"""Which overload a call means once its values are known.

Both builds of a program use this where the checker left several overloads, and the tracked one to guard the only one
left: values of dyn type may be anything. Behaviour: cel-go common/decls (Bindings, MatchesRuntimeSignature).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from orlop.cel.functions import Call, Function, Overload
from orlop.cel.types import Kind, Type
from orlop.cel.values import no_such_overload, type_of_value

CONVERSIONS: Final = frozenset(
    ("bool", "bytes", "double", "duration", "dyn", "int", "string", "timestamp", "type", "uint")
)
"""Functions whose calls on literals are made with the program."""


def fits(type_: Type, value: Any) -> bool:
    """Whether a value may be an argument of that type; of containers only the first element is looked at."""
    if type_.dynamic:
        return True
    if type_of_value(value).name != type_.name:
        return value is None and type_.nullable
    if type_.kind is Kind.LIST:
        return not value or fits(type_.parameters[0], value[0])
    if type_.kind is Kind.MAP and value:
        key = next(iter(value))
        return fits(type_.parameters[0], key) and fits(type_.parameters[1], value[key])
    return True


def all_fit(overload: Overload, args: Sequence[Any]) -> bool:
    """Whether values may be the arguments of an overload."""
    return len(overload.args) == len(args) and all(map(fits, overload.args, args))


def guarded(function: Function, overloads: Sequence[Overload]) -> Call:
    """A call that takes the first overload the values fit."""

    def call(*args: Any) -> Any:
        for overload in overloads:
            if all_fit(overload, args):
                return overload.call(*args)
        raise no_such_overload(function.name, *args)

    return call


def candidates(function: Function, chosen: Sequence[str]) -> list[Overload]:
    """The overloads the checker left; all of the function where it left several, as cel-go dispatches by name then."""
    found = [overload for overload in function.overloads if overload.id in chosen]
    return found if len(found) == 1 else list(function.overloads)


def target_of(functions: Mapping[str, Function], name: str, chosen: Sequence[str]) -> Call:
    """What a checked call of a function runs, guarded against values of other types."""
    function = functions[name]
    return function.dispatch or guarded(function, candidates(function, chosen))
