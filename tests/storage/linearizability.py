"""Could what concurrent clients saw of one key have happened one operation after the other?

The search of Wing and Gong: find an order that respects who had finished before whom began, and in which
every answer is right. States are revisions (0: absent), so that an answer names the very write that it saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class Operation:
    """`saw`: the revision that it found (0: nothing); `left`: the revision after it. Times are turns of a
    counter."""

    name: str
    began: int
    ended: int
    saw: int
    left: int


def linearizable(operations: Sequence[Operation]) -> bool:
    everything = frozenset(range(len(operations)))

    @cache
    def possible(remaining: frozenset[int], state: int) -> bool:
        if not remaining:
            return True
        first_end = min(operations[i].ended for i in remaining)
        return any(
            operations[i].saw == state and possible(remaining - {i}, operations[i].left)
            for i in remaining
            if operations[i].began <= first_end
        )

    return possible(everything, 0)
