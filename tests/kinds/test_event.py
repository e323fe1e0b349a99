"""Events: one store behind two groups, their two forms, their rules and their short life."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kind_bench import Kind, Tree, copied

from orlop.api.context import Context
from orlop.api.gvk import GroupVersion
from orlop.kinds.conversion import CONVERSIONS
from orlop.kinds.event_conversion import from_core, to_core

CORE: Tree = {"involvedObject": {"kind": "Pod", "namespace": "ns", "name": "p"}, "reason": "R", "message": "m"}
NEW: Tree = {"regarding": {"kind": "Pod", "namespace": "ns", "name": "p"}, "reason": "R", "action": "A", "note": "n",
             "eventTime": "2024-01-01T00:00:00.000000Z", "type": "Normal", "reportingController": "c/x",
             "reportingInstance": "i"}


class GroupEvents(Kind):
    """Bodies of events.k8s.io, which strategies see in the stored form."""

    def __init__(self) -> None:
        super().__init__("events", "events.k8s.io")

    def decoded(self, tree: Tree) -> Tree:  # type: ignore[override]
        return to_core(super().decoded(from_core(copied(tree))))


def test_both_ways_are_found_by_kind() -> None:
    """The table that endpoints read."""
    assert CONVERSIONS[GroupVersion("events.k8s.io", "v1").kind("Event")] == (to_core, from_core)


@given(st.dictionaries(st.sampled_from((
    "regarding", "note", "deprecatedSource", "deprecatedFirstTimestamp", "deprecatedLastTimestamp", "deprecatedCount",
    "reportingController", "reportingInstance", "reason", "type", "series", "metadata")), st.text(min_size=1)))
def test_the_way_there_and_back_changes_nothing(event: dict[str, str]) -> None:
    """Every member survives; what core/v1 prints though it is empty does not come back."""
    core = to_core(dict(event))
    assert {"reportingComponent", "reportingInstance"} <= core.keys() and "note" not in core
    assert from_core(core) == event


def test_events_live_an_hour() -> None:
    """Or as long as the server is told."""
    strategy = Kind("events").strategy()
    assert strategy.ttl(Context(), {}, False) == strategy.ttl(Context(), {}, True) == 3600
    assert Kind("events", event_ttl=60).strategy().ttl(Context(), {}, False) == 60


def test_old_events_are_hardly_looked_at() -> None:
    """Only the namespaces must agree; events about what has none stand in default."""
    kind = Kind("events")
    assert kind.refused(CORE) == []
    assert kind.refused(CORE, involvedObject={"kind": "Node"}) == [
        'involvedObject.namespace: Invalid value: "": does not match event.namespace']


def test_events_with_a_time_say_who_and_why() -> None:
    """The core group calls the reporter component, the new group controller."""
    missing = ["action: Required value", "reason: Required value"]
    assert [m for m in Kind("events").refused(CORE, eventTime=NEW["eventTime"], reason="") if "Required" in m] == [
        "reportingComponent: Required value", "reportingInstance: Required value", *missing]
    assert "reportingController: Required value" in GroupEvents().refused(NEW, reportingController="")


@pytest.mark.parametrize(("member", "wrong"), [
    ({"type": "Odd"}, 'type: Invalid value: "": has invalid value: Odd'),
    ({"eventTime": None}, "eventTime: Required value"),
    ({"deprecatedCount": 3}, 'count: Invalid value: "": needs to be unset'),
    ({"note": "x" * 1025}, 'message: Invalid value: "": can have at most 1024 characters'),
    ({"series": {"count": 1, "lastObservedTime": None}}, 'series.count: Invalid value: "": should be at least 2'),
])
def test_the_new_group_asks_for_everything(member: Tree, wrong: str) -> None:
    """And refuses what is deprecated."""
    assert GroupEvents().refused(NEW) == []
    assert wrong in GroupEvents().refused(NEW, **member)


def test_only_the_series_moves() -> None:
    """Through events.k8s.io; the core group still changes everything."""
    group, core = GroupEvents(), Kind("events")
    old = group.create(NEW)
    series = {"count": 2, "lastObservedTime": "2024-01-01T00:00:01.000000Z"}
    assert group.refused_update(old, {"series": series}) == []
    assert group.refused_update(old, {"message": "other", "action": "B"}) == [
        'message: Invalid value: "other": field is immutable', 'action: Invalid value: "B": field is immutable']
    assert core.refused_update(core.create(CORE), {"message": "other", "count": 7}) == []
