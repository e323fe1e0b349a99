"""What clients did and were told: the record that validators look at.

Filled by `workload`, read by `truth`, `linearity` and `validators`. Times are those of one monotonic clock; all clients
run in one process. Objects are Secrets, because a fresh server has none; a key is "namespace/name".
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, NamedTuple

NEVER = float("inf")

INITIAL_EVENTS_END = "k8s.io/initial-events-end"


class State(NamedTuple):
    """One state of one object. `value` names the write that made it: no two writes have the same."""

    key: str
    revision: int
    uid: str
    value: str
    group: str = ""
    """The label that selectors look at."""


def state_of(tree: dict[str, Any]) -> State:
    """The state that an object in an answer or event shows."""
    about = tree["metadata"]
    return State(
        f"{about['namespace']}/{about['name']}",
        int(about["resourceVersion"]),
        about["uid"],
        (tree.get("data") or {}).get("v", ""),
        (about.get("labels") or {}).get("group", ""),
    )


@dataclass(frozen=True)
class Scope:
    """What a list or watch asks for."""

    namespace: str = ""
    group: str = ""
    name: str = ""

    def shows(self, state: State) -> bool:
        namespace, name = state.key.split("/")
        return (
            self.namespace in ("", namespace) and self.group in ("", state.group) and self.name in ("", name)
        )


ACKNOWLEDGED, REFUSED, UNKNOWN = "acknowledged", "refused", "unknown"


@dataclass(frozen=True)
class Condition:
    """What a write demands of the state before; empty fields demand nothing."""

    revision: int = 0
    uid: str = ""
    value: str = ""

    def __bool__(self) -> bool:
        return bool(self.revision or self.uid or self.value)

    def holds(self, state: State) -> bool:
        return (
            self.revision in (0, state.revision)
            and self.uid in ("", state.uid)
            and self.value in ("", state.value)
        )


@dataclass(frozen=True)
class Operation:
    """One request about one object, from its call (`began`) to its answer (`ended`, NEVER when none came).

    `kind`: create, update, patch, delete, get, stale get (resourceVersion=0). `value`: what a write wrote.
    `outcome`: refused ones did nothing; `code` says why. `state`: what the answer showed; of a delete, whatever is
    known of what it deleted (its uid).
    """

    client: str
    server: str
    kind: str
    key: str
    began: float
    ended: float
    outcome: str
    code: int = 0
    value: str = ""
    condition: Condition = Condition()
    state: State | None = None

    @property
    def is_write(self) -> bool:
        return self.kind not in ("get", "stale get")


@dataclass(frozen=True)
class ListPage:
    revision: int
    states: tuple[State, ...]
    remaining: int | None
    more: bool


@dataclass(frozen=True)
class Listing:
    """A list, with all its pages. `asked`: "" (the newest), "0" (any), or a revision, which `match` (Exact,
    NotOlderThan) explains. `ended`: when its first page was there, which decides what it shows."""

    client: str
    server: str
    scope: Scope
    asked: str
    match: str
    began: float
    ended: float
    pages: tuple[ListPage, ...]
    whole: bool = True
    """No page is missing because its answer was lost, or refused as too old."""


class Shown(NamedTuple):
    """One line of a watch: an event, or a bookmark (`state` None; `initial`: it ends the initial events)."""

    type: str
    revision: int
    state: State | None = None
    initial: bool = False


DELETED_TYPE = "DELETED"

CUT, LEFT, ENDED, GONE = "cut", "left", "ended", "gone"
"""How a watch came to its end: the connection broke; the client went; the server ended it cleanly; the server said
that its revision is too old. Any other end is the text of the server's complaint."""


@dataclass
class Watched:
    """One watch request. `since`: the revision asked for ("" and "0" as they are); `initial`: the state comes first,
    and a bookmark marks its end where `marked`. `resumes`: it goes on where the one before in its chain was."""

    server: str
    since: str
    initial: bool
    marked: bool
    resumes: bool
    seen: list[Shown] = field(default_factory=list)
    end: str = ""
    last: int = 0
    """Up to where it was told everything; 0 while that is not known: initial events are in no order."""

    def __post_init__(self) -> None:
        if not self.initial:
            self.last = int(self.since)

    def add(self, shown: Shown) -> None:
        self.seen.append(shown)
        if self.last or shown.initial:
            self.last = shown.revision


@dataclass
class Chain:
    """One watcher over all its requests. `complete_at`: what it had to be told everything up to; 0 for nothing."""

    client: str
    scope: Scope
    requests: list[Watched] = field(default_factory=list)
    complete_at: int = 0


class History:
    """Everything that one run recorded. `start`: the newest revision before it."""

    def __init__(self) -> None:
        self.start = 0
        self.operations: list[Operation] = []
        self.listings: list[Listing] = []
        self.chains: list[Chain] = []
        self.surprises: list[str] = []
        """Answers that no client should ever get."""

    @staticmethod
    def now() -> float:
        return time.perf_counter()

    def watcher(self, client: str, scope: Scope) -> Chain:
        chain = Chain(client, scope)
        self.chains.append(chain)
        return chain

    def summary(self) -> str:
        acknowledged = sum(one.outcome == ACKNOWLEDGED and one.is_write for one in self.operations)
        unknown = sum(one.outcome == UNKNOWN for one in self.operations)
        requests = [one for chain in self.chains for one in chain.requests]
        events = sum(len(one.seen) for one in requests)
        return (
            f"{len(self.operations)} operations ({acknowledged} writes acknowledged, {unknown} of unknown outcome), "
            f"{len(self.listings)} lists, {len(self.chains)} watchers with {len(requests)} requests and {events} events"
        )
