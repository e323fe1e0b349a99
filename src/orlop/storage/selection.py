"""LIST: the entries of a snapshot that a predicate wants, a page at a time.

Called by `watch_cache`; looks at as few keys as the predicate allows: one key, one name in each namespace,
the keys of an index, or a range. Says what is left as kube-apiserver does: `more` counts keys that the
selectors would refuse (apiserver `storage/cacher/cacher.go` GetList), `remaining` is counted only without
selectors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orlop.storage.interface import Entry, Page, Revision
from orlop.storage.label_index import AttributesOfEntry, Indexes
from orlop.storage.predicate import Predicate, Range, Scope
from orlop.storage.snapshot import Snapshot


class Selection:
    """How one resource is listed. `indexes` are over the live keyspace; None for snapshots of something else."""

    __slots__ = ("_attributes", "_indexes", "_scope")

    def __init__(self, scope: Scope, indexes: Indexes | None, attributes: AttributesOfEntry) -> None:
        self._scope, self._indexes, self._attributes = scope, indexes, attributes

    def page(
        self, snapshot: Snapshot, predicate: Predicate, shown: Revision, start: str = "", limit: int = 0
    ) -> Page:
        low, high, only = predicate.range(self._scope)
        low = max(low, start)
        if not predicate.has_selectors and not predicate.name:
            part = snapshot.take(low, high, limit)
            return Page(part.entries, shown, part.more, part.remaining)
        keys = [only] if only else self._keys(snapshot, predicate, Range(low, high))
        entries = self.filter((snapshot.get(key) for key in keys if low <= key < high), predicate)
        if not limit:
            return Page(list(entries), shown)
        found = _first(entries, limit)
        more = len(found) == limit and bool(snapshot.first(found[-1].key + "\0", high))
        return Page(found, shown, more, -1 if more else 0)

    def _keys(self, snapshot: Snapshot, predicate: Predicate, within: Range) -> Iterable[str]:
        """Keys among which are all that match, in order."""
        if predicate.name:
            return self._one_name(snapshot, predicate.name, within)
        candidates = self._indexes.candidates(predicate) if self._indexes is not None else None
        if candidates is None:
            return snapshot.keys(within.low, within.high)
        return sorted({*candidates, *snapshot.changed_keys()})

    def _one_name(self, snapshot: Snapshot, name: str, within: Range) -> Iterator[str]:
        """The key of that name in each namespace; skips from namespace to namespace."""
        prefix = self._scope.prefix
        key = snapshot.first(within.low, within.high)
        while key:
            parent = f"{prefix}{self._scope.split(key)[0]}/"
            yield parent + name
            key = snapshot.first(parent[:-1] + "0", within.high)  # "0" follows "/"

    def filter(self, entries: Iterable[Entry | None], predicate: Predicate) -> Iterator[Entry]:
        needs_attributes, attributes, scope = predicate.needs_attributes, self._attributes, self._scope
        for entry in entries:
            if entry is None:
                continue
            if needs_attributes and entry.attributes is None:
                attributes(entry)
            if predicate.matches(entry, scope):
                yield entry


def _first(entries: Iterator[Entry], limit: int) -> list[Entry]:
    found = []
    for entry in entries:
        found.append(entry)
        if len(found) == limit:
            break
    return found
