"""Writes one condition into the status of an object, as a server-side apply would.

Used by controllers whose upstream applies conditions by force: others' conditions stay, and the condition belongs to
the manager. Behaviour: client-go `ApplyStatus`, as kube-apiserver's own controllers call it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from orlop.api.errors import APIError
from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree
from orlop.controllers.writer import Writer
from orlop.registry.store import Store

_NOT_FOUND: Final = 404


class ConditionWriter:
    """For the kind `kind`; `status` is its status store, `manager` who owns what is written."""

    def __init__(self, writer: Writer, status: Store, kind: GroupVersionKind, plural: str, manager: str) -> None:
        self._writer, self._status, self._kind, self._plural, self._manager = writer, status, kind, plural, manager

    async def write(self, name: str, condition: Mapping[str, str]) -> None:
        """An object that is gone needs none."""

        def change(tree: Tree) -> bool:
            self._apply(tree, dict(condition))
            return True

        try:
            await self._writer.change(self._status, self._kind.group, self._plural, "", name, change)
        except APIError as problem:
            if problem.code != _NOT_FOUND:
                raise

    def _apply(self, tree: Tree, condition: Tree) -> None:
        fields = self._writer.field_manager(self._kind.group, self._plural, "status")
        if fields is None:
            _put(tree, condition)
            self._writer.complete(self._kind, tree)
            return
        config = {"apiVersion": self._kind.api_version, "kind": self._kind.kind,
                  "metadata": {"name": tree["metadata"]["name"]}, "status": {"conditions": [condition]}}
        merged = fields.apply(tree, config, self._manager, True, self._writer.stamp())
        new = {**merged, "kind": self._kind.kind, "apiVersion": self._kind.api_version}
        self._writer.complete(self._kind, new)
        tree.clear()
        tree.update(new)


def _put(tree: Tree, condition: Tree) -> None:
    """In place of the condition of that type, or at the end."""
    status: Tree = tree.setdefault("status", {})
    conditions: list[Tree] = status.setdefault("conditions", None) or []
    places = [index for index, each in enumerate(conditions) if each.get("type") == condition["type"]]
    if places:
        conditions[places[0]] = condition
    else:
        conditions.append(condition)
    status["conditions"] = conditions
