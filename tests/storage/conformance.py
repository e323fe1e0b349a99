"""What every storage promises (`orlop.storage.interface`), one function per promise.

`test_conformance` plays each of them against every world of `storage_worlds`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from storage_worlds import OTHER, PREFIX, Recorder, World, body, value_of, write

from orlop.storage.errors import Closed, KeyExists, KeyNotFound, RevisionCompacted, RevisionTooLarge
from orlop.storage.interface import ADDED, DELETED, MODIFIED, Attributes, Entry, Event, Update, Write, stamp
from orlop.storage.limits import COMPACTION_SECONDS

Promise = Callable[[World], Awaitable[None]]
PROMISES: list[Promise] = []


def promise(scenario: Promise) -> Promise:
    PROMISES.append(scenario)
    return scenario


# P1: one sequence


@promise
async def a_fresh_storage_is_empty_at_revision_one(w: World) -> None:
    """Revision 1, so that no list ever shows 0."""
    page = await w.storage.list(PREFIX)
    assert (list(page.entries), page.revision, page.more, page.remaining) == ([], 1, False, 0)
    assert w.storage.revision == 1
    assert w.storage.ready() == ""


@promise
async def every_write_takes_the_next_revision(w: World) -> None:
    """Creates, updates and deletes, of all prefixes, take one dense sequence."""
    taken = [
        (await w.create("a")).revision,
        (await w.put("a", 1)).revision,
        (await w.backend.create(OTHER + "x", body("x"))).revision,
        (await w.delete("a")).revision,
        (await w.create("a")).revision,
    ]
    assert taken == [2, 3, 4, 5, 6]
    assert w.storage.revision == 6


@promise
async def what_changes_nothing_takes_no_revision(w: World) -> None:
    """An update to None, or to the very same bytes, returns the current entry and writes nothing."""
    first = await w.create("a", 7)
    sink = Recorder()
    await w.storage.watch(PREFIX, w.storage.revision, sink)
    assert (await w.storage.guaranteed_update(PREFIX + "a", lambda _: None)).revision == first.revision
    assert (await w.put("a", 7)).body == first.body
    assert w.storage.revision == first.revision and sink.seen == []


@promise
async def failed_writes_take_no_revision(w: World) -> None:
    """Nor does anything that is refused."""
    await w.create("a")
    with pytest.raises(KeyExists):
        await w.create("a")
    with pytest.raises(KeyNotFound):
        await w.delete("b")
    assert (await w.create("b")).revision == 3


# writing


@promise
async def bodies_are_handed_out_with_their_revision(w: World) -> None:
    """`stamp` of what was handed in, byte for byte; attributes of the writer are kept."""
    attributes = Attributes({"a": "b"}, {})
    created = await w.storage.create(PREFIX + "a", body("a"), attributes)
    assert created.body == stamp(body("a"), 2) and created.key == PREFIX + "a"
    assert created.attributes is attributes
    found = await w.storage.get(PREFIX + "a")
    assert found is not None and (found.body, found.revision) == (created.body, 2)


@promise
async def create_refuses_a_key_that_is_there(w: World) -> None:
    """KeyExists names the key, and the object is as it was; after a delete the key is free again."""
    await w.create("a", 1)
    with pytest.raises(KeyExists) as caught:
        await w.create("a", 2)
    assert caught.value.key == PREFIX + "a"
    assert await w.state() == {"a": 1}
    await w.delete("a")
    assert value_of(await w.create("a", 3)) == 3


@promise
async def update_is_shown_the_newest_state(w: World) -> None:
    """And may create a key that is absent."""
    seen: list[object] = []

    def update(entry: Entry | None) -> Write:
        seen.append(value_of(entry))
        return write("a", len(seen))

    for _ in range(3):
        await w.storage.guaranteed_update(PREFIX + "a", update)
    assert seen == [None, 1, 2] and await w.state() == {"a": 3}


@promise
async def update_of_an_absent_key_to_nothing_is_not_found(w: World) -> None:
    """KeyNotFound, because there is no current entry to return."""
    with pytest.raises(KeyNotFound):
        await w.storage.guaranteed_update(PREFIX + "a", lambda _: None)


@promise
async def what_an_update_raises_reaches_the_caller(w: World) -> None:
    """Unchanged, and nothing is written."""
    await w.create("a", 1)

    def refuse(_: Entry | None) -> Write:
        raise ZeroDivisionError("no")

    async def refuse_later(_: Entry | None) -> Write:
        await asyncio.sleep(0)
        raise ZeroDivisionError("later")

    for update in (refuse, refuse_later):
        with pytest.raises(ZeroDivisionError):
            await w.storage.guaranteed_update(PREFIX + "a", update)
    assert await w.state() == {"a": 1} and w.storage.revision == 2


@promise
async def delete_returns_the_last_state(w: World) -> None:
    """Carrying the deletion's revision."""
    await w.create("a", 5)
    gone = await w.delete("a")
    assert (gone.revision, value_of(gone)) == (3, 5)
    assert await w.storage.get(PREFIX + "a") is None
    with pytest.raises(KeyNotFound):
        await w.delete("a")


