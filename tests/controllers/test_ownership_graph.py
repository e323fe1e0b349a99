"""The graph of owners and what it says is worth a look: by hand, and with random worlds against the rules."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.controllers.ownership_graph import Consequences, Graph, Place, State, Wait
from orlop.controllers.ownership_verdict import LEAVE, Standing, Verdict, judge, standing, wait_of

MOST_LOOKS = 100
"""Looks an object may cost at most in a world of ten: far more than it takes, far less than for ever."""


@dataclass
class Object:
    uid: str
    owners: dict[Place, bool]
    deleting: bool = False
    finalizers: set[str] = field(default_factory=set)

    @property
    def wait(self) -> Wait:
        return wait_of({"finalizers": sorted(self.finalizers), "deletionTimestamp": self.deleting})


class World:
    """Objects, a graph that is told of every change, and a collector that does what the graph and the verdicts say, in
    an order that `chance` chooses."""

    def __init__(self, chance: random.Random) -> None:
        self.objects: dict[str, Object] = {}
        self.graph, self.chance = Graph(), chance
        self.examine: set[str] = set()
        self.looks = 0
        self._uids = 0

    def tell(self, key: str) -> None:
        noted = [key]
        while noted:
            one = noted.pop(self.chance.randrange(len(noted)))
            found = self.object_told(one)
            noted += found.look
            self.examine |= found.examine.keys()

    def object_told(self, key: str) -> Consequences:
        obj = self.objects.get(key)
        return self.graph.update(key, None if obj is None else State(obj.uid, dict(obj.owners), obj.wait))

    def make(self, key: str, owners: dict[Place, bool]) -> None:
        self._uids += 1
        self.objects[key] = Object(f"u{self._uids}", owners)
        self.tell(key)

    def place(self, key: str) -> Place:
        return Place(key, self.objects[key].uid)

    def delete(self, key: str, policy: str) -> None:
        obj = self.objects[key]
        obj.finalizers -= {"orphan", "foregroundDeletion"}
        obj.finalizers |= {"Orphan": {"orphan"}, "Foreground": {"foregroundDeletion"}}.get(policy, set())
        if obj.finalizers:
            obj.deleting = True
        else:
            del self.objects[key]
        self.tell(key)

    def unfinalize(self, key: str, finalizer: str) -> None:
        obj = self.objects[key]
        obj.finalizers.discard(finalizer)
        if obj.deleting and not obj.finalizers:
            del self.objects[key]
        self.tell(key)

    def stands(self, place: Place) -> Standing:
        obj = self.objects.get(place.key)
        there = obj is not None and obj.uid == place.uid
        return standing(there, obj.wait if obj is not None else Wait.NOTHING)

    def step(self) -> None:
        key = self.chance.choice(sorted(self.examine))
        self.examine.discard(key)
        self.looks += 1
        obj = self.objects.get(key)
        if obj is None:
            return
        if obj.wait is not Wait.NOTHING:
            if not self.graph.holds(self.place(key), obj.wait):
                self.unfinalize(key, obj.wait.value)
        elif not obj.deleting and obj.owners:
            place = self.place(key)
            verdict = judge([(owner.uid, self.stands(owner)) for owner in obj.owners], obj.finalizers,
                            self.graph.has_dependents(place), self.graph.has_waiting_dependents(place))
            self.carry_out(key, obj, verdict)

    def carry_out(self, key: str, obj: Object, verdict: Verdict) -> None:
        if verdict.drop:
            obj.owners = {place: blocks for place, blocks in obj.owners.items() if place.uid not in verdict.drop}
        if verdict.unblock:
            obj.owners = dict.fromkeys(obj.owners, False)
        if verdict.drop or verdict.unblock:
            self.tell(key)
        if verdict.policy:
            self.delete(key, verdict.policy)

    def run(self) -> None:
        while self.examine:
            self.step()
            assert self.looks < MOST_LOOKS * 10, "it never ends"
        self.graph.check_invariants()

    def check_rest(self) -> None:
        """Nothing is left to do."""
        for key, obj in self.objects.items():
            kinds = {self.stands(owner) for owner in obj.owners}
            if obj.deleting:
                assert obj.wait is Wait.NOTHING or self.graph.holds(self.place(key), obj.wait), key
            elif kinds:
                assert kinds == {Standing.SOLID}, key


@st.composite
def plans(draw: st.DrawFn) -> list[tuple[list[int], list[bool]]]:
    """Of ten objects which earlier ones own each, and whether it blocks them."""
    plan = []
    for number in range(draw(st.integers(1, 10))):
        owners = draw(st.lists(st.integers(0, number - 1), unique=True, max_size=3)) if number else []
        plan.append((owners, [draw(st.booleans()) for _ in owners]))
    return plan


def build(world: World, plan: list[tuple[list[int], list[bool]]]) -> list[str]:
    keys = [f"/registry/things/{number}" for number in range(len(plan))]
    for key, (owners, blocks) in zip(keys, plan, strict=True):
        places = [world.place(keys[owner]) for owner in owners]
        world.make(key, dict(zip(places, blocks, strict=True)))
    return keys


@given(plans(), st.data(), st.randoms(use_true_random=False))
def test_only_what_somebody_owns_survives(plan: list[tuple[list[int], list[bool]]], data: st.DataObject,
                                          chance: random.Random) -> None:
    """After any deletions, in the background, in the foreground, also to be made anew at once, exactly those are there
    that had no owner or have one left; nothing waits for ever."""
    world = World(chance)
    keys = build(world, plan)
    doomed = data.draw(st.lists(st.sampled_from(keys), unique=True))
    for key in doomed:
        for _ in range(data.draw(st.integers(0, 3))):
            if world.examine:
                world.step()
        if key not in world.objects:
            continue
        anew = data.draw(st.booleans())
        world.delete(key, "Background" if anew else data.draw(st.sampled_from(["Background", "Foreground"])))
        if anew:
            world.make(key, {})
    world.run()
    world.check_rest()
    alive: set[int] = set()
    for number, (owners, _) in enumerate(plan):
        if keys[number] not in doomed and (not owners or alive & set(owners)):
            alive.add(number)
    originals = {key for number, key in enumerate(keys) if number in alive}
    assert {key for key in world.objects if key not in doomed} == originals
    assert all(not world.objects[key].deleting for key in world.objects)


@given(plans(), st.data(), st.randoms(use_true_random=False))
def test_orphans_survive(plan: list[tuple[list[int], list[bool]]], data: st.DataObject, chance: random.Random) -> None:
    """What is deleted so that its dependents are set free takes nothing along; nothing is left to do."""
    world = World(chance)
    keys = build(world, plan)
    doomed = data.draw(st.lists(st.sampled_from(keys), unique=True))
    for key in doomed:
        world.delete(key, "Orphan")
        for _ in range(data.draw(st.integers(0, 3))):
            if world.examine:
                world.step()
    world.run()
    world.check_rest()
    assert set(world.objects) == set(keys) - set(doomed)


@given(st.lists(st.tuples(st.integers(0, 7), st.dictionaries(st.tuples(st.integers(0, 7), st.integers(0, 2)),
                                                             st.booleans(), max_size=4), st.integers(0, 2),
                          st.sampled_from(Wait), st.booleans()), max_size=30))
def test_the_graph_holds_together(changes: list[tuple[int, dict[tuple[int, int], bool], int, Wait, bool]]) -> None:
    """Whatever it is told, in whatever order, with cycles and owners that never were: both directions agree, counts
    are right, nothing is kept of what nobody refers to."""
    graph = Graph()
    keys: set[str] = set()
    for number, owners, uid, wait, there in changes:
        key = f"/{number}"
        keys.add(key)
        places = {Place(f"/{owner}", str(which)): blocks for (owner, which), blocks in owners.items()}
        graph.update(key, State(str(uid), places, wait) if there else None)
        graph.check_invariants()
    for key in keys:
        graph.update(key, None)
    graph.check_invariants()
    assert not graph.owners and not graph.dependents and not graph.waiting


def test_strangers_cost_nothing() -> None:
    """Objects without owners that nobody names leave no trace."""
    graph = Graph()
    found = graph.update("/a", State("u", {}))
    assert not found.look and not found.examine and not graph.knows("/a")


def test_known_absent_owners_are_not_looked_for_again() -> None:
    """The first that names an owner makes it be looked at; once it is known to be absent, later ones are examined."""
    graph = Graph()
    gone = Place("/owner", "gone")
    assert graph.update("/a", State("a", {gone: False})).look == ["/owner"]
    assert list(graph.update("/owner", State("other", {})).examine) == ["/a"]
    found = graph.update("/b", State("b", {gone: False}))
    assert not found.look and list(found.examine) == ["/b"]
    assert not graph.update("/owner", State("other", {})).examine


def test_the_last_that_blocks() -> None:
    """A waiting owner is examined when nothing blocks it any more, not at each step on the way."""
    graph = Graph()
    owner = Place("/owner", "o")
    for name in "abc":
        graph.update(f"/{name}", State(name, {owner: True}))
    assert set(graph.update("/owner", State("o", {}, Wait.DEPENDENTS)).examine) == {"/owner", "/a", "/b", "/c"}
    assert not graph.update("/owner", State("o", {}, Wait.DEPENDENTS)).examine
    assert not graph.update("/a", None).examine
    assert list(graph.update("/b", State("b", {owner: False})).examine) == ["/b"]
    assert list(graph.update("/c", None).examine) == ["/owner"]
    assert not graph.holds(owner, Wait.DEPENDENTS) and graph.holds(owner, Wait.ORPHANS)


def test_owners_of_unknown_kinds() -> None:
    """They are not looked at, and their dependents are found again when the kind appears."""
    graph = Graph()
    found = graph.update("/a", State("a", {Place("?example.com/v1|Widget|default/w", "w"): False}))
    assert not found.look and not found.examine
    assert graph.dependents_of_kind("?example.com/v1|Widget|") == ["/a"]
    assert graph.dependents_of_kind("?example.com/v1|Wid|") == []


S, A, D, F, U = Standing.SOLID, Standing.ABSENT, Standing.DELETING, Standing.ORPHANING, Standing.UNKNOWN


@pytest.mark.parametrize(("standings", "finalizers", "dependents", "cycle", "wanted"), [
    ([], [], True, False, LEAVE),
    ([S], [], True, False, LEAVE),
    ([S, U], [], True, False, LEAVE),
    ([A, U], [], True, False, LEAVE),
    ([S, A, D], [], True, True, Verdict(drop=frozenset({"1", "2"}))),
    ([F], [], True, False, Verdict(drop=frozenset({"0"}))),
    ([F, A], [], True, False, Verdict(drop=frozenset({"0", "1"}))),
    ([A, A], [], True, False, Verdict("Background")),
    ([A], ["orphan"], True, False, Verdict("Orphan")),
    ([A], ["x", "foregroundDeletion"], True, False, Verdict("Foreground")),
    ([D], [], False, False, Verdict("Background")),
    ([D, A], [], True, False, Verdict("Foreground")),
    ([D], ["orphan"], True, True, Verdict("Foreground", unblock=True)),
    ([D], ["orphan"], False, False, Verdict("Orphan")),
])  # fmt: skip
def test_verdicts(standings: list[Standing], finalizers: list[str], dependents: bool, cycle: bool,
                  wanted: Verdict) -> None:
    """What becomes of an object, case by case."""
    named = [(str(number), each) for number, each in enumerate(standings)]
    assert judge(named, finalizers, dependents, cycle) == wanted
