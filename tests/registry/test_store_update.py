"""Updating through the Store: nothing is lost, nothing is written twice, nothing changes that may not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from toy_world import Toys, play, refused

from orlop.api.errors import APIError
from orlop.registry.encoding import encode
from orlop.storage.interface import Write
from orlop.storage.predicate import EVERYTHING


def test_update_moves_revision_and_generation() -> None:
    """A changed spec takes the next revision and counts the generation."""

    async def scenario(toys: Toys) -> None:
        made = await toys.create("bear")
        painted = await toys.paint("bear", "blue")
        assert painted["metadata"]["generation"] == 2
        assert int(painted["metadata"]["resourceVersion"]) == int(made["metadata"]["resourceVersion"]) + 1
        assert painted["metadata"]["uid"] == made["metadata"]["uid"]

    play(scenario)


def test_no_change_is_no_write() -> None:
    """An update that changes nothing takes no revision and makes no event."""

    async def scenario(toys: Toys) -> None:
        made = await toys.create("bear")
        seen: list[Any] = []
        toys.cache.subscribe(EVERYTHING, seen.extend)
        assert await toys.paint("bear", "brown") == made
        assert toys.storage.revision == int(made["metadata"]["resourceVersion"]) and not seen

    play(scenario)


@pytest.mark.parametrize(("before", "after"), [(1, True), (0, False), (1, 1.5), ("1", 1)])
def test_values_python_takes_for_equal_are_told_apart(before: Any, after: Any) -> None:
    """1 and true are different values: the update is written."""

    async def scenario(toys: Toys) -> None:
        await toys.create("bear")
        await toys.update("bear", lambda old: {**old, "any": before})
        stored = await toys.update("bear", lambda old: {**old, "any": after})
        assert repr(stored["any"]) == repr(after)
        assert repr(toys.peek("bear")["any"]) == repr(after)  # type: ignore[index]

    play(scenario)


def test_system_metadata_stays() -> None:
    """uid, creationTimestamp and generation are the stored ones, whatever the client sends."""

    async def scenario(toys: Toys) -> None:
        made = await toys.create("bear")

        def change(old: Any) -> Any:
            metadata = {"name": "bear", "creationTimestamp": "1999-01-01T00:00:00Z", "generation": 99,
                        "labels": {"a": "b"}}
            return {"metadata": metadata, "spec": old["spec"]}

        stored = await toys.update("bear", change)
        for name in ("uid", "creationTimestamp", "generation"):
            assert stored["metadata"][name] == made["metadata"][name]

    play(scenario)


def test_missing_object() -> None:
    """404 unless the update may create."""

    async def scenario(toys: Toys) -> None:
        assert (await refused(toys.paint("bear", "blue"))).code == 404

    play(scenario)


def test_update_may_create() -> None:
    """A forced create goes the way of a create: system fields, validation, hooks."""

    async def scenario(toys: Toys) -> None:
        def new(old: Any) -> Any:
            return {"metadata": {"name": "bear", "uid": "mine"}, "spec": {"color": "blue"}}

        made = await toys.update("bear", new, force_create=True)
        assert made["metadata"]["uid"] != "mine" and made["prepared"] == ["bear"]
        assert toys.hooks.told == ["create bear", "create bear done"]

    play(scenario)


def test_stale_version_is_a_conflict() -> None:
    """An update made from an old state is refused, and says what to do."""

    async def scenario(toys: Toys) -> None:
        made = await toys.create("bear")
        await toys.paint("bear", "blue")
        refusal = await refused(toys.update("bear", lambda old: made | {"spec": {"color": "red"}}))
        assert (refusal.code, refusal.reason) == (409, "Conflict")
        assert refusal.message.endswith("please apply your changes to the latest version and try again")
        assert toys.peek("bear")["spec"] == {"color": "blue"}  # type: ignore[index]

    play(scenario)


def test_unconditional_update_can_be_forbidden() -> None:
    """Kinds may insist on a resourceVersion."""

    async def scenario(toys: Toys) -> None:
        await toys.create("bear")
        toys.strategy.allow_unconditional_update = False
        refusal = await refused(toys.update("bear", lambda old: {"metadata": {"name": "bear"}, "spec": {}}))
        assert refusal.code == 422
        assert "metadata.resourceVersion: Invalid value: 0: must be specified for an update" in refusal.message

    play(scenario)


def test_uid_in_the_body_is_a_precondition() -> None:
    """A body with the uid of an object that was replaced meanwhile hits nobody."""

    async def scenario(toys: Toys) -> None:
        made = await toys.create("bear")
        await toys.delete("bear")
        await toys.create("bear", "green")
        refusal = await refused(toys.paint("bear", "red", uid=made["metadata"]["uid"]))
        assert refusal.code == 409
        assert f"Precondition failed: UID in precondition: {made['metadata']['uid']}" in refusal.message

    play(scenario)


@pytest.mark.parametrize("dry_run", [False, True])
def test_concurrent_updates_are_all_kept(dry_run: bool) -> None:
    """Updates that wait (for admission, say) see what came in between, and try again: no increment is lost."""

    async def scenario(toys: Toys) -> None:
        await toys.create("bear")
        await toys.update("bear", lambda old: {**old, "count": 0})

        def increment(old: Any) -> Any:
            async def later() -> Any:
                await asyncio.sleep(0)
                return {**old, "count": old["count"] + 1}

            return later()

        await asyncio.gather(*(toys.update("bear", increment, dry_run=dry_run) for _ in range(20)))
        assert toys.peek("bear")["count"] == (0 if dry_run else 20)  # type: ignore[index]

    play(scenario)


def test_admission_that_takes_time_sees_the_newest() -> None:
    """What admission approved is what is written: after a write in between it is asked again."""

    async def scenario(toys: Toys) -> None:
        await toys.create("bear")
        approved: list[tuple[str, str]] = []

        def approve(new: Any, old: Any) -> Any:
            async def later() -> None:
                if not approved:
                    approved.append(("", ""))
                    await toys.paint("bear", "green")
                approved.append((old["spec"]["color"], new["spec"]["color"]))

            return later()

        await toys.update("bear", lambda old: {**old, "spec": {"color": old["spec"]["color"] + "ish"}},
                          admission=approve)
        assert approved[1:] == [("brown", "brownish"), ("green", "greenish")]
        assert toys.peek("bear")["spec"] == {"color": "greenish"}  # type: ignore[index]

    play(scenario)


def test_hooks_of_every_attempt_are_ended() -> None:
    """Each attempt that was begun is ended before the next begins; only the last is done."""

    async def scenario(toys: Toys) -> None:
        await toys.create("bear")
        del toys.hooks.told[:]
        meddled = []

        def approve(new: Any, old: Any) -> Any:
            async def later() -> None:
                if not meddled:
                    meddled.append(True)
                    await toys.storage.guaranteed_update("/registry/toys/ns/bear", _touched)

            return later()

        await toys.paint("bear", "blue", admission=approve)
        assert toys.hooks.told == ["update bear", "update bear undone", "update bear", "update bear done"]

    play(scenario)


def _touched(entry: Any) -> Any:
    return Write(encode(entry.tree() | {"touched": True}))


@pytest.mark.parametrize("awaited", [False, True])
def test_refusing_admission_undoes_the_hook(awaited: bool) -> None:
    """At once or later: nothing is written, what was begun is undone."""

    async def scenario(toys: Toys) -> None:
        made = await toys.create("bear")
        del toys.hooks.told[:]

        async def refuse() -> None:
            raise APIError(403, "Forbidden", "no")

        def no(new: Any, old: Any) -> Any:
            if awaited:
                return refuse()
            raise APIError(403, "Forbidden", "no")

        assert (await refused(toys.paint("bear", "blue", admission=no))).code == 403
        assert toys.peek("bear") == made
        assert toys.hooks.told == ["update bear", "update bear undone"]

    play(scenario)


def test_dry_run_keeps_the_revision() -> None:
    """A dry run shows the change at the revision that is stored."""

    async def scenario(toys: Toys) -> None:
        made = await toys.create("bear")
        shown = await toys.paint("bear", "blue", dry_run=True)
        assert shown["spec"] == {"color": "blue"}
        assert shown["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
        assert toys.peek("bear") == made

    play(scenario)


def test_last_finalizer_deletes() -> None:
    """Taking the last finalizer from what is being deleted deletes it; the answer is its last state."""

    async def scenario(toys: Toys) -> None:
        await toys.create("bear", finalizers=["play.example.com/wait"])
        marked, _ = await toys.delete("bear")

        def release(old: Any) -> Any:
            old["metadata"].pop("finalizers")
            return old

        dry = await toys.update("bear", release, dry_run=True)
        assert "finalizers" not in dry["metadata"] and toys.peek("bear") is not None
        last = await toys.update("bear", release)
        assert last["metadata"]["resourceVersion"] == marked["metadata"]["resourceVersion"]
        assert last["metadata"]["deletionTimestamp"] and "finalizers" not in last["metadata"]
        assert toys.peek("bear") is None
        assert toys.hooks.told[-1] == "deleted ns/bear"

    play(scenario)


def test_last_finalizer_spares_a_successor() -> None:
    """An object of the same name made in between, another uid, is not deleted instead."""

    async def scenario(toys: Toys) -> None:
        await toys.create("bear", finalizers=["play.example.com/wait"])
        await toys.delete("bear")

        async def meddle(what: str) -> None:
            async def replace_it(what: str) -> None:
                assert what == "delete"
                await toys.storage.delete("/registry/toys/ns/bear")
                await toys.create("bear", "green")

            toys.storage.before = replace_it

        toys.storage.before = meddle

        def release(old: Any) -> Any:
            return {**old, "metadata": {k: v for k, v in old["metadata"].items() if k != "finalizers"}}

        last = await toys.update("bear", release)
        assert last["spec"] == {"color": "brown"}
        assert toys.peek("bear")["spec"] == {"color": "green"}  # type: ignore[index]

    play(scenario)


def test_a_strategy_can_hold() -> None:
    """What else than metadata.finalizers holds an object, its strategy says."""

    async def scenario(toys: Toys) -> None:
        await toys.create("bear", finalizers=["play.example.com/wait"])
        await toys.delete("bear")
        toys.strategy.holds = lambda obj: bool(obj.get("holds"))  # type: ignore[method-assign]

        def release(old: Any) -> Any:
            metadata = {k: v for k, v in old["metadata"].items() if k != "finalizers"}
            return {**old, "metadata": metadata, "holds": True}

        await toys.update("bear", release)
        assert toys.peek("bear") is not None
        await toys.update("bear", lambda old: {**old, "holds": False})
        assert toys.peek("bear") is None

    play(scenario)
