"""Converts objects between versions by the programmer's own functions, through the hub.

A `kinds.custom.conversion.Converter`: the windows of a kind's versions call it where other kinds' ask a webhook. As
there, metadata stays what it was, but for labels and annotations where both classes name `metadata`.
"""

from __future__ import annotations

from collections.abc import Sequence

from orlop.api import errors
from orlop.api.tree import Tree
from orlop.declared.declaration import Version
from orlop.declared.hub import Hub, converts
from orlop.declared.models import Unreadable

_CONVERTED = ("labels", "annotations")


class FunctionConverter:
    waits = False

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def now(self, tree: Tree, api_version: str) -> Tree:
        declaration = self._hub.declaration
        source = declaration.version(tree["apiVersion"].rpartition("/")[2])
        target = declaration.version(api_version.rpartition("/")[2])
        if source is not None and target is not None and (converts(source) or converts(target)):
            try:
                tree = self._converted(tree, source, target)
            except Unreadable as error:
                raise errors.unknown(f"conversion of {declaration.name} from {source.name} to {target.name} failed: "
                                     f"{error}") from error
        tree["apiVersion"] = api_version
        return tree

    async def later(self, trees: Sequence[Tree], api_version: str) -> list[Tree]:
        return [self.now(tree, api_version) for tree in trees]

    def _converted(self, tree: Tree, source: Version, target: Version) -> Tree:
        model = self._hub.own(target)
        made = model.encode(self._hub.in_version(self._hub.value(tree, source), target))
        metadata = dict(tree.get("metadata") or {})
        shown = made.pop("metadata", None)
        if isinstance(shown, dict) and "metadata" in self._hub.own(source).view(tree):
            for name in _CONVERTED:
                if shown.get(name):
                    metadata[name] = shown[name]
                else:
                    metadata.pop(name, None)
        return {"apiVersion": tree["apiVersion"], "kind": tree["kind"], "metadata": metadata, **made}
