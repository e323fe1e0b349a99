"""The storage contract: what every backend and the watch cache over it promise.

Called by `registry.Store` and nobody else; implemented by `memory`, `sqlite`, `etcd` and `watch_cache`.
Modelled on kube-apiserver's `storage.Interface` (apiserver `pkg/storage/interfaces.go`) with etcd's
revisions.

Promises, each tested by one function of the conformance suite:

P1  One sequence: every successful write (create, update, delete) takes the next revision of one global sequence
    that never goes back and never repeats, also across restarts and crashes. A write that changed nothing takes
    none. The sequence is dense where the storage is `exclusive`; elsewhere others take revisions too.
P2  Durable: when a write's await returns, the write survives a crash of the process (and for a persistent
    backend, of the machine). Nothing is visible to a read or a watch before that.
P3  Atomic: between the state that an update function saw and its write no other write to that key happened.
P4  Snapshot: a list shows exactly the state at one revision, which it returns.
P5  Watch: from revision R a watcher sees every event with a revision above R under its prefix, once, in
    order.
P6  All or nothing after a failure: when a commit fails, every write that was computed upon it fails too, and
    the revisions they would have taken are taken by later writes.

An answer that rests on a write not yet durable ("exists", "not found", a conflict raised by an update
function, "nothing to change") is given once that write is durable, and is CommitFailed when it never will be.
A caller that is cancelled while it waits takes nothing back: its write may still be committed.

A body is the JSON text of an object without `kind` and `apiVersion`, `metadata` first, and in it
`resourceVersion` first: `{"metadata":{"resourceVersion":"42","name":...},...}`. Writers hand bodies in
without resourceVersion (`{"metadata":{"name":...`), everything handed out carries it (see `stamp`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeAlias

import orjson

Revision: TypeAlias = int
"""A position in the one sequence of writes; 0 means "none" or "any"."""

ADDED: Final = "ADDED"
MODIFIED: Final = "MODIFIED"
DELETED: Final = "DELETED"
EventType: TypeAlias = Literal["ADDED", "MODIFIED", "DELETED"]

Labels: TypeAlias = dict[str, str]
Fields: TypeAlias = dict[str, str]

_HEAD: Final = b'{"metadata":{'
_HEAD_LENGTH: Final = len(_HEAD)


def stamp(body: bytes, revision: Revision) -> bytes:
    """`body` (without resourceVersion) carrying `revision`."""
    return b'{"metadata":{"resourceVersion":"%d",%b' % (revision, body[_HEAD_LENGTH:])


def unstamp(body: bytes) -> bytes:
    """The reverse of `stamp`."""
    return _HEAD + body[body.index(b",", _HEAD_LENGTH) + 1 :]


def restamp(body: bytes, revision: Revision) -> bytes:
    """A stamped `body` carrying another `revision`."""
    return b'{"metadata":{"resourceVersion":"%d",%b' % (revision, body[body.index(b",", _HEAD_LENGTH) + 1 :])


class Attributes(NamedTuple):
    """What selectors look at: the object's labels and its kind's selectable fields (metadata.name and
    .namespace excepted: those are in the key)."""

    labels: Labels
    fields: Fields


AttributesOf: TypeAlias = Callable[[dict[str, Any]], Attributes]
"""Computes the attributes of a decoded object; given by the registry, which knows the kind."""


class Entry:
    """One object as stored at one revision. Immutable, but for `attributes`, which is filled at the first
    need, and `memo`, where upper floors keep what they derived from this very revision (an encoded table row,
    ...)."""

    __slots__ = ("attributes", "body", "key", "memo", "revision")

    def __init__(
        self, key: str, revision: Revision, body: bytes, attributes: Attributes | None = None
    ) -> None:
        self.key, self.revision, self.body, self.attributes = key, revision, body, attributes
        self.memo: dict[Any, Any] | None = None

    def tree(self) -> dict[str, Any]:
        """The object decoded anew (with metadata.resourceVersion, without kind and apiVersion); the caller
        owns it."""
        tree: dict[str, Any] = orjson.loads(self.body)
        return tree

    def __repr__(self) -> str:
        return f"<Entry {self.key} @{self.revision}>"


class Event:
    """One write, as watchers see it. For DELETED, `entry` is the last state carrying the deletion's revision
    and `previous` the last state as it was. `previous` is None for ADDED.
    `origin`: who wrote it, in the words of the writer; empty where the storage does not know."""

    __slots__ = ("_departed", "entry", "origin", "previous", "revision", "type")

    def __init__(self, type: EventType, entry: Entry, previous: Entry | None, origin: bytes = b"") -> None:
        self.type: EventType = type
        self.entry, self.previous, self.revision, self.origin = entry, previous, entry.revision, origin
        self._departed: Entry | None = entry if type == DELETED else None

    def departed(self) -> Entry | None:
        """What a watcher is shown whose selector the object stopped matching: the previous content carrying
        this event's revision. One object for all who ask, so that it is encoded once. None when there was
        none."""
        before = self.previous
        if self._departed is None and before is not None:
            body = restamp(before.body, self.revision)
            self._departed = Entry(before.key, self.revision, body, before.attributes)
        return self._departed

    def __repr__(self) -> str:
        return f"<{self.type} {self.entry.key} @{self.revision}>"


class Write(NamedTuple):
    """What an update function wants stored. `ttl` in seconds, 0 for ever."""

    body: bytes
    attributes: Attributes | None = None
    ttl: int = 0


Update: TypeAlias = Callable[[Entry | None], "Write | Awaitable[Write | None] | None"]
"""From the newest state of a key (None: absent) to what should be there; None: leave it as it is. May be
called again when another write came between (always so after an awaitable). What it raises ends the update
and reaches the caller unchanged."""


class Unknown:
    """The type of UNKNOWN: the caller has no idea what is stored under the key."""


UNKNOWN: Final = Unknown()
Known: TypeAlias = Entry | Unknown | None
"""A caller's knowledge of the newest *committed* state of a key. Exact when it comes from the watch cache of
a storage that says `exclusive`; for others a hint that the backend must verify before it acknowledges."""


class Page(NamedTuple):
    """A list result: entries in order of key. `revision`: the state shown. `more`: entries remain beyond the
    limit; `remaining`: how many (-1: not counted)."""

    entries: Sequence[Entry]
    revision: Revision
    more: bool = False
    remaining: int = 0


class Sink(Protocol):
    """The receiving end of a watch. Called on the event loop, in order; must neither block nor raise."""

    def events(self, batch: Sequence[Event]) -> None:
        """A run of events in order of revision; events of one commit arrive in one call."""

    def progress(self, revision: Revision) -> None:
        """All events up to `revision` have been handed over. Called when asked for
        (`Subscription.progress_at`)."""

    def broken(self, error: Exception) -> None:
        """The watch ended and will say no more; watch again from the last revision seen."""


class Subscription(Protocol):
    def cancel(self) -> None:
        """End the watch; the sink is not called again. Idempotent."""

    def progress_at(self, revision: Revision) -> None:
        """Call the sink's `progress` once, as soon as every event up to `revision` has been handed over (from
        within this call, when that is so already). A revision that does not exist yet is waited for."""


class Storage(Protocol):
    """The contract. All methods are called on one event loop."""

    exclusive: bool
    """No other process writes here: what this process saw committed is what is there. Where this is False, a read
    that must not miss anybody's acknowledged write first waits for `newest`."""

    async def start(self) -> None:
        """Open; recover after a crash. Afterwards `revision` is right. Raises StorageError with a text for
        people (locked by another process, not a database, newer schema, ...)."""

    async def close(self) -> None:
        """Finish the writes accepted, then close. Later calls raise Closed."""

    @property
    def revision(self) -> Revision:
        """The newest committed revision. 1 in a fresh storage, so that no list ever shows 0."""

    @property
    def compacted(self) -> Revision:
        """Reads at revisions below this one fail; a watch from it is still legal."""

    def ready(self) -> str:
        """"" when writes can be accepted, else why not (for /readyz)."""

    async def newest(self) -> Revision:
        """A revision not older than any write that anybody was told of before this call. `revision` itself where
        the storage is exclusive. Raises ReadFailed when it cannot be learnt."""

    async def create(self, key: str, body: bytes, attributes: Attributes | None = None, *, ttl: int = 0,
                     known: Known = UNKNOWN, origin: bytes = b"") -> Entry:
        """Store a new key. `origin` is kept with the write as it is, for `history`. Raises KeyExists."""

    async def guaranteed_update(self, key: str, update: Update, *, known: Known = UNKNOWN,
                                origin: bytes = b"") -> Entry:
        """Call `update` with the newest state (also one not yet committed) and store what it returns; when it
        returns None, or the very bytes that are stored, write nothing and return the current entry.
        KeyNotFound when it returns None for an absent key. Returns after the state that it saw and the write
        are both durable.

        `update` may create an absent key.
        """

    async def delete(self, key: str, check: Callable[[Entry], None] | None = None, *,
                     known: Known = UNKNOWN, origin: bytes = b"") -> Entry:
        """Remove a key after `check(newest)` let it pass. Returns the last state carrying the deletion's
        revision. Raises KeyNotFound and whatever `check` raises."""

    async def get(self, key: str, *, revision: Revision = 0) -> Entry | None:
        """The committed state of a key, now or at an exact older revision (RevisionCompacted,
        RevisionTooLarge)."""

    async def list(self, prefix: str, *, revision: Revision = 0, start: str = "", limit: int = 0) -> Page:
        """The keys under `prefix` (ends in "/") from `start` on (a full key, inclusive), in byte order, at
        most `limit` of them (0: all), at an exact revision (0: the newest committed)."""

    async def history(self, prefix: str, since: Revision, most: int) -> Sequence[Event]:
        """The newest `most` committed events under `prefix` with revisions above `since`, in order, with
        their previous states, none newer than `revision`. Raises RevisionCompacted when `since` is below
        `compacted`."""

    async def watch(self, prefix: str, revision: Revision, sink: Sink) -> Subscription:
        """Hand every event under `prefix` above `revision` to `sink`: those already committed before this
        returns, later ones as they are committed, without gap or double. A `revision` that does not exist yet
        is legal: the watch is silent until then. Raises RevisionCompacted."""

    async def count(self, prefix: str) -> int:
        """How many keys there are under `prefix`."""

    async def compact(self, revision: Revision) -> None:
        """Forget states and events below `revision` that are not current. Idempotent; never moves backwards.
        Raises RevisionTooLarge."""

    async def tick(self) -> None:
        """Do what is due by the clock: delete expired keys (each a write like any other), compact what is
        older than five minutes. The owner calls it about once a second; every call does a bounded piece of
        work."""
