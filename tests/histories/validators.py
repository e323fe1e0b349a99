"""The promises of an API server, each checked by one function over a recorded history.

`validate` runs them all. In the manner of etcd's robustness tests (etcd `tests/robustness/validate`), for the API on
top. What each says is its docstring; `test_validators` shows that each finds the fault that it is named for. The
history may come from several servers of one storage, and may contain requests of which the outcome is unknown.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

from linearity import linearizable
from recorder import ACKNOWLEDGED, CUT, ENDED, GONE, LEFT, REFUSED, Chain, History, Shown, State, Watched
from truth import Truth, Violation

Validator = Callable[[History, Truth], None]


def require(condition: bool, text: str) -> None:
    if not condition:
        raise Violation(text)


# the log of writes


def no_surprises(history: History, _: Truth) -> None:
    """No client got an answer that no server should ever give."""
    require(not history.surprises, f"{len(history.surprises)} surprises: {history.surprises[:3]}")


def one_event_after_the_other(history: History, truth: Truth) -> None:
    """The log makes sense: what is created was absent, what is changed or deleted was there, as the same object."""
    for logged in truth.log:
        require(logged.revision > history.start, f"{logged} is older than the history")
        before = truth.state_at(logged.key, logged.revision - 1)
        if logged.deletes:
            require(before is not None, f"{logged} deletes nothing")
            assert before is not None
            shown = logged.state._replace(revision=before.revision)
            require(shown == before, f"{logged} deletes {before}: the last state is another")
        elif before is not None:
            require(before.uid == logged.state.uid, f"{logged} follows {before}: the uid changed without a delete")


def no_acknowledged_write_is_lost(history: History, truth: Truth) -> None:
    """Every acknowledged write was told to every watcher without a selector that was there, with its content; what was
    deleted, by its uid."""
    covered = [
        (chain.scope, _start(request), request.last, {shown.revision for shown in request.seen})
        for chain, request in _requests(history)
        if not chain.scope.group
    ]
    deleted = {logged.state.uid for logged in truth.log if logged.deletes}
    for one in history.operations:
        if one.outcome != ACKNOWLEDGED or not one.is_write or one.state is None:
            continue
        if one.kind == "delete":
            require(one.state.uid in deleted, f"{one}: no deletion was ever seen")
            continue
        require(one.state.value == one.value and one.state.key == one.key, f"{one}: the answer shows another write")
        for scope, since, last, told in covered:
            if since is not None and since < one.state.revision <= last and scope.shows(one.state):
                require(one.state.revision in told, f"{one}: a watcher of {scope} was told up to {last}, but not of it")


def no_write_is_applied_twice(history: History, truth: Truth) -> None:
    """A request makes one write at most; also a request without an answer."""
    values = Counter(logged.state.value for logged in truth.log if not logged.deletes)
    twice = {value: number for value, number in values.items() if number > 1}
    require(not twice, f"written more than once: {twice}")
    uids = Counter(logged.state.uid for logged in truth.log if logged.deletes)
    require(all(number == 1 for number in uids.values()), f"deleted more than once: {uids.most_common(3)}")
    acknowledged = Counter(
        one.state.uid for one in history.operations
        if one.kind == "delete" and one.outcome == ACKNOWLEDGED and one.state is not None
    )
    require(all(number == 1 for number in acknowledged.values()), f"one object, several deletions: {acknowledged}")


def no_write_comes_from_nowhere(history: History, truth: Truth) -> None:
    """Every write was asked for by somebody, and had not been refused; it happened to the object that was named."""
    for logged in truth.log:
        writer = truth.writers.get(logged.revision)
        require(writer is not None, f"{logged}: nobody asked for it")
        assert writer is not None
        require(writer.outcome != REFUSED, f"{logged} was refused: {writer}")
        require(writer.key == logged.key, f"{logged} was meant for another object: {writer}")


def conditions_held(history: History, truth: Truth) -> None:
    """A write upon a revision, uid or value was made upon that state; a create upon nothing."""
    for revision, writer in truth.writers.items():
        before = truth.state_at(writer.key, revision - 1)
        if writer.kind == "create":
            require(before is None, f"{writer} created at {revision} what was there: {before}")
        elif writer.condition:
            held = before is not None and writer.condition.holds(before)
            require(held, f"{writer} was made at {revision} upon {before}")


def deleted_uids_never_come_back(history: History, truth: Truth) -> None:
    """An object created again under the same name is another: every uid is one life of one name."""
    ended: set[str] = set()
    keys: dict[str, str] = {}
    for logged in truth.log:
        uid = logged.state.uid
        require(uid not in ended, f"{logged}: an object with this uid was deleted before")
        require(keys.setdefault(uid, logged.key) == logged.key, f"{logged}: the uid is {keys[uid]}'s")
        if logged.deletes:
            ended.add(uid)


def answers_show_what_was_written(history: History, truth: Truth) -> None:
    """Whatever a get or a write shows is a state that the log knows, at its revision, whole."""
    for one in history.operations:
        if one.state is None or one.kind == "delete":
            continue
        known = truth.state_at(one.state.key, one.state.revision)
        require(known == one.state, f"{one} shows a state that never was; at its revision: {known}")
        require(one.state.key == one.key, f"{one} shows another object")


# lists


def lists_are_snapshots(history: History, truth: Truth) -> None:
    """The first page, and every whole list, shows exactly what was there at the revision that it names, in order."""
    for listing in history.listings:
        if not listing.pages:
            continue
        states = [state for page in listing.pages for state in page.states]
        wanted = truth.snapshot(listing.scope, listing.pages[0].revision)
        if not listing.whole:
            wanted = wanted[: len(states)]
        require(states == wanted, _difference(f"{_named(listing)} is no snapshot", states, wanted))


def pages_are_one_snapshot(history: History, truth: Truth) -> None:
    """All pages of a list name the same revision; those before the last say that there is more, and how much."""
    for listing in history.listings:
        revisions = {page.revision for page in listing.pages}
        require(len(revisions) <= 1, f"{_named(listing)}: pages of several revisions {revisions}")
        if not listing.whole or not listing.pages:
            continue
        *before, last = listing.pages
        require(all(page.more for page in before) and not last.more, f"{_named(listing)}: pages do not follow")
        left = sum(len(page.states) for page in listing.pages)
        for page in listing.pages:
            left -= len(page.states)
            if page.remaining is not None:
                text = f"{_named(listing)}: {page.remaining} remain, it says; there are {left}"
                require(page.remaining == left, text)


def lists_are_as_new_as_asked(history: History, _: Truth) -> None:
    """At exactly the revision asked for, or not older than it."""
    for listing in history.listings:
        for page in listing.pages:
            if listing.match == "Exact":
                require(page.revision == int(listing.asked), f"{_named(listing)} is of revision {page.revision}")
            elif listing.asked:
                require(page.revision >= int(listing.asked), f"{_named(listing)} is of revision {page.revision}")


# watches


def watches_are_ordered(history: History, _: Truth) -> None:
    """Events are told in order of revision."""
    for chain, request in _requests(history):
        revisions = [shown.revision for shown in _live(request) if shown.state is not None]
        for before, after in pairwise(revisions):
            require(before <= after, f"{_who(chain)}: revision {after} after {before}")


def watches_are_unique(history: History, _: Truth) -> None:
    """No event is told twice, neither in one request nor after going on."""
    for chain in history.chains:
        last = 0
        for request in chain.requests:
            if not request.resumes:
                last = 0
            for shown in _live(request):
                if shown.state is not None:
                    require(shown.revision != last, f"{_who(chain)}: revision {shown.revision} twice")
                    last = max(last, shown.revision)


def watches_are_reliable(history: History, truth: Truth) -> None:
    """No gap: from its start to the last thing it was told, a watch shows every event that its selector matches, with
    the content of that revision, and no other."""
    for chain, request in _requests(history):
        since = _start(request)
        if since is None:
            continue
        events = [shown for shown in _live(request) if shown.state is not None]
        until = max((shown.revision for shown in events), default=since)
        wanted = truth.shown(chain.scope, since, until)
        require(events == wanted, _difference(f"{_who(chain)} since {since}: a gap", events, wanted))


def watches_go_on_where_they_were(history: History, _: Truth) -> None:
    """A request that goes on asks for the last revision it was told, and is told nothing from before."""
    for chain in history.chains:
        for before, request in pairwise(chain.requests):
            if request.resumes:
                text = f"{_who(chain)} goes on at {request.since}, was at {before.last}"
                require(int(request.since) == before.last, text)
                for shown in request.seen:
                    require(
                        shown.state is None or shown.revision > before.last,
                        f"{_who(chain)}: went on at {before.last} and was told {shown}",
                    )


def bookmarks_are_never_ahead(history: History, truth: Truth) -> None:
    """A bookmark says that everything up to its revision was told: all that the log has, and nothing of it later."""
    for chain, request in _requests(history):
        since = _start(request)
        known = [] if since is None else [one.revision for one in truth.shown(chain.scope, since, request.last)]
        told, highest = 0, 0
        for shown in _live(request):
            if shown.state is not None:
                require(shown.revision > highest, f"{_who(chain)}: {shown} after a bookmark at {highest}")
                told += 1
                continue
            require(shown.revision >= highest, f"{_who(chain)}: a bookmark at {shown.revision} after {highest}")
            highest = shown.revision
            wanted = bisect_right(known, highest)
            text = f"{_who(chain)}: a bookmark at {highest} after {told} of {wanted} events"
            require(since is None or told == wanted, text)


def initial_events_are_a_snapshot(history: History, truth: Truth) -> None:
    """What a watch shows first is the state at the revision that its bookmark names, each object once; without such a
    bookmark, at some revision from which all that follows goes on."""
    for chain, request in _requests(history):
        if not request.initial:
            continue
        mark = next((i for i, shown in enumerate(request.seen) if shown.initial), None)
        if mark is not None:
            _compare_initial(chain, request, truth, mark)
        elif request.marked or not request.seen:
            known = all(_is_state(truth, shown) for shown in request.seen)
            require(known, f"{_who(chain)}: initial events that never were")
        else:
            require(_some_snapshot(chain, request, truth), f"{_who(chain)}: its events follow from no state")


def _compare_initial(chain: Chain, request: Watched, truth: Truth, mark: int) -> None:
    revision = request.seen[mark].revision
    states = sorted((shown.state for shown in request.seen[:mark] if shown.state is not None), key=lambda one: one.key)
    wanted = sorted(truth.snapshot(chain.scope, revision), key=lambda one: one.key)
    require(states == wanted, _difference(f"{_who(chain)}: initial events at {revision}", states, wanted))
    require(all(shown.type == "ADDED" for shown in request.seen[:mark]), f"{_who(chain)}: initial events are ADDED")
    require(revision >= int(request.since or 0), f"{_who(chain)}: a state at {revision}, older than {request.since}")


def _some_snapshot(chain: Chain, request: Watched, truth: Truth) -> bool:
    for since in [truth.history.start, *truth.revisions]:
        state = truth.snapshot(chain.scope, since)
        first, rest = request.seen[: len(state)], request.seen[len(state) :]
        if {shown.state for shown in first} == set(state[: len(request.seen)]) or not rest:
            until = max((shown.revision for shown in rest), default=since)
            if [one for one in rest if one.state is not None] == truth.shown(chain.scope, since, until):
                return True
    return False


def watches_end_for_a_reason(history: History, _: Truth) -> None:
    """The client left, its time was up, the connection broke, or the revision is too old; never an error, and never too
    old for a request that the server served just before."""
    for chain, request in _requests(history):
        require(request.end in (CUT, LEFT, ENDED, GONE), f"{_who(chain)} since {request.since} ended: {request.end!r}")


def watches_are_told_everything(history: History, _: Truth) -> None:
    """Who stays long enough hears of the last write."""
    for chain in history.chains:
        last = max((request.last for request in chain.requests), default=0)
        require(last >= chain.complete_at, f"{_who(chain)} was told up to {last} of {chain.complete_at}")


def _requests(history: History) -> Sequence[tuple[Chain, Watched]]:
    return [(chain, request) for chain in history.chains for request in chain.requests]


def _live(request: Watched) -> list[Shown]:
    """What comes after the initial events; nothing where their end is not marked."""
    if not request.initial:
        return request.seen
    mark = next((i for i, shown in enumerate(request.seen) if shown.initial), len(request.seen))
    return request.seen[mark + 1 :]


def _start(request: Watched) -> int | None:
    """The revision from which on events are told."""
    if not request.initial:
        return int(request.since)
    return next((shown.revision for shown in request.seen if shown.initial), None)


def _is_state(truth: Truth, shown: Shown) -> bool:
    state: State | None = shown.state
    return state is None or truth.state_at(state.key, state.revision) == state


def _who(chain: Chain) -> str:
    return f"watcher {chain.client} of {chain.scope}"


def _named(listing: object) -> str:
    text = str(listing)
    return text[: text.index("pages=")] if "pages=" in text else text


def _difference(text: str, found: Sequence[object], wanted: Sequence[object]) -> str:
    for i, (one, other) in enumerate(zip(found, wanted, strict=False)):
        if one != other:
            return f"{text}: at {i} there is {one}, not {other}"
    return f"{text}: {len(found)} instead of {len(wanted)}: {[*found[len(wanted):], *wanted[len(found):]][:2]}"


VALIDATORS: tuple[Validator, ...] = (
    no_surprises,
    one_event_after_the_other,
    no_acknowledged_write_is_lost,
    no_write_is_applied_twice,
    no_write_comes_from_nowhere,
    conditions_held,
    deleted_uids_never_come_back,
    answers_show_what_was_written,
    linearizable,
    lists_are_snapshots,
    pages_are_one_snapshot,
    lists_are_as_new_as_asked,
    watches_are_ordered,
    watches_are_unique,
    watches_are_reliable,
    watches_go_on_where_they_were,
    bookmarks_are_never_ahead,
    initial_events_are_a_snapshot,
    watches_end_for_a_reason,
    watches_are_told_everything,
)


def complaints(history: History) -> dict[str, str]:
    """What is wrong, by the name of the validator that says so."""
    try:
        truth = Truth(history)
    except Violation as violation:
        return {"one_log": str(violation)}
    found: dict[str, str] = {}
    for validator in VALIDATORS:
        try:
            validator(history, truth)
        except Violation as violation:
            found[validator.__name__] = str(violation)
    return found


def validate(history: History) -> None:
    """Raises AssertionError with all that is wrong."""
    found = complaints(history)
    assert not found, "\n".join([history.summary(), *(f"{name}: {text}" for name, text in found.items())])


__all__ = ["VALIDATORS", "Validator", "Violation", "complaints", "validate"]
