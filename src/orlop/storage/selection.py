"""LIST: the entries of a snapshot that a predicate wants, a page at a time.

Called by `watch_cache`; looks at as few keys as the predicate allows: one key, one name in each namespace,
the keys of an index, or a range. What would take too long for one turn of the loop (`is_long`) is read in
`Slices`. Says what is left as kube-apiserver does: `more` counts keys that the selectors would refuse (apiserver
`storage/cacher/cacher.go` GetList), `remaining` is counted only without selectors.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from typing import TypeAlias

from orlop.storage.frozen import Frozen
from orlop.storage.interface import Entry, Page, Revision
from orlop.storage.keyspace import Keyspace
from orlop.storage.label_index import AttributesOfEntry, Indexes
from orlop.storage.limits import DECODE_SLICE, JUDGE_SLICE, KEY_SLICE
from orlop.storage.predicate import Predicate, Range, Scope
from orlop.storage.snapshot import Snapshot

Sets: TypeAlias = list[Collection[str]]


class Selection:
    """How one resource is listed. `indexes` are over the live keyspace; None for snapshots of something else."""

    __slots__ = ("_indexes", "_scope", "attributes")

    def __init__(self, scope: Scope, indexes: Indexes | None, attributes: AttributesOfEntry) -> None:
        self._scope, self._indexes, self.attributes = scope, indexes, attributes

    def is_long(self, space: Keyspace, predicate: Predicate, start: str = "", limit: int = 0) -> bool:
        """Whether a page would look at more keys than one turn of the loop should."""
        return self._outlook(space, predicate, start, limit)[0]

    def _outlook(self, space: Keyspace, predicate: Predicate, start: str, limit: int) -> tuple[bool, Sets | None]:
        """Whether it is long, and the sets of keys that an index offers."""
        if predicate.name:
            return False, None
        if not predicate.needs_attributes:
            if len(space) <= KEY_SLICE or (0 < limit <= KEY_SLICE and not predicate.has_selectors):
                return False, None
            low, high, _ = predicate.range(self._scope)
            return space.keys.count(max(low, start), high) > KEY_SLICE, None
        sets = self._indexes.narrowest(predicate) if self._indexes is not None else None
        if sets is not None:
            return sum(map(len, sets)) > KEY_SLICE, sets
        if len(space) <= DECODE_SLICE:
            return False, None
        low, high, _ = predicate.range(self._scope)
        if space.keys.count(max(low, start), high) <= DECODE_SLICE:
            return False, None
        if self._indexes is not None:
            self._indexes.demand(predicate)
        return True, None

    def page(
        self, snapshot: Snapshot, predicate: Predicate, shown: Revision, start: str = "", limit: int = 0
    ) -> Page:
        """However long it takes."""
        sets = self._indexes.narrowest(predicate) if self._indexes is not None and predicate.needs_attributes else None
        return self._page(snapshot, predicate, shown, start, limit, sets)

    def short_page(
        self, space: Keyspace, snapshot: Snapshot, predicate: Predicate, shown: Revision, start: str, limit: int
    ) -> Page | None:
        """None for what is long. `snapshot` is of `space`."""
        long, sets = self._outlook(space, predicate, start, limit)
        return None if long else self._page(snapshot, predicate, shown, start, limit, sets)

    def _page(
        self, snapshot: Snapshot, predicate: Predicate, shown: Revision, start: str, limit: int, sets: Sets | None
    ) -> Page:
        low, high, only = predicate.range(self._scope)
        low = max(low, start)
        if not predicate.has_selectors and not predicate.name:
            part = snapshot.take(low, high, limit)
            return Page(part.entries, shown, part.more, part.remaining)
        within = Range(low, high)
        keys = [only] if only else self._keys(snapshot, predicate, within, sets)
        entries = self._matching(snapshot, keys, within, predicate)
        if not limit:
            return Page(list(entries), shown)
        found = list(islice(entries, limit))
        more = len(found) == limit and bool(snapshot.first(found[-1].key + "\0", high))
        return Page(found, shown, more, -1 if more else 0)

    def _keys(self, snapshot: Snapshot, predicate: Predicate, within: Range, sets: Sets | None) -> Iterable[str]:
        """Keys among which are all that match, in order."""
        if predicate.name:
            return self._one_name(snapshot, predicate.name, within)
        if sets is None:
            return snapshot.keys(within.low, within.high)
        changed = snapshot.changed_keys()
        return sorted(sets[0] if len(sets) == 1 and not changed else set().union(*sets, changed))

    def _one_name(self, snapshot: Snapshot, name: str, within: Range) -> Iterator[str]:
        """The key of that name in each namespace; skips from namespace to namespace."""
        prefix = self._scope.prefix
        key = snapshot.first(within.low, within.high)
        while key:
            parent = f"{prefix}{self._scope.split(key)[0]}/"
            yield parent + name
            key = snapshot.first(parent[:-1] + "0", within.high)  # "0" follows "/"

    def _matching(
        self, snapshot: Snapshot, keys: Iterable[str], within: Range, predicate: Predicate
    ) -> Iterator[Entry]:
        low, high, _ = within
        needs_attributes, attributes, scope = predicate.needs_attributes, self.attributes, self._scope
        get, matches = snapshot.get, predicate.matches
        for key in keys:
            if not low <= key < high:
                continue
            entry = get(key)
            if entry is None:
                continue
            if needs_attributes and entry.attributes is None:
                attributes(entry)
            if matches(entry, scope):
                yield entry

    def candidates(self, predicate: Predicate) -> Sets | None:
        """Sets of keys among which are all live ones that match; None: all keys may."""
        return self._indexes.narrowest(predicate) if self._indexes is not None else None


class Slices:
    """The entries of a frozen state that a predicate wants, in order, one turn of the loop's worth with each call of
    `turn`. `revision` is the state's. Close it, finished or not."""

    __slots__ = ("_close", "_frozen", "_high", "_low", "_predicate", "_scope", "_selection", "finished", "revision")

    def __init__(self, selection: Selection, scope: Scope, frozen: Frozen, predicate: Predicate, revision: Revision,
                 start: str, close: Callable[[Frozen], None]) -> None:  # fmt: skip
        self._selection, self._scope, self._frozen, self._predicate = selection, scope, frozen, predicate
        self.revision, self._close = revision, close
        low, self._high, _ = predicate.range(scope)
        self._low = max(low, start)
        self.finished = self._low >= self._high

    def close(self) -> None:
        self.finished = True
        self._close(self._frozen)

    def turn(self, limit: int = 0) -> list[Entry]:
        """The next entries, perhaps none; at most `limit`, if that is given. At most KEY_SLICE keys are looked at,
        JUDGE_SLICE entries judged and DECODE_SLICE decoded."""
        snapshot = self._frozen.snapshot()
        if self._predicate.has_selectors or self._predicate.name:
            found = self._judged(snapshot, limit)
        else:
            part = snapshot.take(self._low, self._high, min(limit or KEY_SLICE, KEY_SLICE))
            found = part.entries
            self._pass(found[-1].key + "\0" if part.more else self._high)
        if self.finished:
            self.close()
        return found

    def _pass(self, key: str) -> None:
        self._low = self._frozen.passed = key
        self.finished = key >= self._high

    def rest(self) -> tuple[bool, int]:
        """Whether there are keys not looked at, and how many."""
        number = self._frozen.snapshot().count(self._low, self._high) if self._low < self._high else 0
        return number > 0, number

    def _judged(self, snapshot: Snapshot, limit: int) -> list[Entry]:
        predicate, scope, attributes = self._predicate, self._scope, self._selection.attributes
        sets = self._selection.candidates(predicate)
        few = sets is not None and sum(map(len, sets)) * KEY_SLICE < self._frozen.size * JUDGE_SLICE
        most = KEY_SLICE if few else JUDGE_SLICE
        keys = list(islice(snapshot.keys(self._low, self._high), most))
        found: list[Entry] = []
        decoded = judged = 0
        for key in _among(keys, sets, snapshot):
            if judged == JUDGE_SLICE or decoded == DECODE_SLICE:
                self._pass(key)
                return found
            entry = snapshot.get(key)
            if entry is None:
                continue
            judged += 1
            if predicate.needs_attributes and entry.attributes is None:
                decoded += 1
                attributes(entry)
            if predicate.matches(entry, scope):
                found.append(entry)
                if len(found) == limit:
                    self._pass(key + "\0")
                    return found
        self._pass(keys[-1] + "\0" if len(keys) == most else self._high)
        return found


def _among(keys: list[str], sets: Sets | None, snapshot: Snapshot) -> Iterable[str]:
    """Those of `keys` that an index names, or that were written since it did."""
    if sets is None:
        return keys
    here = set(keys)
    wanted = here.intersection(snapshot.changed_keys()).union(*(here.intersection(one) for one in sets))
    return [key for key in keys if key in wanted]
