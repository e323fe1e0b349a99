"""Deleting through the Store: at once, in two steps, gracefully, together, and never the wrong object."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from toy_world import PREFIX, Toys, admit, names, play, refused

from orlop.api import labels
from orlop.api.errors import APIError
from orlop.api.options import DeleteOptions, ListOptions, Preconditions
from orlop.registry.strategy import ORPHAN, UNSUPPORTED

WAIT = "play.example.com/wait"


def test_deletion_at_once() -> None:
    """Gone, with a Status that names what it was."""

    async def scenario(toys: Toys) -> None:
        made = await toys.create("bear")
        gone, at_once = await toys.delete("bear")
        assert at_once and gone == {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": {"name": "bear", "group": "play.example.com", "kind": "toys", "uid": made["metadata"]["uid"]}}
        assert toys.peek("bear") is None
        assert (await refused(toys.delete("bear"))).code == 404
        assert toys.hooks.told[-1] == "deleted ns/bear"

    play(scenario)


def test_kinds_may_answer_with_the_object() -> None:
    """`returns_deleted_object`: the last state at the deletion's revision."""

    async def scenario(toys: Toys) -> None:
        await toys.create("bear")
        toys.strategy.returns_deleted_object = True
        gone, _ = await toys.delete("bear")
        assert gone["spec"] == {"color": "brown"}
        assert gone["metadata"]["resourceVersion"] == str(toys.storage.revision)

    play(scenario)


def test_finalizers_hold() -> None:
    """The first deletion marks, further ones change nothing, the object stays."""

    async def scenario(toys: Toys) -> None:
        await toys.create("bear", finalizers=[WAIT])
        marked, at_once = await toys.delete("bear")
        assert not at_once
        assert marked["metadata"]["deletionTimestamp"] == "2023-11-14T22:13:20Z"
        assert marked["metadata"]["deletionGracePeriodSeconds"] == 0 and marked["metadata"]["generation"] == 2
        toys.clock.advance(60)
        again, _ = await toys.delete("bear")
        assert again == marked == toys.peek("bear")

    play(scenario)


@pytest.mark.parametrize(("options", "finalizers"), [
    ({}, []),
    ({"propagation_policy": "Foreground"}, ["foregroundDeletion"]),
    ({"propagation_policy": "Orphan"}, ["orphan"]),
    ({"orphan_dependents": True}, ["orphan"]),
    ({"orphan_dependents": False}, []),
    ({"propagation_policy": "Background"}, []),
])
def test_propagation_policy_is_a_finalizer(options: dict[str, Any], finalizers: list[str]) -> None:
    """What shall happen to dependents is left to the garbage collector as a finalizer."""

    async def scenario(toys: Toys) -> None:
        await toys.create("bear")
        answer, at_once = await toys.delete("bear", **options)
        assert at_once is (not finalizers)
        if finalizers:
            assert answer["metadata"]["finalizers"] == finalizers
        assert (toys.peek("bear") is None) is at_once

    play(scenario)


@pytest.mark.parametrize(("policy", "held"), [(ORPHAN, True), (UNSUPPORTED, False)])
def test_default_policy_is_the_kinds(policy: str, held: bool) -> None:
    """A kind may orphan by default, or know no dependents at all."""

    async def scenario(toys: Toys) -> None:
        toys.strategy.garbage_collection = policy
        await toys.create("bear")
        await toys.delete("bear")
        assert (toys.peek("bear") is not None) is held

    play(scenario)


def test_policy_can_take_a_finalizer_away() -> None:
    """An object that only waits for its orphans to be orphaned goes when nobody wants that any more."""

    async def scenario(toys: Toys) -> None:
        await toys.create("bear", finalizers=["orphan"])
        gone, at_once = await toys.delete("bear", propagation_policy="Background")
        assert at_once and gone["kind"] == "Status" and toys.peek("bear") is None

    play(scenario)


@pytest.mark.parametrize("options", [{"uid": "other"}, {"resource_version": "1"}])
def test_preconditions(options: dict[str, str]) -> None:
    """A deletion of another uid or revision is a conflict; the right ones pass."""

    async def scenario(toys: Toys) -> None:
        made = await toys.create("bear")
        refusal = await refused(toys.delete("bear", preconditions=Preconditions(**options)))
        assert refusal.code == 409 and "in the precondition" in refusal.message
        right = Preconditions(made["metadata"]["uid"], made["metadata"]["resourceVersion"])
        assert (await toys.delete("bear", preconditions=right))[1]

    play(scenario)