@promise
async def delete_asks_its_check(w: World) -> None:
    """The check sees the newest state, and what it raises keeps the object."""
    await w.create("a", 5)

    def refuse(entry: Entry) -> None:
        assert value_of(entry) == 5
        raise PermissionError("keep")

    with pytest.raises(PermissionError):
        await w.storage.delete(PREFIX + "a", refuse)
    assert await w.state() == {"a": 5}
    await w.storage.delete(PREFIX + "a", lambda entry: None)
    assert await w.state() == {}


# P2: nothing shows before it is durable


@promise
async def what_is_seen_is_committed(w: World) -> None:
    """While writes are under way, reads and watches show nothing above `revision`."""
    sink = Recorder()
    await w.storage.watch(PREFIX, w.storage.revision, sink)
    tasks = [asyncio.ensure_future(w.create(f"n{i:02}")) for i in range(30)]
    while not all(task.done() for task in tasks):
        revision = w.storage.revision
        page = await w.storage.list(PREFIX)
        assert page.revision == revision == len(page.entries) + 1
        assert [event.revision for event in sink.seen] == list(range(2, revision + 1))
        for task in tasks:
            if task.done():
                assert task.result().revision <= revision
        await asyncio.sleep(0)


@promise
async def a_caller_that_goes_away_leaves_no_hole(w: World) -> None:
    """Its write is committed or not; the sequence stays dense and everyone else is served."""
    tasks = [asyncio.ensure_future(w.create(f"n{i}")) for i in range(10)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await w.create("last")
    sink = Recorder()
    await w.storage.watch(PREFIX, 1, sink)
    assert [event.revision for event in sink.seen] == list(range(2, w.storage.revision + 1))
    assert {f"n{i}" for i in range(1, 10, 2)} <= set(await w.names())


# P3: atomic


@promise
async def no_update_is_lost(w: World) -> None:
    """Of many concurrent increments, with and without a pause between reading and writing, each counts."""
    await w.create("a", 0)

    def increment(entry: Entry | None) -> Write:
        return write("a", value_of(entry) + 1)

    async def increment_later(entry: Entry | None) -> Write:
        await asyncio.sleep(0)
        return increment(entry)

    updates: list[Update] = [increment, increment_later] * 8
    await asyncio.gather(*(w.storage.guaranteed_update(PREFIX + "a", update) for update in updates))
    assert await w.state() == {"a": 16} and w.storage.revision == 18


@promise
async def of_concurrent_creates_one_wins(w: World) -> None:
    """The others are told that the key exists; likewise of concurrent deletes."""
    tried = await asyncio.gather(*(w.create("a", i) for i in range(5)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in tried) == ["Entry", *["KeyExists"] * 4]
    tried = await asyncio.gather(*(w.delete("a") for _ in range(5)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in tried) == ["Entry", *["KeyNotFound"] * 4]


@promise
async def writes_of_one_key_may_follow_without_waiting(w: World) -> None:
    """Create, update, delete and create again, all under way at once, each upon the one before."""
    await asyncio.gather(w.create("a", 1), w.put("a", 2), w.delete("a"), w.create("a", 3), w.put("a", 4))
    sink = Recorder()
    await w.storage.watch(PREFIX, 1, sink)
    assert [event.type for event in sink.seen] == [ADDED, MODIFIED, DELETED, ADDED, MODIFIED]
    assert await w.state() == {"a": 4}


# P4: snapshots


@promise
async def lists_are_in_byte_order_of_keys(w: World) -> None:
    """So that "a-b/x" comes before "a/x", and code points order as their UTF-8 does."""
    names = ["a/x", "a-b/x", "a.b/x", "b", "a", "z\U0001f600", "z\uffff", "aa/x"]
    for name in names:
        await w.create(name)
    assert await w.names() == sorted(names, key=lambda name: name.encode())


@promise
async def lists_keep_to_their_prefix(w: World) -> None:
    """Neither neighbours nor other resources show."""
    for key in (PREFIX + "a/x", PREFIX + "a/y", PREFIX + "ab/x"):
        await w.storage.create(key, body("x"))
    await w.backend.create(OTHER + "x", body("x"))
    page = await w.storage.list(PREFIX + "a/")
    assert [entry.key for entry in page.entries] == [PREFIX + "a/x", PREFIX + "a/y"]
    assert await w.storage.count(PREFIX + "a/") == 2 and await w.storage.count(PREFIX) == 3


@promise
async def pages_cover_a_list_exactly(w: World) -> None:
    """Going on behind the last key shows everything once, and every page says what remains."""
    for i in range(7):
        await w.create(f"n{i}")
    found, start = [], ""
    while True:
        page = await w.storage.list(PREFIX, start=start, limit=3)
        found += [entry.key.removeprefix(PREFIX) for entry in page.entries]
        assert page.remaining == 7 - len(found) and page.more == (page.remaining > 0)
        if not page.more:
            break
        start = page.entries[-1].key + "\0"
    assert found == [f"n{i}" for i in range(7)]
    exact = await w.storage.list(PREFIX, limit=7)
    assert (len(exact.entries), exact.more, exact.remaining) == (7, False, 0)


@promise
async def older_states_are_exact(w: World) -> None:
    """A list or get at any revision shows what was there then, pages included."""
    states: dict[int, dict[str, object]] = {1: {}}

    async def remember() -> None:
        states[w.storage.revision] = await w.state()

    for i in range(6):
        await w.create(f"n{i}", i)
        await remember()
        await w.put("n0", 100 + i)
        await remember()
        if i % 2:
            await w.delete(f"n{i}")
            await remember()
        await w.backend.create(f"{OTHER}{i}", body("x"))
        await remember()
    await w.create("n1", "again")
    for revision, state in states.items():
        assert await w.state(revision) == state
        for name in ("n0", "n1", "n5"):
            assert value_of(await w.storage.get(PREFIX + name, revision=revision)) == state.get(name)
        page = await w.storage.list(PREFIX, revision=revision, start=PREFIX + "n1", limit=1)
        later = sorted(name for name in state if name >= "n1")
        assert [entry.key.removeprefix(PREFIX) for entry in page.entries] == later[:1]
        assert page.remaining == len(later[1:]) and page.revision == revision


@promise
async def the_future_is_not_readable(w: World) -> None:
    """RevisionTooLarge says what is current."""
    await w.create("a")
    for read in (w.storage.get(PREFIX + "a", revision=3), w.storage.list(PREFIX, revision=3)):
        with pytest.raises(RevisionTooLarge) as caught:
            await read
        assert (caught.value.revision, caught.value.current) == (3, 2)
    with pytest.raises(RevisionTooLarge):
        await w.storage.compact(3)


# P5: watch


async def _some_history(w: World) -> list[tuple[str, str, int]]:
    await w.create("a", 1)
    await w.put("a", 2)
    await w.backend.create(OTHER + "x", body("x"))
    await w.create("b/c", 3)
    await w.delete("a")
    await w.create("a", 4)
    key, nested = PREFIX + "a", PREFIX + "b/c"
    return [
        (ADDED, key, 2),
        (MODIFIED, key, 3),
        (ADDED, nested, 5),
        (DELETED, key, 6),
        (ADDED, key, 7),
    ]


@promise
async def a_watch_sees_what_happens_after_its_revision(w: World) -> None:
    """From the past, the present and the future, every event under its prefix once and in order."""
    sinks = {revision: Recorder() for revision in (1, 2, 4, 6, 7, 20)}
    early = Recorder()
    await w.storage.watch(PREFIX, 1, early)
    expected = await _some_history(w)
    for revision, sink in sinks.items():
        await w.storage.watch(PREFIX, revision, sink)
    for revision, sink in sinks.items():
        assert sink.told() == [one for one in expected if one[2] > revision]
    await w.put("b/c", 5)
    expected.append((MODIFIED, PREFIX + "b/c", 8))
    for revision, sink in sinks.items():
        assert sink.told() == [one for one in expected if one[2] > revision]
    assert early.told() == expected


@promise
async def events_carry_both_states(w: World) -> None:
    """The state written (for DELETED the last one, with the deletion's revision) and the one before."""
    live, later = Recorder(), Recorder()
    await w.storage.watch(PREFIX, 1, live)
    await _some_history(w)
    await w.storage.watch(PREFIX, 1, later)
    for sink in (live, later):
        states = [(value_of(event.entry), value_of(event.previous)) for event in sink.seen]
        assert states == [(1, None), (2, 1), (3, None), (2, 2), (4, None)]
        assert sink.seen[3].previous is not None and sink.seen[3].previous.revision == 3
        assert sink.seen[3].departed() is sink.seen[3].entry


@promise
async def a_watch_keeps_to_its_prefix(w: World) -> None:
    """Several prefixes, one within the other, are each served."""
    sinks = {prefix: Recorder() for prefix in (PREFIX, PREFIX + "a/", PREFIX + "a/b/")}
    for prefix, sink in sinks.items():
        await w.storage.watch(prefix, w.storage.revision, sink)
    for name in ("a/x", "a/b/x", "ab/x", "a/y"):
        await w.create(name)
    assert [len(sink.seen) for sink in sinks.values()] == [4, 3, 1]


@promise
async def events_of_one_commit_arrive_in_one_call(w: World) -> None:
    """Whatever the commits are, no call is empty and together they are everything."""
    sink = Recorder()
    await w.storage.watch(PREFIX, 1, sink)
    await asyncio.gather(*(w.create(f"n{i}") for i in range(20)))
    assert sum(sink.calls) == 20 and all(sink.calls)


@promise
async def a_cancelled_watch_is_silent(w: World) -> None:
    """Also when it is cancelled twice, and the others go on."""
    one, other = Recorder(), Recorder()
    subscription = await w.storage.watch(PREFIX, 1, one)
    await w.storage.watch(PREFIX, 1, other)
    await w.create("a")
    subscription.cancel()
    subscription.cancel()
    await w.create("b")
    assert (len(one.seen), len(other.seen)) == (1, 2)
    assert one.errors == []


@promise
async def a_sink_that_raises_is_ended_alone(w: World) -> None:
    """It is told that its watch is broken; no write and no other watcher suffers."""

    class Faulty(Recorder):
        def events(self, batch: Sequence[Event]) -> None:
            super().events(batch)
            raise ZeroDivisionError("faulty")

    faulty, other = Faulty(), Recorder()
    await w.storage.watch(PREFIX, 1, faulty)
    await w.storage.watch(PREFIX, 1, other)
    await w.create("a")
    await w.create("b")
    assert (len(faulty.seen), len(other.seen)) == (1, 2)
    assert [type(error) for error in faulty.errors] == [ZeroDivisionError]


@promise
async def progress_is_reported_when_asked_for(w: World) -> None:
    """Once: at once when reached already, else with the commit that reaches it, after its events."""
    sink = Recorder()
    subscription = await w.storage.watch(PREFIX, 1, sink)
    await w.create("a")
    subscription.progress_at(2)
    assert sink.reached == [2]
    subscription.progress_at(4)
    await w.create("b")
    assert sink.reached == [2]
    await w.create("c")
    await w.create("d")
    assert sink.reached == [2, 4]
    for revision in (7, 6, 8):
        subscription.progress_at(revision)
    await w.create("e")
    await w.create("f")
    assert sink.reached == [2, 4, 6, 7]
    await w.backend.create(OTHER + "x", body("x"))
    assert sink.reached == [2, 4, 6, 7, 8]
    subscription.progress_at(8)
    assert sink.reached == [2, 4, 6, 7, 8, 8]
    subscription.progress_at(9)
    subscription.cancel()
    await w.create("g")
    assert sink.reached == [2, 4, 6, 7, 8, 8]


@promise
async def history_is_the_newest_events(w: World) -> None:
    """At most so many, in order, above a revision, with the states before."""
    expected = await _some_history(w)
    for since in range(1, 8):
        for most in (0, 1, 2, 100):
            events = await w.storage.history(PREFIX, since, most)
            told = [(event.type, event.entry.key, event.revision) for event in events]
            wanted = [one for one in expected if one[2] > since]
            assert told == (wanted[-most:] if most else [])
    newest = (await w.storage.history(PREFIX, 5, 10))[0]
    assert (newest.type, value_of(newest.previous)) == (DELETED, 2)


@promise
async def closing_ends_the_watches(w: World) -> None:
    """They are told, and later calls raise Closed."""
    sink = Recorder()
    await w.storage.watch(PREFIX, 1, sink)
    await w.storage.close()
    assert [type(error) for error in sink.errors] == [Closed]
    assert w.storage.ready() != ""
    for call in (w.create("a"), w.put("a", 1), w.delete("a"), w.state(), w.storage.watch(PREFIX, 1, sink)):
        with pytest.raises(Closed):
            await call
    await w.storage.close()


# compaction


@promise
async def compaction_forgets_the_past_alone(w: World) -> None:
    """Below it reads and watches are refused; at it and above everything is as before."""
    expected = await _some_history(w)
    await w.put("b/c", 9)
    states = {revision: await w.state(revision) for revision in range(5, 9)}
    await w.storage.compact(5)
    assert w.storage.compacted == 5
    for revision, state in states.items():
        assert await w.state(revision) == state
    for call in (
        w.state(4),
        w.storage.get(PREFIX + "a", revision=4),
        w.storage.history(PREFIX, 4, 10),
        w.storage.watch(PREFIX, 4, Recorder()),
    ):
        with pytest.raises(RevisionCompacted) as caught:
            await call
        assert (caught.value.revision, caught.value.oldest) == (4, 5)
    sink = Recorder()
    await w.storage.watch(PREFIX, 5, sink)
    assert sink.told() == [*expected[3:], (MODIFIED, PREFIX + "b/c", 8)]
    assert value_of(sink.seen[0].previous) == 2


@promise
async def compaction_never_goes_back(w: World) -> None:
    """It may be repeated, also with older revisions, and leaves the newest state alone."""
    await _some_history(w)
    await w.storage.compact(7)
    await w.storage.compact(7)
    await w.storage.compact(3)
    assert w.storage.compacted == 7
    assert await w.state() == {"a": 4, "b/c": 3}
    assert (await w.delete("a")).revision == 8


@promise
async def history_is_kept_for_five_minutes(w: World) -> None:
    """`tick` compacts by the clock, to what was current one interval before."""
    await w.create("a")
    await w.backend.tick()
    for i in range(3):
        await w.put("a", i + 1)
        w.clock.advance(COMPACTION_SECONDS)
        await w.backend.tick()
    assert w.storage.revision == 5 and w.storage.compacted == 4
    assert await w.state(4) == {"a": 2}


# expiry


@promise
async def keys_expire(w: World) -> None:
    """`tick` deletes what has lived its time, as a write like any other."""
    sink = Recorder()
    await w.storage.watch(PREFIX, 1, sink)
    await w.create("short", 1, ttl=10)
    await w.create("long", 2, ttl=100)
    await w.create("ever", 3)
    w.clock.advance(9)
    await w.backend.tick()
    assert await w.names() == ["ever", "long", "short"]
    w.clock.advance(1)
    await w.backend.tick()
    assert await w.names() == ["ever", "long"]
    assert sink.told()[-1] == (DELETED, PREFIX + "short", 5)
    w.clock.advance(1000)
    await w.backend.tick()
    await w.backend.tick()
    assert await w.names() == ["ever"] and w.storage.revision == 6


@promise
async def the_newest_write_decides_when_a_key_expires(w: World) -> None:
    """A later time to live counts from then, and none means for ever."""
    for name in ("again", "ever", "gone"):
        await w.create(name, 1, ttl=10)
    w.clock.advance(9)
    await w.put("again", 2, ttl=10)
    await w.put("ever", 2)
    await w.delete("gone")
    await w.create("gone", 3)
    w.clock.advance(9)
    await w.backend.tick()
    assert await w.names() == ["again", "ever", "gone"]
    w.clock.advance(1)
    await w.backend.tick()
    assert await w.names() == ["ever", "gone"]
