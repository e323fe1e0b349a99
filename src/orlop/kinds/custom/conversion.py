"""From one version of a custom kind to another, without anybody's help: only apiVersion changes.

The seam for all conversion: `window` converts what is read and written through a `Converter`. One that has to ask
somebody is in `webhook`. Trees carry apiVersion and kind here. Behaviour: apiextensions-apiserver
`pkg/apiserver/conversion/{converter,nop_converter}.go`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from orlop.api.tree import Tree


class Converter(Protocol):
    """`waits`: conversion takes time, only `later` can do it."""

    @property
    def waits(self) -> bool: ...

    def now(self, tree: Tree, api_version: str) -> Tree:
        """The object in another version. Owns the tree. Never called of one that `waits`."""

    async def later(self, trees: Sequence[Tree], api_version: str) -> list[Tree]:
        """The same of several. Raises APIError."""


class Renaming:
    """Strategy None."""

    waits = False

    def now(self, tree: Tree, api_version: str) -> Tree:
        tree["apiVersion"] = api_version
        return tree

    async def later(self, trees: Sequence[Tree], api_version: str) -> list[Tree]:
        return [self.now(tree, api_version) for tree in trees]
