"""How checks name what they found, and the containers they look at. Pure.

Used by the checks. Behaviour: pod-security-admission `policy/helpers.go`, `policy/visitor.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from orlop.api.tree import Tree


class Finding(NamedTuple):
    """Why a pod is not allowed: in short, and in detail."""

    reason: str
    detail: str


Check: TypeAlias = Callable[[Tree, Tree], Finding | None]
"""(a pod's metadata, its spec): what is wrong, None for nothing."""


def containers(spec: Tree) -> Iterator[Tree]:
    yield from spec.get("initContainers") or ()
    yield from spec.get("containers") or ()
    yield from spec.get("ephemeralContainers") or ()


def contexts(spec: Tree) -> Iterator[tuple[str, Tree]]:
    """Containers' names with their security contexts."""
    for container in containers(spec):
        yield container.get("name") or "", container.get("securityContext") or {}


def quoted(items: Iterable[str]) -> str:
    return ", ".join(f'"{item}"' for item in items)


def plural(items: Collection[str], one: str, many: str) -> str:
    return one if len(items) == 1 else many


def named(bad: Sequence[str]) -> str:
    """Containers by name."""
    return f"{plural(bad, 'container', 'containers')} {quoted(bad)}"


def setters(pod: bool, bad: Sequence[str]) -> str:
    """Who set something: the pod itself, containers, both; "" for nobody."""
    return " and ".join((["pod"] if pod else []) + ([named(bad)] if bad else []))


def is_windows(spec: Tree) -> bool:
    return (spec.get("os") or {}).get("name") == "windows"


def has_own_users(spec: Tree) -> bool:
    """The pod is in a user namespace: its root is nobody outside."""
    return spec.get("hostUsers") is False
