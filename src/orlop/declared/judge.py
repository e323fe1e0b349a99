"""Judges objects: first the library that the class is of, then the functions marked `validates`.

One for each version; the strategy of custom resources (`kinds.custom.strategy`) asks it about objects that fit the
schema. An object in which nothing changed but what the server keeps is not judged again: it may be older than the
rules. Nor is one that is being deleted and loses a finalizer: it could never go.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orlop.api.field import FieldError
from orlop.api.tree import Tree
from orlop.declared.declaration import Version
from orlop.declared.functions import Function
from orlop.declared.hub import Hub
from orlop.declared.models import Unreadable, problems

_KEPT_BY_SERVER: Final = frozenset({"managedFields", "resourceVersion", "generation"})


class Judge:
    def __init__(self, hub: Hub, version: Version) -> None:
        self._hub, self._version = hub, version
        self._model = hub.own(version)
        self._functions: Sequence[Function] = [each for each in hub.declaration.functions if not each.events]

    def __call__(self, obj: Tree, old: Tree | None) -> list[FieldError]:
        if old is not None and self._content(obj) == self._content(old):
            return []
        try:
            value = self._hub.value(obj, self._version)
        except Unreadable as error:
            return error.errors
        found: list[FieldError] = []
        if self._functions:
            before = self._hub.earlier(old, self._version)
            for function in self._functions:
                try:
                    for problem in function(value, before, None) or ():
                        found += problems(problem)
                except ValueError as error:
                    found += problems(error)
        return found

    def _content(self, tree: Tree) -> Tree:
        """What there is to judge."""
        view = self._model.view(tree)
        metadata = view.pop("metadata", None)
        if metadata is not None and not metadata.get("deletionTimestamp"):
            view["metadata"] = {name: value for name, value in metadata.items() if name not in _KEPT_BY_SERVER}
        return view
