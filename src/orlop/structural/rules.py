"""The rules of a version's schema (x-kubernetes-validations): judges objects.

`kind.CustomSchema` makes one at the first write, strategies ask it after all other validation, the rules of definitions
ask it about defaults. Most writes are answered by `rule_check`; `rule_answers` counts costs and finds words. Behaviour:
apiextensions-apiserver `pkg/apiserver/schema/cel/validation.go`.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from functools import cached_property
from typing import Final

import orjson

from orlop.api.field import FieldError, Path
from orlop.api.tree import Tree, Value
from orlop.structural.numbers import Whole, has_whole
from orlop.structural.rule_answers import CALL_LIMIT, TOTAL_LIMIT, Judgement
from orlop.structural.rule_check import Holds, compile_holds
from orlop.structural.rule_programs import ANY_EXTENT, Extent
from orlop.structural.rule_tree import RuleNode, build
from orlop.structural.schema import Node

SHORT: Final = 10_000
"""What the rules of an object may cost where others wait: 1 ms, or 5 ms where many of them fail."""
_MARGIN: Final = 2
"""Costs that are at most this part of their limits need not be counted: estimates may be somewhat too low."""
_WIDTHS: Final = tuple(round(8 * 2 ** (step / 2)) for step in range(19))
"""Sizes of maps, lists and texts for which costs are estimated, where those for any size are not harmless. Estimates
for each two of them are kept, so 361 at most."""
_NAMES: Final = ("name", "generateName")
_ROOT: Final = Path()


class SchemaRules:
    """`tree` says where the rules are."""

    def __init__(self, tree: RuleNode) -> None:
        self._tree = tree
        self._harmless: dict[Extent, bool] = {}
        self._short: dict[Extent, bool] = {}

    def validate(self, obj: Tree, old: Tree | None, warn: Callable[[str], None]) -> list[FieldError]:
        """What the rules say of a new object, or of a changed one. What did not change is not refused, but `warn` gets
        it. A whole float may be no integer to a rule, so objects with one are looked at closely."""
        if self._is_harmless(obj, old) and not (Whole.made and _has_whole(obj)) and self._holds(obj, old):
            return []
        judgement = Judgement(warn)
        judgement.judge(self._tree, _ROOT, obj, old, ratchets=old is not None)
        return judgement.errors

    def attempt(self, obj: Tree, old: Tree | None, warn: Callable[[str], None]) -> list[FieldError] | None:
        """The same where it is found out soon; None where `judge` has to be asked, beside what else is to be done."""
        if self._always_short or self._is_short(obj, old):
            return self.validate(obj, old, warn)
        warnings: list[str] = []
        judgement = Judgement(warnings.append, stride=SHORT, ask=_give_up)
        try:
            judgement.judge(self._tree, _ROOT, obj, old, ratchets=old is not None)
        except _TooLong:
            return None
        for text in warnings:
            warn(text)
        return judgement.errors

    def judge(self, obj: Tree, old: Tree | None, warn: Callable[[str], None],
              ask: Callable[[], None]) -> list[FieldError]:
        """As `validate`, however long it takes; `ask` is called now and then, and may raise."""
        if self._is_harmless(obj, old) and not (Whole.made and _has_whole(obj)) and self._holds(obj, old):
            return []
        judgement = Judgement(warn, stride=SHORT, ask=ask)
        judgement.judge(self._tree, _ROOT, obj, old, ratchets=old is not None)
        return judgement.errors

    def validate_default(self, value: Value, path: Path) -> list[FieldError]:
        """What the rules say of a default: as one that stays, and as a new one."""
        found: list[FieldError] = []
        for old in (value, None):
            judgement = Judgement(_silent)
            judgement.judge(self._tree, path, value, old, ratchets=False)
            if judgement.errors:
                return judgement.errors
        return found

    @cached_property
    def _holds(self) -> Holds:
        return compile_holds(self._tree)

    @cached_property
    def _always_harmless(self) -> bool:
        return self._is_harmless_within(ANY_EXTENT)

    @cached_property
    def _always_short(self) -> bool:
        return self._most(ANY_EXTENT) <= SHORT

    @cached_property
    def _looks_back(self) -> bool:
        return self._tree.looks_back()

    def _is_harmless_within(self, extent: Extent) -> bool:
        return self._most(extent) <= TOTAL_LIMIT // _MARGIN

    def _most(self, extent: Extent) -> float:
        """What all rules cost at most in an object of that extent; infinite where a single one may cost too much."""
        total = 0
        for cost, times in self._tree.costs(extent):
            total += cost * times
            if cost > CALL_LIMIT // _MARGIN or total > TOTAL_LIMIT // _MARGIN:
                return math.inf
        return total

    def _is_short(self, obj: Tree, old: Tree | None) -> bool:
        """Whether the size of an object says that its rules cost little; else whether a closer look does."""
        size = len(orjson.dumps(obj))
        if old is not None and self._looks_back:
            size = max(size, len(orjson.dumps(old)))
        if size <= _WIDTHS[-1] and self._is_short_within(_rounded_up(size // 2, size)):
            return True
        extent = _rounded(_extent(obj), Extent(0, 0) if old is None else _extent(old))
        return extent is not None and self._is_short_within(extent)

    def _is_short_within(self, extent: Extent) -> bool:
        found = self._short.get(extent)
        if found is None:
            found = self._short[extent] = self._most(extent) <= SHORT
        return found

    def _is_harmless(self, obj: Tree, old: Tree | None) -> bool:
        """Whether no cost can come near its limit."""
        if self._always_harmless:
            return True
        extent = _rounded(_extent(obj), Extent(0, 0) if old is None else _extent(old))
        if extent is None:
            return False
        found = self._harmless.get(extent)
        if found is None:
            found = self._harmless[extent] = self._is_harmless_within(extent)
        return found


class _TooLong(Exception):
    """More than what is short."""


def _give_up() -> None:
    raise _TooLong


def _has_whole(obj: Tree) -> bool:
    return any(has_whole(value) for name, value in obj.items() if name != "metadata")


def _silent(warning: str) -> None:
    """Nobody is warned of a default."""


def _rounded(one: Extent, other: Extent) -> Extent | None:
    """The smallest known extent that holds both; None where there is none."""
    items, text = max(one.items, other.items), max(one.text, other.text)
    return None if max(items, text) > _WIDTHS[-1] else _rounded_up(items, text)


def _rounded_up(items: int, text: int) -> Extent:
    return Extent(_WIDTHS[bisect_left(_WIDTHS, items)], _WIDTHS[bisect_left(_WIDTHS, text)])


def _extent(obj: Tree) -> Extent:
    """What rules can see of an object; of metadata they see names only."""
    metadata = obj.get("metadata")
    found = [len(obj), 0]
    for name, value in obj.items():
        if name != "metadata":
            _widen(found, value)
    if type(metadata) is dict:
        for name in _NAMES:
            _widen(found, metadata.get(name))
    return Extent(found[0], found[1])


def _widen(found: list[int], value: Value) -> None:
    """Makes an extent (items, text) hold a value."""
    kind = type(value)
    if kind is str:
        _widen_text(found, value)
    elif kind is dict:
        if len(value) > found[0]:
            found[0] = len(value)
        for name, item in value.items():
            _widen_text(found, name)
            _widen(found, item)
    elif kind is list:
        if len(value) > found[0]:
            found[0] = len(value)
        for item in value:
            _widen(found, item)


def _widen_text(found: list[int], text: str) -> None:
    size = len(text) if text.isascii() else 4 * len(text)
    if size > found[1]:
        found[1] = size


def compile_rules(node: Node | None, resource_root: bool = True) -> SchemaRules | None:
    """The rules of a schema; None where it has none, so that nobody asks."""
    tree = build(node, resource_root) if node is not None else None
    return SchemaRules(tree) if tree is not None else None

