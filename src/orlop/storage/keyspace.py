"""Entries by key, and their keys in byte order, in pieces.

Held by `memory` (all keys) and `watch_cache` (one resource). One order for all: full keys compare as etcd
compares them, so that "a-b/x" comes before "a/x" ("-" is less than "/"), and a namespace is a range of keys.
Pure.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, pairwise
from typing import Final

from orlop.storage.interface import Entry

_CHUNK: Final = 512
"""Keys per piece after a split; a piece is split at twice as many. Inserting moves at most one piece."""


def after(prefix: str) -> str:
    """The first key behind all that start with `prefix` (of code points, whose order is that of UTF-8
    bytes)."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


class SortedKeys:
    """A sorted set of strings: a list of sorted lists and the last string of each."""

    __slots__ = ("_chunks", "_lasts", "_length")

    def __init__(self, keys: Iterable[str] = ()) -> None:
        ordered = sorted(keys)
        self._chunks = [ordered[i : i + _CHUNK] for i in range(0, len(ordered), _CHUNK)]
        self._lasts = [chunk[-1] for chunk in self._chunks]
        self._length = len(ordered)

    def __len__(self) -> int:
        return self._length

    def extend(self, ordered: list[str]) -> None:
        """Add keys in order, all of them behind those that are there."""
        assert not ordered or not self._lasts or ordered[0] > self._lasts[-1]
        for start in range(0, len(ordered), _CHUNK):
            chunk = ordered[start : start + _CHUNK]
            self._chunks.append(chunk)
            self._lasts.append(chunk[-1])
        self._length += len(ordered)

    def add(self, key: str) -> None:
        """Add a key that is not there."""
        self._length += 1
        if not self._chunks:
            self._chunks, self._lasts = [[key]], [key]
            return
        at = bisect_left(self._lasts, key)
        if at == len(self._chunks):
            at -= 1
            self._lasts[at] = key
        chunk = self._chunks[at]
        insort(chunk, key)
        if len(chunk) >= 2 * _CHUNK:
            self._chunks[at : at + 1] = [chunk[:_CHUNK], chunk[_CHUNK:]]
            self._lasts.insert(at, chunk[_CHUNK - 1])

    def remove(self, key: str) -> None:
        """Remove a key that is there."""
        at = bisect_left(self._lasts, key)
        chunk = self._chunks[at]
        del chunk[bisect_left(chunk, key)]
        self._length -= 1
        if not chunk:
            del self._chunks[at], self._lasts[at]
        else:
            self._lasts[at] = chunk[-1]

    def _find(self, key: str) -> tuple[int, int]:
        """The position of the first key not below `key`."""
        at = bisect_left(self._lasts, key)
        return at, bisect_left(self._chunks[at], key) if at < len(self._chunks) else 0

    def pieces(self, low: str, high: str) -> Iterator[list[str]]:
        """The keys from `low` (inclusive) to `high` (exclusive), in order, in lists."""
        at, offset = self._find(low)
        end, stop = self._find(high)
        while at < end:
            yield self._chunks[at][offset:] if offset else self._chunks[at]
            at, offset = at + 1, 0
        if at == end < len(self._chunks) and offset < stop:
            yield self._chunks[at][offset:stop]

    def run(self, low: str, high: str, most: int) -> list[str]:
        """The first keys of a range, at most so many."""
        return list(islice(chain.from_iterable(self.pieces(low, high)), most))

    def first(self, low: str, high: str) -> str:
        """The first key from `low` on that is below `high`; "" when there is none."""
        at, offset = self._find(low)
        key = self._chunks[at][offset] if at < len(self._chunks) else ""
        return key if key < high else ""

    def count(self, low: str, high: str) -> int:
        if low >= high:
            return 0
        at, offset = self._find(low)
        end, stop = self._find(high)
        return sum(map(len, self._chunks[at:end])) + stop - offset

    def check_invariants(self) -> None:
        flat = [key for chunk in self._chunks for key in chunk]
        assert len(flat) == self._length
        assert all(a < b for a, b in pairwise(flat))
        assert [chunk[-1] for chunk in self._chunks] == self._lasts
        assert all(len(chunk) < 2 * _CHUNK for chunk in self._chunks)


class Keyspace:
    """The newest entry of each key."""

    __slots__ = ("entries", "keys")

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.entries: dict[str, Entry] = {entry.key: entry for entry in entries}
        self.keys = SortedKeys(self.entries)

    def extend(self, entries: Sequence[Entry]) -> None:
        """Take up entries in order of key, all of them behind those that are there."""
        ordered = [entry.key for entry in entries]
        self.keys.extend(ordered)
        self.entries.update(zip(ordered, entries, strict=True))

    def __len__(self) -> int:
        return len(self.entries)

    def put(self, entry: Entry) -> None:
        key = entry.key
        if key not in self.entries:
            self.keys.add(key)
        self.entries[key] = entry

    def remove(self, key: str) -> None:
        del self.entries[key]
        self.keys.remove(key)

    def check_invariants(self) -> None:
        self.keys.check_invariants()
        assert len(self.keys) == len(self.entries)
        for key, entry in self.entries.items():
            assert entry.key == key
            assert self.keys.first(key, key + "\0") == key
            assert entry.body.startswith(b'{"metadata":{"resourceVersion":"%d",' % entry.revision), entry
