"""Which old value a value comes from, and whether it is still the same.

`validation` walks a `Correlation` beside the new value: problems of what did not change are not told again. The items
of a list correlate only where the list is a map (x-kubernetes-list-type), by their keys. Rules use it too. Behaviour:
apiserver `pkg/cel/common` (equality.go, maplist.go), apiextensions-apiserver `pkg/apiserver/validation/ratcheting.go`.
"""

from __future__ import annotations

from typing import Any

from orlop.api.tree import Tree, Value
from orlop.structural.numbers import go_kind, same
from orlop.structural.schema import Node

_SCALARS = frozenset({"bool", "float64", "int64", "string"})


class Correlation:
    """A new value beside its old one. Children are made when asked for and kept."""

    __slots__ = ("_children", "_equal", "_keyed", "new", "node", "old")

    def __init__(self, new: Value, old: Value, node: Node | None) -> None:
        self.new, self.old, self.node = new, old, node
        self._children: dict[str | int, Correlation] = {}
        self._equal: bool | None = None
        self._keyed: dict[Any, Tree] | None = None

    def key(self, name: str) -> Correlation | None:
        """A member; None where it is new or has no schema."""
        found = self._children.get(name)
        if found is not None:
            return found
        if self.node is None or type(self.old) is not dict or type(self.new) is not dict:
            return None
        node = self.node.member(name)
        if node is None or name not in self.old or name not in self.new:
            return None
        found = self._children[name] = Correlation(self.new[name], self.old[name], node)
        return found

    def index(self, position: int) -> Correlation | None:
        """An item; None where it is new, or items do not correlate."""
        found = self._children.get(position)
        if found is not None:
            return found
        if self.node is None or type(self.new) is not list or len(self.new) <= position:
            return None
        old = self._old_item(self.new[position])
        if old is None or self.node.items is None:
            return None
        found = self._children[position] = Correlation(self.new[position], old, self.node.items)
        return found

    def _old_item(self, item: Value) -> Value:
        if self.node is None or self.node.list_type != "map" or type(self.old) is not list:
            return None
        if self._keyed is None:
            self._keyed = {}
            if "array" in self.node.types and self.node.list_keys:
                for candidate in self.old:
                    key = _key(candidate, self.node.list_keys)
                    if key is not None:
                        self._keyed.setdefault(key, candidate)
        key = _key(item, self.node.list_keys)
        return self._keyed.get(key) if key is not None else None

    def is_equal(self) -> bool:
        """Whether the value is the old one; items of maps may stand in another order."""
        if self._equal is None:
            self._equal = self._compare()
        return self._equal

    def _compare(self) -> bool:
        new, old = self.new, self.old
        if type(new) is list and type(old) is list:
            return len(new) == len(old) and self._same_items()
        if type(new) is dict and type(old) is dict:
            if len(new) != len(old):
                return False
            children = [self.key(name) for name in new]
            return all(child is not None and child.is_equal() for child in children)
        return same(new, old)

    def _same_items(self) -> bool:
        for position in range(len(self.new)):
            child = self.index(position)
            if child is None:
                # Items that do not correlate are compared in one go; of a map, an item without an old one is new.
                return self._keyed is None and same(self.new, self.old)
            if not child.is_equal():
                return False
        return True


def _key(item: Value, names: tuple[str, ...]) -> Any:
    """What identifies an item of a map; None where a key is missing or is no scalar."""
    if type(item) is not dict:
        return None
    found = []
    for name in names:
        if name not in item:
            return None
        kind = go_kind(item[name])
        if kind not in _SCALARS:
            return None
        found.append((kind, item[name]))
    return tuple(found)
