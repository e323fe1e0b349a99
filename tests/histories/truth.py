"""The one log that a history is judged by, and what follows from it: states, snapshots, what a watcher is shown.

Made by `validators` from a recorded history: the union of what watches without a selector were told and of the writes
that were acknowledged.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from recorder import ACKNOWLEDGED, DELETED_TYPE, UNKNOWN, Chain, History, Operation, Scope, Shown, State


class Violation(AssertionError):
    """A promise that the history breaks."""


class Logged(NamedTuple):
    """One write. `state` is what it left; of a delete, the last state at the deletion's revision."""

    deletes: bool
    state: State

    @property
    def revision(self) -> int:
        return self.state.revision

    @property
    def key(self) -> str:
        return self.state.key


class Truth:
    """`writers`: which operation made a logged write, by revision (absent: nobody recorded did)."""

    def __init__(self, history: History) -> None:
        self.history = history
        found: dict[int, Logged] = {}
        for chain in history.chains:
            if not chain.scope.group:
                for shown in live(chain):
                    _agree(found, Logged(shown.type == DELETED_TYPE, _state(shown)), f"watcher {chain.client}")
        for one in history.operations:
            if one.outcome == ACKNOWLEDGED and one.is_write and one.kind != "delete":
                if one.state is None:
                    raise Violation(f"an acknowledged write without a state: {one}")
                _agree(found, Logged(False, one.state), f"client {one.client}")
        self.log = [found[revision] for revision in sorted(found)]
        self.revisions = [one.revision for one in self.log]
        self.by_revision = found
        self.by_key: dict[str, list[Logged]] = defaultdict(list)
        for logged in self.log:
            self.by_key[logged.key].append(logged)
        self.key_revisions = {key: [one.revision for one in all_of] for key, all_of in self.by_key.items()}
        self.writers = self._attribute()

    def _attribute(self) -> dict[int, Operation]:
        """Writes by their value, which is unique; deletes by the uid that the answer named, those without an answer by
        what they could have deleted."""
        by_value = {one.value: one for one in self.history.operations if one.is_write and one.value}
        deletes = [one for one in self.history.operations if one.kind == "delete"]
        by_uid = {one.state.uid: one for one in deletes if one.outcome == ACKNOWLEDGED and one.state is not None}
        unknown = sorted((one for one in deletes if one.outcome == UNKNOWN), key=lambda one: one.began)
        writers: dict[int, Operation] = {}
        for logged in self.log:
            writer = by_uid.get(logged.state.uid) if logged.deletes else by_value.get(logged.state.value)
            if writer is None and logged.deletes:
                before = self.state_at(logged.key, logged.revision - 1)
                for one in unknown:
                    if one.key == logged.key and before is not None and one.condition.holds(before):
                        writer = one
                        unknown.remove(one)
                        break
            if writer is not None:
                writers[logged.revision] = writer
        return writers

    def state_at(self, key: str, revision: int) -> State | None:
        at = bisect_right(self.key_revisions.get(key, []), revision)
        if at == 0:
            return None
        logged = self.by_key[key][at - 1]
        return None if logged.deletes else logged.state

    def spans(self, key: str, since: int) -> Iterator[tuple[int, float, State | None]]:
        """The states of a key from a revision on, each with the first and the last revision at which it was there."""
        revisions, logged = self.key_revisions.get(key, []), self.by_key.get(key, [])
        at = bisect_right(revisions, since)
        low, state = since, self.state_at(key, since)
        for i in range(at, len(revisions)):
            yield low, revisions[i] - 1, state
            low, state = revisions[i], None if logged[i].deletes else logged[i].state
        yield low, float("inf"), state

    def snapshot(self, scope: Scope, revision: int) -> list[State]:
        """What a list shows, in order of keys as lists are."""
        states = (self.state_at(key, revision) for key in self.by_key)
        found = [state for state in states if state is not None and scope.shows(state)]
        return sorted(found, key=lambda state: f"{state.key}".encode())

    def shown(self, scope: Scope, since: float, until: float) -> list[Shown]:
        """The events that a watcher sees between two revisions."""
        found: list[Shown] = []
        start = bisect_right(self.revisions, since)
        for logged in self.log[start:]:
            if logged.revision > until:
                break
            before = self.state_at(logged.key, logged.revision - 1)
            was = before is not None and scope.shows(before)
            now = not logged.deletes and scope.shows(logged.state)
            if now:
                found.append(Shown("MODIFIED" if was else "ADDED", logged.revision, logged.state))
            elif was and before is not None:
                found.append(Shown(DELETED_TYPE, logged.revision, before._replace(revision=logged.revision)))
        return found


def live(chain: Chain) -> Iterator[Shown]:
    """The events of a chain that are no initial ones, nor bookmarks."""
    for request in chain.requests:
        initial = request.initial
        for shown in request.seen:
            if shown.state is not None and not initial:
                yield shown
            if shown.initial:
                initial = False
        # where no bookmark marks the end of the initial events they cannot be told apart: the validators do


def _state(shown: Shown) -> State:
    assert shown.state is not None
    return shown.state


def _agree(found: dict[int, Logged], logged: Logged, who: str) -> None:
    known = found.setdefault(logged.revision, logged)
    if known != logged:
        raise Violation(f"one revision, two writes: {who} was told {logged}, others {known}")
