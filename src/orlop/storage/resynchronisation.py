"""What happened while nobody listened: the difference between two states of a keyspace, as events.

Used by `watch_cache` after its storage broke its watch off: those who follow for ever are told what a watch would have
brought them in the end. The same as a client's reflector works out when it lists again (client-go
`tools/cache/delta_fifo.go` Replace). Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge

from orlop.storage.interface import ADDED, DELETED, MODIFIED, Entry, Event, Revision, restamp
from orlop.storage.keyspace import Keyspace
from orlop.storage.limits import KEY_SLICE

_END = chr(0x10FFFF)


def differences(old: Keyspace, new: Keyspace, revision: Revision) -> Iterator[list[Event]]:
    """The events from `old` to `new` in order of key, in runs that look at a bounded number of keys. Entries that are
    new carry their own revisions; what is gone carries `revision`, that of the new state."""
    low = ""
    while low != _END:
        first, second = (space.keys.run(low, _END, KEY_SLICE) for space in (old, new))
        ends = [keys[-1] for keys in (first, second) if len(keys) == KEY_SLICE]
        last = min(ends, default=_END)
        keys = dict.fromkeys(key for key in merge(first, second) if key <= last)
        low = last + "\0" if ends else _END
        yield [event for key in keys if (event := _event(old.entries.get(key), new.entries.get(key), revision))]


def _event(before: Entry | None, now: Entry | None, revision: Revision) -> Event | None:
    if now is None:
        assert before is not None
        last = Entry(before.key, revision, restamp(before.body, revision), before.attributes)
        return Event(DELETED, last, before)
    if before is None:
        return Event(ADDED, now, None)
    return Event(MODIFIED, now, before) if now.revision != before.revision else None
