"""The rules of a version's schema (x-kubernetes-validations): judges objects.

`kind.CustomSchema` makes one at the first write, strategies ask it after all other validation, the rules of definitions
ask it about defaults. Most writes are answered by `rule_check`; `rule_answers` counts costs and finds words. Behaviour:
apiextensions-apiserver `pkg/apiserver/schema/cel/validation.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Final

from orlop.api.field import FieldError, Path
from orlop.api.tree import Tree, Value
from orlop.structural.numbers import Whole, has_whole
from orlop.structural.rule_answers import CALL_LIMIT, TOTAL_LIMIT, Judgement
from orlop.structural.rule_check import Holds, compile_holds
from orlop.structural.rule_programs import ANY_EXTENT, Extent
from orlop.structural.rule_tree import RuleNode, build
from orlop.structural.schema import Node

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

    def validate(self, obj: Tree, old: Tree | None, warn: Callable[[str], None]) -> list[FieldError]:
        """What the rules say of a new object, or of a changed one. What did not change is not refused, but `warn` gets
        it. A whole float may be no integer to a rule, so objects with one are looked at closely."""
        if self._is_harmless(obj, old) and not (Whole.made and _has_whole(obj)) and self._holds(obj, old):
            return []
        judgement = Judgement(warn)
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

    def _is_harmless_within(self, extent: Extent) -> bool:
        total = 0
        for cost, times in self._tree.costs(extent):
            total += cost * times
            if cost > CALL_LIMIT // _MARGIN or total > TOTAL_LIMIT // _MARGIN:
                return False
        return True

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


def _has_whole(obj: Tree) -> bool:
    return any(has_whole(value) for name, value in obj.items() if name != "metadata")


def _silent(warning: str) -> None:
    """Nobody is warned of a default."""


def _rounded(one: Extent, other: Extent) -> Extent | None:
    """The smallest known extent that holds both; None where there is none."""
    items = next((width for width in _WIDTHS if width >= one.items and width >= other.items), None)
    text = next((width for width in _WIDTHS if width >= one.text and width >= other.text), None)
    return None if items is None or text is None else Extent(items, text)


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

