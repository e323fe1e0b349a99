"""Keys that expire (Events, after an hour): which are due.

Fed by `memory` and `sqlite` with every write that has a time to live; asked by their `tick`. A key written
again since is told by its revision; the backend checks that before it deletes. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from orlop.storage.interface import Entry, Revision


class Expiring(NamedTuple):
    """`key` expires at `at` if it still is at `revision`."""

    at: float
    revision: Revision
    key: str


class ExpiryQueue:
    """As long as there are keys with a time to live, and as many stale entries as they were rewritten
    meanwhile."""

    __slots__ = ("_heap",)

    def __init__(self, expiring: list[Expiring] | None = None) -> None:
        self._heap = list(expiring or ())
        heapify(self._heap)

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, at: float, revision: Revision, key: str) -> None:
        heappush(self._heap, Expiring(at, revision, key))

    def of(self, entries: Mapping[str, Entry]) -> dict[str, float]:
        """When those of `entries` expire that do."""
        return {
            one.key: one.at
            for one in self._heap
            if (entry := entries.get(one.key)) is not None and entry.revision == one.revision
        }

    def due(self, now: float, most: int) -> list[Expiring]:
        """Take out at most `most` that are due, the earliest first."""
        found: list[Expiring] = []
        while self._heap and self._heap[0].at <= now and len(found) < most:
            found.append(heappop(self._heap))
        return found
