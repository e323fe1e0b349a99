"""Which class is the default one, for plugins that name it in new objects: of several the newest.

Used by `DefaultStorageClass` and `DefaultIngressClass`. Behaviour: kubernetes `pkg/volume/util/storageclass.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from orlop.api.tree import Tree

Classes: TypeAlias = Callable[[], Mapping[str, Tree]]
"""The classes by name; not to be changed."""


def default_class(classes: Mapping[str, Tree], marks: Sequence[str]) -> str | None:
    """The name of the newest class with one of the annotations `marks` set to "true"; of equally old ones the first
    name."""
    found: tuple[str, str] | None = None
    for name in sorted(classes):
        metadata = classes[name]["metadata"]
        annotations = metadata.get("annotations") or {}
        created = metadata.get("creationTimestamp") or ""
        if any(annotations.get(mark) == "true" for mark in marks) and (found is None or created > found[0]):
            found = created, name
    return None if found is None else found[1]
