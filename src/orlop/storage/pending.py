"""Writes accepted and not yet committed: the newest state of each key, and which revision comes next.

Owned by `sqlite`. A write is computed upon the newest accepted state, long before that is on disk; this is
where that state is found, where the order of commit is kept, and what is thrown away when a commit fails.
Pure but for the futures that it carries.
"""

from __future__ import annotations

from asyncio import Future

from orlop.storage.errors import CommitFailed, Overloaded
from orlop.storage.interface import DELETED, Entry, Event, Revision
from orlop.storage.limits import EVENT_OVERHEAD, PENDING_BYTES, PENDING_WRITES


class Accepted:
    """One write on its way to the disk. `state`: what it leaves under the key. `base`: the committed state
    that the first waiting write of the key was computed upon. `followers` wait for it without having
    written. `joined`: the next write is committed together with it."""

    __slots__ = ("base", "event", "expires", "followers", "future", "joined", "key", "revision", "size", "state")

    def __init__(self, event: Event, expires: float | None, future: Future[None], base: Entry | None) -> None:
        self.event, self.expires, self.future, self.base = event, expires, future, base
        self.key, self.revision = event.entry.key, event.revision
        self.state = None if event.type == DELETED else event.entry
        self.size = len(event.entry.body) + EVENT_OVERHEAD
        self.followers: list[Future[None]] | None = None
        self.joined = False

    def settle(self, failure: str = "") -> None:
        """Tell all who wait that it is committed, or why it never will be."""
        for future in (self.future, *self.followers) if self.followers else (self.future,):
            if future.done():  # its caller went away
                continue
            if failure:
                future.set_exception(CommitFailed(failure))
            else:
                future.set_result(None)


class Pending:
    """`epoch` changes whenever accepted writes are thrown away, so that their revisions mean something
    else."""

    __slots__ = ("_bytes", "_in_flight", "_newest", "_waiting", "epoch", "next_revision")

    def __init__(self, revision: Revision) -> None:
        self.next_revision = revision + 1
        self.epoch = 0
        self._newest: dict[str, Accepted] = {}
        self._waiting: list[Accepted] = []
        self._in_flight: list[Accepted] = []
        self._bytes = 0

    @property
    def waiting(self) -> int:
        """How many wait for the next commit."""
        return len(self._waiting)

    @property
    def outstanding(self) -> int:
        """How many are accepted and not settled."""
        return len(self._waiting) + len(self._in_flight)

    def newest(self, key: str) -> Accepted | None:
        """The newest accepted write of a key; None: what is committed is the newest."""
        return self._newest.get(key)

    def overlay(self, entries: dict[str, Entry], expires: dict[str, float]) -> None:
        """Make a committed state, and when its keys expire, the newest accepted one."""
        for key, write in self._newest.items():
            expires.pop(key, None)
            if write.state is None:
                entries.pop(key, None)
                continue
            entries[key] = write.state
            if write.expires is not None:
                expires[key] = write.expires

    def last(self) -> Accepted | None:
        """The write after which none is accepted yet."""
        writes = self._waiting or self._in_flight
        return writes[-1] if writes else None

    def require_room(self) -> None:
        """Raises Overloaded."""
        if len(self._waiting) >= PENDING_WRITES or self._bytes >= PENDING_BYTES:
            raise Overloaded(len(self._waiting))

    def accept(
        self, event: Event, expires: float | None, future: Future[None], *, joined: bool = False
    ) -> Accepted:
        """Queue a write that takes `next_revision`. Raises Overloaded; one that is `joined` to the next is let in
        whatever waits (ask `require_room` before the first)."""
        if not joined:
            self.require_room()
        older = self._newest.get(event.entry.key)
        write = Accepted(event, expires, future, event.previous if older is None else older.base)
        write.joined = joined
        self._newest[write.key] = write
        self._waiting.append(write)
        self._bytes += write.size
        self.next_revision = write.revision + 1
        return write

    def take(self, most: int) -> list[Accepted]:
        """The next batch to commit, at most `most` writes and what is joined to them. Settle or drop it before the next
        is taken."""
        assert not self._in_flight
        while most < len(self._waiting) and self._waiting[most - 1].joined:
            most += 1
        batch, self._waiting = self._waiting[:most], self._waiting[most:]
        self._in_flight = batch
        return batch

    def settle(self) -> list[Accepted]:
        """The batch in flight is committed: its states are no longer pending."""
        batch, self._in_flight = self._in_flight, []
        newest = self._newest
        for write in batch:
            self._bytes -= write.size
            last = newest[write.key]
            if last is write:
                del newest[write.key]
            else:
                last.base = write.state
        return batch

    def drop(self) -> list[Accepted]:
        """A commit failed: all that is accepted was computed upon it, and is thrown away."""
        dropped = self._in_flight + self._waiting
        self._in_flight, self._waiting = [], []
        self._newest.clear()
        self._bytes = 0
        self.next_revision -= len(dropped)
        self.epoch += 1
        return dropped

    def check_invariants(self) -> None:
        writes = self._in_flight + self._waiting
        first = self.next_revision - len(writes)
        assert [write.revision for write in writes] == list(range(first, self.next_revision)), "not dense"
        assert self._newest == {write.key: write for write in writes}
        assert self._bytes == sum(write.size for write in writes)
        bases: dict[str, Entry | None] = {}
        states: dict[str, Entry | None] = {}
        for write in writes:
            assert write.event.previous is states.get(write.key, write.event.previous), "a link is missing"
            bases.setdefault(write.key, write.event.previous)
            states[write.key] = write.state
        assert all(write.base is bases[key] for key, write in self._newest.items())
