"""Values that are not of the type their schema declares, as rules meet them: errors, told when a rule looks.

Such values are rare, for validation refuses them: whole floats in place of integers, and what was stored under an
earlier schema and has not changed. `rule_answers` puts what it binds through `fitted`. Behaviour: apiserver
`pkg/cel/common/valuesunstructured.go` (UnstructuredToVal).
"""

from __future__ import annotations

from typing import Any, Final

from orlop.api.tree import Value
from orlop.cel.values import CelError
from orlop.structural.numbers import FLOAT, go_kind
from orlop.structural.schema import Node

_GO_TYPES: Final = {"map": "map[string]interface {}", "slice": "[]interface {}"}
_WANTED: Final = {"string": ("string", ("string",)), "number": ("float", ("int64", FLOAT)),
                  "integer": ("int", ("int64",)), "boolean": ("bool", ("bool",))}


def fitted(node: Node, value: Value) -> Any:
    """The value itself where everything in it is as declared, otherwise a copy with a CelError for what is not."""
    if value is None:
        return None
    kind = go_kind(value)
    if len(node.types) == 2:
        return value if kind in ("string", "int64") else CelError(
            "invalid data, expected XIntOrString value to be either a string or integer")
    if node.type == "object":
        return _object(node, value) if kind == "map" else CelError(
            "invalid data, expected a map for the provided schema with type=object")
    if node.type == "array":
        return _list(node, value) if kind == "slice" else CelError(
            "invalid data, expected an array for the provided schema with type=array")
    if node.type not in _WANTED:
        return value
    name, kinds = _WANTED[node.type]
    return value if kind in kinds else CelError(f"invalid data, expected {name}, got {_GO_TYPES.get(kind, kind)}")


def _object(node: Node, value: dict[str, Value]) -> Any:
    found: dict[str, Any] = {}
    for name, item in value.items():
        below = node.member(name)
        one = fitted(below, item) if below is not None else item
        if one is not item:
            found[name] = one
    return {**value, **found} if found else value


def _list(node: Node, value: list[Value]) -> Any:
    if node.items is None:
        return value
    items = node.items
    found = [fitted(items, item) for item in value]
    return found if any(one is not item for one, item in zip(found, value, strict=True)) else value