def test_grace() -> None:
    """A graceful deletion marks; a longer grace changes nothing, a shorter one moves the end, none removes."""

    async def scenario(toys: Toys) -> None:
        await toys.create("bear")
        marked, at_once = await toys.delete("bear")
        assert not at_once and marked["metadata"]["deletionGracePeriodSeconds"] == 30
        assert marked["metadata"]["deletionTimestamp"] == "2023-11-14T22:13:50Z"
        pending, _ = await toys.delete("bear", grace_period_seconds=60)
        assert pending["kind"] == "Status" and toys.peek("bear") == marked
        shorter, _ = await toys.delete("bear", grace_period_seconds=10)
        assert shorter["metadata"]["deletionTimestamp"] == "2023-11-14T22:13:30Z"
        _, at_once = await toys.delete("bear", grace_period_seconds=0)
        assert at_once and toys.peek("bear") is None

    play(scenario, grace=30)


def test_negative_grace_is_one_second() -> None:
    """Also for the strategy that grants it."""

    async def scenario(toys: Toys) -> None:
        await toys.create("bear")
        marked, _ = await toys.delete("bear", grace_period_seconds=-5)
        assert marked["metadata"]["deletionGracePeriodSeconds"] == 1

    play(scenario, grace=30)


def test_force_deletion_writes_first() -> None:
    """Grace 0 from the start: watchers see the mark, then the end, both in one request."""

    async def scenario(toys: Toys) -> None:
        await toys.create("bear")
        before = toys.storage.revision
        wanted = Preconditions(resource_version=str(before))
        assert (await toys.delete("bear", grace_period_seconds=0, preconditions=wanted))[1]
        assert toys.storage.revision == before + 2

    play(scenario, grace=30)


def test_force_deletion_tolerates_others() -> None:
    """Somebody who removes the object between the two steps did what was asked for."""

    async def scenario(toys: Toys) -> None:
        made = await toys.create("bear")

        async def on_update(what: str) -> None:
            toys.storage.before = on_delete

        async def on_delete(what: str) -> None:
            await toys.storage.delete(f"{PREFIX}ns/bear")

        async def on_first(what: str) -> None:
            toys.storage.before = on_update

        toys.storage.before = on_first
        gone, at_once = await toys.delete("bear", grace_period_seconds=0)
        assert at_once and gone["details"]["uid"] == made["metadata"]["uid"]
        assert toys.hooks.told == ["create bear", "create bear done"]

    play(scenario, grace=30)


def test_force_deletion_spares_a_successor() -> None:
    """An object of the same name made between the two steps stays."""

    async def scenario(toys: Toys) -> None:
        await toys.create("bear")

        async def on_update(what: str) -> None:
            toys.storage.before = on_delete

        async def on_delete(what: str) -> None:
            await toys.storage.delete(f"{PREFIX}ns/bear")
            await toys.create("bear", "green")

        async def on_first(what: str) -> None:
            toys.storage.before = on_update

        toys.storage.before = on_first
        assert (await toys.delete("bear", grace_period_seconds=0))[1]
        assert toys.peek("bear")["spec"] == {"color": "green"}  # type: ignore[index]

    play(scenario, grace=30)


def test_finalizer_set_in_between_holds() -> None:
    """A finalizer that comes between looking and removing is heeded."""

    async def scenario(toys: Toys) -> None:
        await toys.create("bear", finalizers=["orphan"])

        def add(old: Any) -> Any:
            return {**old, "metadata": {**old["metadata"], "finalizers": [WAIT]}}

        async def on_update(what: str) -> None:
            toys.storage.before = on_delete

        async def on_delete(what: str) -> None:
            await toys.update("bear", add)

        async def on_first(what: str) -> None:
            toys.storage.before = on_update

        toys.storage.before = on_first
        answer, at_once = await toys.delete("bear", propagation_policy="Background")
        assert not at_once and answer["metadata"]["finalizers"] == [WAIT]

    play(scenario)


@pytest.mark.parametrize("finalizers", [[], [WAIT]])
def test_awaited_admission_is_awaited(finalizers: list[str]) -> None:
    """A plugin that answers later refuses as well as one that answers at once, on both ways of deletion."""

    async def scenario(toys: Toys) -> None:
        made = await toys.create("bear", **({"finalizers": finalizers} if finalizers else {}))

        def no(old: Any, _: Any) -> Any:
            async def later() -> None:
                await asyncio.sleep(0)
                raise APIError(403, "Forbidden", "no")

            return later()

        assert (await refused(toys.delete("bear", admission=no))).message == "no"
        assert toys.peek("bear") == made

    play(scenario)


