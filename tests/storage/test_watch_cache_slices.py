"""Lists too long for one turn of the loop: what a turn does at most, and that the state shown stays one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from storage_worlds import attributes_of, body, value_of, write

from orlop.api import fields, labels
from orlop.storage import label_index, selection
from orlop.storage.errors import RevisionCompacted
from orlop.storage.interface import Attributes, Entry
from orlop.storage.memory import MemoryStorage
from orlop.storage.predicate import EVERYTHING, Predicate
from orlop.storage.selection import Slices
from orlop.storage.watch_cache import WatchCache

PODS = "/registry/pods/"
SLICE = 8

Scenario = Callable[[WatchCache, MemoryStorage], Awaitable[None]]


@pytest.fixture(autouse=True)
def _small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (selection, label_index):
        for name in ("KEY_SLICE", "JUDGE_SLICE", "DECODE_SLICE", "INDEX_AT_ONCE"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, SLICE // 2 if name == "DECODE_SLICE" else SLICE)


def play(scenario: Scenario, objects: int = 50, of_attributes: Any = attributes_of) -> None:
    """The cache is loaded, so that it knows nothing of the objects' labels."""

    async def playing() -> None:
        storage = MemoryStorage()
        await storage.start()
        for i in range(objects):
            await storage.create(f"{PODS}ns{i % 3}/n{i:03}", body(f"n{i}", i % 5, app=f"app{i % 4}"))
        cache = WatchCache(storage, PODS, of_attributes)
        await cache.start()
        await scenario(cache, storage)
        cache.check_invariants()
        await cache.close()

    asyncio.run(playing())


def by_labels(text: str, **more: Any) -> Predicate:
    return Predicate(labels=labels.parse(text), **more)


PREDICATES = [
    EVERYTHING,
    Predicate(namespace="ns1"),
    by_labels("app=app1"),
    by_labels("app in (app1,app2)", namespace="ns2"),
    by_labels("app!=app1"),
    by_labels("app=none"),
    Predicate(fields=fields.parse("value=3")),
    Predicate(fields=fields.parse("metadata.namespace!=ns1")),
    Predicate(fields=fields.parse("metadata.name=n007")),
    Predicate(labels=labels.NOTHING),
]


async def settled() -> None:
    """Everything begun in the background is done."""
    for _ in range(200):
        await asyncio.sleep(0)


@pytest.mark.parametrize("predicate", PREDICATES, ids=str)
def test_slices_show_what_select_shows(predicate: Predicate) -> None:
    """Before an index is there, while it grows, and with it; whole, from a key on, and page by page."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        expected = cache.select(predicate)
        for _ in range(3):
            assert await cache.gather(predicate) == expected
            await settled()
        start = PODS + "ns1/n020"
        assert await cache.gather(predicate, start=start) == cache.select(predicate, start=start)
        for limit in (1, 5, 8, 20, 100):
            assert await cache.gather(predicate, limit=limit) == cache.select(predicate, limit=limit)

    play(scenario)


def test_a_turn_looks_at_so_many_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many objects there are, and also while an index is built: between two turns of the loop no more objects
    are decoded or judged than a list and an index may."""
    decoded: list[str] = []
    judged: list[str] = []
    real = Predicate.matches

    def counting(tree: dict[str, Any]) -> Attributes:
        decoded.append(tree["metadata"]["name"])
        return attributes_of(tree)

    def judge(predicate: Predicate, entry: Entry, scope: Any) -> bool:
        judged.append(entry.key)
        return real(predicate, entry, scope)

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        monkeypatch.setattr(Predicate, "matches", judge)
        for predicate in (by_labels("app=app1"), by_labels("app!=app1"), Predicate(fields=fields.parse("value=1"))):
            listing = asyncio.ensure_future(cache.gather(predicate))
            while not listing.done():
                decoded.clear()
                judged.clear()
                await asyncio.sleep(0)
                assert len(decoded) <= SLICE and len(judged) <= SLICE
            assert (await listing).entries
            await settled()

    play(scenario, 300, counting)


def test_an_index_that_needs_much_decoding_is_not_made_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However few entries there are: what is not decoded yet is decoded so many a turn; what is known is indexed at
    once."""
    monkeypatch.setattr(label_index, "INDEX_AT_ONCE", 1000)
    monkeypatch.setattr(label_index, "INDEX_DECODES", 20)
    decoded: list[str] = []

    def counting(tree: dict[str, Any]) -> Attributes:
        decoded.append(tree["metadata"]["name"])
        return attributes_of(tree)

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        listing = asyncio.ensure_future(cache.gather(by_labels("app=app1")))
        while not listing.done():
            decoded.clear()
            await asyncio.sleep(0)
            assert len(decoded) <= 20 + 2 * SLICE
        await settled()
        decoded.clear()
        assert len((await cache.gather(by_labels("app=app2"))).entries) == 75 and not decoded
        assert cache.select_short(Predicate(fields=fields.parse("value=9"))) is not None and not decoded

    play(scenario, 300, counting)


def test_a_slice_of_everything_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many entries are found in one turn at the most."""
    found: list[int] = []
    real = Slices.turn

    def turn(self: Slices, limit: int = 0) -> list[Entry]:
        entries = real(self, limit)
        found.append(len(entries))
        return entries

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        monkeypatch.setattr(Slices, "turn", turn)
        assert len((await cache.gather(EVERYTHING)).entries) == 50
        assert max(found) == SLICE and len(found) == 7

    play(scenario)


