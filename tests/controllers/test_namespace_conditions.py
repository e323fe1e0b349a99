"""A terminating namespace's conditions."""

from __future__ import annotations

from orlop.api.gvk import GroupResource
from orlop.controllers.namespace_conditions import Leftovers, updated

FINE = {
    "NamespaceDeletionDiscoveryFailure": "ResourcesDiscovered",
    "NamespaceDeletionGroupVersionParsingFailure": "ParsedGroupVersions",
    "NamespaceDeletionContentFailure": "ContentDeleted",
    "NamespaceContentRemaining": "ContentRemoved",
    "NamespaceFinalizersRemaining": "ContentRemoved",
}


def test_all_is_well() -> None:
    """Five conditions, all False, in upstream's order."""
    conditions = updated((), Leftovers(), "now")
    assert {c["type"]: c["reason"] for c in conditions} == FINE
    assert list(FINE) == [c["type"] for c in conditions]
    assert {(c["status"], c["lastTransitionTime"]) for c in conditions} == {("False", "now")}


def test_leftovers_are_counted() -> None:
    """What remains, by resource and by finalizer, sorted, so that nothing changes without a reason."""
    left = Leftovers({GroupResource("", "pods"): 2, GroupResource("apps", "deployments"): 1}, {"b/x": 1, "a/y": 2})
    told = {c["type"]: c for c in updated((), left, "now")}
    assert told["NamespaceContentRemaining"] == {
        "type": "NamespaceContentRemaining", "status": "True", "lastTransitionTime": "now",
        "reason": "SomeResourcesRemain", "message": "Some resources are remaining: deployments.apps has 1 resource "
                                                    "instances, pods. has 2 resource instances"}
    assert told["NamespaceFinalizersRemaining"]["message"] == (
        "Some finalizers are remaining: a/y in 2 resource instances, b/x in 1 resource instances")


def test_failures_are_told() -> None:
    """An error while deleting is a condition of its own."""
    told = {c["type"]: c for c in updated((), Leftovers(failures=["second", "first"]), "now")}
    assert told["NamespaceDeletionContentFailure"]["message"] == (
        "Failed to delete all resource types, 2 remaining: first, second")


def test_only_transitions_move_the_time() -> None:
    """The same again is no change; another message keeps the time; another status moves it."""
    one = Leftovers({GroupResource("", "pods"): 1})
    first = updated([{"type": "Mine", "status": "True"}], one, "t1")
    assert updated(first, one, "t2") == first and first[0] == {"type": "Mine", "status": "True"}
    two = {c["type"]: c for c in updated(first, Leftovers({GroupResource("", "pods"): 2}), "t2")}
    assert two["NamespaceContentRemaining"]["lastTransitionTime"] == "t1"
    gone = {c["type"]: c for c in updated(first, Leftovers(), "t3") if "lastTransitionTime" in c}
    assert gone["NamespaceContentRemaining"]["lastTransitionTime"] == "t3"
    assert gone["NamespaceFinalizersRemaining"]["lastTransitionTime"] == "t1"
