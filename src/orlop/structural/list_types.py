"""Lists that are sets or maps must not repeat an item or a key.

`kind.CustomSchema` compiles a look that passes what is right, and asks `validate` for the errors of what is not.
Behaviour: apiextensions-apiserver `pkg/apiserver/schema/listtype/validation.go`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import orjson

from orlop.api.field import FieldError, Path, duplicate, invalid
from orlop.api.tree import Value
from orlop.structural.numbers import go_kind, shown
from orlop.structural.schema import Node

_UNSPECIFIED: Final = object()
"""Stands for a key that is not there."""


def has_rules(node: Node | None) -> bool:
    """Whether a list somewhere under the schema is a set or a map."""
    return node is not None and (node.list_type in ("set", "map") or has_rules(node.items) or has_rules(node.additional)
                                 or any(map(has_rules, node.properties.values())))


class ListRules:
    """The lists of one schema. Branches without sets and maps are not visited."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._members = {name: ListRules(below) for name, below in node.properties.items() if has_rules(below)}
        self._rest = _rules(node.additional)
        self._items = _rules(node.items)

    def validate(self, value: Value, path: Path) -> list[FieldError]:
        found: list[FieldError] = []
        self._validate(value, path, found)
        return found

    def _validate(self, value: Value, path: Path, found: list[FieldError]) -> None:
        if type(value) is dict:
            if self._rest is not None:
                for key, inner in value.items():
                    self._rest._validate(inner, path.key(key), found)
            for key, rules in self._members.items():
                if key in value:
                    rules._validate(value[key], path.child(key), found)
        elif type(value) is list:
            if self._node.list_type == "set":
                found += [duplicate(path.index(index), shown(value[index])) for index in _repeated(value)]
            elif self._node.list_type == "map":
                found += _map_errors(value, self._node.list_keys, path)
            if self._items is not None:
                for index, inner in enumerate(value):
                    self._items._validate(inner, path.index(index), found)


def _rules(node: Node | None) -> ListRules | None:
    return ListRules(node) if node is not None and has_rules(node) else None


def _identity(value: Value) -> object:
    if value is _UNSPECIFIED:
        return value
    kind = go_kind(value)
    return kind, orjson.dumps(value, option=orjson.OPT_SORT_KEYS) if kind in ("map", "slice") else value


def _repeated(values: Sequence[Value]) -> list[int]:
    """Where a value occurs for the second time."""
    seen: dict[object, int] = {}
    found: list[int] = []
    for index, value in enumerate(values):
        identity = _identity(value)
        times = seen[identity] = seen.get(identity, 0) + 1
        if times == 2:
            found.append(index)
    return found


def _map_errors(value: list[Value], names: tuple[str, ...], path: Path) -> list[FieldError]:
    for index, item in enumerate(value):
        if item is not None and type(item) is not dict:
            return [invalid(path.index(index), shown(item), "must be an object for an array of list-type map")]
    keys = [{name: item[name] for name in names if name in item} if item is not None else {} for item in value]
    # A single key is compared as it is: 1 and 1.0 are two then, and one as parts of several keys.
    told = [key.get(names[0], _UNSPECIFIED) for key in keys] if len(names) == 1 else keys
    return [duplicate(path.index(index), shown(keys[index])) for index in _repeated(told)]
