"""Label selectors, ready to be matched against millions of objects.

Query strings come here through `parse` (from `query_options`), LabelSelector objects of kinds through
`from_label_selector`; lists, watches, controllers and admission match with them. Behaviour of apimachinery
`pkg/labels/selector.go` and `pkg/apis/meta/v1/helpers.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TypeAlias

from orlop.api.field import quote
from orlop.api.gotext import NumberError, parse_int64
from orlop.api.label_parser import parse_requirements
from orlop.api.label_requirement import (
    DOES_NOT_EXIST,
    DOUBLE_EQUALS,
    EQUALS,
    EXISTS,
    GREATER_THAN,
    IN,
    LESS_THAN,
    NOT_IN,
    Requirement,
    SelectorError,
    requirement,
)
from orlop.api.tree import Tree

__all__ = ["EVERYTHING", "NOTHING", "Requirement", "Selector", "SelectorError", "format",
           "from_label_selector", "from_set", "parse", "requirement"]

Labels: TypeAlias = Mapping[str, str]
Matcher: TypeAlias = Callable[[Labels], bool]

PARSED_SELECTORS = 1024
"""How many parsed selectors are kept; the least recently used goes first."""
LONGEST_KEPT = 2048
"""Longer selector texts are parsed anew each time, so that the cache stays small."""

_OBJECT_OPERATORS = {"In": IN, "NotIn": NOT_IN, "Exists": EXISTS, "DoesNotExist": DOES_NOT_EXIST}


class Selector:
    """A conjunction of requirements. Immutable; equal when its requirements are.

    `matches(labels)` is a compiled function kept in a slot: calling it costs no method lookup.
    """

    __slots__ = ("empty", "matches", "requirements", "selectable")

    matches: Matcher
    requirements: tuple[Requirement, ...]
    empty: bool
    selectable: bool

    def __init__(self, requirements: Iterable[Requirement] = (), selectable: bool = True) -> None:
        ordered = tuple(sorted(requirements, key=lambda r: r.key))
        put = object.__setattr__
        put(self, "requirements", ordered)
        put(self, "selectable", selectable)
        put(self, "empty", selectable and not ordered)
        put(self, "matches", _compile(ordered) if selectable else _never)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a Selector cannot be changed ({name})")

    def exact(self, key: str) -> str | None:
        """The one value that `key` must have, None when the selector does not say."""
        for wanted in self.requirements:
            if wanted.key == key:
                if wanted.op in (EQUALS, DOUBLE_EQUALS, IN) and len(wanted.values) == 1:
                    return next(iter(wanted.values))
                return None
        return None

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))

    def __repr__(self) -> str:
        return f"<Selector {self}>" if self.selectable else "<Selector of nothing>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Selector):
            return NotImplemented
        return self.requirements == other.requirements and self.selectable == other.selectable

    def __hash__(self) -> int:
        return hash((self.requirements, self.selectable))


def _always(labels: Labels) -> bool:
    return True


def _never(labels: Labels) -> bool:
    return False


def _compile(requirements: tuple[Requirement, ...]) -> Matcher:
    """The fastest function that tells whether labels fulfil all of `requirements`."""
    if not requirements:
        return _always
    if len(requirements) == 1:
        return _compile_one(requirements[0])
    if all(r.op in (EQUALS, DOUBLE_EQUALS) for r in requirements):
        pairs = tuple((r.key, next(iter(r.values))) for r in requirements)

        def match_pairs(labels: Labels) -> bool:
            get = labels.get
            for key, value in pairs:  # noqa: SIM110 (a generator would double the time)
                if get(key) != value:
                    return False
            return True

        return match_pairs
    parts = tuple(map(_compile_one, requirements))

    def match_all(labels: Labels) -> bool:
        for part in parts:  # noqa: SIM110
            if not part(labels):
                return False
        return True

    return match_all


def _compile_one(wanted: Requirement) -> Matcher:
    key, op, values = wanted
    if op == EXISTS:
        return lambda labels: key in labels
    if op == DOES_NOT_EXIST:
        return lambda labels: key not in labels
    if op in (GREATER_THAN, LESS_THAN):
        return _compile_comparison(key, op == GREATER_THAN, parse_int64(next(iter(values))))
    if op in (IN, EQUALS, DOUBLE_EQUALS):
        if len(values) == 1:
            only = next(iter(values))
            return lambda labels: labels.get(key) == only
        return lambda labels: labels.get(key) in values
    return lambda labels: labels.get(key) not in values


def _compile_comparison(key: str, greater: bool, bound: int) -> Matcher:
    def compare(labels: Labels) -> bool:
        text = labels.get(key)
        if text is None:
            return False
        try:
            value = parse_int64(text)
        except NumberError:
            return False
        return value > bound if greater else value < bound

    return compare


EVERYTHING = Selector()
NOTHING = Selector(selectable=False)


def _parse(text: str) -> Selector:
    found = parse_requirements(text)
    return Selector(found) if found else EVERYTHING


_parse_kept = lru_cache(PARSED_SELECTORS)(_parse)


def parse(text: str) -> Selector:
    """The selector that a query parameter means. Raises SelectorError."""
    if not text:
        return EVERYTHING
    return _parse_kept(text) if len(text) <= LONGEST_KEPT else _parse(text)


def from_set(labels: Labels) -> Selector:
    """Matches exactly these pairs (`spec.selector` of Services and ReplicationControllers); not validated."""
    return Selector(Requirement(key, EQUALS, frozenset((value,))) for key, value in labels.items())


def from_label_selector(tree: Tree | None) -> Selector:
    """The meaning of a metav1.LabelSelector: absent selects nothing, empty everything. Raises
    SelectorError."""
    if tree is None:
        return NOTHING
    found = [requirement(key, EQUALS, (value,)) for key, value in (tree.get("matchLabels") or {}).items()]
    for expression in tree.get("matchExpressions") or ():
        operator = expression.get("operator", "")
        op = _OBJECT_OPERATORS.get(operator)
        if op is None:
            raise SelectorError(f"{quote(operator)} is not a valid label selector operator")
        found.append(requirement(expression.get("key", ""), op, expression.get("values") or ()))
    return Selector(found) if found else EVERYTHING


def format(tree: Tree | None) -> str:
    """A metav1.LabelSelector in one line, as tables show it."""
    try:
        return str(from_label_selector(tree)) or "<none>"
    except SelectorError:
        return "<error>"
