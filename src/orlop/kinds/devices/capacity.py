"""How much of a device there is, and in which portions it may be asked for.

Called by the rules of devices. Behaviour: kubernetes `pkg/apis/resource/validation/validation.go`
(validateRequestPolicy and its parts).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orlop.api.field import Path, forbidden, invalid, required
from orlop.api.quantity import Quantity, parse
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors
from orlop.kinds.devices.bounds import unique

MAX_OPTIONS: Final = 10
_ONE_POLICY: Final = ('exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same '
                      'time')
_NO_DEFAULT: Final = "default value is not valid according to the requestPolicy"


def shared(path: Path, capacity: Tree) -> Errors:
    """Of a device that is allocated many times."""
    policy = capacity.get("requestPolicy")
    return [] if policy is None else _policy(path.child("requestPolicy"), policy, parse(capacity.get("value") or "0"))


def undivided(path: Path, capacity: Tree) -> Errors:
    """Of a device that is allocated once."""
    if capacity.get("requestPolicy") is None:
        return []
    return [forbidden(path.child("requestPolicy"), "allowMultipleAllocations must be true")]


def _policy(path: Path, policy: Tree, whole: Quantity) -> Errors:
    values, limits, default = policy.get("validValues"), policy.get("validRange"), policy.get("default")
    if values and limits is not None:
        return [forbidden(path, _ONE_POLICY)]
    name = "validValues" if values else "validRange"
    if not values and limits is None:
        return []
    if default is None:
        return [required(path.child("default"), f"required when {name} is defined")]
    if values:
        return _options(path.child(name), [parse(text) for text in values], parse(default), whole)
    return _range(path.child(name), limits or {}, parse(default), whole)


def _options(path: Path, values: Sequence[Quantity], default: Quantity, whole: Quantity) -> Errors:
    found: Errors = []
    for index in range(1, len(values)):
        if values[index] < values[index - 1]:
            found.append(invalid(path.index(index), str(values[index]), "values must be sorted in ascending order"))

    def fits(at: Path, option: Quantity) -> Errors:
        if option <= whole:
            return []
        return [invalid(at, str(option), f"option is larger than capacity value: {whole}")]

    found += unique(path, values, MAX_OPTIONS, fits, key=lambda option: str(option.value()))
    if len(values) > MAX_OPTIONS or default not in values:
        found.append(invalid(path, str(default), _NO_DEFAULT))
    return found


def _range(path: Path, limits: Tree, default: Quantity, whole: Quantity) -> Errors:
    low, high, step = (parse(limits[name]) if limits.get(name) is not None else None for name in ("min", "max", "step"))
    least = path.child("min")
    if low is None:
        return [required(least, "required when validRange is defined")]
    found: Errors = []
    if low > whole:
        found.append(invalid(least, str(low), f"min is larger than capacity value: {whole}"))
    if default < low:
        found.append(invalid(least, str(default), f"default is less than min: {low}"))
    if high is not None:
        found += _upper(path.child("max"), low, high, default, whole)
    if step is not None:
        found += _steps(path.child("step"), low, step, [default] if high is None else [default, high], whole)
    return found


def _upper(path: Path, low: Quantity, high: Quantity, default: Quantity, whole: Quantity) -> Errors:
    found: Errors = []
    if low > high:
        found.append(invalid(path, str(low), f"min is larger than max: {high}"))
    if high > whole:
        found.append(invalid(path, str(high), f"max is larger than capacity value: {whole}"))
    if default > high:
        found.append(invalid(path, str(default), f"default is more than max: {high}"))
    return found


def _steps(path: Path, low: Quantity, step: Quantity, values: Sequence[Quantity], whole: Quantity) -> Errors:
    """A step of nothing fits everything: upstream fails to divide by it."""
    found: Errors = []
    first = low.add(step)
    if first > whole:
        found.append(invalid(path, str(step), f"one step {first} is larger than capacity value: {whole}"))
    size = step.value()
    for value in values:
        if size and (value.value() - low.value()) % size:
            text = f"value is not a multiple of a given step ({step}) from ({low})"
            found.append(invalid(path, str(value), text))
    return found
