"""What a Table row is made of: plain values, and values that depend on when the row is read.

The printers of this room make cells; the table endpoint encodes them, once per version of an object, and
fills in the `Relative` ones per request. Nothing here knows a kind.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

from orlop.api.durations import human_duration
from orlop.api.tree import Tree
from orlop.registry.times import seconds

UNKNOWN = "<unknown>"
NONE = "<none>"
UNSET = "<unset>"


class Relative:
    """A cell whose text follows the clock: `fn(now)` is the text at `now`, in seconds since the epoch."""

    __slots__ = ("fn",)

    def __init__(self, fn: Callable[[float], str]) -> None:
        self.fn = fn


Cell: TypeAlias = str | int | bool | list[Any] | Relative | None
Cells: TypeAlias = Callable[[Tree], list[Cell]]


def elapsed(since: float, now: float) -> str:
    return human_duration(now - since)


def ago(time: str | None) -> str | Relative:
    """How long ago `time` was; `<unknown>` for none, `<invalid>` for the future."""
    return Relative(partial(elapsed, seconds(time))) if time else UNKNOWN


def age(metadata: Tree) -> str | Relative:
    """The cell of an Age column."""
    return ago(metadata.get("creationTimestamp"))


def metadata_of(tree: Tree) -> Tree:
    return tree.get("metadata") or {}


def spec_of(tree: Tree) -> Tree:
    return tree.get("spec") or {}


def status_of(tree: Tree) -> Tree:
    return tree.get("status") or {}


def name_of(metadata: Tree) -> str:
    """The name; "" in the empty object that a bookmark of a Table watch carries."""
    return metadata.get("name") or ""


def quantity(value: Any) -> str:
    """A resource quantity, stored in canonical form; an absent one counts as zero."""
    return "0" if value is None else str(value)
