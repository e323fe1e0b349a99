"""Promises of lists and pages, and of counting."""

from __future__ import annotations

import pytest
from promises import caught_up, names, newest, promise, state, write_elsewhere
from storage_worlds import PREFIX, World, body, value_of

from orlop.storage.errors import RevisionCompacted
from orlop.storage.interface import Page


def short(page: Page) -> list[str]:
    return [entry.key.removeprefix(PREFIX) for entry in page.entries]


async def _seven(w: World) -> None:
    for i in range(7):
        await w.create(f"n{i}", i)
    await caught_up(w)


@promise
async def lists_are_in_byte_order_of_keys(w: World) -> None:
    """So that "a-b/x" comes before "a/x", and code points order as their UTF-8 does."""
    there = ["a/x", "a-b/x", "a.b/x", "b", "a", "z\U0001f600", "z\uffff", "aa/x"]
    for name in there:
        await w.create(name)
    assert await names(w) == sorted(there, key=lambda name: name.encode())


@promise
async def lists_keep_to_their_prefix(w: World) -> None:
    """Neither neighbours, nor what is one level up, nor other resources show; at older revisions, too."""
    for key in ("a", "a/x", "a/y", "a/y/z", "ab/x", "a-b/x", "a0"):
        await w.create(key)
    await write_elsewhere(w, "x")
    at = await newest(w)
    await w.create("a/later")
    await caught_up(w)
    assert short(await w.storage.list(PREFIX + "a/", revision=at)) == ["a/x", "a/y", "a/y/z"]
    assert short(await w.storage.list(PREFIX + "a/")) == ["a/later", "a/x", "a/y", "a/y/z"]
    assert short(await w.storage.list(PREFIX + "a/y/")) == ["a/y/z"]
    assert short(await w.storage.list(PREFIX + "none/")) == []
    assert short(await w.storage.list(PREFIX + "b/")) == []


@promise
async def counts_are_of_what_is_there(w: World) -> None:
    """Under a prefix, as lists show it; every create and delete counts, an update does not."""
    counts: list[int] = []
    creates = (w.create("a/x"), w.create("a/y"), w.create("ab/x"))
    for step in (*creates, w.put("a/x", 1), w.delete("a/y"), w.delete("ab/x")):
        await step
        await caught_up(w)
        counts.append(await w.storage.count(PREFIX))
        assert await w.storage.count(PREFIX + "a/") == len((await w.storage.list(PREFIX + "a/")).entries)
    await write_elsewhere(w, "x")
    assert counts == [1, 2, 3, 3, 2, 1] and await w.storage.count(PREFIX + "none/") == 0


@promise
async def pages_cover_a_list_exactly(w: World) -> None:
    """Going on behind the last key shows everything once, and every page says what remains."""
    await _seven(w)
    for limit in range(1, 9):
        found: list[str] = []
        start = ""
        while True:
            page = await w.storage.list(PREFIX, start=start, limit=limit)
            found += short(page)
            assert page.remaining == 7 - len(found) and page.more == (page.remaining > 0)
            if not page.more:
                break
            assert len(page.entries) == limit
            start = page.entries[-1].key + "\0"
        assert found == [f"n{i}" for i in range(7)]


@promise
async def limits_beyond_the_end_are_no_limits(w: World) -> None:
    """A page that is exactly full says that there is no more; 0 is no limit; an empty list has no pages."""
    empty = await w.storage.list(PREFIX, limit=3)
    assert (list(empty.entries), empty.more, empty.remaining) == ([], False, 0)
    await _seven(w)
    for limit in (0, 7, 8, 100):
        page = await w.storage.list(PREFIX, limit=limit)
        assert (len(page.entries), page.more, page.remaining) == (7, False, 0)


@promise
async def a_list_may_start_anywhere(w: World) -> None:
    """At a key that is there (inclusive), that is not, before the prefix, behind everything."""
    await _seven(w)
    for start, first in (("n3", 3), ("n3\0", 4), ("n35", 4), ("", 0), ("a", 0), ("n6", 6), ("z", 7)):
        page = await w.storage.list(PREFIX, start=PREFIX + start)
        assert short(page) == [f"n{i}" for i in range(first, 7)]
    assert len((await w.storage.list(PREFIX, start="")).entries) == 7
    assert len((await w.storage.list(PREFIX, start="/")).entries) == 7


