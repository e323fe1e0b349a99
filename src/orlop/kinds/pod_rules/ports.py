"""Ports of containers: one by one, and against each other where they take ports of the host.

Called by the rules of containers and specs. Texts: kubernetes `pkg/apis/core/validation/validation.go`
(validateContainerPorts, AccumulateUniqueHostPorts, validatePodHostNetworkDeps).
"""

from __future__ import annotations

from typing import Final

from orlop.api import names
from orlop.api.field import Path, duplicate, invalid, required
from orlop.api.tree import Tree
from orlop.kinds.checks import PROTOCOLS, Errors, chosen, port_number, said

_NUMBERS: Final = range(1, 65536)


def ports(path: Path, listed: list[Tree]) -> Errors:
    """`path` is the list's."""
    found: Errors = []
    seen: set[str] = set()
    for position, port in enumerate(listed):
        name = port.get("name")
        if name:
            if complaints := names.port_name(name):
                found += said(path.index(position).child("name"), name, complaints)
            elif name in seen:
                found.append(duplicate(path.index(position).child("name"), name))
            else:
                seen.add(name)
        if port.get("containerPort") not in _NUMBERS or port.get("hostPort") or port.get("protocol") not in PROTOCOLS:
            found += _numbers(path.index(position), port)
    return found


def _numbers(path: Path, port: Tree) -> Errors:
    own, host = port.get("containerPort") or 0, port.get("hostPort") or 0
    place = path.child("containerPort")
    found = port_number(place, own) if own else [required(place)]
    if host:
        found += port_number(path.child("hostPort"), host)
    return found + chosen(path.child("protocol"), port.get("protocol"), PROTOCOLS)


def host_conflicts(path: Path, containers: list[Tree]) -> Errors:
    """`path` is that of the list of containers."""
    found: Errors = []
    taken: set[str] = set()
    for position, container in enumerate(containers):
        for number, port in enumerate(container.get("ports") or ()):
            if not port.get("hostPort"):
                continue
            text = f"{port.get('protocol') or ''}/{port.get('hostIP') or ''}/{port['hostPort']}"
            if text in taken:
                place = path.index(position).child("ports").index(number).child("hostPort")
                found.append(duplicate(place, text))
            taken.add(text)
    return found


def on_host_network(path: Path, containers: list[Tree], *, is_pod: bool) -> Errors:
    """A template may leave host ports out: pods get them by default."""
    found: Errors = []
    for position, container in enumerate(containers):
        for number, port in enumerate(container.get("ports") or ()):
            host, own = port.get("hostPort") or 0, port.get("containerPort") or 0
            if host != own and (is_pod or host):
                place = path.child("containers").index(position).child("ports").index(number).child("hostPort")
                found.append(invalid(place, host, "must match `containerPort` when `hostNetwork` is true"))
    return found
