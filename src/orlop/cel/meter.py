"""How far an evaluation may go, and who is asked on the way.

`program` gives one to each counting build: the builds compare what they have spent with `bound`, and come here when it
is passed. Behaviour: cel-go cel/program.go (CostLimit, InterruptCheckFrequency).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from orlop.cel.values import BudgetExceeded

EXCEEDED: Final = "operation cancelled: actual cost limit exceeded"


@dataclass(slots=True)
class Budget:
    """What evaluations may still cost; `Program.evaluate_within` takes from it."""

    remaining: int


class Meter:
    """The limit of evaluations, one after the other. Whenever one has spent `stride` more, `ask` is called, which may
    raise to end it."""

    __slots__ = ("_ask", "_limit", "_stride", "bound", "first")

    def __init__(self, limit: int, stride: int = 0, ask: Callable[[], None] | None = None) -> None:
        self._limit, self._stride, self._ask = limit, stride, ask
        self.first = self.bound = limit if ask is None else min(limit, stride)

    def begin(self) -> None:
        """At nothing spent."""
        self.bound = self.first

    def pass_bound(self, cost: int) -> int:
        """The next bound for an evaluation that has cost more than the last. Raises BudgetExceeded."""
        if cost > self._limit:
            raise BudgetExceeded(EXCEEDED)
        if self._ask is not None:
            self._ask()
        self.bound = min(self._limit, cost + self._stride)
        return self.bound
