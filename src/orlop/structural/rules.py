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
from orlop.structural.rule_answers import Judgement
from orlop.structural.rule_check import Holds, compile_holds
from orlop.structural.rule_tree import RuleNode, build
from orlop.structural.schema import Node

_HARMLESS: Final = 250_000
"""Costs up to this need not be counted: a quarter of what one evaluation may cost."""
_SIZES: Final = (256, 1024, 4096, 16384)
"""Sizes of objects for which the worst cost is computed, if that for any object is not harmless."""
_NAMES: Final = ("name", "generateName")
_ROOT: Final = Path()


class SchemaRules:
    """`tree` says where the rules are."""

    def __init__(self, tree: RuleNode) -> None:
        self._tree = tree
        self._worst: dict[int, int] = {}

    def validate(self, obj: Tree, old: Tree | None, warn: Callable[[str], None]) -> list[FieldError]:
        """What the rules say of a new object, or of a changed one. What did not change is not refused, but `warn` gets
        it."""
        if self._is_harmless(obj, old) and self._holds(obj, old):
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
        return self._tree.worst() <= _HARMLESS

    def _is_harmless(self, obj: Tree, old: Tree | None) -> bool:
        """Whether no cost can come near its limit."""
        if self._always_harmless:
            return True
        size = max(_size_of(obj), 0 if old is None else _size_of(old))
        for most in _SIZES:
            if size <= most:
                worst = self._worst.get(most)
                if worst is None:
                    worst = self._worst[most] = self._tree.worst(most)
                return worst <= _HARMLESS
        return False


def _silent(warning: str) -> None:
    """Nobody is warned of a default."""


def _size_of(obj: Tree) -> int:
    """How many members, items and bytes rules can see; of metadata they see names only."""
    metadata = obj.get("metadata")
    named = sum(_size(metadata.get(name)) for name in _NAMES) if type(metadata) is dict else 0
    return named + sum(_size(value) for name, value in obj.items() if name != "metadata")


def _size(value: Value) -> int:
    kind = type(value)
    if kind is str:
        return 1 + (len(value) if value.isascii() else 4 * len(value))
    if kind is dict:
        found = 1 + len(value)
        for name, item in value.items():
            found += len(name) + _size(item)
        return found
    if kind is list:
        found = 1 + len(value)
        for item in value:
            found += _size(item)
        return found
    return 1


def compile_rules(node: Node | None, resource_root: bool = True) -> SchemaRules | None:
    """The rules of a schema; None where it has none, so that nobody asks."""
    tree = build(node, resource_root) if node is not None else None
    return SchemaRules(tree) if tree is not None else None

