"""Where a program keeps its variables while it runs, and what is known of their values before.

Both builds number their variables with one `Slots` each: a frame is a list, each variable and each loop variable has
its own place in it. `Flow` is a compiled expression with the declaration of the stored value it yields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from orlop.cel.types import Declared

F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a variable stands, and how its stored value is declared; None: it holds a CEL value."""

    slot: int
    declared: Declared | None = None


@dataclass(frozen=True, slots=True)
class Flow(Generic[F]):
    """A step and what it yields: a stored value of that declaration, or a CEL value where there is none."""

    step: Callable[[F], Any]
    declared: Declared | None = None


@dataclass(slots=True)
class Slots:
    """The variables in scope while compiling."""

    variables: Mapping[str, Place]
    count: int
    scopes: list[dict[str, Place]] = field(default_factory=list)

    @classmethod
    def of(cls, variables: Mapping[str, Declared | None], first: int = 0) -> Slots:
        """Places for the variables of an environment, in their order; the first of them is `first`."""
        places = {name: Place(slot, declared) for slot, (name, declared) in enumerate(variables.items(), first)}
        return cls(places, first + len(places))

    def find(self, name: str) -> Place:
        """The innermost variable of that name."""
        for scope in reversed(self.scopes):
            place = scope.get(name)
            if place is not None:
                return place
        return self.variables[name]

    def fresh(self, declared: Declared | None = None) -> Place:
        """A place no other variable has."""
        self.count += 1
        return Place(self.count - 1, declared)


def loop_declarations(declared: Declared | None, two: bool) -> tuple[Declared | None, Declared | None]:
    """How the variables of a loop over a stored value are declared."""
    if declared is None:
        return None, None
    if declared.key is not None:
        return None, declared.element
    return (None, declared.element) if two else (declared.element, None)


def field_of(declared: Declared, name: str) -> tuple[str, Declared] | None:
    """The JSON key and the declaration of a field; None where nothing is declared under that name."""
    if declared.fields is not None:
        found = declared.fields.get(name)
        return None if found is None else (found.key, found.declared)
    if declared.key is not None and declared.element is not None:
        return name, declared.element
    return None
