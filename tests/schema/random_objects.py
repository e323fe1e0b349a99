"""Objects of any built-in kind, made up from its type: what a client may send when it makes no mistake."""

from __future__ import annotations

import random
from typing import Any

from orlop.api.gvk import GroupVersion, GroupVersionKind
from orlop.schema import types as t
from orlop.schema.kind import Types
from orlop.schema.types import Type

TYPES = Types.load()
KINDS = [
    GroupVersion.parse(version).kind(kind)
    for version, kinds in TYPES.table.kinds.items() for kind in kinds
    if kind not in ("Table", "WatchEvent")
]
_TEXTS = ["", "a", "x y", "é", "\u2028", '"q"']
_SCALARS: dict[str, list[Any]] = {
    t.STRING: _TEXTS,
    t.BOOL: [True, False],
    t.INT32: [0, 1, -1, 2**31 - 1, -(2**31)],
    t.INT64: [0, 1, -1, 2**63 - 1, -(2**63)],
    t.FLOAT: [0, 1, 1.5, -2],
    t.BYTES: ["YQ==", "YWI=", "YWJj"],
    t.QUANTITY: ["1", "1500m", "1.5", 0.5, 5, "1Gi", "1024Mi", "0", "1.500"],
    t.TIME: ["2024-01-01T00:00:00Z", "2024-02-29T12:00:00.5+02:00"],
    t.MICRO_TIME: ["2024-01-01T00:00:00.123456Z", "2024-01-01T00:00:00.123456+02:00"],
    t.INT_OR_STRING: [0, 1, "", "50%", "http"],
    t.RAW: [{}, {"a": [1, None]}, [], "x", True],
    t.FIELDS: [{}, {"f:x": {}}],
    t.ANY: [1, "x"],
    t.SCHEMA_OR_BOOL: [True, False],
    t.SCHEMA_OR_STRINGS: [["a"], ["a", "b"]],
}


def value(kind: Type, chance: random.Random, depth: int = 0) -> Any:
    """One value of a type; nothing deeper than a few levels."""
    if kind.shape == t.POINTER:
        return value(kind.element, chance, depth)
    if kind.shape == t.LIST:
        return [value(kind.element, chance, depth + 1) for _ in range(chance.choice((0, 1, 2)) if depth < 6 else 0)]
    if kind.shape == t.MAP:
        keys = chance.sample(["a", "b", "K", "é."], chance.choice((0, 1, 2)) if depth < 6 else 0)
        return {key: value(kind.element, chance, depth + 1) for key in keys}
    if kind.shape == t.STRUCT:
        fields = list(kind.fields.values())
        chosen = chance.sample(fields, min(len(fields), chance.choice((0, 1, 3, 6)) if depth < 6 else 0))
        return {field.name: value(field.type, chance, depth + 1) for field in chosen}
    if kind.shape == t.SCHEMA_OR_LIST:
        return value(kind.element, chance, depth + 1)
    return chance.choice(_SCALARS[kind.shape])


def any_object(seed: int) -> tuple[GroupVersionKind, dict[str, Any]]:
    """A kind and an object of it; the same for the same seed."""
    chance = random.Random(seed)
    gvk = chance.choice(KINDS)
    return gvk, value(TYPES.table.root(gvk), chance)
