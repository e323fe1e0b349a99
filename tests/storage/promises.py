"""What the promises of a storage are written with: where they are listed, and how they watch and compare.

A promise holds for storages of which others write to, too: revisions then have holes, and events and the newest state
of a cache come a little later. `settled` and `caught_up` wait for them; where a storage is `exclusive` there is
nothing to wait for, which is a promise of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise

from storage_worlds import OTHER, PREFIX, Recorder, World, body

from orlop.storage.interface import Event, Subscription
from orlop.storage.watch_cache import WatchCache

Promise = Callable[[World], Awaitable[None]]
PROMISES: list[Promise] = []

SECONDS = 20.0
"""Until what must come is missed."""


def promise(scenario: Promise) -> Promise:
    PROMISES.append(scenario)
    return scenario


class Watching(Recorder):
    """A watch and what it was told."""

    subscription: Subscription

    def __init__(self) -> None:
        super().__init__()
        self._changed = asyncio.Event()

    def events(self, batch: Sequence[Event]) -> None:
        super().events(batch)
        self._changed.set()

    def progress(self, revision: int) -> None:
        super().progress(revision)
        self._changed.set()

    def broken(self, error: Exception) -> None:
        super().broken(error)
        self._changed.set()

    async def become(self, true: Callable[[], bool]) -> None:
        """Return when what it was told makes `true` so."""
        async with asyncio.timeout(SECONDS):
            while not true():
                self._changed.clear()
                await self._changed.wait()

    async def handed(self, revision: int) -> None:
        """Return when everything up to `revision` was handed over."""
        start = len(self.reached)
        self.subscription.progress_at(revision)
        await self.become(lambda: bool(self.errors) or any(at >= revision for at in self.reached[start:]))
        assert not self.errors, self.errors


async def watching(w: World, revision: int, prefix: str = PREFIX, sink: Watching | None = None) -> Watching:
    sink = sink or Watching()
    sink.subscription = await w.storage.watch(prefix, revision, sink)
    return sink


async def settled(w: World, *watches: Watching) -> None:
    """Return when each watch was handed all that is acknowledged by now."""
    newest = await w.backend.newest()
    for watch in watches:
        await watch.handed(newest)


async def caught_up(w: World) -> None:
    """Return when reads that name no revision show all that is acknowledged by now."""
    if isinstance(w.storage, WatchCache):
        await w.storage.catch_up(SECONDS)


async def state(w: World, revision: int = 0) -> dict[str, object]:
    """Names and values, the newest or at a revision."""
    await caught_up(w)
    return await w.state(revision)


async def names(w: World) -> list[str]:
    await caught_up(w)
    return await w.names()


async def newest(w: World) -> int:
    """The newest revision there is, which reads of `w.storage` may name from now on."""
    await caught_up(w)
    return await w.storage.newest()


async def log(w: World, since: int) -> Watching:
    """All that happened since a revision."""
    watch = await watching(w, since)
    await settled(w, watch)
    watch.subscription.cancel()
    return watch


async def write_elsewhere(w: World, name: str) -> int:
    """A write that concerns another resource; its revision."""
    return (await w.backend.create(OTHER + name, body(name))).revision


def in_sequence(w: World, start: int, revisions: Sequence[int]) -> None:
    """Each is newer than the one before; where nobody else writes, by one."""
    assert all(a < b for a, b in pairwise([start, *revisions])), (start, revisions)
    if w.storage.exclusive:
        assert list(revisions) == list(range(start + 1, start + 1 + len(revisions)))
