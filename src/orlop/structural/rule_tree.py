"""Where a schema has rules: a tree of its nodes that have some, or have some below.

Built once per version, at the first write; `rule_check` makes closures of it, `rule_answers` walks it. Rules
within allOf, anyOf, oneOf and not are none: structural schemas have none there. Behaviour: apiextensions-apiserver
`pkg/apiserver/schema/cel/validation.go` (NewValidator).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from orlop.api.tree import Value
from orlop.cel.declared import declared_type
from orlop.cel.escaping import escape
from orlop.cel.types import Declared
from orlop.cel.values import Optional
from orlop.structural.rule_programs import ANY_EXTENT, Extent, RuleProgram, compile_rules, cost_within
from orlop.structural.schema import RULES, Node, has_validations

_CORRELATABLE: Final = ("", "granular", "atomic")
_CHEAP: Final = 1000
"""What costs no more in any object is not estimated again for small ones."""
_NO_TYPE: Final = "failed to convert to declType for CEL validation rules"


class RuleNode:
    """A schema with its rules. `error` tells why none could be compiled, `declared` is None for a schema that rules
    cannot speak of. `correlates`: the members of a map are told from one state to the next by their names."""

    __slots__ = ("additional", "correlates", "declared", "error", "items", "members", "node", "programs")

    def __init__(self, node: Node, declared: Declared | None) -> None:
        self.node, self.declared = node, declared
        rules = node.props.get(RULES) or ()
        self.error = _NO_TYPE if rules and declared is None else ""
        self.programs: tuple[RuleProgram, ...] = ()
        if rules and declared is not None:
            self.programs = compile_rules(rules, node.props, declared)
        self.correlates = node.map_type in _CORRELATABLE
        element = declared.element if declared is not None else None
        self.items = _build(node.items, element)
        self.additional = _build(node.additional, element)
        self.members = dict(_members(node, declared))

    @property
    def says_something(self) -> bool:
        return bool(self.programs or self.error or self.items or self.additional or self.members)

    def optional(self, old: Value) -> Optional:
        """An old value as rules with `optionalOldSelf` see it: of objects and lists what is stored, with its own names,
        for cel-go looks into an optional that is a variable."""
        adapt = self.declared.adapt if self.declared is not None else None
        return Optional(old if adapt is None or isinstance(old, dict | list) else adapt(old))

    def below(self) -> Iterator[RuleNode]:
        """The nodes right below."""
        yield from self.members.values()
        for one in (self.items, self.additional):
            if one is not None:
                yield one

    def looks_back(self) -> bool:
        """Whether a rule here or below compares with the old value."""
        return any(one.uses_old_self for one in self.programs) or any(one.looks_back() for one in self.below())

    def costs(self, extent: Extent = ANY_EXTENT, times: int = 1) -> Iterator[tuple[int, int]]:
        """What each rule costs at most, and how often it is evaluated at most, in an object of that extent."""
        for one in self.programs:
            if one.program is not None and self.declared is not None:
                known = one.cost <= _CHEAP or extent is ANY_EXTENT
                yield one.cost if known else cost_within(one.program, self.declared, extent), times
        for member in self.members.values():
            yield from member.costs(extent, times)
        for each, bound in ((self.items, "maxItems"), (self.additional, "maxProperties")):
            if each is not None:
                limit = self.node.number(bound)
                count = extent.items if limit is None else min(int(limit), extent.items)
                yield from each.costs(extent, times * max(count, 0))


def build(node: Node, resource_root: bool) -> RuleNode | None:
    """The tree of a schema, None where it has no rules."""
    return _build(node, declared_type(node.props, resource_root)) if has_validations(node) else None


def _build(node: Node | None, declared: Declared | None) -> RuleNode | None:
    if node is None or not has_validations(node):
        return None
    found = RuleNode(node, declared)
    return found if found.says_something else None


def _members(node: Node, declared: Declared | None) -> Iterator[tuple[str, RuleNode]]:
    """Members whose type is unknown have no rules that are evaluated."""
    for name, one in node.properties.items():
        escaped = escape(name)
        if escaped is None:
            type_ = declared_type(one.props, one.embedded)
        else:
            field = (declared.fields or {}).get(escaped) if declared is not None else None
            type_ = field.declared if field is not None else None
        found = _build(one, type_) if type_ is not None else None
        if found is not None:
            yield name, found
