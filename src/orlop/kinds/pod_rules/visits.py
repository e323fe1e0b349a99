"""Going through all containers of a pod, with or without their places.

Used by every rule that looks at containers of all three kinds; upstream: kubernetes `pkg/api/pod/util.go`
VisitContainers and `pkg/apis/core/pods/helpers.go` VisitContainersWithPath.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from orlop.api.field import Path
from orlop.api.tree import Tree

KINDS: Final = ("initContainers", "containers", "ephemeralContainers")
ALWAYS: Final = "Always"


def containers_of(spec: Tree) -> Iterator[Tree]:
    for kind in KINDS:
        if listed := spec.get(kind):
            yield from listed


def placed_containers(path: Path, spec: Tree) -> list[tuple[Path, Tree]]:
    """`path` is the spec's."""
    return [(path.child(kind).index(position), container)
            for kind in KINDS if spec.get(kind) for position, container in enumerate(spec[kind])]


def is_sidecar(container: Tree) -> bool:
    """Whether an init container keeps running beside the others."""
    return container.get("restartPolicy") == ALWAYS
