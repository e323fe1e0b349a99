"""A history in which everything is right, made by hand: what `test_validators` plants its faults in."""

from __future__ import annotations

from typing import Any

from recorder import (
    ACKNOWLEDGED,
    ENDED,
    LEFT,
    NEVER,
    REFUSED,
    UNKNOWN,
    Chain,
    Condition,
    History,
    Listing,
    ListPage,
    Operation,
    Scope,
    Shown,
    State,
    Watched,
)

ONE, TWO = "ns/a", "ns/b"


class Story:
    """A server that does everything right, one request after the other, and two watchers."""

    def __init__(self) -> None:
        self.history = History()
        self.history.start = self.revision = 10
        self.time = 0.0
        self.states: dict[str, State] = {}
        self.events: list[Shown] = []
        self.uids = 0

    def tick(self) -> float:
        self.time += 1
        return self.time

    def operation(self, kind: str, key: str, outcome: str, code: int = 0, **more: Any) -> Operation:
        began, ended = self.tick(), self.tick()
        made = Operation("c", "s", kind, key, began, NEVER if outcome == UNKNOWN else ended, outcome, code, **more)
        self.history.operations.append(made)
        return made

    def write(self, kind: str, key: str, value: str, group: str = "red", outcome: str = ACKNOWLEDGED,
              condition: Condition = Condition(), applied: bool = True) -> None:  # noqa: B008
        if not applied:
            self.operation(kind, key, outcome, value=value, condition=condition)
            return
        self.revision += 1
        before = self.states.get(key)
        if before is None:
            self.uids += 1
        uid = f"uid-{self.uids}" if before is None else before.uid
        state = self.states[key] = State(key, self.revision, uid, value, group)
        self.events.append(Shown("ADDED" if before is None else "MODIFIED", self.revision, state))
        known = state if outcome == ACKNOWLEDGED else None
        code = 201 if kind == "create" else 200
        self.operation(kind, key, outcome, code, value=value, condition=condition, state=known)

    def delete(self, key: str, outcome: str = ACKNOWLEDGED) -> None:
        self.revision += 1
        state = self.states.pop(key)
        self.events.append(Shown("DELETED", self.revision, state._replace(revision=self.revision)))
        known = State(key, 0, state.uid, "") if outcome == ACKNOWLEDGED else None
        self.operation("delete", key, outcome, 200, state=known)

    def get(self, key: str) -> None:
        state = self.states.get(key)
        if state is None:
            self.operation("get", key, REFUSED, 404)
        else:
            self.operation("get", key, ACKNOWLEDGED, 200, state=state)

    def listing(self, scope: Scope = Scope(), asked: str = "", match: str = "", limit: int = 0) -> None:  # noqa: B008
        states = sorted(state for state in self.states.values() if scope.shows(state))
        size = limit or max(1, len(states))
        parts = [states[i : i + size] for i in range(0, len(states), size)] or [[]]
        left = len(states)
        pages = []
        for i, part in enumerate(parts):
            left -= len(part)
            pages.append(ListPage(self.revision, tuple(part), left if left else None, i + 1 < len(parts)))
        self.history.listings.append(Listing("c", "s", scope, asked, match, self.tick(), self.tick(), tuple(pages)))

    def watch(self, scope: Scope = Scope()) -> Chain:  # noqa: B008
        """A watcher of everything from the start, broken off in the middle, with a bookmark at each end."""
        chain = self.history.watcher("w", scope)
        half = self.events[len(self.events) // 2 - 1].revision
        for since, until in ((self.history.start, half), (half, self.revision)):
            request = Watched("s", str(since), False, False, since == half, end=LEFT)
            for event in self.events:
                if since < event.revision <= until:
                    request.add(event)
            request.add(Shown("BOOKMARK", until))
            chain.requests.append(request)
        chain.complete_at = self.revision
        return chain

    def initial(self, at: int, states: list[State], marked: bool = True) -> Chain:
        """A watcher that begins with the state at a revision."""
        chain = self.history.watcher("i", Scope())
        request = Watched("s", "", True, marked, False, end=ENDED)
        for state in states:
            request.add(Shown("ADDED", state.revision, state))
        if marked:
            request.add(Shown("BOOKMARK", at, None, True))
        for event in self.events:
            if event.revision > at:
                request.add(event)
        chain.requests.append(request)
        return chain


def story() -> Story:
    s = Story()
    s.get(ONE)
    s.write("create", ONE, "v1")
    s.write("create", TWO, "v2", group="blue")
    s.operation("create", ONE, REFUSED, 409, value="v3")
    s.get(ONE)
    s.listing()
    then = sorted(s.states.values())
    at = s.revision
    s.write("update", ONE, "v4", condition=Condition(revision=11))
    s.operation("patch", ONE, REFUSED, 409, value="v5", condition=Condition(revision=11))
    s.write("patch", TWO, "v6", outcome=UNKNOWN)
    s.write("update", TWO, "v7", outcome=UNKNOWN, applied=False)
    s.listing(limit=1)
    s.listing(Scope("ns", "red"), str(at), "NotOlderThan")
    s.listing(Scope(), str(s.revision), "Exact")
    s.delete(ONE)
    s.get(ONE)
    s.operation("delete", ONE, REFUSED, 404)
    s.write("create", ONE, "v8")
    s.delete(TWO, outcome=UNKNOWN)
    s.get(TWO)
    s.write("create", TWO, "v9", group="blue")
    s.write("update", ONE, "v10")
    s.watch()
    s.initial(at, then)
    s.initial(at, then, marked=False)
    return s
