"""Could everything that was answered have happened one after the other, each between its call and its answer?

The revisions are the witness: a write happened at its own, a list at the one that it names, and what shows one object
at any at which the object was so. Then one sweep in order of calls decides: each operation is given the earliest
revision that its answer allows and that is not before what had been answered when it was called. (Earlier is never
worse: all demands are that something is not earlier than something else.) Over all keys at once, which is more than
etcd's or Kubernetes' promise for single objects: the revisions are one sequence.

The general search without a witness is `tests/storage/linearizability`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from heapq import heappop, heappush
from typing import NamedTuple

from recorder import ACKNOWLEDGED, NEVER, REFUSED, UNKNOWN, History, Operation, State
from truth import Truth, Violation

Sight = Callable[[State | None], bool]
"""Whether an answer fits a state of its object."""


class Moment(NamedTuple):
    """Something answered. `at`: its revision where that is known; else `sight` says which states of `key` it fits."""

    began: float
    ended: float
    what: object
    at: int = 0
    writes: bool = False
    key: str = ""
    sight: Sight | None = None


def moments(history: History, truth: Truth) -> list[Moment]:
    found: list[Moment] = []
    at_of = {id(writer): revision for revision, writer in truth.writers.items()}
    for one in history.operations:
        at = at_of.get(id(one), 0)
        if at and one.is_write:
            found.append(Moment(one.began, one.ended, one, at, True))
        elif one.outcome != UNKNOWN:
            sight = _sight(one)
            if sight is not None:
                found.append(Moment(one.began, one.ended, one, key=one.key, sight=sight))
    for listing in history.listings:
        if listing.asked == "" and listing.pages:
            found.append(Moment(listing.began, listing.ended, listing, listing.pages[0].revision))
    return found


def _sight(one: Operation) -> Sight | None:
    """What an answer without a revision of its own says of the object's state; None: nothing."""
    if one.kind == "stale get":
        return None
    if one.kind == "get" and one.outcome == ACKNOWLEDGED:
        return lambda state: state == one.state
    if one.outcome != REFUSED:
        return None
    if one.code == 404:
        return lambda state: state is None
    if one.kind == "create" and one.code == 409:
        return lambda state: state is not None
    if one.code in (409, 422) and one.condition:
        return lambda state: state is not None and not one.condition.holds(state)
    return None


def linearizable(history: History, truth: Truth) -> None:
    """Raises Violation with the operation that came too late, or knew too little."""
    bound = history.start
    running: list[tuple[float, int, int]] = []
    for number, moment in enumerate(sorted(moments(history, truth), key=lambda one: one.began)):
        while running and running[0][0] < moment.began:
            bound = max(bound, heappop(running)[2])
        at = moment.at or _earliest(truth, moment, bound)
        if at < bound or (moment.writes and at == bound):
            raise Violation(f"{moment.what} happened at {at}, but when it began {bound} had been answered already")
        if at == NEVER:
            raise Violation(f"{moment.what} fits no state at or after {bound}, which had been answered already")
        if moment.ended != NEVER:
            heappush(running, (moment.ended, number, int(at)))
    _nothing_from_the_future(history, truth)


def _earliest(truth: Truth, moment: Moment, bound: int) -> float:
    assert moment.sight is not None
    for low, _, state in truth.spans(moment.key, bound):
        if moment.sight(state):
            return low
    return NEVER


def _nothing_from_the_future(history: History, truth: Truth) -> None:
    """No answer shows a write that had not been called yet: also reads that may be old, and lists."""
    begun = sorted((writer.began, revision) for revision, writer in truth.writers.items())
    times = [began for began, _ in begun]
    earliest = [0] * (len(begun) + 1)
    earliest[-1] = 1 << 62
    for i in range(len(begun) - 1, -1, -1):
        earliest[i] = min(earliest[i + 1], begun[i][1])
    shown: list[tuple[float, int, object]] = []
    for one in history.operations:
        if one.state is not None and one.ended != NEVER and one.kind != "delete":
            shown.append((one.ended, one.state.revision, one))
    for listing in history.listings:
        for page in listing.pages[:1]:
            newest = max((state.revision for state in page.states), default=0)
            shown.append((listing.ended, newest, listing))
    for ended, revision, what in shown:
        if revision >= earliest[bisect_left(times, ended)]:
            raise Violation(f"{what} shows revision {revision}, which was written after it was answered")
