"""One event, many watchers: frames are made once and written to every watcher of the same thing.

`watch` joins a watcher to the `Broadcast` of its (cache, predicate, representation); the watch cache calls the
broadcast with matching events; the broadcast frames each once, collects frames for a moment and hands one shared chunk
to all its members.

How long a moment: nothing when things are quiet or watchers few, so that a lone watcher sees an event at once. A flush
to n members costs about n writes; the next one waits until REST times that has passed, at most MAX_DELAY: writing to
watchers takes at most a fifth of the loop's time, and under load several events share one write to each socket (a TLS
record costs far more than its bytes).
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence
from typing import Final, Protocol

from orlop.api.http import Frame
from orlop.endpoints.framing import Framer
from orlop.storage.interface import Event
from orlop.storage.predicate import Predicate
from orlop.storage.watch_cache import WatchCache

MAX_DELAY: Final = 0.025
"""Seconds that an event waits for company at the most."""
REST: Final = 4.0
"""A flush is followed by this many times its own cost without one."""
WRITE_COST: Final = 15e-6
"""Seconds of CPU that a small write to one TLS connection takes (most of it after the call, in the loop and the
kernel, so that it cannot be measured around the flush)."""


class Member(Protocol):
    def send(self, frame: Frame) -> None: ...
    def broken(self) -> None: ...


class Broadcast:
    """The live events of one predicate in one representation. `after`: events up to this revision are left out (a
    watch from the future)."""

    def __init__(self, cache: WatchCache, predicate: Predicate, framer: Framer, after: int = 0) -> None:
        self._framer, self._after = framer, after
        self._members: dict[Member, None] = {}
        self._waiting: list[bytes] = []
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._quiet_until = 0.0
        self._subscription = cache.subscribe(predicate, self._on_events, on_broken=self._on_broken)

    @property
    def empty(self) -> bool:
        return not self._members

    def join(self, member: Member) -> None:
        """`member` gets every event from now on. Flush before: what waits is for the others."""
        assert not self._waiting
        self._members[member] = None

    def leave(self, member: Member) -> None:
        self._members.pop(member, None)

    def close(self) -> None:
        self._subscription.cancel()
        if self._timer is not None:
            self._timer.cancel()

    def _on_events(self, events: Sequence[Event]) -> None:
        frame = self._framer.event
        self._waiting += [frame(e) for e in events if e.revision > self._after]
        if self._timer is None and self._waiting:
            delay = min(max(0.0, self._quiet_until - self._loop.time()), MAX_DELAY)
            self._timer = self._loop.call_later(delay, self.flush)

    def _on_broken(self, error: Exception) -> None:
        """No more events will come: nobody may wait for them."""
        for member in list(self._members):
            member.broken()

    def flush(self) -> None:
        """Write what has come in to all members, now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._waiting:
            return
        frame = Frame(b"".join(self._waiting))
        self._waiting = []
        for member in list(self._members):
            member.send(frame)
        self._quiet_until = self._loop.time() + REST * WRITE_COST * len(self._members)


class Broadcasts:
    """All broadcasts, found by what they show; one lives as long as it has members."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Broadcast] = {}

    def join(self, key: Hashable, member: Member, make: Broadcast | None, cache: WatchCache, predicate: Predicate,
             framer: Framer) -> Broadcast:
        """Join `member` to the broadcast under `key`; a `make` given is private to the member and not kept."""
        if make is not None:
            make.join(member)
            return make
        broadcast = self._known.get(key)
        if broadcast is not None:
            broadcast.flush()
            broadcast = self._known.get(key)  # gone, when that cut off its last member
        if broadcast is None:
            broadcast = self._known[key] = Broadcast(cache, predicate, framer)
        broadcast.join(member)
        return broadcast

    def leave(self, key: Hashable, broadcast: Broadcast, member: Member) -> None:
        broadcast.leave(member)
        if broadcast.empty:
            broadcast.close()
            if self._known.get(key) is broadcast:
                del self._known[key]
