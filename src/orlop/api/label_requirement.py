"""One condition of a label selector, checked when it is made.

Made by `label_parser` (query strings) and `labels` (LabelSelector objects). Rules and texts are those of
apimachinery `pkg/labels/selector.go` (NewRequirement).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from orlop.api import names
from orlop.api.field import FieldError, Path, aggregate, invalid, not_supported
from orlop.api.gotext import NumberError, json_value, parse_int64

EQUALS, DOUBLE_EQUALS, NOT_EQUALS = "=", "==", "!="
IN, NOT_IN = "in", "notin"
EXISTS, DOES_NOT_EXIST = "exists", "!"
GREATER_THAN, LESS_THAN = "gt", "lt"
BINARY_OPERATORS = (IN, NOT_IN, EQUALS, DOUBLE_EQUALS, NOT_EQUALS, GREATER_THAN, LESS_THAN)

_ROOT = Path()
_SIGNS = {EQUALS: "=", DOUBLE_EQUALS: "==", NOT_EQUALS: "!=", GREATER_THAN: ">", LESS_THAN: "<"}
_COUNT_RULES = {
    IN: ("for 'in', 'notin' operators, values set can't be empty", 1, None),
    NOT_IN: ("for 'in', 'notin' operators, values set can't be empty", 1, None),
    EQUALS: ("exact-match compatibility requires one single value", 1, 1),
    DOUBLE_EQUALS: ("exact-match compatibility requires one single value", 1, 1),
    NOT_EQUALS: ("exact-match compatibility requires one single value", 1, 1),
    EXISTS: ("values set must be empty for exists and does not exist", 0, 0),
    DOES_NOT_EXIST: ("values set must be empty for exists and does not exist", 0, 0),
    GREATER_THAN: ("for 'Gt', 'Lt' operators, exactly one value is required", 1, 1),
    LESS_THAN: ("for 'Gt', 'Lt' operators, exactly one value is required", 1, 1),
}


class SelectorError(ValueError):
    """A selector that cannot be understood or is not supported. Endpoints answer 400 with its message."""


class Requirement(NamedTuple):
    """A key, how it is compared, and with what. `op` is "=", "==", "in", "!=", "notin", "exists", "!", "gt"
    or "lt"."""

    key: str
    op: str
    values: frozenset[str] = frozenset()

    def __str__(self) -> str:
        if self.op == EXISTS:
            return self.key
        if self.op == DOES_NOT_EXIST:
            return "!" + self.key
        values = ",".join(sorted(self.values))
        if self.op in _SIGNS:
            return f"{self.key}{_SIGNS[self.op]}{values}"
        return f"{self.key} {self.op} ({values})"


def check_key(key: str, path: Path = _ROOT) -> FieldError | None:
    complaints = names.label_key(key)
    return invalid(path, key, "; ".join(complaints)) if complaints else None


def _check_count(op: str, values: Collection[str]) -> list[FieldError]:
    rule = _COUNT_RULES.get(op)
    if rule is None:
        # Upstream lists the operators in this order.
        return [not_supported(Path("operator"), json_value(op), (*BINARY_OPERATORS, EXISTS, DOES_NOT_EXIST))]
    text, least, most = rule
    if len(values) >= least and (most is None or len(values) <= most):
        return []
    # An empty list is nil to Go.
    return [invalid(Path("values"), json_value(list(values) or None), text)]


def _check_numbers(values: Iterable[str]) -> list[FieldError]:
    found = []
    for position, value in enumerate(values):
        try:
            parse_int64(value)
        except NumberError:
            text = "for 'Gt', 'Lt' operators, the value must be an integer"
            found.append(invalid(Path("values").index(position), value, text))
    return found


def requirement(key: str, op: str, values: Collection[str] = ()) -> Requirement:
    """A valid Requirement. Raises SelectorError with everything that is wrong."""
    found: list[FieldError] = []
    if (wrong := check_key(key, Path("key"))) is not None:
        found.append(wrong)
    found += _check_count(op, values)
    if op in (GREATER_THAN, LESS_THAN):
        found += _check_numbers(values)
    for position, value in enumerate(values):
        if complaints := names.label_value(value):
            found.append(invalid(Path("values").index(position).key(key), value, "; ".join(complaints)))
    if found:
        raise SelectorError(aggregate(found))
    return Requirement(key, op, frozenset(values))
