"""The scale of workloads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from kind_bench import Kind

from orlop.api.context import Context
from orlop.api.errors import APIError
from orlop.api.options import CreateOptions, GetOptions, Preconditions, UpdateOptions
from orlop.kinds.makers import MAKERS
from orlop.kinds.rooms import rooms
from orlop.kinds.scale import Scale
from orlop.registry.store import Store
from orlop.storage.interface import Attributes, Entry
from orlop.storage.watch_cache import WatchCache

Tree = dict[str, Any]
SPEC = {"replicas": 2, "selector": {"matchLabels": {"app": "x"}},
        "template": {"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}}
NAME = "obj"


class Source:
    """A body made from the current scale."""

    def __init__(self, change: Callable[[Tree], Tree], preconditions: Preconditions | None = None) -> None:
        self.change, self.preconditions = change, preconditions

    def updated(self, ctx: Context, old: Tree) -> Tree:
        return self.change(old)


def allow(new: Tree, old: Tree | None) -> None:
    """Admission without an opinion."""


class Bench:
    """One stored Deployment and its scale."""

    def __init__(self) -> None:
        self.kind = Kind("deployments", "apps")
        self.cache = WatchCache(self.kind.storage, "/registry/deployments/",
                                lambda tree: Attributes(tree["metadata"].get("labels") or {}, {}))
        made = rooms(self.kind.resource, replace(self.kind.options, cache=lambda resource: self.cache), MAKERS)
        self.store: Store = made[""]
        self.scale: Scale = made["scale"]
        self.ctx = self.kind.context()

    async def create(self) -> None:
        await self.kind.storage.start()
        await self.cache.start()
        tree = self.kind.decoded({"metadata": {"name": NAME}, "spec": SPEC})
        await self.store.create(self.ctx, "", tree, allow, CreateOptions())

    async def update(self, change: Callable[[Tree], Tree], admit: Any = allow) -> Tree:
        made, created = await self.scale.update(self.ctx, NAME, Source(change), allow, admit, UpdateOptions())
        assert isinstance(made, dict) and not created
        return made

    def parent(self) -> Tree:
        found = self.store.get(self.ctx, NAME, GetOptions())
        assert isinstance(found, Entry)
        return found.tree()


def replicas(number: int, **metadata: Any) -> Callable[[Tree], Tree]:
    return lambda old: {**old, "metadata": {**old["metadata"], **metadata}, "spec": {"replicas": number}}


def run(scenario: Callable[[Bench], Any]) -> None:
    async def whole() -> None:
        bench = Bench()
        await bench.create()
        await scenario(bench)
        await bench.cache.close()
        await bench.kind.storage.close()

    asyncio.run(whole())


def test_a_scale_shows_little() -> None:
    """Who it is, what is wanted, what is there."""

    async def scenario(bench: Bench) -> None:
        shown = bench.scale.get(bench.ctx, NAME, GetOptions())
        assert isinstance(shown, dict)
        assert set(shown["metadata"]) == {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"}
        assert shown["spec"] == {"replicas": 2} and shown["status"] == {"replicas": 0, "selector": "app=x"}

    run(scenario)


def test_an_update_goes_through_the_parent() -> None:
    """Its generation moves; admission sees scales; nothing at all is left out of the spec."""

    async def scenario(bench: Bench) -> None:
        seen: list[Any] = []
        shown = await bench.update(replicas(0), lambda new, old: seen.append((new["spec"], old["spec"])))
        assert shown["spec"] == {} and seen == [({}, {"replicas": 2})]
        assert bench.parent()["metadata"]["generation"] == 2 and bench.parent()["spec"]["replicas"] == 0

    run(scenario)


def test_the_same_number_changes_nothing() -> None:
    """The revision stays."""

    async def scenario(bench: Bench) -> None:
        before = bench.parent()["metadata"]["resourceVersion"]
        assert (await bench.update(replicas(2)))["metadata"]["resourceVersion"] == before

    run(scenario)


@pytest.mark.parametrize(("change", "code", "text"), [
    (replicas(-1), 422, 'Scale.autoscaling "obj" is invalid: spec.replicas: Invalid value: -1: must be greater than or '
                        "equal to 0"),
    (replicas(3, resourceVersion="1"), 409, 'Operation cannot be fulfilled on deployments.apps "obj": the object has '
                                            "been modified; please apply your changes to the latest version and try "
                                            "again"),
    (replicas(3, uid="other"), 409, "Operation cannot be fulfilled on deployments/scale.apps \"obj\": Precondition "
                                    "failed: UID in precondition: other, UID in object meta: "),
])
def test_refusals(change: Callable[[Tree], Tree], code: int, text: str) -> None:
    """Of bad numbers, and of bodies about another state or another object."""

    async def scenario(bench: Bench) -> None:
        if code == 409:
            await bench.update(replicas(5))
        with pytest.raises(APIError) as caught:
            await bench.update(change)
        assert caught.value.code == code
        assert caught.value.message.startswith(text)

    run(scenario)
