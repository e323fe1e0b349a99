"""Trees of any type of the type table, that is, of the shapes that the OpenAPI documents allow, with odd values: what
no client should send, but what any client can.

`shaped(type, chance)` makes one; the same `Random` makes the same tree. Members come with their declared enums as often
as with something else, lists and maps may be empty or null, deep members are rarer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

from orlop.schema import types as t
from orlop.schema.types import Field, Type

DEEPEST: Final = 14
"""Below this only scalars are made: some types contain themselves."""
TEXTS: Final = (
    "", "a", "b", "A_b", "x/y", "a.example.com/b", "http://x", "..", "/abs", "*", "a.b.c", "1", "25%", "http", "{}",
    "<&>", "None", "Always", "Exists", "In", "v1", "apps", "x" * 64, "x" * 300, "127.0.0.1", "::1", "10.0.0.0/8",
    "fd00::/8", "00:11", "kubernetes.io/hostname", "hugepages-2Mi", "requests.cpu", "storage", "metadata.name",
    "metadata.labels['a']", "limits.cpu", "@daily", "* * * * *", "TZ=UTC 0 0 * * *", "x == 1", "é", "\u2028",
    "12345678-1234-1234-1234-123456789abc", "1.2.3")
NUMBERS: Final = (0, 1, -1, 5, 80, 600, 70000, 2**31 - 1, -(2**31))
LARGE: Final = (*NUMBERS, 2**63 - 1, -(2**63))
QUANTITIES: Final = ("0", "1", "100m", "1Gi", "-1", "1.5", "2Mi", "1e30", "500n")
TIMES: Final = ("2024-01-01T00:00:00Z", "1969-12-31T23:59:59Z", None)
MICRO_TIMES: Final = ("2024-01-01T00:00:00.000000Z", None)
ANYTHING: Final = (None, True, 0, 1.5, "x", [], [1, "a"], {}, {"a": {"b": [None]}}, "x" * 11000)
BYTES: Final = ("", "YQ==", "bm90IGEgcGVt", "AAEC/w==")
_SCALARS: Final[Mapping[str, tuple[Any, ...]]] = {
    t.STRING: TEXTS, t.BOOL: (True, False), t.INT32: NUMBERS, t.INT64: LARGE, t.FLOAT: (0.0, 1.5, -1.0), t.BYTES: BYTES,
    t.ANY: ANYTHING, t.QUANTITY: QUANTITIES, t.TIME: TIMES, t.MICRO_TIME: MICRO_TIMES,
    t.INT_OR_STRING: (0, 80, -1, "http", "25%", "", "70000"), t.RAW: ANYTHING, t.FIELDS: ({}, {"f:spec": {}}),
}


def shaped(kind: Type, chance: Random, depth: int = 0) -> Any:
    """A value of a type."""
    make = _SHAPES.get(kind.shape)
    if make is not None:
        return make(kind, chance, depth)
    return chance.choice(_SCALARS.get(kind.shape, (None,)))


def _pointed_at(kind: Type, chance: Random, depth: int) -> Any:
    return shaped(kind.element, chance, depth)


def _list(kind: Type, chance: Random, depth: int) -> Any:
    if depth > DEEPEST or chance.random() < 0.05:
        return None
    made = [shaped(kind.element, chance, depth + 1) for _ in range(chance.choice((0, 1, 1, 2)))]
    return made * 2 if chance.random() < 0.05 else made


def _map(kind: Type, chance: Random, depth: int) -> Any:
    if depth > DEEPEST or chance.random() < 0.05:
        return None
    return {chance.choice(TEXTS): shaped(kind.element, chance, depth + 1) for _ in range(chance.choice((0, 1, 2)))}


def _struct(kind: Type, chance: Random, depth: int) -> Any:
    if depth > DEEPEST:
        return {}
    share = 0.8 if depth < 3 else 0.4
    chosen = [(name, field) for name, field in kind.fields.items() if chance.random() < share]
    return {name: _member(field, chance, depth + 1) for name, field in chosen}


def _member(field: Field, chance: Random, depth: int) -> Any:
    allowed = field.extras.get("enum")
    if allowed and chance.random() < 0.7:
        return chance.choice(allowed)
    return shaped(field.type, chance, depth)


_SHAPES: Final[Mapping[str, Callable[[Type, Random, int], Any]]] = {
    t.POINTER: _pointed_at, t.LIST: _list, t.MAP: _map, t.STRUCT: _struct}
