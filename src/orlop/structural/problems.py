"""What a schema finds wrong with a value, before it becomes field errors.

`validation` collects problems in a `Result`, which counts what matched: of several alternatives the one that matched
most tells its problems. `field_errors` makes of them what clients see. Behaviour: kube-openapi
`pkg/validation/validate/result.go` and `pkg/validation/errors`, apiextensions-apiserver
`pkg/apiserver/validation/validation.go` (kubeOpenAPIResultToFieldErrors).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from orlop.api.field import (
    FieldError,
    Path,
    invalid,
    not_supported,
    quote,
    required,
    too_long,
    too_many,
    type_invalid,
)
from orlop.api.gotext import json_text
from orlop.api.tree import Value
from orlop.structural.numbers import shown

Make: TypeAlias = "Callable[[Path, Problem], FieldError]"


class Problem(NamedTuple):
    """`message` is what it is told apart by. `name` is the place; None where upstream's error has none. `bound` is
    what the value should have kept to."""

    message: str
    make: Make
    name: str | None = None
    value: Value = None
    bound: int = 0
    allowed: tuple[Value, ...] = ()


class Result:
    """Problems without repeats, in order, and the count of checks that were passed."""

    __slots__ = ("count", "problems")

    def __init__(self, *problems: Problem, count: int = 0) -> None:
        self.problems: dict[str, Problem] = {problem.message: problem for problem in problems}
        self.count = count

    @property
    def valid(self) -> bool:
        return not self.problems

    def add(self, problem: Problem) -> None:
        self.problems.setdefault(problem.message, problem)

    def merge(self, other: Result | None) -> None:
        if other is not None:
            for problem in other.problems.values():
                self.add(problem)
            self.count += other.count


def field_errors(result: Result, base: Path) -> list[FieldError]:
    """The problems as clients see them; places are below `base`."""
    return [problem.make(_place(base, problem.name), problem) for problem in result.problems.values()]


def _place(base: Path, name: str | None) -> Path:
    return base if name is None or name in ("", ".") else base.child(name.removeprefix("."))


def as_invalid(place: Path, problem: Problem) -> FieldError:
    """An Invalid with the problem's message."""
    value = "" if problem.value is None else shown(problem.value)
    return invalid(place, value, problem.message)


def _type_invalid(place: Path, problem: Problem) -> FieldError:
    return type_invalid(place, problem.value, problem.message)


def _required(place: Path, problem: Problem) -> FieldError:
    return required(place)


def _not_supported(place: Path, problem: Problem) -> FieldError:
    allowed = [value if isinstance(value, str) else json_text(value) for value in problem.allowed]
    return not_supported(place, shown(problem.value), allowed)


def _too_long(place: Path, problem: Problem) -> FieldError:
    return too_long(place, problem.bound)


def _too_many(place: Path, problem: Problem) -> FieldError:
    return too_many(place, problem.value, problem.bound)


def plain(message: str) -> Problem:
    """An error that upstream tells of no place."""
    return Problem(message, as_invalid)


def bad(name: str, value: Value, rule: str) -> Problem:
    """`rule` follows "NAME in body "."""
    return Problem(f"{name} in body {rule}", as_invalid, name, value)


def wrong_type(name: str, wanted: str, found: str) -> Problem:
    """`found` must come quoted in the message; it is a kind of value or a text that does not fit its format."""
    return Problem(f"{name} in body must be of type {wanted}: {quote(found)}", _type_invalid, name, found)


def missing(name: str) -> Problem:
    return Problem(f"{name} in body is required", _required, name)


def not_in_enum(name: str, value: Value, allowed: tuple[Value, ...]) -> Problem:
    return Problem(f"{name} in body should be one of {allowed}", _not_supported, name, value, 0, allowed)


def long_text(name: str, value: str, most: int) -> Problem:
    return Problem(f"{name} in body should be at most {most} chars long", _too_long, name, value, most)


def many(name: str, size: int, most: int, noun: str) -> Problem:
    return Problem(f"{name} in body should have at most {most} {noun}", _too_many, name, size, most)
