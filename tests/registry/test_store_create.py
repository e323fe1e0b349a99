"""Creating through the Store: what the server sets, what it refuses, what stays when it fails."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from toy_world import Toys, admit, play, refused

from orlop.api.errors import APIError
from orlop.api.options import CreateOptions


def test_system_fields_are_the_servers() -> None:
    """creationTimestamp, uid, namespace and generation are set, the resourceVersion is the write's."""

    async def scenario(toys: Toys) -> None:
        made = await toys.create("bear")
        assert made["metadata"]["creationTimestamp"] == "2023-11-14T22:13:20Z"
        assert made["metadata"]["namespace"] == "ns" and made["metadata"]["generation"] == 1
        assert len(made["metadata"]["uid"]) == 36
        assert made["metadata"]["resourceVersion"] == str(toys.storage.revision)
        assert toys.peek("bear") == made

    play(scenario)


def test_second_of_a_name_is_refused() -> None:
    """409 AlreadyExists, and the first stays as it is."""

    async def scenario(toys: Toys) -> None:
        first = await toys.create("bear")
        refusal = await refused(toys.create("bear", "green"))
        assert (refusal.code, refusal.reason) == (409, "AlreadyExists")
        assert refusal.message == 'toys.play.example.com "bear" already exists'
        assert toys.peek("bear") == first

    play(scenario)


def test_name_of_something_being_deleted() -> None:
    """The refusal says that the old object is on its way out."""

    async def scenario(toys: Toys) -> None:
        await toys.create("bear", finalizers=["play.example.com/wait"])
        await toys.delete("bear")
        refusal = await refused(toys.create("bear"))
        assert refusal.message == 'object is being deleted: toys.play.example.com "bear" already exists'

    play(scenario)


def test_generated_name_avoids_what_is_there() -> None:
    """A name that is taken is not tried on the storage; the strategy sees the object once."""

    async def scenario(toys: Toys) -> None:
        suffixes = iter(["aaaaa", "aaaaa", "aaaaa", "bbbbb"])
        toys.store._outside.entropy.suffix = lambda length=5: next(suffixes)  # type: ignore[method-assign]
        first = await toys.create("", generateName="toy-")
        second = await toys.create("", generateName="toy-")
        assert [first["metadata"]["name"], second["metadata"]["name"]] == ["toy-aaaaa", "toy-bbbbb"]
        assert second["prepared"] == ["toy-bbbbb"]

    play(scenario)


def test_generated_name_gives_up() -> None:
    """Eight taken names in a row: 409 that asks to come back in a second."""

    async def scenario(toys: Toys) -> None:
        drawn: list[str] = []
        toys.store._outside.entropy.suffix = lambda length=5: drawn.append("x") or "aaaaa"  # type: ignore
        await toys.create("", generateName="toy-")
        del drawn[:]
        refusal = await refused(toys.create("", generateName="toy-"))
        assert len(drawn) == 8
        assert refusal.message == ('toys.play.example.com "toy-aaaaa" already exists, the server was not able to '
                                   "generate a unique name for the object")
        assert refusal.retry_after == 1

    play(scenario)


def test_long_generate_name_is_cut() -> None:
    """Prefix and suffix fit into 63 characters."""

    async def scenario(toys: Toys) -> None:
        made = await toys.create("", generateName="t" * 70)
        assert len(made["metadata"]["name"]) == 63

    play(scenario)


def test_own_resource_version_is_refused() -> None:
    """An object that brings a resourceVersion was stored before; only a dry run does not look."""

    async def scenario(toys: Toys) -> None:
        refusal = await refused(toys.create("bear", resourceVersion="7"))
        assert (refusal.code, refusal.message) == (500, "resourceVersion should not be set on objects to be created")
        await toys.create("bear", resourceVersion="7", dry_run=True)
        await toys.create("bear", resourceVersion="0")

    play(scenario)


