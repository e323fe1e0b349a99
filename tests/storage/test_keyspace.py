"""Sorted keys, snapshots and windows against the obvious way of doing it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orlop.storage import keyspace
from orlop.storage.errors import RevisionCompacted
from orlop.storage.event_window import EventWindow
from orlop.storage.interface import ADDED, DELETED, MODIFIED, Entry, Event, EventType, restamp, stamp, unstamp
from orlop.storage.keyspace import Keyspace, SortedKeys, after
from orlop.storage.snapshot import Snapshot

KEYS = st.text(alphabet="ab-/\uffff\U0001f600", min_size=1, max_size=4)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few keys split and empty pieces."""
    monkeypatch.setattr(keyspace, "_CHUNK", 2)


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), KEYS)), st.sets(KEYS), KEYS, KEYS)
def test_sorted_keys(steps: list[tuple[bool, str]], initial: set[str], low: str, high: str) -> None:
    """Adding, removing, ranges, counting and seeking agree with a sorted list; order is that of UTF-8
    bytes."""
    keys, model = SortedKeys(initial), set(initial)
    for add, key in steps:
        if add and key not in model:
            keys.add(key)
            model.add(key)
        elif not add and key in model:
            keys.remove(key)
            model.remove(key)
        keys.check_invariants()
    ordered = sorted(model, key=lambda key: key.encode())
    within = [key for key in ordered if low.encode() <= key.encode() < high.encode()]
    assert [key for piece in keys.pieces(low, high) for key in piece] == within
    assert keys.count(low, high) == len(within) and len(keys) == len(ordered)
    assert keys.first(low, high) == (within[0] if within else "")


@given(KEYS, KEYS)
def test_after_a_prefix(prefix: str, key: str) -> None:
    """A key starts with a prefix exactly when it lies between it and what comes after."""
    assert key.startswith(prefix) == (prefix <= key < after(prefix))


@given(st.integers(1, 10**9), st.integers(1, 10**9), st.binary(max_size=20))
def test_stamps(first: int, second: int, rest: bytes) -> None:
    """A stamp can be taken off and exchanged, whatever follows."""
    body = b'{"metadata":{"name":"x"' + rest
    assert unstamp(stamp(body, first)) == body
    assert restamp(stamp(body, first), second) == stamp(body, second)


def _written(steps: list[tuple[bool, str]]) -> tuple[list[Event], list[dict[str, Entry]]]:
    """Events of writes from revision 1 on, and the state at each revision."""
    events: list[Event] = []
    states: list[dict[str, Entry]] = [{}]
    for put, key in steps:
        state = dict(states[-1])
        previous = state.get(key)
        revision = len(events) + 1
        body = stamp(b'{"metadata":{"name":"x"}}', revision)
        if put:
            kind: EventType = ADDED if previous is None else MODIFIED
            event = Event(kind, Entry(key, revision, body), previous)
            state[key] = event.entry
        elif previous is not None:
            event = Event(DELETED, Entry(key, revision, restamp(previous.body, revision)), previous)
            del state[key]
        else:
            continue
        events.append(event)
        states.append(state)
    return events, states


@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), KEYS), max_size=30), st.integers(1, 30), KEYS, KEYS, st.integers(0, 4))
def test_snapshots(steps: list[tuple[bool, str]], size: int, low: str, high: str, limit: int) -> None:
    """The newest state seen past the events since R is the state at R, as far back as the window reaches."""
    events, states = _written(steps)
    space, window = Keyspace(states[-1].values()), EventWindow(0, size, 10**9)
    window.extend(events)
    window.check_invariants()
    assert window.floor == max(0, len(events) - size) and len(window) == min(size, len(events))
    for revision, state in enumerate(states):
        if revision < window.floor:
            with pytest.raises(RevisionCompacted):
                window.rewind(revision)
            with pytest.raises(RevisionCompacted):
                window.since(revision)
            continue
        assert window.since(revision) == events[revision:]
        snapshot = Snapshot(space, window.rewind(revision))
        within = [state[key] for key in sorted(state) if low <= key < high]
        assert list(snapshot.entries(low, high)) == within
        assert list(snapshot.keys(low, high)) == [entry.key for entry in within]
        assert snapshot.count(low, high) == len(within)
        assert snapshot.first(low, high) == (within[0].key if within else "")
        assert all(snapshot.get(key) is state.get(key) for key in (low, high, *states[-1]))
        part = snapshot.take(low, high, limit)
        wanted = within[:limit] if limit else within
        assert (part.entries, part.remaining) == (wanted, len(within) - len(wanted))
        assert part.more == (part.remaining > 0)


@given(st.lists(st.tuples(st.booleans(), KEYS), max_size=30), st.integers(0, 40))
def test_windows_drop_what_they_are_told(steps: list[tuple[bool, str]], revision: int) -> None:
    """And know from where they are complete; never less than before."""
    events, _ = _written(steps)
    window = EventWindow(3, 100, 10**9)
    window.extend(event for event in events if event.revision > 3)
    window.drop_through(revision)
    window.drop_through(1)
    window.check_invariants()
    assert window.floor == max(3, revision)
    assert window.since(window.floor) == [event for event in events if event.revision > window.floor]


def test_windows_are_bounded_by_bytes() -> None:
    """Large bodies push out more events than small ones; one larger than the bound leaves nothing."""
    events, _ = _written([(True, key) for key in "abcdef"])
    size = len(events[0].entry.body) + 400
    window = EventWindow(0, 100, 3 * size)
    window.extend(events)
    assert [event.revision for event in window.since(3)] == [4, 5, 6]
    window.append(Event(ADDED, Entry("g", 7, b"x" * 10_000), None))
    window.check_invariants()
    assert (len(window), window.floor) == (0, 7)
