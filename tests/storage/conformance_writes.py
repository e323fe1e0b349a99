"""Promises of creates and deletes, and of the one sequence that all writes take their revisions from."""

from __future__ import annotations

import asyncio

import pytest
from promises import in_sequence, log, names, newest, promise, state, write_elsewhere
from storage_worlds import PREFIX, World, body, value_of

from orlop.storage.errors import KeyExists, KeyNotFound
from orlop.storage.interface import ADDED, DELETED, Attributes, Entry, stamp, unstamp


@promise
async def a_fresh_storage_is_empty(w: World) -> None:
    """At a revision above 0, so that no list ever shows 0; at 1 where nobody else writes."""
    page = await w.storage.list(PREFIX)
    assert (list(page.entries), page.more, page.remaining) == ([], False, 0)
    assert page.revision == w.storage.revision >= 1
    assert await w.storage.count(PREFIX) == 0 and await w.storage.get(PREFIX + "a") is None
    assert w.storage.ready() == ""
    if w.storage.exclusive:
        assert w.storage.revision == 1 and w.storage.compacted <= 1


@promise
async def every_write_takes_the_next_revision(w: World) -> None:
    """Creates, updates and deletes, of all prefixes, take one sequence."""
    start = w.storage.revision
    taken = [
        (await w.create("a")).revision,
        (await w.put("a", 1)).revision,
        await write_elsewhere(w, "x"),
        (await w.delete("a")).revision,
        (await w.create("a")).revision,
    ]
    in_sequence(w, start, taken)
    assert await newest(w) >= taken[-1]


@promise
async def what_is_refused_takes_no_revision(w: World) -> None:
    """Nor does it leave an event."""
    start = w.storage.revision
    first = await w.create("a")
    with pytest.raises(KeyExists):
        await w.create("a")
    with pytest.raises(KeyNotFound):
        await w.delete("b")
    with pytest.raises(KeyNotFound):
        await w.storage.guaranteed_update(PREFIX + "b", lambda _: None)
    second = await w.create("b")
    in_sequence(w, start, [first.revision, second.revision])
    assert [event.revision for event in (await log(w, start)).seen] == [first.revision, second.revision]


@promise
async def bodies_are_handed_out_with_their_revision(w: World) -> None:
    """`stamp` of what was handed in, byte for byte; attributes of the writer are kept."""
    attributes = Attributes({"a": "b"}, {})
    created = await w.storage.create(PREFIX + "a", body("a"), attributes)
    assert created.body == stamp(body("a"), created.revision) and created.key == PREFIX + "a"
    assert created.attributes is attributes
    await newest(w)
    found = await w.storage.get(PREFIX + "a")
    assert found is not None and (found.body, found.revision) == (created.body, created.revision)


@promise
async def bodies_of_every_kind_survive(w: World) -> None:
    """Beyond ASCII, escaped, half a megabyte: what is read is what was written, by get, list, watch and delete."""
    texts = {"snow": "☃ \U0001f600 é", "quote": '"\\ \n \u0000 </', "big": "x" * 500_000}
    start = w.storage.revision
    for name, text in texts.items():
        await w.create(name, text)
    assert await state(w) == texts
    watch = await log(w, start)
    for event, (name, text) in zip(watch.seen, texts.items(), strict=True):
        assert unstamp(event.entry.body) == body(name, text)
        assert unstamp((await w.delete(name)).body) == body(name, text)


@promise
async def keys_of_every_kind_are_apart(w: World) -> None:
    """Names as roles and others bear them, each its own key."""
    there = ["system:node", "system:nodes", "system%3Anode", "a_b", "a.b", "A", "a", "ä", "x~1", "100%", "sp ace"]
    for i, name in enumerate(there):
        await w.create(name, i)
    assert await state(w) == {name: i for i, name in enumerate(there)}
    for name in there:
        await w.delete(name)
    assert await names(w) == []


@promise
async def create_refuses_a_key_that_is_there(w: World) -> None:
    """KeyExists names the key, and the object is as it was; after a delete the key is free again."""
    await w.create("a", 1)
    with pytest.raises(KeyExists) as caught:
        await w.create("a", 2)
    assert caught.value.key == PREFIX + "a"
    assert await state(w) == {"a": 1}
    await w.delete("a")
    assert value_of(await w.create("a", 3)) == 3


@promise
async def delete_returns_the_last_state(w: World) -> None:
    """Carrying the deletion's revision."""
    created = await w.create("a", 5)
    gone = await w.delete("a")
    assert gone.revision > created.revision and value_of(gone) == 5
    await newest(w)
    assert await w.storage.get(PREFIX + "a") is None
    with pytest.raises(KeyNotFound) as caught:
        await w.delete("a")
    assert caught.value.key == PREFIX + "a"


@promise
async def delete_asks_its_check(w: World) -> None:
    """The check sees the newest state, and what it raises keeps the object."""
    await w.create("a", 4)
    await w.put("a", 5)

    def refuse(entry: Entry) -> None:
        assert value_of(entry) == 5
        raise PermissionError("keep")

    with pytest.raises(PermissionError):
        await w.storage.delete(PREFIX + "a", refuse)
    assert await state(w) == {"a": 5}
    await w.storage.delete(PREFIX + "a", lambda entry: None)
    assert await state(w) == {}


@promise
async def delete_of_nothing_asks_nobody(w: World) -> None:
    """KeyNotFound, before any check."""
    asked: list[Entry] = []
    with pytest.raises(KeyNotFound):
        await w.storage.delete(PREFIX + "a", asked.append)
    assert asked == []


@promise
async def a_key_created_again_is_a_new_one(w: World) -> None:
    """Its event is ADDED, without a state before, though there was one once."""
    start = w.storage.revision
    for value in (1, 2):
        await w.create("a", value)
        await w.delete("a")
    told = [(event.type, value_of(event.entry), value_of(event.previous)) for event in (await log(w, start)).seen]
    assert told == [(ADDED, 1, None), (DELETED, 1, 1), (ADDED, 2, None), (DELETED, 2, 2)]


@promise
async def right_knowledge_changes_nothing(w: World) -> None:
    """A caller that says what is there is served as one that does not."""
    key = PREFIX + "a"
    created = await w.backend.create(key, body("a", 1), known=None)
    with pytest.raises(KeyExists):
        await w.backend.create(key, body("a", 2), known=created)
    with pytest.raises(KeyNotFound):
        await w.backend.delete(PREFIX + "b", known=None)
    gone = await w.backend.delete(key, known=created)
    assert value_of(gone) == 1
    again = await w.backend.create(key, body("a", 3), known=None)
    assert again.revision > gone.revision and await state(w) == {"a": 3}


@promise
async def of_concurrent_creates_one_wins(w: World) -> None:
    """The others are told that the key exists; likewise of concurrent deletes."""
    tried = await asyncio.gather(*(w.create("a", i) for i in range(5)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in tried) == ["Entry", *["KeyExists"] * 4]
    tried = await asyncio.gather(*(w.delete("a") for _ in range(5)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in tried) == ["Entry", *["KeyNotFound"] * 4]


@promise
async def a_caller_that_goes_away_leaves_no_hole(w: World) -> None:
    """Its write is committed or not; everyone else is served, and no revision is missing."""
    start = w.storage.revision
    tasks = [asyncio.ensure_future(w.create(f"n{i}")) for i in range(10)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await w.create("last")
    watch = await log(w, start)
    in_sequence(w, start, [event.revision for event in watch.seen])
    assert {f"n{i}" for i in range(1, 10, 2)} <= set(await names(w))
    assert [event.entry.key for event in watch.seen][-1] == PREFIX + "last"
