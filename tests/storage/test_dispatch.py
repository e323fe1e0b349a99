"""The watch registry: whom an event reaches."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from storage_worlds import Recorder

from orlop.storage.dispatch import Dispatch
from orlop.storage.interface import ADDED, Entry, Event
from orlop.storage.limits import ROUTES

PARTS = st.lists(st.sampled_from("ab"), max_size=3)


def event(key: str, revision: int) -> Event:
    return Event(ADDED, Entry(key, revision, b"{}"), None)


@given(st.lists(PARTS, max_size=6), st.lists(PARTS, min_size=1, max_size=10))
def test_routes(prefixes: list[list[str]], keys: list[list[str]]) -> None:
    """A sink is handed exactly the events whose keys start with its prefix, in order, in one call."""
    dispatch = Dispatch(0)
    sinks = [("/".join(["", *parts, ""]), Recorder()) for parts in prefixes]
    for prefix, sink in sinks:
        dispatch.add(prefix, sink, 0)
    batch = [event("/".join(["", *parts, "x"]), number + 1) for number, parts in enumerate(keys)]
    dispatch.publish(batch, len(batch))
    dispatch.check_invariants()
    for prefix, sink in sinks:
        wanted = [one for one in batch if one.entry.key.startswith(prefix)]
        assert sink.seen == wanted and len(sink.calls) == bool(wanted)


def test_routes_are_remembered_and_forgotten() -> None:
    """An event of a known parent costs a look-up; more parents than the limit make it begin anew."""
    dispatch = Dispatch(0)
    sink = Recorder()
    dispatch.add("/a/", sink, 0)
    for number in range(3):
        dispatch.publish([event(f"/a/{number}/x", number + 1)], number + 1)
    assert len(dispatch._routes) == 3
    dispatch._routes.update({f"/{number}/": () for number in range(ROUTES)})
    dispatch.publish([event("/a/new/x", 4)], 4)
    assert list(dispatch._routes) == ["/a/new/"] and len(sink.seen) == 4


def test_a_registration_from_later_on() -> None:
    """Events up to its revision are held back, also in the middle of a batch."""
    dispatch = Dispatch(0)
    sink = Recorder()
    dispatch.add("/a/", sink, 2)
    dispatch.publish([event("/a/x", 1)], 1)
    dispatch.publish([event("/a/y", 2), event("/a/z", 3)], 3)
    assert [one.revision for one in sink.seen] == [3]


def test_ending_tells_everyone_once() -> None:
    """And nobody is called after that."""
    dispatch = Dispatch(0)
    sinks = [Recorder(), Recorder()]
    registrations = [dispatch.add("/a/", sink, 0) for sink in sinks]
    registrations[0].progress_at(5)
    error = RuntimeError("over")
    dispatch.end(error)
    dispatch.end(error)
    for registration in registrations:
        registration.cancel()
        registration.progress_at(0)
    dispatch.publish([event("/a/x", 1)], 9)
    dispatch.check_invariants()
    for sink in sinks:
        assert (sink.errors, sink.seen, sink.reached) == ([error], [], [])
