"""The programmer's functions about a kind: marks on methods, and how they are found and called.

`@validates` marks what judges an object, `@before(...)` what may change it, or refuse a write, before it is stored.
`declaration` collects them from a class; `judge` and `hooks` run them. A function takes what it names: `self` is the
new object (of a deletion the one that goes), `old` the one before, `write` says who does what.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from orlop.api.context import User
from orlop.declared.errors import DeclarationError

Event = Literal["create", "update", "delete", "status"]
EVENTS: Final = ("create", "update", "delete", "status")
_F = TypeVar("_F", bound=Callable[..., Any])
_MARK: Final = "__orlop_function__"
_TAKEN: Final = frozenset({"old", "write"})


@dataclass(frozen=True, slots=True)
class Write:
    """The write that a function is asked about. `name` is "" for a new object that is yet to get one."""

    event: Event
    name: str
    namespace: str
    user: User
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Function:
    """A marked function. `events` is empty for one that validates; `takes` are the arguments it names; `dry_run`:
    called about dry runs, too."""

    call: Callable[..., Any]
    events: frozenset[str]
    takes: frozenset[str]
    dry_run: bool = True

    def __call__(self, value: Any, old: Any, write: Write | None) -> Any:
        given = {name: old if name == "old" else write for name in self.takes}
        return self.call(value, **given)


def validates(function: _F) -> _F:
    """Mark a method that judges an object, new or changed, whichever way it is written: it raises or yields `Problem`s
    (any ValueError will do). Not asynchronous: it says whether an object is right, whatever the world is like."""
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise DeclarationError(f"{function.__name__}: a function that validates is not asynchronous; use `before`")
    return _marked(function, frozenset(), _TAKEN - {"write"})


def before(*events: Event, dry_run: bool = True) -> Callable[[_F], _F]:
    """Mark a method that is called before an object is stored or goes, asynchronous or not, whoever writes and through
    whichever room (a write of the scale is an update). It may change `self` (on create, update and status), raise
    `Refused` (403) or a `Problem` (422). One that does something in the world says `dry_run=False` or looks at
    `write.dry_run`: it is then not called about dry runs, or knows of them."""
    wrong = set(events) - set(EVENTS)
    if wrong or not events:
        raise DeclarationError(f"before(...) takes some of {', '.join(EVENTS)}")

    def mark(function: _F) -> _F:
        return _marked(function, frozenset(events), _TAKEN, dry_run)

    return mark


def _marked(function: _F, events: frozenset[str], may_take: frozenset[str], dry_run: bool = True) -> _F:
    takes = frozenset(list(inspect.signature(function).parameters)[1:])
    if takes - may_take:
        raise DeclarationError(f"{function.__name__}: takes self and {' and '.join(sorted(may_take))}, "
                               f"not {', '.join(sorted(takes - may_take))}")
    setattr(function, _MARK, Function(function, events, takes, dry_run))
    return function


def functions(cls: type[Any]) -> Iterator[Function]:
    """All marked functions of a class, in the order of their definition, those of its bases first."""
    names: dict[str, None] = {}
    for base in reversed(cls.__mro__):
        names |= dict.fromkeys(base.__dict__)
    for name in names:
        mark = getattr(inspect.getattr_static(cls, name, None), _MARK, None)
        if isinstance(mark, Function):
            yield mark
