"""Promises of what a watch is told."""

from __future__ import annotations

import asyncio

from promises import Watching, newest, promise, settled, watching, write_elsewhere
from storage_worlds import PREFIX, World, value_of

from orlop.storage.interface import ADDED, DELETED, MODIFIED

Told = tuple[str, str, int]


async def some_history(w: World) -> list[Told]:
    """The events under the prefix."""
    a, nested = PREFIX + "a", PREFIX + "b/c"
    told = [(ADDED, a, (await w.create("a", 1)).revision), (MODIFIED, a, (await w.put("a", 2)).revision)]
    await write_elsewhere(w, "x")
    told.append((ADDED, nested, (await w.create("b/c", 3)).revision))
    told.append((DELETED, a, (await w.delete("a")).revision))
    told.append((ADDED, a, (await w.create("a", 4)).revision))
    return told


@promise
async def a_watch_sees_what_happens_after_its_revision(w: World) -> None:
    """From the past, the present and the future, every event under its prefix once and in order."""
    start = w.storage.revision
    early = await watching(w, start)
    expected = await some_history(w)
    now = await newest(w)
    watches = {at: await watching(w, at) for at in {*range(start, now + 1), now + 20}}
    await settled(w, early)
    for at, watch in watches.items():
        if at <= now:
            await watch.handed(now)
        assert watch.told() == [one for one in expected if one[2] > at]
    expected.append((MODIFIED, PREFIX + "b/c", (await w.put("b/c", 5)).revision))
    for at, watch in watches.items():
        if at <= now:
            await settled(w, watch)
        assert watch.told() == [one for one in expected if one[2] > at]
    await settled(w, early)
    assert early.told() == expected


@promise
async def a_watch_from_the_future_waits_for_it(w: World) -> None:
    """Silent up to its revision, then it is told everything above."""
    start = w.storage.revision
    watch = await watching(w, start + 6)
    revisions: list[int] = []
    while len(revisions) < 10:
        revisions.append((await w.put("a", len(revisions))).revision)
    await settled(w, watch)
    assert [event.revision for event in watch.seen] == [one for one in revisions if one > start + 6] != []


@promise
async def events_carry_both_states(w: World) -> None:
    """The state written (for DELETED the last one, with the deletion's revision) and the one before."""
    start = w.storage.revision
    live = await watching(w, start)
    await some_history(w)
    later = await watching(w, start)
    await settled(w, live, later)
    for watch in (live, later):
        states = [(value_of(event.entry), value_of(event.previous)) for event in watch.seen]
        assert states == [(1, None), (2, 1), (3, None), (2, 2), (4, None)]
        before = watch.seen[3].previous
        assert before is not None and before.revision == watch.seen[1].revision
        assert watch.seen[3].departed() is watch.seen[3].entry


@promise
async def what_departs_carries_the_events_revision(w: World) -> None:
    """For a watcher whose selector stops to match: the previous content, at the revision of the event."""
    await w.create("a", 1)
    watch = await watching(w, await newest(w))
    changed = await w.put("a", 2)
    await settled(w, watch)
    departed = watch.seen[0].departed()
    assert departed is not None and (value_of(departed), departed.revision) == (1, changed.revision)


@promise
async def a_watch_keeps_to_its_prefix(w: World) -> None:
    """Several prefixes, one within the other, are each served, live and from the past."""
    start = w.storage.revision
    prefixes = (PREFIX, PREFIX + "a/", PREFIX + "a/b/", PREFIX + "none/")
    live = [await watching(w, start, prefix) for prefix in prefixes]
    for name in ("a/x", "a/b/x", "ab/x", "a/y", "a"):
        await w.create(name)
    past = [await watching(w, start, prefix) for prefix in prefixes]
    await settled(w, *live, *past)
    for watches in (live, past):
        assert [len(watch.seen) for watch in watches] == [5, 3, 1, 0]


@promise
async def no_call_is_empty(w: World) -> None:
    """Whatever the commits are, together the calls are everything."""
    watch = await watching(w, w.storage.revision)
    await asyncio.gather(*(w.create(f"n{i}") for i in range(20)))
    await settled(w, watch)
    assert sum(watch.calls) == 20 and all(watch.calls)


@promise
async def watches_agree(w: World) -> None:
    """All watchers of a prefix are told the same events, whenever they came."""
    start = w.storage.revision
    watches = [await watching(w, start)]
    for turn in range(5):
        await asyncio.gather(*(w.put(f"n{i}", turn) for i in range(5)))
        watches.append(await watching(w, start))
    await settled(w, *watches)
    assert len(watches[0].seen) == 25
    for watch in watches:
        assert watch.told() == watches[0].told()
        assert [event.entry.body for event in watch.seen] == [event.entry.body for event in watches[0].seen]


@promise
async def a_watch_begun_among_writes_misses_nothing(w: World) -> None:
    """Wherever between the writes it is opened, and from whatever revision before."""
    start = w.storage.revision
    working = asyncio.gather(*(w.put(f"n{i % 4}", i) for i in range(40)))
    watches: list[tuple[int, Watching]] = []
    while not working.done():
        if len(watches) < 30:
            since = max(start, w.storage.revision - 5)
            watches.append((since, await watching(w, since)))
        await asyncio.sleep(0)
    written = sorted({entry.revision for entry in await working})
    for since, watch in watches:
        await settled(w, watch)
        assert [event.revision for event in watch.seen] == [one for one in written if one > since]


@promise
async def a_watch_goes_on_where_it_was(w: World) -> None:
    """Broken off after any event and begun again from its revision, it is told the rest, once."""
    start = w.storage.revision
    expected = await some_history(w)
    for cut in range(len(expected)):
        first = await watching(w, start)
        await settled(w, first)
        first.subscription.cancel()
        seen = first.told()[: cut + 1]
        rest = await watching(w, seen[-1][2])
        await settled(w, rest)
        assert seen + rest.told() == expected
        rest.subscription.cancel()


@promise
async def a_list_and_a_watch_from_it_are_everything(w: World) -> None:
    """List, then watch from the list's revision, among writes: the state never differs from what a list shows."""
    working = asyncio.gather(*(w.put(f"n{i % 5}", i) for i in range(30)))
    page = await w.storage.list(PREFIX)
    watch = await watching(w, page.revision)
    await working
    for name in ("n0", "n3"):
        await w.delete(name)
    await settled(w, watch)
    told = {entry.key: value_of(entry) for entry in page.entries}
    for event in watch.seen:
        assert (event.type == ADDED) == (event.entry.key not in told)
        told[event.entry.key] = value_of(event.entry)
        if event.type == DELETED:
            del told[event.entry.key]
    await newest(w)
    assert told == {entry.key: value_of(entry) for entry in (await w.storage.list(PREFIX)).entries}


@promise
async def where_nobody_else_writes_a_watch_is_never_late(w: World) -> None:
    """An exclusive storage hands events over before the write's call returns, and before any read shows them."""
    if not w.storage.exclusive:
        return
    watch = await watching(w, w.storage.revision)
    for i in range(5):
        entry = await w.put("a", i)
        assert watch.seen[-1].revision == entry.revision == w.storage.revision
    page = await w.storage.list(PREFIX)
    assert page.revision == watch.seen[-1].revision
