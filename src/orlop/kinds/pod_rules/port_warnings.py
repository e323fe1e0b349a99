"""Remarks about ports that get in each other's way.

Called by `warnings`. Texts and their order: kubernetes `pkg/api/pod/warnings.go`.
"""

from __future__ import annotations

from orlop.api.field import Path, quote
from orlop.api.tree import Tree
from orlop.kinds.pod_rules.visits import KINDS, placed_containers


def ports(path: Path, spec: Tree) -> list[str]:
    """`path` is the spec's."""
    if not _suspicious(spec):
        return []
    listed = [(place.child("ports").index(position), port) for place, container in placed_containers(path, spec)
              for position, port in enumerate(container.get("ports") or ())]
    found: list[str] = []
    known: dict[tuple[int, str], list[tuple[Path, Tree]]] = {}
    for place, port in listed:
        if port.get("hostIP") and not port.get("hostPort"):
            found.append(f"{place}: hostIP set without hostPort: {_shown(port)}")
        same = known.setdefault((port.get("containerPort") or 0, port.get("protocol") or ""), [])
        for other_place, other in same:
            word = _relation(port, other)
            if word:
                found.append(f"{place}: {word} port definition with {other_place}")
        same.append((place, port))
    return found + _names(listed)


def _suspicious(spec: Tree) -> bool:
    """Whether there is anything to say, at little cost for the usual pod."""
    numbers: set[int] = set()
    names: set[str] = set()
    for kind in KINDS:
        for container in spec.get(kind) or ():
            for port in container.get("ports") or ():
                number, name = port.get("containerPort") or 0, port.get("name")
                if number in numbers or (name and name in names) or "hostIP" in port:
                    return True
                numbers.add(number)
                if name:
                    names.add(name)
    return False


def _relation(port: Tree, other: Tree) -> str:
    own, its = port.get("hostPort") or 0, other.get("hostPort") or 0
    address, its_address = port.get("hostIP") or "", other.get("hostIP") or ""
    if address == its_address and own == its:
        return "duplicate"
    if not own or not its:
        return "overlapping"
    return "dangerously ambiguous" if own == its and bool(address) != bool(its_address) else ""


def _names(listed: list[tuple[Path, Tree]]) -> list[str]:
    found: list[str] = []
    first: dict[str, Path] = {}
    for place, port in listed:
        name = port.get("name")
        if name and name in first:
            found.append(f"{place}: duplicate port name {quote(name)} with {first[name]}, services and probes that "
                         f"select ports by name will use {first[name]}")
        elif name:
            first[name] = place
    return found


def _shown(port: Tree) -> str:
    return (f"{{Name:{port.get('name') or ''} HostPort:{port.get('hostPort') or 0} "
            f"ContainerPort:{port.get('containerPort') or 0} Protocol:{port.get('protocol') or ''} "
            f"HostIP:{port.get('hostIP') or ''}}}")
