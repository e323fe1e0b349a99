"""Ranges of sizes and costs in unsigned 64-bit arithmetic that saturates instead of overflowing.

The static estimate (`cost_estimate`, `cost_calls`, `cost_sizes`) computes with these and hands one on as its result.
cel-go keeps a type each for sizes and costs with the same arithmetic; one is enough here. Behaviour: cel-go
checker/cost.go (SizeEstimate, CostEstimate).
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

LIMIT: Final = (1 << 64) - 1
"""Where every sum and product ends."""

_TWO_TO_64: Final = 2.0**64


class Estimate(NamedTuple):
    """At least `low`, at most `high`."""

    low: int
    high: int

    def plus(self, other: Estimate) -> Estimate:
        """The sum."""
        return Estimate(min(self.low + other.low, LIMIT), min(self.high + other.high, LIMIT))

    def times(self, other: Estimate) -> Estimate:
        """The product."""
        return Estimate(min(self.low * other.low, LIMIT), min(self.high * other.high, LIMIT))

    def scaled(self, factor: float) -> Estimate:
        """Each bound times `factor` in floating point, rounded up."""
        return Estimate(_scaled(self.low, factor), _scaled(self.high, factor))

    def union(self, other: Estimate) -> Estimate:
        """The smallest range holding both."""
        return Estimate(min(self.low, other.low), max(self.high, other.high))


def fixed(value: int) -> Estimate:
    """Exactly `value`."""
    return Estimate(value, value)


NOTHING: Final = Estimate(0, 0)
ONE: Final = Estimate(1, 1)
UNKNOWN: Final = Estimate(0, LIMIT)
EMPTY: Final = Estimate(LIMIT, 0)
"""The union's neutral element."""


def _scaled(value: int, factor: float) -> int:
    number = float(value)
    if number > 0 and factor > 0 and number > _TWO_TO_64 / factor:
        return LIMIT
    product = number * factor
    if product >= _TWO_TO_64:
        return LIMIT
    return math.ceil(product)
