"""The Accept header: its clauses, and the order in which they are preferred.

`negotiation` (resources) and `endpoints.accept` (documents) choose among them, each by its own rules. Behaviour:
munnerz/goautoneg, which upstream reads the header with.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

REMEMBERED: Final = 1024
"""Headers whose reading is kept; the least recently used goes first. Clients send a handful of them."""


class Clause(NamedTuple):
    """One alternative of an Accept header."""

    type: str
    subtype: str
    parameters: dict[str, str]
    quality: float

    def matches(self, media_type: str) -> bool:
        kind, _, subtype = media_type.partition("/")
        if self.type == "*":
            return self.subtype == "*"
        return self.type == kind and self.subtype in ("*", subtype)

    def precedes(self, other: Clause) -> bool:
        """With goautoneg's quirk that naming a type outweighs a lower quality."""
        return (self.quality > other.quality or (self.type != "*" and other.type == "*")
                or (self.subtype != "*" and other.subtype == "*"))


@lru_cache(maxsize=REMEMBERED)
def parse(header: str) -> tuple[Clause, ...]:
    """The clauses, the preferred first; what is not of the form type/subtype is left out. Sorted by insertion, as
    upstream: its order is not a total one."""
    found: list[Clause] = []
    for part in header.split(","):
        clause = _clause(part.strip(" "))
        if clause is None:
            continue
        place = len(found)
        while place and clause.precedes(found[place - 1]):
            place -= 1
        found.insert(place, clause)
    return tuple(found)


def _clause(part: str) -> Clause | None:
    head, *rest = part.split(";")
    kind, _, subtype = head.partition("/")
    kind, subtype = kind.strip(" "), subtype.strip(" ")
    if "/" in subtype or (not subtype and kind != "*"):
        return None
    parameters: dict[str, str] = {}
    quality = 1.0
    for piece in rest:
        name, _, value = piece.partition("=")
        if not value or "=" in value:
            continue
        if name.strip(" ") == "q":
            quality = _quality(value)
        else:
            parameters[name.strip(" ")] = value.strip(" ")
    return Clause(kind, subtype or "*", parameters, quality)


def _quality(text: str) -> float:
    try:
        return float(text) if text.strip() == text else 0.0
    except ValueError:
        return 0.0
