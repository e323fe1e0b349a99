"""Where a schema has rules: a tree of its nodes that have some, or have some below.

Built once per version, at the first write; `rule_check` makes closures of it, `rule_answers` walks it. Rules within
allOf judge the value of the schema that holds them. Behaviour: apiextensions-apiserver
`pkg/apiserver/schema/cel/validation.go` (NewValidator).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from orlop.api.tree import Value
from orlop.cel.declared import MAX_REQUEST_SIZE, declared_type
from orlop.cel.escaping import escape
from orlop.cel.types import Declared
from orlop.cel.values import Optional
from orlop.structural.rule_programs import RuleProgram, compile_rules, cost_within
from orlop.structural.schema import RULES, Node, has_validations

_CORRELATABLE: Final = ("", "granular", "atomic")
_NO_TYPE: Final = "failed to convert to declType for CEL validation rules"


class RuleNode:
    """A schema with its rules. `error` tells why none could be compiled, `declared` is None for a schema that rules
    cannot speak of. `correlates`: the members of a map are told from one state to the next by their names."""

    __slots__ = ("additional", "all_of", "correlates", "declared", "error", "items", "members", "node", "programs")

    def __init__(self, source: Node, node: Node, declared: Declared | None) -> None:
        self.node, self.declared = node, declared
        rules = source.props.get(RULES) or ()
        self.error = _NO_TYPE if rules and declared is None else ""
        self.programs: tuple[RuleProgram, ...] = ()
        if rules and declared is not None:
            self.programs = compile_rules(rules, node.props, declared)
        self.correlates = node.map_type in _CORRELATABLE
        element = declared.element if declared is not None else None
        self.items = _build(source.items, node.items, element)
        self.additional = _build(source.additional, node.additional, element)
        self.members = dict(_members(source, node, declared))
        self.all_of = tuple(below for below in (_build(part, node, declared) for part in source.all_of)
                            if below is not None)

    @property
    def says_something(self) -> bool:
        return bool(self.programs or self.error or self.items or self.additional or self.members or self.all_of)

    def optional(self, old: Value) -> Optional:
        """An old value as rules with `optionalOldSelf` see it."""
        adapt = self.declared.adapt if self.declared is not None else None
        return Optional(old if adapt is None else adapt(old))

    def below(self) -> Iterator[RuleNode]:
        """The nodes right below, those of allOf included."""
        yield from self.members.values()
        yield from self.all_of
        for one in (self.items, self.additional):
            if one is not None:
                yield one

    def looks_back(self) -> bool:
        """Whether a rule here or below compares with the old value."""
        return any(one.uses_old_self for one in self.programs) or any(one.looks_back() for one in self.below())

    def worst(self, most: int = MAX_REQUEST_SIZE, times: int = 1) -> int:
        """What all rules cost at most, in an object without more than `most` members, items and characters."""
        found = 0
        if self.declared is not None:
            for one in self.programs:
                if one.program is not None:
                    cost = one.cost if most >= MAX_REQUEST_SIZE else cost_within(one.program, self.declared, most)
                    found += cost * times
        for one_below in (*self.members.values(), *self.all_of):
            found += one_below.worst(most, times)
        for one_each, bound in ((self.items, "maxItems"), (self.additional, "maxProperties")):
            if one_each is not None:
                limit = self.node.number(bound)
                count = most if limit is None else min(int(limit), most)
                found += one_each.worst(most, min(times * max(count, 0), most))
        return found


def build(node: Node, resource_root: bool) -> RuleNode | None:
    """The tree of a schema, None where it has no rules."""
    if not has_validations(node):
        return None
    found = RuleNode(node, node, declared_type(node.props, resource_root))
    return found if found.says_something else None


def _build(source: Node | None, node: Node | None, declared: Declared | None) -> RuleNode | None:
    if source is None or node is None or not _mentions(source):
        return None
    found = RuleNode(source, node, declared)
    return found if found.says_something else None


def _mentions(node: Node) -> bool:
    """Whether there are rules in a schema, in allOf or elsewhere."""
    if node.props.get(RULES) or any(map(_mentions, node.all_of)) or any(map(_mentions, node.properties.values())):
        return True
    return any(one is not None and _mentions(one) for one in (node.items, node.additional))


def _members(source: Node, node: Node, declared: Declared | None) -> Iterator[tuple[str, RuleNode]]:
    """Members whose type is unknown have no rules that are evaluated."""
    for name, one in source.properties.items():
        spine = node.properties.get(name)
        if spine is None:
            continue
        escaped = escape(name)
        if escaped is None:
            type_ = declared_type(spine.props, spine.embedded)
        else:
            field = (declared.fields or {}).get(escaped) if declared is not None else None
            type_ = field.declared if field is not None else None
        if type_ is not None:
            found = _build(one, spine, type_)
            if found is not None:
                yield name, found
