"""Memory of parts of objects that were found right, so that the same part is not looked at again.

Used by rules that many objects with equal parts pass through: the pods of one Deployment have the same containers.
Keys are the part's JSON with whatever else its rules look at; only parts without any fault are remembered.
"""

from __future__ import annotations

from collections.abc import Hashable


class KnownGood:
    """At most `limit` keys; a full memory is emptied, as what is in use comes back at once."""

    __slots__ = ("_known", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: set[Hashable] = set()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._known

    def __len__(self) -> int:
        return len(self._known)

    def add(self, key: Hashable) -> None:
        if len(self._known) >= self._limit:
            self._known.clear()
        self._known.add(key)
