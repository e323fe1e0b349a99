"""Each validator finds the fault that it is named for; a faultless history passes them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from recorder import ACKNOWLEDGED, REFUSED, Condition, History, Operation, Shown, State
from story import ONE, Story, story
from validators import VALIDATORS, complaints


def operation(history: History, **wanted: Any) -> int:
    """Where the first operation with these attributes is."""
    return next(
        i for i, one in enumerate(history.operations) if all(getattr(one, name) == is_ for name, is_ in wanted.items())
    )


def change(history: History, at: int, **how: Any) -> None:
    history.operations[at] = replace(history.operations[at], **how)


def watched(history: History, which: int = 0) -> list[Shown]:
    return history.chains[0].requests[which].seen


# faults: each changes a faultless history


def a_surprise(history: History) -> None:
    history.surprises.append("GET: 418")


def a_create_of_what_is_there(history: History) -> None:
    """The uid of an object changes without a delete."""
    for chain in history.chains:
        for request in chain.requests:
            request.seen[:] = [
                one._replace(state=one.state._replace(uid="other")) if one.state and one.state.value == "v10" else one
                for one in request.seen
            ]
    at = operation(history, value="v10")
    state = history.operations[at].state
    assert state is not None
    change(history, at, state=state._replace(uid="other"))


def an_acknowledged_write_nobody_was_told_of(history: History) -> None:
    at = operation(history, value="v4")
    state = history.operations[at].state
    for chain in history.chains:
        for request in chain.requests:
            request.seen[:] = [one for one in request.seen if one.state is None or one.state.value != "v4"]
    assert state is not None


def a_deletion_that_never_happened(history: History) -> None:
    at = operation(history, kind="delete", outcome=ACKNOWLEDGED)
    change(history, at, state=State(ONE, 0, "nobody", ""))


def a_write_applied_again(history: History) -> None:
    """The one without an answer: retried within the server, say."""
    history.operations[operation(history, value="v10")] = replace(
        history.operations[operation(history, value="v6")], key=ONE
    )
    for chain in history.chains:
        for request in chain.requests:
            request.seen[:] = [
                one._replace(state=one.state._replace(value="v6")) if one.state and one.state.value == "v10" else one
                for one in request.seen
            ]


def a_write_nobody_asked_for(history: History) -> None:
    del history.operations[operation(history, value="v6")]


def a_refused_write_that_happened(history: History) -> None:
    change(history, operation(history, value="v6"), outcome=REFUSED, code=409, ended=1000.0)


def a_condition_that_did_not_hold(history: History) -> None:
    change(history, operation(history, value="v4"), condition=Condition(revision=12))


def a_create_upon_something(history: History) -> None:
    change(history, operation(history, value="v4"), kind="create", condition=Condition())


def a_uid_that_comes_back(history: History) -> None:
    old, new = "uid-1", "uid-3"
    for i, one in enumerate(history.operations):
        if one.state is not None and one.state.uid == new:
            change(history, i, state=one.state._replace(uid=old))
    for chain in history.chains:
        for request in chain.requests:
            request.seen[:] = [
                one._replace(state=one.state._replace(uid=old)) if one.state and one.state.uid == new else one
                for one in request.seen
            ]


def an_answer_with_another_content(history: History) -> None:
    at = operation(history, kind="get", outcome=ACKNOWLEDGED)
    state = history.operations[at].state
    assert state is not None
    change(history, at, state=state._replace(value="vX"))


def a_stale_read(history: History) -> None:
    """A get after the deletion was acknowledged still shows the object."""
    last = history.operations[operation(history, kind="get", outcome=ACKNOWLEDGED)]
    gets = [i for i, one in enumerate(history.operations) if one.kind == "get" and one.code == 404 and one.key == ONE]
    change(history, gets[-1], outcome=ACKNOWLEDGED, code=200, state=last.state)


def a_stale_refusal(history: History) -> None:
    """Not found, though its creation had been acknowledged."""
    at = operation(history, kind="get", outcome=ACKNOWLEDGED)
    change(history, at, outcome=REFUSED, code=404, state=None)


def a_stale_list(history: History) -> None:
    listing = history.listings[1]
    old = history.listings[0].pages[0]
    history.listings[1] = replace(listing, pages=(old,))


def a_read_of_the_future(history: History) -> None:
    at = operation(history, kind="get", outcome=ACKNOWLEDGED)
    later = history.operations[operation(history, value="v4")].state
    change(history, at, state=later, kind="stale get")


def writes_in_the_wrong_order(history: History) -> None:
    """One that was called after the other had been answered has the older revision."""
    a, b = operation(history, value="v1"), operation(history, value="v2")
    one, other = history.operations[a], history.operations[b]
    change(history, a, began=other.began, ended=other.ended)
    change(history, b, began=one.began, ended=one.ended)


def a_list_with_something_missing(history: History) -> None:
    page = history.listings[0].pages[0]
    history.listings[0] = replace(history.listings[0], pages=(replace(page, states=page.states[1:]),))


def a_list_out_of_order(history: History) -> None:
    page = history.listings[0].pages[0]
    history.listings[0] = replace(history.listings[0], pages=(replace(page, states=page.states[::-1]),))


def a_page_of_another_revision(history: History) -> None:
    first, second = history.listings[1].pages
    history.listings[1] = replace(history.listings[1], pages=(first, replace(second, revision=second.revision + 1)))


def a_page_that_counts_wrongly(history: History) -> None:
    first, second = history.listings[1].pages
    history.listings[1] = replace(history.listings[1], pages=(replace(first, remaining=7), second))


def a_list_older_than_asked(history: History) -> None:
    at = next(i for i, one in enumerate(history.listings) if one.match == "NotOlderThan")
    history.listings[at] = replace(history.listings[at], asked="1000")


def a_list_of_another_revision(history: History) -> None:
    at = next(i for i, one in enumerate(history.listings) if one.match == "Exact")
    history.listings[at] = replace(history.listings[at], asked="11")


def events_out_of_order(history: History) -> None:
    seen = watched(history)
    seen[0], seen[1] = seen[1], seen[0]


def an_event_twice(history: History) -> None:
    watched(history).insert(1, watched(history)[0])


def an_event_twice_after_going_on(history: History) -> None:
    watched(history, 1).insert(0, watched(history)[-2])


def a_gap(history: History) -> None:
    del watched(history)[1]


def a_gap_where_it_went_on(history: History) -> None:
    del watched(history, 1)[0]


def an_event_with_another_type(history: History) -> None:
    watched(history)[0] = watched(history)[0]._replace(type="MODIFIED")


def a_watch_that_goes_on_elsewhere(history: History) -> None:
    history.chains[0].requests[1].since = "12"


def a_bookmark_ahead(history: History) -> None:
    """Before the event of its own revision."""
    seen = watched(history)
    seen[-1], seen[-2] = seen[-2], seen[-1]


def a_bookmark_over_a_missing_event(history: History) -> None:
    """Nothing follows it, so that only the bookmark says that more was to come."""
    del watched(history, 1)[-2]


def an_initial_event_too_few(history: History) -> None:
    del history.chains[1].requests[0].seen[0]


def unmarked_initial_events_that_never_were(history: History) -> None:
    del history.chains[2].requests[0].seen[1]


def a_watch_that_ends_with_an_error(history: History) -> None:
    history.chains[0].requests[0].end = "500"


def a_watcher_left_behind(history: History) -> None:
    history.chains[0].complete_at += 1


def two_writes_of_one_revision(history: History) -> None:
    seen = watched(history)
    assert seen[0].state is not None
    seen[0] = seen[0]._replace(state=seen[0].state._replace(value="vX"))


FAULTS: list[tuple[Callable[[History], None], str]] = [
    (a_surprise, "no_surprises"),
    (a_create_of_what_is_there, "one_event_after_the_other"),
    (an_acknowledged_write_nobody_was_told_of, "no_acknowledged_write_is_lost"),
    (a_deletion_that_never_happened, "no_acknowledged_write_is_lost"),
    (a_write_applied_again, "no_write_is_applied_twice"),
    (a_write_nobody_asked_for, "no_write_comes_from_nowhere"),
    (a_refused_write_that_happened, "no_write_comes_from_nowhere"),
    (a_condition_that_did_not_hold, "conditions_held"),
    (a_create_upon_something, "conditions_held"),
    (a_uid_that_comes_back, "deleted_uids_never_come_back"),
    (an_answer_with_another_content, "answers_show_what_was_written"),
    (a_stale_read, "linearizable"),
    (a_stale_refusal, "linearizable"),
    (a_stale_list, "linearizable"),
    (a_read_of_the_future, "linearizable"),
    (writes_in_the_wrong_order, "linearizable"),
    (a_list_with_something_missing, "lists_are_snapshots"),
    (a_list_out_of_order, "lists_are_snapshots"),
    (a_page_of_another_revision, "pages_are_one_snapshot"),
    (a_page_that_counts_wrongly, "pages_are_one_snapshot"),
    (a_list_older_than_asked, "lists_are_as_new_as_asked"),
    (a_list_of_another_revision, "lists_are_as_new_as_asked"),
    (events_out_of_order, "watches_are_ordered"),
    (an_event_twice, "watches_are_unique"),
    (an_event_twice_after_going_on, "watches_are_unique"),
    (a_gap, "watches_are_reliable"),
    (a_gap_where_it_went_on, "watches_are_reliable"),
    (an_event_with_another_type, "watches_are_reliable"),
    (a_watch_that_goes_on_elsewhere, "watches_go_on_where_they_were"),
    (a_bookmark_ahead, "bookmarks_are_never_ahead"),
    (a_bookmark_over_a_missing_event, "bookmarks_are_never_ahead"),
    (an_initial_event_too_few, "initial_events_are_a_snapshot"),
    (unmarked_initial_events_that_never_were, "initial_events_are_a_snapshot"),
    (a_watch_that_ends_with_an_error, "watches_end_for_a_reason"),
    (a_watcher_left_behind, "watches_are_told_everything"),
    (two_writes_of_one_revision, "one_log"),
]


def test_a_faultless_history_passes() -> None:
    """Refusals, unknown outcomes that did and did not happen, deletions and new lives included."""
    assert complaints(story().history) == {}


@pytest.mark.parametrize(("fault", "validator"), FAULTS, ids=lambda one: getattr(one, "__name__", one))
def test_a_fault_is_found(fault: Callable[[History], None], validator: str) -> None:
    """By the validator that is named for it."""
    history = story().history
    fault(history)
    assert validator in complaints(history)


def test_every_validator_is_tested() -> None:
    """None that never found anything."""
    assert {validator.__name__ for validator in VALIDATORS} | {"one_log"} == {name for _, name in FAULTS}


def test_concurrent_answers_may_be_old_or_new() -> None:
    """What overlaps a write may show the state before or after it, but not the one before after the one after."""
    s = Story()
    s.write("create", ONE, "v1")
    s.write("update", ONE, "v2")
    s.watch()
    history = s.history
    first, second = history.operations
    history.operations[1] = replace(second, began=10.0, ended=50.0)

    def get(began: float, ended: float, state: State | None) -> Operation:
        return Operation("d", "s", "get", ONE, began, ended, ACKNOWLEDGED, 200, state=state)

    old_then_new = [get(11, 12, first.state), get(13, 14, second.state), get(60, 61, second.state)]
    history.operations[2:] = old_then_new
    assert complaints(history) == {}
    history.operations[2:] = [get(11, 12, second.state), get(13, 14, first.state)]
    assert set(complaints(history)) == {"linearizable"}
    history.operations[2:] = [get(11, 14, second.state), get(12, 13, first.state)]
    assert complaints(history) == {}
