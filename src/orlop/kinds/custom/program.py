"""What a Python program adds to a definition that it declares: its own rules, hooks, conversion and storage.

Made by `declared.program`, handed by `server.run` to `server.custom_kinds`, which looks it up by the definition's name
and gives it to `kind`. Apart from this a declared kind is served as any other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from orlop.admission.interface import Plugin
from orlop.api.tree import Tree
from orlop.kinds.custom.conversion import Converter
from orlop.kinds.custom.strategy import Rules
from orlop.registry.interface import CollectionDeleter, Creater, Deleter, Getter, Lister, Updater, Watcher

_VERBS: Final[tuple[tuple[str, tuple[type, ...]], ...]] = (
    ("delete", (Deleter,)), ("deletecollection", (CollectionDeleter,)), ("get", (Getter,)), ("list", (Lister,)),
    ("patch", (Updater, Getter)), ("create", (Creater,)), ("update", (Updater,)), ("watch", (Watcher,)))


@dataclass(frozen=True, slots=True)
class Program:
    """`rules` by version. `storage` is rest storage that takes the place of the store (None: there is none), `rooms`
    that of its subresources."""

    definition: Tree
    rules: Callable[[str], Rules]
    plugin: Plugin
    converter: Converter | None = None
    storage: Any = None
    rooms: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        name: str = self.definition["metadata"]["name"]
        return name


def verbs(storage: Any) -> Collection[str]:
    """What rest storage can do, as discovery names it."""
    return tuple(verb for verb, needed in _VERBS if all(isinstance(storage, each) for each in needed))