def test_awaited_admission_is_about_what_is_deleted() -> None:
    """When the object changes while a plugin thinks, it is asked again."""

    async def scenario(toys: Toys) -> None:
        await toys.create("bear")
        seen: list[str] = []

        def think(old: Any, _: Any) -> Any:
            async def later() -> None:
                seen.append(old["spec"]["color"])
                if len(seen) == 1:
                    await toys.paint("bear", "green")

            return later()

        await toys.delete("bear", admission=think)
        assert seen == ["brown", "green"] and toys.peek("bear") is None

    play(scenario)


@pytest.mark.parametrize(("finalizers", "grace", "options"), [
    ([], None, {}), ([WAIT], None, {}), ([], 30, {}), ([], 30, {"grace_period_seconds": 0}),
    (["orphan"], None, {"propagation_policy": "Background"}),
])
def test_dry_run_deletes_nothing(finalizers: list[str], grace: int | None, options: dict[str, Any]) -> None:
    """On every way: the answer's `at once` is the real one's, the storage is untouched, no hook hears of it."""

    async def scenario(toys: Toys) -> None:
        made = await toys.create("bear", **({"finalizers": finalizers} if finalizers else {}))
        before = toys.storage.revision
        _, would = await toys.delete("bear", dry_run=True, **options)
        assert toys.storage.revision == before and toys.peek("bear") == made
        _, was = await toys.delete("bear", **options)
        assert would is was

    play(scenario, grace=grace)


def test_collection_goes_together() -> None:
    """Everything selected is deleted, the rest stays; the answer lists what was."""

    async def scenario(toys: Toys) -> None:
        for number in range(100):
            await toys.create(f"toy-{number:02}", labels={"odd": str(number % 2)})
        selection = ListOptions(labels=labels.parse("odd=1"))
        result = await toys.store.delete_collection(toys.ctx(), admit, DeleteOptions(), selection)
        assert len(result.items) == 50
        assert all(int(name[-2:]) % 2 == 0 for name in names(await toys.list()))

    play(scenario)


def test_collection_tolerates_what_is_gone() -> None:
    """Objects that somebody else deletes meanwhile are no failure; a refusal is."""

    async def scenario(toys: Toys) -> None:
        for name in "abc":
            await toys.create(name)

        async def meddle(what: str) -> None:
            await toys.storage.delete(f"{PREFIX}ns/b")

        toys.storage.before = meddle
        await toys.store.delete_collection(toys.ctx(), admit, DeleteOptions(), ListOptions())
        assert names(await toys.list()) == []

        def no(old: Any, _: Any) -> None:
            if old["metadata"]["name"] == "e":
                raise APIError(403, "Forbidden", "no")

        for name in "def":
            await toys.create(name)
        work = toys.store.delete_collection(toys.ctx(), no, DeleteOptions(), ListOptions())
        assert (await refused(work)).message == "no"
        assert names(await toys.list()) == ["e"]

    play(scenario)


def test_collection_at_a_revision() -> None:
    """Deleting what was there at a revision spares what came later."""

    async def scenario(toys: Toys) -> None:
        made = await toys.create("old")
        await toys.create("new")
        selection = ListOptions(resource_version=made["metadata"]["resourceVersion"])
        await toys.store.delete_collection(toys.ctx(), admit, DeleteOptions(), selection)
        assert names(await toys.list()) == ["new"]

    play(scenario)


def test_collection_limit() -> None:
    """A limit deletes one page only, and says how to go on."""

    async def scenario(toys: Toys) -> None:
        for name in "abc":
            await toys.create(name)
        result = await toys.store.delete_collection(toys.ctx(), admit, DeleteOptions(), ListOptions(limit=2))
        assert names(await toys.list()) == ["c"] and result.next

    play(scenario)


def test_a_grace_beyond_gos_durations() -> None:
    """More seconds than 64 bits of nanoseconds hold leave what upstream's arithmetic leaves of them."""

    async def scenario(toys: Toys) -> None:
        await toys.create("bear")
        marked, _ = await toys.delete("bear", grace_period_seconds=(1 << 63) - 1)
        assert marked["metadata"]["deletionGracePeriodSeconds"] == (1 << 63) - 1
        assert marked["metadata"]["deletionTimestamp"] == "2023-11-14T22:13:19Z"

    play(scenario, grace=30)
