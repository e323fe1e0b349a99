"""A storage's whole state as a value, and the way back to it.

`server.snapshots` takes a `State` of a running server and brings a server back to it; `memory` starts from one. The way
back is the difference between now and then, made of ordinary writes with new revisions: objects that are as they were
keep their revision, and watchers see what differs and nothing else. `memory` and `sqlite` make these writes in one
piece (`Restorable`); any other backend gets them one by one (`bring_back`). Entries never change, so that a state is a
dictionary of references. The planning is pure.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Final, NamedTuple, Protocol, runtime_checkable

from orlop.storage.errors import KeyNotFound
from orlop.storage.interface import (
    ADDED,
    DELETED,
    MODIFIED,
    Entry,
    Event,
    EventType,
    Revision,
    Storage,
    Write,
    restamp,
    unstamp,
)

PAGE: Final = 10_000
"""Entries read at once from a backend that cannot tell its state by itself."""
AT_ONCE: Final = 50
"""Writes under way at a time to a backend that takes them one by one."""

Entries = Mapping[str, Entry]
UidOf = Callable[[Entry], object]


@dataclass(frozen=True, slots=True)
class State:
    """All entries by key, as they were at `revision`; `expires`: when those with a time to live end, in seconds since
    1970."""

    revision: Revision
    entries: Entries = field(repr=False)
    expires: Mapping[str, float] = field(repr=False)


class Step(NamedTuple):
    """One write of a restoration: `entry` is what shall be there (None: nothing), `before` what is."""

    entry: Entry | None
    before: Entry | None
    expires: float | None = None


@runtime_checkable
class Restorable(Protocol):
    """A backend that tells its state and goes back to one in a single piece of work, between any two writes of others.
    `known`: entries that the caller has in memory, so that they need not be read. Returned is the revision at which the
    state is `state`'s."""

    async def state(self, known: Entries) -> State: ...

    async def restore(self, state: State, known: Entries, origin: bytes = b"") -> Revision: ...


def uid_of(entry: Entry) -> object:
    return entry.tree()["metadata"].get("uid")


def plan(then: State, now: Entries, expires: Mapping[str, float], uid: UidOf = uid_of) -> list[Step]:
    """From the state `now` to the one `then`. First goes what is not in it, the newest first; then comes what is, in
    the order in which it was written. An object that was deleted and made anew meanwhile is deleted and made anew:
    nobody shall see its uid change."""
    find = now.get
    gone = [Step(None, now[key]) for key in now.keys() - then.entries.keys()]
    written: list[Step] = []
    for entry in [entry for key, entry in then.entries.items() if find(key) is not entry]:
        key = entry.key
        before, ends = find(key), then.expires.get(key)
        if before is not None:
            if _same(before, entry) and expires.get(key) == ends:
                continue
            if uid(before) != uid(entry):
                gone.append(Step(None, before))
                before = None
        written.append(Step(entry, before, ends))
    gone.sort(key=lambda step: _revision(step.before), reverse=True)
    written.sort(key=lambda step: _revision(step.entry))
    return gone + written


_revision: Final[Callable[[Entry | None], Revision]] = attrgetter("revision")


def _same(one: Entry, other: Entry) -> bool:
    """Whether the contents are equal, whatever the revisions."""
    if one.revision == other.revision:
        return one.body == other.body
    return unstamp(one.body) == unstamp(other.body)


def events(steps: Sequence[Step], revision: Revision, origin: bytes) -> list[Event]:
    """The steps as events that take the revisions above `revision`."""
    made: list[Event] = []
    for step in steps:
        revision += 1
        source = step.entry or step.before
        assert source is not None
        entry = Entry(source.key, revision, restamp(source.body, revision), source.attributes)
        kind: EventType = DELETED if step.entry is None else ADDED if step.before is None else MODIFIED
        made.append(Event(kind, entry, step.before, origin))
    return made


async def capture(storage: Storage, prefixes: Sequence[str], known: Entries) -> State:
    """The state of a storage; of a backend that is not `Restorable` without what it alone knows, the times when keys
    expire, and only what is under `prefixes`."""
    if isinstance(storage, Restorable):
        return await storage.state(known)
    revision = await storage.newest()
    entries: dict[str, Entry] = {}
    for prefix in prefixes:
        start, more = "", True
        while more:
            page = await storage.list(prefix, revision=revision, start=start, limit=PAGE)
            entries |= {entry.key: entry for entry in page.entries}
            more = page.more
            start = page.entries[-1].key + "\0" if more else ""
    return State(revision, entries, {})


async def bring_back(storage: Storage, prefixes: Sequence[str], state: State, known: Entries, now: float, *,
                     origin: bytes = b"") -> Revision:
    """Bring a storage back to `state`. A backend that is not `Restorable` takes the writes one by one: others may read
    and write in between, and what they write meanwhile under keys that differ is overwritten."""
    if isinstance(storage, Restorable):
        return await storage.restore(state, known, origin)
    present = await capture(storage, prefixes, known)
    return await write(storage, plan(state, present.entries, state.expires), now, origin)


async def write(storage: Storage, steps: Sequence[Step], now: float, origin: bytes) -> Revision:
    """Make the steps of a plan ordinary writes; returns the revision reached. Raises StorageError."""
    gone = [step for step in steps if step.entry is None]
    for phase in (gone, steps[len(gone) :]):
        for start in range(0, len(phase), AT_ONCE):
            await asyncio.gather(*(_apply(storage, step, now, origin) for step in phase[start : start + AT_ONCE]))
    return await storage.newest()


async def _apply(storage: Storage, step: Step, now: float, origin: bytes) -> None:
    """Make one step an ordinary write."""
    if step.entry is None:
        assert step.before is not None
        with contextlib.suppress(KeyNotFound):  # somebody else was faster
            await storage.delete(step.before.key, origin=origin)
        return
    ttl = max(1, math.ceil(step.expires - now)) if step.expires is not None else 0
    wanted = Write(unstamp(step.entry.body), step.entry.attributes, ttl)
    await storage.guaranteed_update(step.entry.key, lambda _: wanted, origin=origin)
