"""The guarantees of a watch, each checked by one function, against the log of all writes.

In etcd's words (etcd-io/website, "KV API guarantees"), as its robustness tests name them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from orlop.storage.interface import ADDED, DELETED, Event


class Told(NamedTuple):
    """One event as a watcher was told it."""

    type: str
    key: str
    revision: int
    body: bytes


def told(events: Sequence[Event]) -> list[Told]:
    return [Told(event.type, event.entry.key, event.revision, event.entry.body) for event in events]


def ordered(events: Sequence[Told]) -> None:
    """Events are ordered by revision: none is handed out after one that is newer."""
    revisions = [event.revision for event in events]
    assert revisions == sorted(revisions)


def unique(events: Sequence[Told]) -> None:
    """No event is handed out twice: every revision is one write of one key."""
    assert len({event.revision for event in events}) == len(events)


def reliable(events: Sequence[Told], written: Sequence[Told], since: int, until: int) -> None:
    """No event is left out: whoever saw a revision saw every write before it."""
    assert list(events) == [one for one in written if since < one.revision <= until]


def resumable(before: Sequence[Told], after: Sequence[Told], written: Sequence[Told], since: int) -> None:
    """A broken watch goes on where it was: from the last revision seen, without gap or double."""
    until = written[-1].revision if written else since
    reliable([*before, *after], written, since, until)


def bookmarkable(events: Sequence[Told], bookmark: int, told_before: int, written: Sequence[Told]) -> None:
    """A bookmark at a revision means that everything up to it was handed out: `told_before` events."""
    assert told_before == sum(one.revision <= bookmark for one in written)
    assert all(event.revision <= bookmark for event in events[:told_before])


def makes_sense(written: Sequence[Told], start: int, dense: bool) -> None:
    """The log itself: in one sequence (without holes where nobody else writes), and each event possible after those
    before it."""
    revisions = [one.revision for one in written]
    assert all(a < b for a, b in pairwise([start, *revisions]))
    assert not dense or revisions == list(range(start + 1, start + 1 + len(written)))
    there: set[str] = set()
    for one in written:
        assert (one.type == ADDED) == (one.key not in there)
        if one.type == DELETED:
            there.remove(one.key)
        else:
            there.add(one.key)
