"""A refusal that rests on what this server has heard of is asked once more when others write too.

Used by plugins that judge by other objects. What is allowed is not asked again: see `NamespaceLifecycle`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from orlop.admission.chain import Step
from orlop.admission.interface import Attributes
from orlop.api.errors import APIError

CatchUp: TypeAlias = Callable[[], Awaitable[None]]
Judge: TypeAlias = Callable[[Attributes], None]
"""Raises APIError before it changes anything, so that it can be asked twice."""


def second_look(judge: Judge, catch_up: CatchUp | None) -> Step:
    """`judge` as a step of a pipeline. Without `catch_up` nobody else writes, and its first word is its last."""
    if catch_up is None:
        return judge

    def step(attributes: Attributes) -> Awaitable[None] | None:
        try:
            judge(attributes)
        except APIError:
            return _again(judge, attributes, catch_up)
        return None

    return step


async def _again(judge: Judge, attributes: Attributes, catch_up: CatchUp) -> None:
    await catch_up()
    judge(attributes)