@promise
async def pages_of_one_revision_are_one_snapshot(w: World) -> None:
    """Whatever is written, changed and deleted between the pages, before and behind the place reached."""
    await _seven(w)
    first = await w.storage.list(PREFIX, limit=2)
    found = [(entry.key, value_of(entry)) for entry in first.entries]
    page, turn = first, 0
    while page.more:
        turn += 1
        await w.create(f"n1-{turn}")
        await w.create(f"n9-{turn}")
        await w.put("n6", 100 + turn)
        await w.delete(f"n{turn - 1}")
        if turn == 1:
            await w.delete("n4")
        await caught_up(w)
        start = page.entries[-1].key + "\0"
        page = await w.storage.list(PREFIX, revision=first.revision, start=start, limit=2)
        found += [(entry.key, value_of(entry)) for entry in page.entries]
        assert page.revision == first.revision and page.remaining == 7 - len(found)
    assert found == [(f"{PREFIX}n{i}", i) for i in range(7)]


@promise
async def a_paged_list_that_is_too_old_goes_on_at_the_newest(w: World) -> None:
    """The snapshot is refused once it is compacted; from the same key on the newest state can be read."""
    await _seven(w)
    first = await w.storage.list(PREFIX, limit=3)
    await w.put("n5", "new")
    await w.delete("n4")
    at = await newest(w)
    await w.storage.compact(at)
    start = first.entries[-1].key + "\0"
    with pytest.raises(RevisionCompacted):
        await w.storage.list(PREFIX, revision=first.revision, start=start, limit=3)
    page = await w.storage.list(PREFIX, start=start, limit=2)
    assert short(page) == ["n3", "n5"] and page.remaining == 1 and page.revision >= at
    last = await w.storage.list(PREFIX, revision=page.revision, start=page.entries[-1].key + "\0", limit=2)
    assert short(last) == ["n6"] and last.revision == page.revision


@promise
async def lists_of_an_empty_prefix_know_the_revision(w: World) -> None:
    """The newest, also when only other resources are written, or everything is deleted: from there one can watch."""
    await w.create("a")
    gone = await w.delete("a")
    await caught_up(w)
    assert (await w.storage.list(PREFIX)).revision >= gone.revision
    elsewhere = await write_elsewhere(w, "x")
    await caught_up(w)
    page = await w.storage.list(PREFIX)
    assert not page.entries and page.revision >= elsewhere


@promise
async def many_keys_are_listed_and_paged(w: World) -> None:
    """More than any inner chunk holds, with deletions among them, now and at an older revision."""
    for i in range(0, 300, 3):
        await w.create(f"{i % 7}/k{i:03}", i)
    then = await newest(w)
    before = await state(w)
    for name in list(before)[::2]:
        await w.delete(name)
    now = await state(w)
    assert len(before) == 100 and len(now) == 50 and await w.state(then) == before
    found: list[str] = []
    page = await w.storage.list(PREFIX, revision=then, limit=30)
    found += short(page)
    while page.more:
        page = await w.storage.list(PREFIX, revision=then, start=page.entries[-1].key + "\0", limit=30)
        found += short(page)
    assert found == sorted(before)
    assert await w.storage.count(PREFIX + "3/") == sum(name.startswith("3/") for name in now)


@promise
async def entries_of_a_list_carry_their_own_revisions(w: World) -> None:
    """Each the one of its last write, none newer than the list."""
    written = {name: (await w.storage.create(PREFIX + name, body(name))).revision for name in "abc"}
    written["b"] = (await w.put("b", 1)).revision
    await caught_up(w)
    page = await w.storage.list(PREFIX)
    assert {entry.key.removeprefix(PREFIX): entry.revision for entry in page.entries} == written
    assert max(written.values()) <= page.revision
