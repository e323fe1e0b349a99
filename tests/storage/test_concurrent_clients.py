"""Many clients at once: what each was told fits together, and every watch keeps its guarantees."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest
from linearizability import Operation, linearizable
from promises import Watching, caught_up, log, settled, watching
from storage_worlds import PREFIX, WORLDS, World, body, run, write
from watch_guarantees import Told, bookmarkable, makes_sense, ordered, reliable, resumable, told, unique

from orlop.storage.errors import KeyExists, KeyNotFound
from orlop.storage.interface import Entry, Write

CLIENTS, STEPS, KEYS = 8, 40, 4


class Clients:
    """Plays random operations and notes what was said."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.random = world, random.Random(seed)
        self.clock = count()
        self.by_key: dict[str, list[Operation]] = defaultdict(list)
        self.values = count()

    async def all(self) -> None:
        await asyncio.gather(*(self.one() for _ in range(CLIENTS)))

    async def one(self) -> None:
        for _ in range(STEPS):
            key = f"{PREFIX}k{self.random.randrange(KEYS)}"
            operation = self.random.choice((self.create, self.update, self.update_slowly, self.delete, self.get))
            began = next(self.clock)
            saw, left = await operation(key)
            name = operation.__name__
            self.by_key[key].append(Operation(name, began, next(self.clock), saw, left))
            if self.random.random() < 0.2:
                await asyncio.sleep(0)

    async def create(self, key: str) -> tuple[int, int]:
        try:
            return 0, (await self.world.storage.create(key, body(key, next(self.values)))).revision
        except KeyExists:
            # which state it saw is not said: any but none; a get tells
            return await self.get(key)

    async def update(self, key: str) -> tuple[int, int]:
        seen = [0]

        def change(entry: Entry | None) -> Write:
            seen[0] = 0 if entry is None else entry.revision
            return write(key, next(self.values))

        entry = await self.world.storage.guaranteed_update(key, change)
        return seen[0], entry.revision

    async def update_slowly(self, key: str) -> tuple[int, int]:
        seen = [0]

        async def change(entry: Entry | None) -> Write:
            seen[0] = 0 if entry is None else entry.revision
            await asyncio.sleep(0)
            return write(key, next(self.values))

        entry = await self.world.storage.guaranteed_update(key, change)
        return seen[0], entry.revision

    async def delete(self, key: str) -> tuple[int, int]:
        seen = [0]

        def check(entry: Entry) -> None:
            seen[0] = entry.revision

        try:
            await self.world.storage.delete(key, check)
        except KeyNotFound:
            return 0, 0
        return seen[0], 0

    async def get(self, key: str) -> tuple[int, int]:
        await caught_up(self.world)
        entry = await self.world.storage.get(key)
        revision = 0 if entry is None else entry.revision
        return revision, revision


async def _log(world: World, start: int) -> list[Told]:
    return told((await log(world, start)).seen)


@pytest.mark.parametrize("world", WORLDS)
def test_histories_are_linearizable(world: str, tmp_path: Path) -> None:
    """Per key, all answers fit an order in which each operation happened between its call and its answer."""

    async def scenario(w: World) -> None:
        start = w.storage.revision
        clients = Clients(w, seed=7)
        await clients.all()
        makes_sense(await _log(w, start), start, w.storage.exclusive)
        for key, operations in clients.by_key.items():
            assert linearizable(operations), (key, operations)

    run(WORLDS[world], tmp_path, scenario)


def test_the_check_finds_what_is_wrong() -> None:
    """A stale read, a lost update and a write seen before it was there are no linearizable histories."""
    good = [Operation("create", 0, 1, 0, 2), Operation("get", 2, 3, 2, 2)]
    assert linearizable(good)
    assert linearizable([Operation("create", 0, 3, 0, 2), Operation("get", 1, 2, 0, 0)])
    stale = [*good, Operation("update", 4, 5, 2, 3), Operation("get", 6, 7, 2, 2)]
    lost = [*good, Operation("update", 4, 7, 2, 3), Operation("update", 5, 6, 2, 4)]
    early = [Operation("get", 0, 1, 2, 2), Operation("create", 2, 3, 0, 2)]
    assert not any(map(linearizable, (stale, lost, early)))


class Bookmarked(Watching):
    """Keeps with each bookmark how many events came before it."""

    def __init__(self) -> None:
        super().__init__()
        self.bookmarks: list[tuple[int, int]] = []

    def progress(self, revision: int) -> None:
        super().progress(revision)
        self.bookmarks.append((revision, len(self.seen)))


@pytest.mark.parametrize("world", WORLDS)
def test_watches_keep_their_guarantees(world: str, tmp_path: Path) -> None:
    """While clients write, watchers come, break off, resume and ask for bookmarks."""

    async def scenario(w: World) -> None:
        start = w.storage.revision
        clients = Clients(w, seed=11)
        whole, broken = Bookmarked(), await watching(w, start)
        await watching(w, start, sink=whole)
        working = asyncio.ensure_future(clients.all())
        late: list[tuple[int, Watching]] = []
        while not working.done():
            whole.subscription.progress_at(w.storage.revision + 3)
            if len(broken.seen) > 20:
                broken.subscription.cancel()
            since = max(start, w.storage.revision - 10)
            if len(late) < 50:
                late.append((since, await watching(w, since)))
            await asyncio.sleep(0)
        await working
        written = await _log(w, start)
        makes_sense(written, start, w.storage.exclusive)
        broken.subscription.cancel()
        resumed = await watching(w, broken.seen[-1].revision if broken.seen else start)
        await settled(w, resumed, whole, *(sink for _, sink in late))
        resumable(told(broken.seen), told(resumed.seen), written, start)
        watches: list[tuple[int, Sequence[Told]]] = [(since, told(sink.seen)) for since, sink in late]
        for since, events in [(start, told(whole.seen)), *watches]:
            ordered(events)
            unique(events)
            reliable(events, written, since, w.storage.revision)
        assert whole.bookmarks
        for bookmark, told_before in whole.bookmarks:
            bookmarkable(told(whole.seen), bookmark, told_before, written)

    run(WORLDS[world], tmp_path, scenario)
