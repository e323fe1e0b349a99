"""Objects of a type with odd values everywhere: what no client should send, but what any client can."""

from __future__ import annotations

from random import Random
from typing import Any

from orlop.schema import types as t
from orlop.schema.types import Type

TEXTS = ("", "a", "A_b", "x/y", "http://x", "..", "/abs", "a.b.c", "Always", "Never", "None", "Equal", "Exists", "In",
         "NotIn", "Gt", "1", "linux", "windows", "Localhost", "RuntimeDefault", "File", "TCP", "kubernetes.io/hostname",
         "hugepages-2Mi", "cpu", "memory", "metadata.name", "metadata.labels['a']", "limits.cpu", "v1", "x" * 70,
         "x" * 300, "127.0.0.1", "::1", "RestartContainer", "Restart", "ClusterFirst", "net.ipv4.x", "docker\\bob")
NUMBERS = (0, 1, -1, 5, 80, 70000, 2**31 - 1, -5)
QUANTITIES = ("0", "1", "100m", "1Gi", "-1", "1.5", "2Mi")
INTS_OR_TEXTS = (0, 80, "http", "25%", "", "70000")


def odd(kind: Type, chance: Random, depth: int = 0) -> Any:
    """A value of a type; deep members are rarer."""
    shape = kind.shape
    if shape == t.POINTER:
        return odd(kind.element, chance, depth)
    if shape == t.LIST:
        return [odd(kind.element, chance, depth + 1) for _ in range(chance.choice((0, 1, 1, 2)))]
    if shape == t.MAP:
        return {chance.choice(TEXTS): odd(kind.element, chance, depth + 1) for _ in range(chance.choice((0, 1, 2)))}
    if shape == t.STRUCT:
        return _struct(kind, chance, depth)
    return _scalar(shape, chance)


def _struct(kind: Type, chance: Random, depth: int) -> dict[str, Any]:
    names = list(kind.fields)
    if kind.name == "Volume":
        chosen = ["name", *chance.sample(names[1:], chance.choice((0, 1, 1, 1, 2)))]
    else:
        share = 0.8 if depth < 2 else 0.3
        chosen = [name for name in names if chance.random() < share]
    return {name: odd(kind.fields[name].type, chance, depth + 1) for name in chosen}


def _scalar(shape: str, chance: Random) -> Any:
    if shape == t.BOOL:
        return chance.random() < 0.5
    if shape in (t.TIME, t.MICRO_TIME):
        return "2024-01-01T00:00:00Z"
    values = {t.STRING: TEXTS, t.INT32: NUMBERS, t.INT64: NUMBERS, t.QUANTITY: QUANTITIES,
              t.INT_OR_STRING: INTS_OR_TEXTS}.get(shape, (None,))
    return chance.choice(values)
