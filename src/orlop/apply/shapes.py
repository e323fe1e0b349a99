"""What is remembered of field sets by the shape of the values they were made for.

Most objects of a kind have the same members in the same places, hence the same field set. `members` and `items` keep
the set of a shape here: the names on one level and, for what lies below, the identity of the sets found there. A
remembered set holds the sets below it, so that an identity in a shape cannot come to mean something else. `ownership`
and `tracking` remember what came of whole values.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

SHAPES: Final = 128
"""Shapes remembered per place in a kind; at the limit all of that place are forgotten."""
LARGE: Final = 64
"""An object or list with more members than this is not remembered."""

Made = TypeVar("Made")


TEXTS: Final = 32
"""Whole values whose outcome is remembered by their text, per room and purpose; at the limit all are forgotten."""
LONG: Final = 16 * 1024
"""A value with a longer text is not remembered."""


class Texts(Generic[Made]):
    """What came of whole values, by their JSON: of the spec of one template, or a configuration applied again."""

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known: dict[bytes, Made] = {}

    def keep(self, text: bytes, made: Made) -> Made:
        """Remember what was made of a text, and give it back."""
        if len(text) <= LONG:
            if len(self.known) >= TEXTS:
                self.known.clear()
            self.known[text] = made
        return made


class Shapes(Generic[Made]):
    """The memory of one place."""

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known: dict[Hashable, Made] = {}

    def keep(self, shape: Hashable, size: int, made: Made) -> Made:
        """Remember what was made for a shape of so many members, and give it back."""
        if size <= LARGE:
            if len(self.known) >= SHAPES:
                self.known.clear()
            self.known[shape] = made
        return made
