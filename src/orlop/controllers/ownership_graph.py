"""Who owns whom: the graph of owner references between stored objects, and what a change of it makes worth a look.

Kept up by `ownership_feed`, read by `garbage_collector`. Knows only objects that have references or that references
name, so that its size is bounded by the number of references; the others cost nothing here. An owner is named by its
key in storage and its uid: references to one uid by different names are different owners, of which at most one is
there. Pure. Behaviour: kube-controller-manager `pkg/controller/garbagecollector/graph_builder.go`; its virtual nodes
are owners whose key was not yet looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Final, NamedTuple

UNKNOWN: Final = "?"
"""How the key of an owner begins whose kind is not known."""


class Wait(Enum):
    """What an object that is being deleted waits for, by the finalizer that says so."""

    NOTHING = ""
    ORPHANS = "orphan"
    DEPENDENTS = "foregroundDeletion"


class Place(NamedTuple):
    """One object for its whole life."""

    key: str
    uid: str


class State(NamedTuple):
    """What the graph wants to know of an object; `owners` tells of each whether the reference blocks its deletion."""

    uid: str
    owners: dict[Place, bool]
    wait: Wait = Wait.NOTHING


class Owner:
    """`dependents` by key, and whether they block; `blocking` is how many do. `absent`: its key was looked at, and it
    was not there."""

    __slots__ = ("absent", "blocking", "dependents", "place")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.dependents: dict[str, bool] = {}
        self.blocking = 0
        self.absent = False


class _Dependent(NamedTuple):
    uid: str
    owners: dict[Owner, bool]


class Consequences:
    """Keys whose objects are to be looked at (so that `update` is told of them), and keys of which something may be to
    do."""

    __slots__ = ("examine", "look")

    def __init__(self) -> None:
        self.look: list[str] = []
        self.examine: dict[str, None] = {}


class Graph:
    def __init__(self) -> None:
        self.dependents: dict[str, _Dependent] = {}
        self.owners: dict[str, dict[str, Owner]] = {}
        """By key and uid."""
        self.waiting: dict[str, tuple[str, Wait]] = {}
        """Objects that wait for the collector, with their uids."""

    def knows(self, key: str) -> bool:
        """Whether a change of this object's can matter although it has no references."""
        return key in self.dependents or key in self.owners or key in self.waiting

    def owner(self, place: Place) -> Owner | None:
        return self.owners.get(place.key, {}).get(place.uid)

    def update(self, key: str, state: State | None) -> Consequences:
        """Take notice of what is there now under `key` (None: nothing)."""
        found = Consequences()
        self._relate(key, state, found)
        self._judge(key, state.uid if state is not None else "", found)
        self._await(key, state, found)
        return found

    # --- as a dependent ------------------------------------------------------------------------------------------

    def _relate(self, key: str, state: State | None, found: Consequences) -> None:
        before = self.dependents.pop(key, None)
        old = before.owners if before is not None else {}
        if before is not None and (state is None or before.uid != state.uid):
            for owner in old:
                self._part(key, owner, found)
            old = {}
        if state is None or not (state.owners or old):
            return
        new = {self._named(place, found): blocks for place, blocks in state.owners.items()}
        if new:
            self.dependents[key] = _Dependent(state.uid, new)
        if new == old:
            return
        for owner, blocks in new.items():
            self._join(key, owner, blocks, found)
        for owner in old:
            if owner not in new:
                self._part(key, owner, found)
        if any(owner.absent or self._wait(owner) is not Wait.NOTHING for owner in new):
            found.examine[key] = None

    def _named(self, place: Place, found: Consequences) -> Owner:
        named = self.owners.setdefault(place.key, {})
        owner = named.get(place.uid)
        if owner is None:
            owner = named[place.uid] = Owner(place)
            if not place.key.startswith(UNKNOWN):
                found.look.append(place.key)
        return owner

    def _join(self, key: str, owner: Owner, blocks: bool, found: Consequences) -> None:
        blocked = owner.dependents.get(key, False)
        owner.dependents[key] = blocks
        owner.blocking += blocks - blocked
        if blocked and not blocks:
            self._let_go(owner, found)

    def _part(self, key: str, owner: Owner, found: Consequences) -> None:
        owner.blocking -= owner.dependents.pop(key)
        self._let_go(owner, found)
        if not owner.dependents:
            named = self.owners[owner.place.key]
            del named[owner.place.uid]
            if not named:
                del self.owners[owner.place.key]

    def _let_go(self, owner: Owner, found: Consequences) -> None:
        """A dependent no longer holds the owner; perhaps it was the last that did."""
        wait = self._wait(owner)
        if (wait is Wait.DEPENDENTS and not owner.blocking) or (wait is Wait.ORPHANS and not owner.dependents):
            found.examine[owner.place.key] = None

    def _wait(self, owner: Owner) -> Wait:
        uid, wait = self.waiting.get(owner.place.key, ("", Wait.NOTHING))
        return wait if uid == owner.place.uid else Wait.NOTHING

    # --- as an owner ---------------------------------------------------------------------------------------------

    def _judge(self, key: str, uid: str, found: Consequences) -> None:
        """`uid` is what is there; whoever had the key with another one is gone."""
        for owner in self.owners.get(key, {}).values():
            absent = owner.place.uid != uid
            if absent and not owner.absent:
                found.examine.update(dict.fromkeys(owner.dependents))
            owner.absent = absent

    def _await(self, key: str, state: State | None, found: Consequences) -> None:
        if state is None or state.wait is Wait.NOTHING:
            self.waiting.pop(key, None)
            return
        now = (state.uid, state.wait)
        if self.waiting.get(key) == now:
            return
        self.waiting[key] = now
        found.examine[key] = None
        owner = self.owner(Place(key, state.uid))
        if owner is not None:
            found.examine.update(dict.fromkeys(owner.dependents))

    # --- questions -----------------------------------------------------------------------------------------------

    def holds(self, place: Place, wait: Wait) -> bool:
        """Whether dependents keep an object that waits."""
        owner = self.owner(place)
        if owner is None:
            return False
        return bool(owner.dependents) if wait is Wait.ORPHANS else owner.blocking > 0

    def has_dependents(self, place: Place) -> bool:
        return self.owner(place) is not None

    def has_waiting_dependents(self, place: Place) -> bool:
        """Whether one of its dependents waits for dependents of its own: perhaps for this very object."""
        owner = self.owner(place)
        if owner is None:
            return False
        return any(self.waiting.get(key, ("", Wait.NOTHING))[1] is Wait.DEPENDENTS for key in owner.dependents)

    def dependents_of_kind(self, start: str) -> Iterable[str]:
        """The dependents of all owners whose key starts so."""
        return [dependent for key, named in self.owners.items() if key.startswith(start)
                for owner in named.values() for dependent in owner.dependents]

    def check_invariants(self) -> None:
        edges = {(key, owner.place) for key, node in self.dependents.items() for owner in node.owners}
        reverse = {(key, owner.place) for named in self.owners.values() for owner in named.values()
                   for key in owner.dependents}
        assert edges == reverse, "the two directions differ"
        for named in self.owners.values():
            assert named, "an empty key was kept"
            for uid, owner in named.items():
                assert owner.dependents and uid == owner.place.uid, "an owner of nothing was kept"
                assert owner.blocking == sum(owner.dependents.values())
        for key, node in self.dependents.items():
            assert node.owners
            assert all(owner.dependents[key] == blocks for owner, blocks in node.owners.items())
