"""Judges objects: first the library that the class is of, then the functions marked `validates`.

One for each version; the strategy of custom resources (`kinds.custom.strategy`) asks it about objects that fit the
schema. An object in which nothing changed but its metadata is not judged again: it may be older than the rules.
"""

from __future__ import annotations

from collections.abc import Sequence

from orlop.api.field import FieldError
from orlop.api.tree import Tree
from orlop.declared.declaration import Version
from orlop.declared.functions import Function
from orlop.declared.hub import Hub
from orlop.declared.models import Unreadable, problems


class Judge:
    def __init__(self, hub: Hub, version: Version) -> None:
        self._hub, self._version = hub, version
        self._model = hub.own(version)
        self._functions: Sequence[Function] = [each for each in hub.declaration.functions if not each.events]

    def __call__(self, obj: Tree, old: Tree | None) -> list[FieldError]:
        if old is not None and self._model.view(obj) == self._model.view(old):
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
