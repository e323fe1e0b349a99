"""Arithmetic of amounts by resource name: cpu, memory, counts of objects. Pure.

Used by quotas, by the sums of pods (`pod_amounts`) and by whatever compares them. Behaviour: apiserver
`pkg/quota/v1/resources.go`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, TypeAlias

from orlop.api import quantity
from orlop.api.quantity import Quantity

Amounts: TypeAlias = dict[str, Quantity]

ZERO: Final = Quantity()
ONE: Final = Quantity(1)


def read(texts: Mapping[str, str] | None) -> Amounts:
    return {name: quantity.parse(text) for name, text in texts.items()} if texts else {}


def written(amounts: Mapping[str, Quantity]) -> dict[str, str]:
    """As they stand in an object."""
    return {name: str(amounts[name]) for name in sorted(amounts)}


def add(sums: Amounts, more: Mapping[str, Quantity]) -> None:
    """In place."""
    for name, amount in more.items():
        known = sums.get(name)
        sums[name] = amount if known is None else known.add(amount)


def take_away(sums: Amounts, less: Mapping[str, Quantity]) -> None:
    """In place, never below nothing, and only from what is there."""
    for name, amount in less.items():
        if name in sums:
            rest = sums[name].subtract(amount)
            sums[name] = rest if rest.sign > 0 else ZERO


def increase(new: Mapping[str, Quantity], old: Mapping[str, Quantity]) -> Amounts:
    """By how much `new` is above `old`, name by name; what is not above counts as nothing."""
    grown: Amounts = {}
    for name, amount in new.items():
        rest = amount.subtract(old[name]) if name in old else amount
        grown[name] = rest if rest.sign > 0 else ZERO
    return grown


def raise_to(sums: Amounts, amounts: Mapping[str, Quantity]) -> None:
    """In place: of each name the larger amount."""
    for name, amount in amounts.items():
        if name not in sums or amount.compare(sums[name]) > 0:
            sums[name] = amount


def masked(amounts: Mapping[str, Quantity], names: Collection[str]) -> Amounts:
    return {name: amount for name, amount in amounts.items() if name in names}


def without_zeros(amounts: Mapping[str, Quantity]) -> Amounts:
    return {name: amount for name, amount in amounts.items() if amount.sign}


def same(one: Mapping[str, Quantity], other: Mapping[str, Quantity]) -> bool:
    return len(one) == len(other) and all(
        name in other and amount.compare(other[name]) == 0 for name, amount in one.items())


def shown(amounts: Mapping[str, Quantity]) -> str:
    """As refusals list them."""
    return ",".join(f"{name}={amounts[name]}" for name in sorted(amounts))
