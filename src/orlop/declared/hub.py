"""Objects of any version as the hub's class, and back.

Used by `judge`, `hooks` and `conversion`: the programmer's functions see the hub's class, whichever version a client
speaks.
"""

from __future__ import annotations

from typing import Any

from orlop.api.tree import Tree
from orlop.declared.declaration import Declaration, Version
from orlop.declared.models import Model, Unreadable, problems


class Hub:
    def __init__(self, declaration: Declaration) -> None:
        self.declaration = declaration
        self.model: Model = declaration.hub.model

    def own(self, version: Version) -> Model:
        """The model by which objects of a version are read: the hub's for one that differs in nothing."""
        return version.model if converts(version) else self.model

    def value(self, tree: Tree, version: Version) -> Any:
        """The hub's object of a tree. Raises Unreadable."""
        if not converts(version):
            return self.model.decode(tree)
        value = version.model.decode(tree)
        try:
            return value.to_hub()
        except ValueError as error:
            raise Unreadable(problems(error)) from error

    def in_version(self, hub: Any, version: Version) -> Any:
        """The reverse. Raises Unreadable."""
        if not converts(version):
            return hub
        try:
            return version.cls.from_hub(hub)
        except ValueError as error:
            raise Unreadable(problems(error)) from error

    def earlier(self, tree: Tree | None, version: Version) -> Any:
        """The object before, None where there was none, or none that can be read any more."""
        if tree is None:
            return None
        try:
            return self.value(tree, version)
        except Unreadable:
            return None


def converts(version: Version) -> bool:
    return hasattr(version.cls, "to_hub")
