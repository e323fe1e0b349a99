"""Reading through the Store: revisions, pages, selectors."""

from __future__ import annotations

import asyncio

import pytest
from toy_world import Toys, names, play, refused

from orlop.api.errors import APIError


def test_get() -> None:
    """The stored object, or 404 with the resource's name."""

    async def scenario(toys: Toys) -> None:
        made = await toys.create("bear")
        assert await toys.get("bear") == await toys.get("bear", "0") == made
        with pytest.raises(APIError) as caught:
            await toys.get("doll")
        assert caught.value.message == 'toys.play.example.com "doll" not found'

    play(scenario)


def test_get_waits_for_the_future() -> None:
    """A revision that is about to come is waited for."""

    async def scenario(toys: Toys) -> None:
        await toys.create("bear")
        reading = asyncio.ensure_future(toys.get("doll", str(toys.storage.revision + 1)))
        await asyncio.sleep(0)
        made = await toys.create("doll")
        assert await reading == made

    play(scenario)


def test_future_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """504 with the cause that tells reflectors to wait, for gets and lists."""
    monkeypatch.setattr("orlop.registry.store.FUTURE_REVISION_WAIT", 0.0)

    async def scenario(toys: Toys) -> None:
        for work in (toys.get("bear", "1000"), toys.list(resource_version="1000")):
            refusal = await refused(work)
            assert (refusal.code, refusal.reason, refusal.retry_after) == (504, "Timeout", 1)
            assert refusal.details is not None
            assert refusal.details["causes"][0]["reason"] == "ResourceVersionTooLarge"

    play(scenario)


def test_list_shows_the_storages_revision() -> None:
    """Not the highest revision of the items: a watch from it misses nothing."""

    async def scenario(toys: Toys) -> None:
        await toys.create("bear")
        await toys.create("doll", namespace="other")
        await toys.storage.create("/registry/games/chess", b'{"metadata":{"name":"chess"}}')
        assert (await toys.list()).revision == toys.storage.revision
        assert names(await toys.list("")) == ["bear", "doll"]

    play(scenario)


def test_pages_are_one_snapshot() -> None:
    """Pages show the state of the first one, whatever happens in between; only the first knows what remains."""

    async def scenario(toys: Toys) -> None:
        for name in "abcde":
            await toys.create(name)
        first = await toys.list(limit=2)
        assert names(first) == ["a", "b"] and first.remaining == 3
        await toys.delete("d")
        await toys.create("bb")
        second = await toys.list(limit=2, continue_=first.next)
        third = await toys.list(limit=2, continue_=second.next)
        assert names(second) + names(third) == ["c", "d", "e"]
        assert first.revision == second.revision == third.revision and not third.next

    play(scenario)


def test_remaining_is_unknown_with_selectors() -> None:
    """With a selector there is a next page and no count."""

    async def scenario(toys: Toys) -> None:
        for name in "abc":
            await toys.create(name, labels={"x": "y"})
        page = await toys.list(selector="x=y", limit=1)
        assert page.next and page.remaining is None

    play(scenario)


def test_page_of_a_forgotten_revision() -> None:
    """410 with a token to go on inconsistently."""

    async def scenario(toys: Toys) -> None:
        for name in "abc":
            await toys.create(name)
        first = await toys.list(limit=1)
        await toys.create("d")
        await toys.cache.compact(toys.storage.revision)
        refusal = await refused(toys.list(limit=1, continue_=first.next))
        assert (refusal.code, refusal.reason) == (410, "Expired")
        assert names(await toys.list(continue_=refusal.metadata["continue"])) == ["b", "c", "d"]

    play(scenario)


@pytest.mark.parametrize(("selector", "field", "found"), [
    ("size=big", "", ["a"]), ("size!=big", "", ["b", "c"]), ("", "metadata.name=b", ["b"]),
    ("", "spec.color=red", ["c"]), ("size=big", "spec.color=red", []), ("", "metadata.namespace=other", []),
])
def test_selectors(selector: str, field: str, found: list[str]) -> None:
    """Labels, names and the kind's own fields."""

    async def scenario(toys: Toys) -> None:
        await toys.create("a", labels={"size": "big"})
        await toys.create("b")
        await toys.create("c", "red")
        assert names(await toys.list(selector=selector, field=field)) == found

    play(scenario)
