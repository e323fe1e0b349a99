"""Do the rules of a schema hold? Answered quickly, and without words.

`rules.SchemaRules` asks this on every write; where the answer is no, `rule_answers` goes through the object once more
as upstream does, and says what is wrong. Costs are not counted here: whoever asks knows that they cannot matter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from orlop.cel.values import NONE, CelError
from orlop.structural.ratcheting import Correlation
from orlop.structural.rule_programs import OLD_SELF, SELF
from orlop.structural.rule_tree import RuleNode

Holds: TypeAlias = Callable[[Any, Any], bool]
"""Gets a value that is no null, and its old one; None for none."""


def compile_holds(rules: RuleNode) -> Holds:
    """A check of the values of a schema."""
    steps = [step for step in (_own(rules), _members(rules), _values(rules), _items(rules)) if step is not None]
    if len(steps) == 1:
        return steps[0]

    def holds(value: Any, old: Any) -> bool:
        for step in steps:  # noqa: SIM110 (a generator would double the time)
            if not step(value, old):
                return False
        return True

    return holds


def _never(value: Any, old: Any) -> bool:
    return False


def _own(rules: RuleNode) -> Holds | None:
    """The rules of the node itself."""
    if rules.error or any(one.error for one in rules.programs):
        return _never
    known = [(one, one.program.evaluate) for one in rules.programs if one.program is not None]
    plain = [evaluate for one, evaluate in known if not one.uses_old_self]
    changes = [evaluate for one, evaluate in known if one.uses_old_self and not one.is_optional]
    optional = [evaluate for one, evaluate in known if one.uses_old_self and one.is_optional]
    if not known:
        return None
    if len(plain) == 1 and not changes and not optional:
        return _single(plain[0])

    def holds(value: Any, old: Any) -> bool:
        bindings = {SELF: value}
        try:
            for evaluate in plain:
                if evaluate(bindings) is not True:
                    return False
            if old is not None:
                bindings[OLD_SELF] = old
                for evaluate in changes:
                    if evaluate(bindings) is not True:
                        return False
            if optional:
                bindings[OLD_SELF] = NONE if old is None else rules.optional(old)
                for evaluate in optional:
                    if evaluate(bindings) is not True:
                        return False
        except CelError:
            return False
        return True

    return holds


def _single(evaluate: Callable[[dict[str, Any]], Any]) -> Holds:
    def holds(value: Any, old: Any) -> bool:
        try:
            return evaluate({SELF: value}) is True
        except CelError:
            return False

    return holds


def _members(rules: RuleNode) -> Holds | None:
    members = [(name, compile_holds(below)) for name, below in rules.members.items()]
    if not members:
        return None
    back = rules.correlates and any(below.looks_back() for below in rules.members.values())

    def holds(value: Any, old: Any) -> bool:
        if type(value) is not dict:
            return type(value) is not list
        before = old if back and type(old) is dict else None
        for name, below in members:
            item = value.get(name)
            if item is not None and not below(item, before.get(name) if before is not None else None):
                return False
        return True

    return holds


def _values(rules: RuleNode) -> Holds | None:
    if rules.additional is None:
        return None
    below, back = compile_holds(rules.additional), rules.correlates and rules.additional.looks_back()

    def holds(value: Any, old: Any) -> bool:
        if type(value) is not dict:
            return type(value) is not list
        before = old if back and type(old) is dict else None
        for name, item in value.items():
            if item is not None and not below(item, before.get(name) if before is not None else None):
                return False
        return True

    return holds


def _items(rules: RuleNode) -> Holds | None:
    if rules.items is None:
        return None
    below, node = compile_holds(rules.items), rules.node
    back = node.list_type == "map" and rules.items.looks_back()

    def holds(value: Any, old: Any) -> bool:
        if type(value) is not list:
            return type(value) is not dict
        track = Correlation(value, old, node) if back and type(old) is list else None
        for index, item in enumerate(value):
            if item is not None:
                found = track.index(index) if track is not None else None
                if not below(item, found.old if found is not None else None):
                    return False
        return True

    return holds
