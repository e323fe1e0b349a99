"""Promises of keys with a time to live."""

from __future__ import annotations

from promises import names, newest, promise, settled, state, watching
from storage_worlds import PREFIX, World, value_of

from orlop.storage.interface import DELETED, Write


@promise
async def keys_expire(w: World) -> None:
    """`tick` deletes what has lived its time, as a write like any other."""
    if not w.drives_time:
        return
    watch = await watching(w, w.storage.revision)
    await w.create("short", 1, ttl=10)
    await w.create("long", 2, ttl=100)
    last = await w.create("ever", 3)
    w.clock.advance(9)
    await w.backend.tick()
    assert await names(w) == ["ever", "long", "short"]
    w.clock.advance(1)
    await w.backend.tick()
    assert await names(w) == ["ever", "long"]
    await settled(w, watch)
    kind, key, revision = watch.told()[-1]
    assert (kind, key) == (DELETED, PREFIX + "short") and revision > last.revision
    w.clock.advance(1000)
    await w.backend.tick()
    await w.backend.tick()
    assert await names(w) == ["ever"]
    await settled(w, watch)
    assert len(watch.seen) == 5


@promise
async def the_engine_expires_keys_by_its_own_clock(w: World) -> None:
    """Where it has one: a key with a time to live is deleted, as a write like any other, and others stay."""
    if w.drives_time:
        return
    watch = await watching(w, w.storage.revision)
    await w.create("ever", 3)
    await w.create("short", 1, ttl=1)
    await watch.become(lambda: len(watch.seen) == 3)
    assert watch.told()[-1][:2] == (DELETED, PREFIX + "short") and value_of(watch.seen[-1].previous) == 1
    assert await names(w) == ["ever"]


@promise
async def the_newest_write_decides_when_a_key_expires(w: World) -> None:
    """A later time to live counts from then, and none means for ever."""
    if not w.drives_time:
        return
    for name in ("again", "ever", "gone"):
        await w.create(name, 1, ttl=10)
    w.clock.advance(9)
    await w.put("again", 2, ttl=10)
    await w.put("ever", 2)
    await w.delete("gone")
    await w.create("gone", 3)
    w.clock.advance(9)
    await w.backend.tick()
    assert await names(w) == ["again", "ever", "gone"]
    w.clock.advance(1)
    await w.backend.tick()
    assert await names(w) == ["ever", "gone"]


@promise
async def an_update_may_give_a_key_a_time_to_live(w: World) -> None:
    """Also one that was made for ever; and an update may create a key that expires."""
    if not w.drives_time:
        return
    await w.create("a", 1)
    await w.put("a", 2, ttl=10)
    await w.storage.guaranteed_update(PREFIX + "b", lambda _: Write(b'{"metadata":{"name":"b"},"value":1}', None, 20))
    w.clock.advance(10)
    await w.backend.tick()
    assert await state(w) == {"b": 1}
    w.clock.advance(10)
    await w.backend.tick()
    assert await state(w) == {}


@promise
async def many_keys_that_are_due_go_bit_by_bit(w: World) -> None:
    """Every tick does a bounded piece of work; none is forgotten, each goes once."""
    if not w.drives_time:
        return
    for i in range(30):
        await w.create(f"n{i}", i, ttl=10 + i % 3)
    start = await newest(w)
    watch = await watching(w, start)
    w.clock.advance(60)
    while await names(w):
        before = len(watch.seen)
        await w.backend.tick()
        await settled(w, watch)
        assert len(watch.seen) > before
    assert len({event.entry.key for event in watch.seen}) == len(watch.seen) == 30
    lives = [value_of(event.previous) % 3 for event in watch.seen]
    assert lives == sorted(lives), "the earliest first"


@promise
async def what_expired_can_be_read_in_the_past(w: World) -> None:
    """At the revisions at which it was there, as anything deleted."""
    if not w.drives_time:
        return
    created = await w.create("a", 1, ttl=10)
    w.clock.advance(10)
    await w.backend.tick()
    assert await state(w) == {} and await w.state(created.revision) == {"a": 1}
    again = await w.create("a", 2)
    w.clock.advance(1000)
    await w.backend.tick()
    assert await state(w) == {"a": 2} and again.revision > created.revision