def test_invalid_objects_are_not_stored() -> None:
    """422 with every cause; no revision is taken."""

    async def scenario(toys: Toys) -> None:
        before = toys.storage.revision
        refusal = await refused(toys.create("Bear", "invisible"))
        assert refusal.code == 422 and refusal.details is not None
        assert [cause["field"] for cause in refusal.details["causes"]] == ["metadata.name", "spec.color"]
        assert toys.storage.revision == before

    play(scenario)


def test_other_namespace_is_refused() -> None:
    """The object may not name another namespace than the request."""

    async def scenario(toys: Toys) -> None:
        obj = {"metadata": {"name": "bear", "namespace": "elsewhere"}}
        refusal = await refused(toys.store.create(toys.ctx(), "", obj, admit, CreateOptions()))
        text = "the namespace of the provided object does not match the namespace sent on the request"
        assert (refusal.code, refusal.message) == (400, text)

    play(scenario)


def test_cluster_scope_drops_the_namespace() -> None:
    """Objects without namespaces lose one that they bring."""

    async def scenario(toys: Toys) -> None:
        obj: dict[str, Any] = {"metadata": {"name": "bear", "namespace": "ns"}}
        await toys.store.create(toys.ctx(""), "", obj, admit, CreateOptions())
        assert "namespace" not in toys.cache.peek("/registry/toys/bear").tree()["metadata"]  # type: ignore[union-attr]

    play(scenario, namespaced=False)


def test_dry_run_stores_nothing() -> None:
    """A dry run answers as the write would, without resourceVersion, and leaves no trace."""

    async def scenario(toys: Toys) -> None:
        before = toys.storage.revision
        made = await toys.create("bear", dry_run=True)
        assert made["metadata"]["uid"] and "resourceVersion" not in made["metadata"]
        assert toys.peek("bear") is None and toys.storage.revision == before
        await toys.create("bear")
        assert (await refused(toys.create("bear", dry_run=True))).reason == "AlreadyExists"

    play(scenario)


def test_warnings_are_collected() -> None:
    """What the strategy warns of reaches the request's context."""

    async def scenario(toys: Toys) -> None:
        ctx = toys.ctx()
        obj = {"metadata": {"name": "bear"}, "spec": {"color": "beige"}}
        await toys.store.create(ctx, "", obj, admit, CreateOptions())
        assert ctx.warnings == ["beige is dull"]

    play(scenario)


def test_hooks_hear_how_it_ended() -> None:
    """Begun is ended exactly once: done after the write, undone after a refusal and after a dry run."""

    async def scenario(toys: Toys) -> None:
        await toys.create("a")
        await toys.create("b", dry_run=True)
        await refused(toys.create("c", "invisible"))
        await refused(toys.create("a"))
        await refused(toys.create("unlucky"))
        assert toys.hooks.told == ["create a", "create a done", "create b", "create b undone", "create c",
                                   "create c undone", "create a", "create a undone"]

    play(scenario)


@pytest.mark.parametrize("awaited", [False, True])
def test_admission_has_the_last_word(awaited: bool) -> None:
    """A refusing admission, at once or later, keeps the object out and undoes the hook."""

    async def scenario(toys: Toys) -> None:
        def no(new: Any, old: Any) -> Any:
            assert old is None and new["metadata"]["uid"]
            if awaited:
                return _refuse()
            raise APIError(403, "Forbidden", "no")

        assert (await refused(toys.create("bear", admission=no))).message == "no"
        assert toys.peek("bear") is None
        assert toys.hooks.told == ["create bear", "create bear undone"]

    play(scenario)


async def _refuse() -> None:
    raise APIError(403, "Forbidden", "no")


def test_cancelled_writes_keep_what_they_took() -> None:
    """A write that nobody waits for any more may still be committed: what its hook took is not given to others."""

    async def scenario(toys: Toys) -> None:
        reached = asyncio.Event()

        async def stop_here(what: str) -> None:
            reached.set()
            await asyncio.Event().wait()

        toys.storage.before = stop_here
        writing = asyncio.ensure_future(toys.create("bear"))
        await reached.wait()
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        assert toys.hooks.told == ["create bear"]

    play(scenario)