def test_writes_between_slices_do_not_show() -> None:
    """The list is the state of one revision; what is created, changed and deleted while it is read is left out."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        for predicate in PREDICATES:
            before = cache.select(predicate)
            slices = cache.slices(predicate)
            found: list[Entry] = []
            turn = 0
            while not slices.finished:
                found += slices.turn()
                turn += 1
                await cache.guaranteed_update(f"{PODS}ns0/n000", lambda _, t=turn: write("n", t, app="app1"))
                await cache.guaranteed_update(f"{PODS}ns2/n047", lambda _, t=turn: write("n", t, app="app1"))
                await cache.guaranteed_update(f"{PODS}ns2/new{turn}", lambda _: write("n", 3, app="app1"))
                await cache.guaranteed_update(f"{PODS}ns1/gone", lambda _: write("n", 3, app="app1"))
                await cache.delete(f"{PODS}ns1/gone")
                gone = f"{PODS}ns2/n0{45 - 3 * turn}"
                if turn < 10 and cache.peek(gone) is not None:
                    await cache.delete(gone)
            assert found == list(before.entries) and slices.revision == before.revision
            assert not cache._state._frozen

    play(scenario)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("pud"), st.integers(0, 60), st.integers(0, 5)), max_size=60),
       st.integers(0, len(PREDICATES) - 1), st.integers(1, 4))
def test_any_writes_between_any_slices(writes: list[tuple[str, int, int]], which: int, rhythm: int) -> None:
    """Whatever happens in whatever order, the frozen state is read as it was."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        predicate = PREDICATES[which]
        expected = list(cache.select(predicate).entries)
        slices = cache.slices(predicate)
        found: list[Entry] = []
        for at, (what, number, value) in enumerate(writes):
            key = f"{PODS}ns{number % 3}/n{number:03}"
            if what == "d":
                if cache.peek(key) is not None:
                    await cache.delete(key)
            else:
                await cache.guaranteed_update(
                    key, lambda _, v=value: write("n", v, app=f"app{v}"))
            if at % rhythm == 0 and not slices.finished:
                found += slices.turn()
                cache.check_invariants()
        while not slices.finished:
            found += slices.turn()
        assert found == expected

    play(scenario)


def test_an_older_revision_in_slices() -> None:
    """As the window remembers it; beyond it from the log; and gone for good with RevisionCompacted."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        old = cache.select(EVERYTHING)
        await cache.delete(PODS + "ns0/n000")
        await cache.guaranteed_update(PODS + "ns1/n001", lambda _: write("n", 99))
        page = await cache.gather(EVERYTHING, revision=old.revision)
        assert page == old
        cache._state.window.drop_through(cache.revision)
        page = await cache.gather(EVERYTHING, revision=old.revision)
        assert [(e.key, value_of(e)) for e in page.entries] == [(e.key, value_of(e)) for e in old.entries]
        await storage.compact(cache.revision)
        with pytest.raises(RevisionCompacted):
            await cache.gather(EVERYTHING, revision=old.revision)

    play(scenario)


def test_what_is_long() -> None:
    """Only what makes many keys be looked at: not one name, not a small namespace, not a page, not what an index
    answers."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        assert cache.is_long(EVERYTHING) and cache.is_long(by_labels("app=app1"))
        assert not cache.is_long(EVERYTHING, "", SLICE)
        assert not cache.is_long(EVERYTHING, PODS + "ns2/n040")
        assert not cache.is_long(Predicate(namespace="ns1", name="n001"))
        assert not cache.is_long(Predicate(name="n001"))
        await cache.create(PODS + "small/x", body("x", 1, app="rare"))
        assert not cache.is_long(Predicate(namespace="small"))
        assert not cache.is_long(by_labels("app=x", namespace="small"))
        await settled()
        assert not cache.is_long(by_labels("app=rare")) and cache.is_long(by_labels("app=app1"))
        assert [e.key for e in cache.select(by_labels("app=rare")).entries] == [PODS + "small/x"]

    play(scenario)


def test_an_index_grows_while_events_come() -> None:
    """What is written below the point reached is followed, what is above is found there; dropped indexes are built no
    further."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        predicate = by_labels("app=app1")
        assert cache.is_long(predicate)
        for i in range(12):
            await asyncio.sleep(0)
            cache.check_invariants()
            await cache.guaranteed_update(f"{PODS}ns0/n{i * 3:03}", lambda _: write("n", 1, app="app1"))
            await cache.delete(f"{PODS}ns2/n0{47 - 3 * i}") if i < 12 else None
            cache.check_invariants()
        await settled()
        found = cache.select(predicate).entries
        expected = [e for e in cache.select(EVERYTHING).entries if cache.attributes(e).labels.get("app") == "app1"]
        assert list(found) == expected
        for number in range(40):
            cache.is_long(by_labels(f"other{number}=x"))
            await asyncio.sleep(0)
            cache.check_invariants()
        await settled()
        assert not cache._state.indexes._unfinished

    play(scenario)


def test_closing_lets_go_of_what_is_half_built() -> None:
    """No index grows for a state that is not shown any more."""

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        state = cache._state
        assert cache.is_long(by_labels("app=app1"))
        await cache.close()
        await settled()
        assert state.indexes._unfinished
        await cache.start()

    play(scenario)


@pytest.mark.parametrize(("most", "different"), [(30, 20), (7, 50)])
def test_equal_attributes_are_there_once(monkeypatch: pytest.MonkeyPatch, most: int, different: int) -> None:
    """Entries with the same labels and fields share what selectors look at, as far as so many different ones are
    kept."""
    monkeypatch.setattr("orlop.storage.cache_life.SHARED_ATTRIBUTES", most)

    async def scenario(cache: WatchCache, storage: MemoryStorage) -> None:
        entries = (await cache.gather(by_labels("app!=none"))).entries
        assert all(entry.attributes == attributes_of(entry.tree()) for entry in entries)
        assert len(entries) == 50 and len({id(entry.attributes) for entry in entries}) == different
        assert len(cache._shared) <= most

    play(scenario)
