"""The state of a keyspace at one revision: the newest state, seen past what changed since.

Made by `memory` and `watch_cache` for exact older lists and for continued lists, so that these never touch a
database while the event window reaches back far enough. Valid until the keyspace changes next: used and
dropped within one synchronous piece of work. Pure. Plays the part of the snapshots in apiserver
`storage/cacher/store`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from heapq import merge
from itertools import islice
from typing import NamedTuple

from orlop.storage.interface import Entry
from orlop.storage.keyspace import Keyspace


class Slice(NamedTuple):
    """Part of a range: `more` keys remain in it, `remaining` says how many."""

    entries: list[Entry]
    more: bool
    remaining: int


class Snapshot:
    """`changed`: what the keys written since held then (None: nothing); empty for the newest state."""

    __slots__ = ("_changed", "_gone", "_space")

    def __init__(self, space: Keyspace, changed: dict[str, Entry | None]) -> None:
        self._space, self._changed = space, changed
        self._gone = sorted(
            key for key, was in changed.items() if was is not None and key not in space.entries
        )
        """Keys that were there then and are not now."""

    def get(self, key: str) -> Entry | None:
        if self._changed and key in self._changed:
            return self._changed[key]
        return self._space.entries.get(key)

    def keys(self, low: str, high: str) -> Iterator[str]:
        pieces = self._space.keys.pieces(low, high)
        now = (key for piece in pieces for key in piece)
        if not self._changed:
            return now
        changed = self._changed
        then = (key for key in now if key not in changed or changed[key] is not None)
        gone = self._gone[bisect_left(self._gone, low) : bisect_left(self._gone, high)]
        return merge(then, gone)

    def entries(self, low: str, high: str) -> Iterator[Entry]:
        if not self._changed:
            find = self._space.entries.__getitem__
            for piece in self._space.keys.pieces(low, high):
                yield from map(find, piece)
            return
        for key in self.keys(low, high):
            entry = self.get(key)
            if entry is not None:
                yield entry

    def first(self, low: str, high: str) -> str:
        """The first key in the range, "" when there is none."""
        if not self._changed:
            return self._space.keys.first(low, high)
        return next(self.keys(low, high), "")

    def count(self, low: str, high: str) -> int:
        number = self._space.keys.count(low, high)
        for key, was in self._changed.items():
            if low <= key < high:
                number += (was is not None) - (key in self._space.entries)
        return number

    def changed_keys(self) -> list[str]:
        return list(self._changed)

    def take(self, low: str, high: str, limit: int) -> Slice:
        """At most `limit` entries (0: all) of a range."""
        if not limit:
            return Slice(list(self.entries(low, high)), False, 0)
        found = list(islice(self.entries(low, high), limit))
        if len(found) < limit:
            return Slice(found, False, 0)
        remaining = self.count(found[-1].key + "\0", high)
        return Slice(found, remaining > 0, remaining)
