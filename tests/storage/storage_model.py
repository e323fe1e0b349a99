"""A model of the whole storage contract: the log of all writes, from which every answer follows.

`StorageMachine` plays any order of writes (alone, at once, with cancelled callers, with commits that fail), reads at
any revision, watches, compactions, expiry by a clock that jumps, and restarts, against a storage and the model.
`test_storage_model_contract` runs it for every storage.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from promises import Watching, caught_up, log, settled, watching
from storage_worlds import OTHER, PREFIX, World, body, value_of
from write_log import FAR, Clocks, WriteLog

from orlop.storage.errors import CommitFailed, KeyExists, KeyNotFound, RevisionCompacted, RevisionTooLarge
from orlop.storage.interface import DELETED, Entry, Write
from orlop.storage.sqlite import SqliteStorage

T = TypeVar("T")

KEYS = st.sampled_from([PREFIX + name for name in ("a", "a/x", "a/y", "a-b/x", "b/é")])
PREFIXES = st.sampled_from([PREFIX, PREFIX + "a/", PREFIX + "b/", PREFIX + "none/"])
VALUES = st.integers(0, 2)
LIVES = st.sampled_from([0, 20, 50, 100])
ORIGINS = st.sampled_from([b"", b'[1,"alice","kubectl"]', b"\x00\xff"])
KINDS = st.sampled_from(["create", "update", "slow update", "delete"])
STEPS = st.lists(st.tuples(KINDS, KEYS), min_size=2, max_size=6)

BIG = "x" * 200_000
"""Does not fit into a database that may not grow."""


Opening = Callable[[Path, Clocks], AbstractAsyncContextManager[World]]


@cache
def the_loop() -> asyncio.AbstractEventLoop:
    """One for all examples: gRPC does not like to change its loop."""
    return asyncio.new_event_loop()


class StorageMachine(RuleBasedStateMachine):
    """`opening` opens the storage under test; the same directory again after a restart, where it is `persistent`."""

    opening: Opening
    persistent = False

    def __init__(self) -> None:
        super().__init__()
        self.loop = the_loop()
        self.directory = Path(tempfile.mkdtemp(prefix="orlop-model-"))
        self.clock = Clocks()
        self.model = WriteLog(self.clock)
        self.compacted = self.forgotten = 0
        self.values = 1000
        self.open()
        self.start = self.model.seen = self.w.storage.revision

    def open(self) -> None:
        self.world = type(self).opening(self.directory, self.clock)
        self.w = self.do(self.world.__aenter__())
        self.watches: list[tuple[str, int, Watching]] = []

    def close(self) -> None:
        self.do(self.world.__aexit__(None, None, None))

    def do(self, call: Awaitable[T]) -> T:
        async def calling() -> T:
            return await call

        return self.loop.run_until_complete(calling())

    def teardown(self) -> None:
        self.close()
        shutil.rmtree(self.directory)

    @property
    def now(self) -> int:
        return self.model.seen

    def fresh(self) -> int:
        self.values += 1
        return self.values

    # writes

    @rule(key=KEYS, value=VALUES, ttl=LIVES, origin=ORIGINS)
    def create(self, key: str, value: int, ttl: int, origin: bytes) -> None:
        call = self.w.storage.create(key, body(key, value), ttl=self.life(ttl), origin=origin)
        if key in self.model.state():
            with pytest.raises(KeyExists):
                self.do(call)
        else:
            self.model.written(key, value, self.do(call).revision, origin, ttl * self.w.drives_time)

    def life(self, ttl: int) -> int:
        """Engines with a clock of their own keep everything as long as a test lasts."""
        return ttl if self.w.drives_time or not ttl else 3600

    @rule(key=KEYS, value=VALUES, ttl=LIVES, origin=ORIGINS, slow=st.booleans())
    def update(self, key: str, value: int, ttl: int, origin: bytes, slow: bool) -> None:
        shown: list[Any] = []

        def change(entry: Entry | None) -> Write:
            shown.append(value_of(entry))
            return Write(body(key, value), None, self.life(ttl))

        async def change_slowly(entry: Entry | None) -> Write:
            await asyncio.sleep(0)
            return change(entry)

        before = self.model.state().get(key)
        entry = self.do(self.w.storage.guaranteed_update(key, change_slowly if slow else change, origin=origin))
        assert value_of(entry) == value and shown[-1] == (None if before is None else before.value)
        if before is None or before.value != value:
            self.model.written(key, value, entry.revision, origin, ttl * self.w.drives_time)
        else:
            assert entry.revision == before.revision

    @rule(key=KEYS, origin=ORIGINS, allowed=st.booleans())
    def delete(self, key: str, origin: bytes, allowed: bool) -> None:
        before = self.model.state().get(key)

        def check(entry: Entry) -> None:
            assert before is not None and entry.revision == before.revision
            if not allowed:
                raise PermissionError

        call = self.w.storage.delete(key, check, origin=origin)
        if before is None or not allowed:
            with pytest.raises(KeyNotFound if before is None else PermissionError):
                self.do(call)
            return
        entry = self.do(call)
        assert value_of(entry) == before.value
        self.model.written(key, None, entry.revision, origin)

    @rule(number=st.integers(1, 3))
    def write_elsewhere(self, number: int) -> None:
        for _ in range(number):
            self.model.seen = self.do(self.w.backend.create(f"{OTHER}{self.fresh()}", body("n"))).revision

    # many at once: what happened is told by the log, which must contain every acknowledged write, and no other but
    # those whose callers went away

    def call(self, step: str, key: str, value: Any) -> Coroutine[Any, Any, Entry]:
        async def slowly(_: Entry | None) -> Write:
            await asyncio.sleep(0)
            return Write(body(key, value))

        if step == "create":
            return self.w.storage.create(key, body(key, value))
        if step == "delete":
            return self.w.storage.delete(key)
        slow = step == "slow update"
        return self.w.storage.guaranteed_update(key, slowly if slow else lambda _: Write(body(key, value)))

    async def play(self, steps: list[tuple[str, str, Any]], turns: int, leaving: int) -> list[Any]:
        tasks = [asyncio.ensure_future(self.call(*step)) for step in steps]
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in tasks[len(tasks) - leaving :]:
            task.cancel()
        return await asyncio.gather(*tasks, return_exceptions=True)

    @rule(steps=STEPS)
    def at_once(self, steps: list[tuple[str, str]]) -> None:
        mine = [(step, key, self.fresh()) for step, key in steps]
        self.learn(mine, self.do(self.play(mine, 0, 0)), (KeyExists, KeyNotFound))

    @rule(steps=STEPS, turns=st.integers(0, 4), leaving=st.integers(1, 3))
    def callers_leave(self, steps: list[tuple[str, str]], turns: int, leaving: int) -> None:
        mine = [(step, key, self.fresh()) for step, key in steps]
        results = self.do(self.play(mine, turns, min(leaving, len(mine))))
        self.do(self.flush())
        self.learn(mine, results, (KeyExists, KeyNotFound, asyncio.CancelledError))

    async def flush(self) -> None:
        """A write of one's own comes after all that were accepted before."""
        await self.w.backend.create(f"{OTHER}{self.fresh()}", body("n"))

    @precondition(lambda self: isinstance(self.w.backend, SqliteStorage))
    @rule(steps=STEPS, big=st.integers(0, 5))
    def commits_fail(self, steps: list[tuple[str, str]], big: int) -> None:
        """One write does not fit on the disk; it may take others with it."""
        mine: list[tuple[str, str, Any]] = [(step, key, self.fresh()) for step, key in steps]
        at = big % len(mine)
        mine[at] = ("update", mine[at][1], f"{self.fresh()}{BIG}")
        self.housekeeping()
        self.do(self.on_writer("PRAGMA max_page_count = 1"))  # SQLite takes the current size instead
        results = self.do(self.play(mine, 0, 0))
        self.do(self.on_writer("PRAGMA max_page_count = 1000000"))
        self.learn(mine, results, (KeyExists, KeyNotFound, CommitFailed))
        self.housekeeping()
        assert self.w.storage.ready() == ""

    async def on_writer(self, statement: str) -> None:
        def job(connection: sqlite3.Connection) -> int:
            connection.execute(statement).fetchall()
            return 0

        assert isinstance(self.w.backend, SqliteStorage)
        await self.w.backend._pipeline.chore(job)

    def learn(self, steps: list[tuple[str, str, Any]], results: list[Any], allowed: tuple[type, ...]) -> None:
        """Take over what the log says, after checking it against what was asked for and acknowledged."""
        assert all(isinstance(one, (Entry, *allowed)) for one in results), results
        acknowledged = {
            one.revision: (step, key, value)
            for (step, key, value), one in zip(steps, results, strict=True)
            if isinstance(one, Entry)
        }
        unknown = [
            step for step, one in zip(steps, results, strict=True) if isinstance(one, asyncio.CancelledError)
        ]
        happened = self.model.told(self.do(log(self.w, self.model.seen)).seen)
        assert acknowledged.keys() <= {one.revision for one in happened}, "an acknowledged write is lost"
        for one in happened:
            self.model.written(one.key, None if one.type == DELETED else one.value, one.revision)
            assert self.model.log[-1] == one
            asked = acknowledged.get(one.revision)
            if asked is None:
                asked = next(step for step in unknown if self.model.could_be(step, one))
                unknown.remove(asked)
            assert self.model.could_be(asked, one)
        self.model.seen = max(self.model.seen, self.do(self.w.backend.newest()))

    # time

    @precondition(lambda self: self.w.drives_time)
    @rule(seconds=st.sampled_from([10, 60, 400]), jump=st.sampled_from([0, 0, -10_000, -60, 60, 10_000]))
    def time_passes(self, seconds: float, jump: float) -> None:
        self.clock.advance(seconds)
        self.clock.jump(jump)
        self.housekeeping()

    @precondition(lambda self: self.model.expires)
    @rule(late=st.booleans(), jump=st.booleans())
    def a_life_ends(self, late: bool, jump: bool) -> None:
        """The clock goes to just before, or just after, the next key's time."""
        seconds = min(self.model.expires.values()) - self.clock.now() + (0 if late else -1)
        if jump or seconds < 0:
            self.clock.jump(seconds)
        else:
            self.clock.advance(seconds)
        self.housekeeping()

    def housekeeping(self) -> None:
        """Have `tick` done what is due; it deletes what expired, the earliest first, and nothing else."""
        self.do(self.w.backend.tick())
        due = [key for key, at in self.model.expires.items() if at <= self.clock.now()]
        due.sort(key=lambda key: (self.model.expires[key], self.model.state()[key].revision))
        happened = self.model.told([*self.do(self.w.backend.history(PREFIX, self.model.seen, FAR))])
        assert [(one.type, one.key) for one in happened] == [(DELETED, key) for key in due]
        for one in happened:
            self.model.written(one.key, None, one.revision)
        self.compacted = max(self.compacted, self.w.storage.compacted)

    @rule(back=st.integers(0, 10))
    def compact(self, back: int) -> None:
        revision = max(self.start, self.now - back)
        self.do(caught_up(self.w))
        self.do(self.w.storage.compact(revision))
        self.compacted = max(self.compacted, revision)
        self.forgotten = max(self.forgotten, revision)
        assert self.w.storage.compacted == self.compacted

    @rule(jump=st.sampled_from([0, -500, 500]))
    def restart(self, jump: float) -> None:
        """A backend without a memory of its own is not restarted; the cache over it would be, but that is
        `test_storage_model`'s."""
        if not self.persistent:
            return
        self.close()
        self.clock.jump(jump)
        self.open()
        assert self.w.storage.revision >= self.model.seen or not self.w.storage.exclusive
        # what `tick` was about to forget may be there still; what `compact` returned for is not
        assert self.forgotten <= self.w.storage.compacted <= self.compacted
        self.compacted = self.w.storage.compacted

    # reads

    def at(self, back: int) -> int:
        return max(self.start, self.now - back)

    def outcome(self, revision: int, call: Awaitable[T]) -> T | None:
        """The answer of a read at a revision, None when it is refused as it must be."""
        if revision < self.compacted:
            with pytest.raises(RevisionCompacted):
                self.do(call)
            return None
        return self.do(call)

    @rule(key=KEYS, back=st.integers(0, 15))
    def get(self, key: str, back: int) -> None:
        self.do(caught_up(self.w))
        revision = self.at(back)
        if revision < self.compacted:
            assert self.outcome(revision, self.w.storage.get(key, revision=revision)) is None
            return
        for found, wanted in (
            (self.do(self.w.storage.get(key)), self.model.state().get(key)),
            (self.do(self.w.storage.get(key, revision=revision)), self.model.state(revision).get(key)),
        ):
            assert (None if found is None else (found.revision, value_of(found))) == (
                None if wanted is None else (wanted.revision, wanted.value)
            )

    @rule(prefix=PREFIXES, back=st.integers(-1, 15), start=st.just("") | KEYS, limit=st.integers(0, 4))
    def list(self, prefix: str, back: int, start: str, limit: int) -> None:
        self.do(caught_up(self.w))
        revision = self.at(back) if back >= 0 else 0
        call = self.w.storage.list(prefix, revision=revision, start=start, limit=limit)
        page = self.outcome(revision or self.now, call)
        if page is None:
            return
        state = self.model.state(revision or FAR)
        keys = sorted((key for key in state if key.startswith(prefix) and key >= start), key=str.encode)
        shown = keys[:limit] if limit else keys
        assert [(one.key, one.revision, value_of(one)) for one in page.entries] == [
            (key, state[key].revision, state[key].value) for key in shown
        ]
        assert page.remaining == len(keys) - len(shown) and page.more == (page.remaining > 0)
        assert page.revision == revision if revision else page.revision >= self.now

    @rule(prefix=PREFIXES)
    def count(self, prefix: str) -> None:
        self.do(caught_up(self.w))
        assert self.do(self.w.storage.count(prefix)) == sum(key.startswith(prefix) for key in self.model.state())

    @rule(prefix=PREFIXES, back=st.integers(0, 15), most=st.sampled_from([0, 1, 3, 100]))
    def history(self, prefix: str, back: int, most: int) -> None:
        self.do(caught_up(self.w))
        since = self.at(back)
        events = self.outcome(since, self.w.storage.history(prefix, since, most))
        if events is not None:
            wanted = self.model.events(prefix, since)
            assert self.model.told([*events]) == (wanted[-most:] if most else [])

    @rule(key=KEYS)
    def read_the_future(self, key: str) -> None:
        future = self.now + (1 if self.w.storage.exclusive else FAR)
        for call in (self.w.storage.get(key, revision=future), self.w.storage.list(PREFIX, revision=future)):
            with pytest.raises(RevisionTooLarge):
                self.do(call)

    # watches

    @rule(prefix=PREFIXES, back=st.integers(-3, 15))
    def watch(self, prefix: str, back: int) -> None:
        since = max(self.start, self.now - back)
        watch = self.outcome(since, watching(self.w, since, prefix))
        if watch is not None:
            self.watches.append((prefix, since, watch))

    @precondition(lambda self: self.watches)
    @rule(which=st.integers(0, 99), resume=st.booleans())
    def end_a_watch(self, which: int, resume: bool) -> None:
        prefix, since, watch = self.watches.pop(which % len(self.watches))
        self.do(self.told_all(watch))
        watch.subscription.cancel()
        last = watch.seen[-1].revision if watch.seen else since
        if resume and last >= self.compacted:
            again = self.do(watching(self.w, last, prefix))
            watch.subscription = again.subscription
            assert not again.seen
            self.watches.append((prefix, last, again))

    async def told_all(self, watch: Watching) -> None:
        if not self.w.storage.exclusive:
            await settled(self.w, watch)

    # always

    @invariant()
    def watchers_are_told_what_happens(self) -> None:
        for prefix, since, watch in self.watches:
            self.do(self.told_all(watch))
            shown = [one._replace(origin=b"") for one in self.model.told(watch.seen)]
            assert shown == [one._replace(origin=b"") for one in self.model.events(prefix, since)]
            assert all(watch.calls) and not watch.errors

    @invariant()
    def everything_is_in_order(self) -> None:
        if self.w.storage.exclusive:
            assert self.w.storage.revision == self.model.seen
        self.w.check()
