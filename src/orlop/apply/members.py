"""The node of structs and maps.

A struct has declared members, a map one type for all others; a custom kind may have both. Made by `builtin` and
`openapi`, which give the members' types when asked. Behaviour: structured-merge-diff `typed/` (doMap and
visitMapItems of each walker).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from orlop.api.tree import Tree, Value
from orlop.apply import field_set, go_text
from orlop.apply.field_set import ITSELF, LEAF, FieldSet
from orlop.apply.node import MODIFIED, Difference, Node, equal
from orlop.apply.shapes import Shapes
from orlop.apply.typed_errors import Complaint, TypedError

Member: TypeAlias = tuple[str, Node]
"""A member's path element and type."""
_Plan: TypeAlias = tuple[FieldSet, list[tuple[str, Node]], Shapes[FieldSet]]
"""The set of a shape as if all members were leaves; which are more, and the sets by what those came to."""

_NOTHING: Tree = {}


class Members(Node):
    """`declared` finds the type of a declared member, None for others; `others` is the type of those, None where there
    may be none. A map that is `deduced` has no declared members and others of no type."""

    def __init__(self, declared: Callable[[str], Node | None], others: Node | None, atomic: bool = False,
                 deduced: bool = False) -> None:
        self._declared, self.others = declared, others
        self.leaf, self._deduced = atomic, deduced
        self._members: dict[str, Member] = {}
        self._plans: Shapes[_Plan] = Shapes()

    def declared(self, name: str) -> Node | None:
        """The type of a declared member."""
        found = self._members.get(name)
        if found is not None:
            return found[1]
        node = self._declared(name)
        if node is not None:
            self._members[name] = "f:" + name, node
        return node

    def _member(self, name: str) -> Member:
        found = self._members.get(name)
        if found is not None:
            return found
        node = self.declared(name) or self.others
        if node is None:
            raise TypedError([_undeclared(name)])
        return "f:" + name, node

    def validate(self, value: Value, duplicates: bool = False) -> list[Complaint]:
        if type(value) is not dict:
            return [] if value is None else [Complaint("", f"expected map, got {go_text.holder(value)}")]
        found: list[Complaint] = []
        for name, member in value.items():
            node = self.declared(name) or self.others
            if node is None:
                return [*found, _undeclared(name)]
            complaints = node.validate(member, duplicates)
            if complaints:
                found += [complaint.within("." + name) for complaint in complaints]
        return found

    def fields(self, value: Value) -> FieldSet | None:
        if self.leaf:
            return LEAF
        if type(value) is not dict or not value:
            return None
        found: FieldSet = {}
        for name, member in value.items():
            element, node = self._member(name)
            below = node.fields(member)
            if name not in self._members:
                found[element] = field_set.with_itself(below or LEAF)
            elif below is not None:
                found[element] = below
            elif member is None or member == {}:
                found[element] = LEAF
        return field_set.ordered(found) if found else None

    def whole(self, value: Value) -> FieldSet:
        if self.leaf or not value or type(value) is not dict:
            return LEAF
        names = tuple(value)
        flat, deep, made = self._plans.known.get(names) or self._plan(names)
        if not deep:
            return flat
        parts = [node.whole(value[name]) for name, node in deep]
        shape = tuple(map(id, parts)) if len(parts) > 1 else id(parts[0])
        found = made.known.get(shape)
        if found is None:
            found = flat.copy()
            for (name, _), part in zip(deep, parts, strict=True):
                found["f:" + name] = part
            made.keep(shape, len(names), found)
        return found

    def _plan(self, names: tuple[str, ...]) -> _Plan:
        deep = [(name, node) for name in names if not (node := self._member(name)[1]).leaf]
        flat = {ITSELF: LEAF, **{"f:" + name: LEAF for name in sorted(names)}}
        return self._plans.keep(names, len(names), (flat, deep, Shapes()))

    def compare(self, old: Value, new: Value) -> Difference | None:
        if old is new:
            return None
        before: Tree = old if type(old) is dict else _NOTHING
        after: Tree = new if type(new) is dict else _NOTHING
        if self.leaf or not (before or after):
            return None if equal(old, new) else MODIFIED
        changed: FieldSet = {}
        removed: FieldSet = {}
        for name, value in after.items():
            if name not in before:
                element, node = self._member(name)
                changed[element] = node.whole(value)
                continue
            previous = before[name]
            if value is previous or (value == previous and type(value) is type(previous)):
                continue
            element, node = self._member(name)
            difference = node.compare(previous, value)
            if difference is not None:
                gone, came = difference
                if gone is not None:
                    removed[element] = gone
                if came is not None:
                    changed[element] = came
        if len(before) > len(after) or not before.keys() <= after.keys():
            for name, value in before.items():
                if name not in after:
                    element, node = self._member(name)
                    removed[element] = node.whole(value)
        if not (changed or removed):
            return None
        return _put(removed), _put(changed)

    def merge(self, live: Value, config: Value) -> Value:
        if live is config:
            return live
        if self.leaf:
            return live if equal(live, config) else config
        if type(live) is not dict or not live:
            return live if type(config) is dict and not config and live == config else config
        if type(config) is not dict:
            return live
        merged: Tree | None = None
        for name, value in config.items():
            if name in live:
                before = live[name]
                if value is before or (value == before and type(value) is type(before)):
                    continue
                value = self._merge_member(name, before, value)
                if value is before:
                    continue
            if merged is None:
                merged = live.copy()
            merged[name] = value
        return live if merged is None else merged

    def _merge_member(self, name: str, live: Value, config: Value) -> Value:
        try:
            return self._member(name)[1].merge(live, config)
        except TypedError as error:
            raise error.within("." + name) from None

    def remove(self, value: Value, items: FieldSet) -> Value:
        if self.leaf or type(value) is not dict:
            return None
        kept: Tree = {}
        for name, member in value.items():
            below = items.get("f:" + name)
            if below is None:
                kept[name] = member
            elif not field_set.is_member(below):
                kept[name] = self._member(name)[1].remove(member, below)
        return kept or None

    def extract(self, value: Value, items: FieldSet) -> Value:
        if type(value) is not dict or not value or self.leaf:
            return value if type(value) is dict else None
        kept: Tree = {}
        for name, member in value.items():
            below = items.get("f:" + name)
            if below is not None:
                inner = items if field_set.is_member(below) else below  # as upstream: see `anything`
                kept[name] = self._member(name)[1].extract(member, inner)
        return kept or None

    def named(self, fields: FieldSet) -> FieldSet:
        result: FieldSet = {}
        for element, below in fields.items():
            name = element[2:]
            declared = self.declared(name) if element[0] == "f" else None
            node = declared or (self.others if element[0] == "f" else None)
            if below and node is not None:
                below = node.named(below)
            result[element] = field_set.with_itself(below) if declared is not None else below
        return result

    def reconciled(self, fields: FieldSet) -> FieldSet:
        if self._deduced:
            return fields
        if self.leaf:
            return LEAF
        return _reconciled(fields, self._node_at(fields))

    def _node_at(self, fields: FieldSet) -> Iterable[tuple[str, Node | None]]:
        for element in fields:
            declared = self.declared(element[2:]) if element[0] == "f" else None
            yield element, declared or self.others


def _reconciled(fields: FieldSet, nodes: Iterable[tuple[str, Node | None]]) -> FieldSet:
    result: FieldSet | None = None
    for element, node in nodes:
        below = fields[element]
        if not below or node is None or element == ITSELF:
            continue
        new = node.reconciled(below)
        if new is not below:
            result = fields.copy() if result is None else result
            result[element] = new
    return fields if result is None else result


def _put(found: FieldSet) -> FieldSet | None:
    """What was found below a value, in order; None for nothing."""
    if len(found) > 1:
        return field_set.ordered(found)
    return found or None


def _undeclared(name: str) -> Complaint:
    return Complaint("." + name, "field not declared in schema")
