"""The parts of the etcd backend that need no etcd."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.storage.etcd_arrivals import Arrivals
from orlop.storage.etcd_barrier import Barrier
from orlop.storage.etcd_error import EtcdError
from orlop.storage.etcd_lanes import Lanes
from orlop.storage.etcd_stream import Stream
from orlop.storage.interface import UNKNOWN, Entry


class Responses:
    """Plays the client, the member and the stream: hands out what it was given."""

    name = "here"

    def __init__(self, responses: list[Any]) -> None:
        self._responses, self.messages = responses, None

    def stream(self, _: object) -> Responses:
        return self

    async def read(self) -> Any:
        if not self._responses:
            raise EtcdError("UNAVAILABLE", "the stream ended", self.name)
        return self._responses.pop(0)


def response(events: list[Any], fragment: bool = False) -> Any:
    header = SimpleNamespace(revision=99)
    return SimpleNamespace(
        watch_id=1, canceled=False, created=False, fragment=fragment, events=events, header=header, compact_revision=0
    )


@given(st.lists(st.integers(1, 4), min_size=1, max_size=8), st.integers(0, 1 << 30))
def test_revisions_are_whole_however_responses_are_cut(sizes: list[int], seed: int) -> None:
    """Every event comes once, in order, and no revision in two batches."""
    events = [
        SimpleNamespace(kv=SimpleNamespace(mod_revision=revision, key=number))
        for revision, size in enumerate(sizes, 1)
        for number in range(size)
    ]
    chance = random.Random(seed)
    cuts = sorted(chance.sample(range(1, len(events) + 1), chance.randint(0, min(3, len(events)))))
    edges = [0, *cuts, len(events)]
    pieces = [events[a:b] for a, b in pairwise(edges)]
    member: Any = Responses([response(piece, i < len(pieces) - 1) for i, piece in enumerate(pieces)])

    async def play() -> list[Any]:
        stream, batches = Stream(member, member), []
        with pytest.raises(EtcdError, match="ended"):
            while True:
                batches.append(await stream.next())
        return batches

    batches = asyncio.run(play())
    assert [event for batch in batches for event in batch.raw] == events
    seen = [{event.kv.mod_revision for event in batch.raw} for batch in batches if batch.raw]
    assert sum(map(len, seen)) == len(sizes), "a revision in two batches"
    assert not any(batch.progress for batch in batches)


def test_turns_are_taken_in_order() -> None:
    """Each is told what the one before left; one that goes away as it waits, or as its turn comes, is passed over."""

    async def play() -> None:
        lanes, told = Lanes(), []
        entry = Entry("k", 5, b"{}")
        assert await lanes.enter("k") is UNKNOWN

        async def turn(number: int) -> None:
            told.append((number, await lanes.enter("k")))
            lanes.leave("k", entry)

        tasks = [asyncio.ensure_future(turn(number)) for number in range(4)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        lanes.leave("k", None)
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert told == [(2, None), (3, entry)] and len(lanes) == 0

    asyncio.run(play())


def test_arrivals_are_awaited_for_a_time() -> None:
    """Reached ones are told at once, the others when their time is over."""

    async def play() -> None:
        arrivals = Arrivals(0.01)
        early, late = arrivals.wait(3), arrivals.wait(7)
        arrivals.reached(5)
        assert early.done() and not late.done()
        assert (await early, await late) == (True, False)
        last = arrivals.wait(9)
        arrivals.end(lambda: ZeroDivisionError("closed"))
        with pytest.raises(ZeroDivisionError):
            await last

    asyncio.run(play())


def test_a_barrier_is_a_call_that_began_later() -> None:
    """Who asks while a call is under way gets the next, with all others who did; a failure is theirs, and forgotten."""

    async def play() -> None:
        begun: list[asyncio.Future[int]] = []

        async def call() -> int:
            begun.append(asyncio.get_running_loop().create_future())
            return await begun[-1]

        barrier = Barrier(call)
        first = asyncio.ensure_future(barrier.pass_through())
        await asyncio.sleep(0.001)
        others = [asyncio.ensure_future(barrier.pass_through()) for _ in range(3)]
        await asyncio.sleep(0.001)
        others[0].cancel()
        assert len(begun) == 1
        begun[0].set_result(1)
        assert await first == 1
        await asyncio.sleep(0.001)
        begun[1].set_exception(ZeroDivisionError())
        outcomes = await asyncio.gather(*others, return_exceptions=True)
        assert [type(one) for one in outcomes] == [asyncio.CancelledError, ZeroDivisionError, ZeroDivisionError]
        again = asyncio.ensure_future(barrier.pass_through())
        await asyncio.sleep(0.001)
        begun[2].set_result(3)
        assert await again == 3

    asyncio.run(play())


@pytest.mark.parametrize(
    ("code", "words", "transient", "perhaps"),
    [
        ("UNAVAILABLE", "etcdserver: no leader", True, False),
        ("UNAVAILABLE", "etcdserver: request timed out", True, True),
        ("UNAVAILABLE", "Socket closed", True, True),
        ("UNKNOWN", "Stream removed", True, True),
        ("DEADLINE_EXCEEDED", "Deadline Exceeded", True, True),
        ("RESOURCE_EXHAUSTED", "etcdserver: too many requests", True, False),
        ("RESOURCE_EXHAUSTED", "etcdserver: mvcc: database space exceeded", False, False),
        ("INVALID_ARGUMENT", "etcdserver: request is too large", False, False),
        ("UNKNOWN", "etcdserver: something final", False, False),
    ],
)
def test_what_an_answer_says_about_a_write(code: str, words: str, transient: bool, perhaps: bool) -> None:
    """Whether to try again, and whether it may have been applied all the same."""
    error = EtcdError(code, words, "here")
    assert (error.transient, error.perhaps_applied) == (transient, perhaps)
    assert str(error) == f"{words} (here)"
