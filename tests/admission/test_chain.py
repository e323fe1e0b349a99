"""The chain: who is asked, in which order, at once or later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from orlop.admission.chain import Chain, Pipeline
from orlop.admission.interface import CREATE, DELETE, Attributes
from orlop.api.context import Context
from orlop.api.errors import APIError
from orlop.api.gvk import GroupVersionKind, GroupVersionResource

PODS = GroupVersionResource("", "v1", "pods")


def attributes(obj: Any = None, name: str = "") -> Attributes:
    return Attributes(Context(), CREATE, GroupVersionKind("", "v1", "Pod"), PODS, "", "ns", name, obj, None, False)


def run(work: Any) -> None:
    async def awaiting() -> None:
        if work is not None:
            await work

    asyncio.run(awaiting())


class Speaking:
    """A plugin that notes when it is asked; `late` ones answer later, `refusing` ones say no."""

    def __init__(self, name: str, said: list[str], *, late: bool = False, refusing: bool = False,
                 operations: tuple[str, ...] = (CREATE, DELETE)) -> None:
        self.name, self._said, self._late, self._refusing = name, said, late, refusing
        self._operations = operations

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return operation in self._operations

    def _answer(self, what: str) -> Any:
        if self._late:
            return self._later(what)
        return self._now(what)

    def _now(self, what: str) -> None:
        self._said.append(f"{self.name} {what}")
        if self._refusing:
            raise APIError(403, "Forbidden", self.name)

    async def _later(self, what: str) -> None:
        await asyncio.sleep(0)
        self._now(what)


class Mutating(Speaking):
    def admit(self, attributes: Attributes) -> Any:
        return self._answer("admits")


class Validating(Speaking):
    def validate(self, attributes: Attributes) -> Any:
        return self._answer("validates")


def pipeline(make: Callable[[list[str]], list[Any]], operation: str = CREATE) -> tuple[Pipeline, list[str]]:
    said: list[str] = []
    return Chain(make(said)).pipeline(PODS, "", operation), said


def test_order_is_the_chains() -> None:
    """Mutating before validating, each in the chain's order, whoever answers late."""
    pipe, said = pipeline(lambda s: [Validating("a", s), Mutating("b", s, late=True), Mutating("c", s),
                                     Validating("d", s, late=True)])
    run(pipe.review(attributes()))
    assert said == ["b admits", "c admits", "a validates", "d validates"]


def test_a_late_mutation_does_not_hide_validation() -> None:
    """Reviewing (of deletions and connections) asks validating plugins also after one that answered late."""
    pipe, said = pipeline(lambda s: [Mutating("slow", s, late=True), Validating("strict", s, refusing=True)], DELETE)
    with pytest.raises(APIError, match="strict"):
        run(pipe.review(attributes()))
    assert said == ["slow admits", "strict validates"]


def test_refusal_ends_the_chain() -> None:
    """Nobody is asked after a no."""
    pipe, said = pipeline(lambda s: [Mutating("a", s), Mutating("b", s, refusing=True), Mutating("c", s)])
    with pytest.raises(APIError, match="b"):
        run(pipe.admit(attributes()))
    assert said == ["a admits", "b admits"]


def test_synchronous_plugins_cost_no_task() -> None:
    """Without late answers there is nothing to await."""
    pipe, _ = pipeline(lambda s: [Mutating("a", s), Validating("b", s)])
    assert pipe.admit(attributes()) is None and pipe.validate(attributes()) is None


def test_unconcerned_plugins_are_left_out() -> None:
    """Who does not handle an operation is not asked."""
    pipe, said = pipeline(lambda s: [Mutating("a", s, operations=(CREATE,)), Mutating("b", s)], DELETE)
    run(pipe.review(attributes()))
    assert said == ["b admits"]


@pytest.mark.parametrize(("name", "metadata", "shown"), [
    ("bear", {}, '"bear"'), ("", {"name": "doll"}, '"doll"'), ("", {"generateName": "toy-"}, '"toy-"'),
    ("", {}, '"Unknown"'),
])
def test_refusals_name_the_object(name: str, metadata: dict[str, str], shown: str) -> None:
    """By the request's name, else the object's, else what it generates from."""
    refusal = attributes({"metadata": metadata}, name).forbidden("why not")
    assert refusal.message == f"pods {shown} is forbidden: why not"
