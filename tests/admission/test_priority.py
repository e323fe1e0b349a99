"""Priority: numbers of pods by the names of their classes, and one default class."""

from __future__ import annotations

from typing import Any

import pytest

from admission_requests import CONFIG_MAPS, PODS, pod, refusal, request
from orlop.admission.interface import CREATE, DELETE, UPDATE
from orlop.admission.priority import Priority, SoleDefaultPriority
from orlop.api.gvk import GroupVersionResource
from orlop.api.tree import Tree

CLASSES = GroupVersionResource("scheduling.k8s.io", "v1", "priorityclasses")
GIVEN = "must not be provided in pod spec; priority admission controller computed"


def classes(**values: Any) -> dict[str, Tree]:
    return {name: {"metadata": {"name": name}, "preemptionPolicy": "PreemptLowerPriority", **more}
            for name, more in values.items()}


HIGH = classes(high={"value": 1000, "preemptionPolicy": "Never"}, low={"value": -5})
WITH_DEFAULTS = classes(one={"value": 7, "globalDefault": True}, two={"value": 3, "globalDefault": True})


def admitted(spec: Tree, known: dict[str, Tree] = HIGH, old: Tree | None = None) -> Tree:
    obj = pod(spec)
    assert refusal(Priority(lambda: known).admit, request(obj, old)) == ""
    result: Tree = obj["spec"]
    return result


def test_the_class_decides() -> None:
    """Its number and its policy are the pod's; agreeing with them is no offence."""
    want = {"priorityClassName": "high", "priority": 1000, "preemptionPolicy": "Never"}
    assert admitted({"priorityClassName": "high"}) == want
    assert admitted(dict(want)) == want


def test_without_classes() -> None:
    """Zero, and it may preempt."""
    want = {"priority": 0, "preemptionPolicy": "PreemptLowerPriority"}
    assert admitted({}) == want
    assert admitted({"priorityClassName": "", "priority": 0}) == {"priorityClassName": "", **want}


def test_the_default_class() -> None:
    """Of several the one of the lowest value; its name is filled in too."""
    assert admitted({}, WITH_DEFAULTS) == {"priorityClassName": "two", "priority": 3,
                                           "preemptionPolicy": "PreemptLowerPriority"}


@pytest.mark.parametrize(("spec", "why"), [
    ({"priorityClassName": "nope"}, "no PriorityClass with name nope was found"),
    ({"priority": 5}, f"the integer value of priority (5) {GIVEN} 0 from the given PriorityClass name"),
    ({"priorityClassName": "high", "priority": 0},
     f"the integer value of priority (0) {GIVEN} 1000 from the given PriorityClass name"),
    ({"priorityClassName": "high", "preemptionPolicy": "PreemptLowerPriority"},
     f"the string value of PreemptionPolicy (PreemptLowerPriority) {GIVEN} Never from the given PriorityClass name"),
])
def test_refused(spec: Tree, why: str) -> None:
    """What contradicts the class, or names none that is there; nothing is changed then."""
    before = dict(spec)
    assert refusal(Priority(lambda: HIGH).admit, request(pod(spec))) == why
    assert spec == before


def test_updates_keep_what_was_set() -> None:
    """A client that sends a pod without the number does not take it away; classes are not asked."""
    old = pod({"priority": 4, "preemptionPolicy": "Never"})
    assert admitted({}, {}, old) == old["spec"]
    assert admitted({"priority": 9}, {}, old) == {"priority": 9, "preemptionPolicy": "Never"}


def said_of(obj: Tree, old: Tree | None = None, known: dict[str, Tree] = WITH_DEFAULTS) -> str:
    return refusal(SoleDefaultPriority(lambda: known).validate, request(obj, old, CLASSES))


def test_one_default_at_most() -> None:
    """A second one is refused, whether new or changed; the one that there is may be changed."""
    one, two = WITH_DEFAULTS.values()
    third = {"metadata": {"name": "x"}, "globalDefault": True}
    why = "PriorityClass two is already marked as default. Only one default can exist"
    assert said_of(third) == said_of(third, HIGH["low"]) == said_of(one, one) == why
    assert said_of(two, two) == said_of(third, None, HIGH) == said_of({"metadata": {"name": "x"}}) == ""


def test_whom_they_concern() -> None:
    """Pods and classes that are written; each half its own, under one name."""
    pods, kinds = Priority(dict), SoleDefaultPriority(dict)
    assert pods.name == kinds.name == "Priority"
    assert all(pods.handles(PODS, "", operation) for operation in (CREATE, UPDATE))
    assert all(kinds.handles(CLASSES, "", operation) for operation in (CREATE, UPDATE))
    assert not pods.handles(PODS, "status", UPDATE) and not pods.handles(PODS, "", DELETE)
    assert not kinds.handles(PODS, "", CREATE) and not pods.handles(CONFIG_MAPS, "", CREATE)
