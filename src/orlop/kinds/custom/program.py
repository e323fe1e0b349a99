"""What a Python program adds to a definition that it declares: its own rules, hooks, conversion and storage.

Made by `declared.program`, handed by `server.run` to `server.custom_kinds`, which looks it up by the definition's name
and gives it to `kind`. Apart from this a declared kind is served as any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from orlop.admission.interface import MutatingPlugin
from orlop.api.field import FieldError
from orlop.api.tree import Tree
from orlop.kinds.custom.conversion import Converter
from orlop.registry.interface import CollectionDeleter, Creater, Deleter, Getter, Lister, Updater, Watcher

_VERBS: Final[tuple[tuple[str, tuple[type, ...]], ...]] = (
    ("delete", (Deleter,)), ("deletecollection", (CollectionDeleter,)), ("get", (Getter,)), ("list", (Lister,)),
    ("patch", (Updater, Getter)), ("create", (Creater,)), ("update", (Updater,)), ("watch", (Watcher,)))


class Rules(Protocol):
    """Judges a new object that fits the schema, or a changed one with the old."""

    def __call__(self, obj: Tree, old: Tree | None) -> list[FieldError]: ...


@dataclass(frozen=True, slots=True)
class Program:
    """`rules` by version. `storage` is rest storage that takes the place of the store (None: there is none), `rooms`
    that of its subresources."""

    definition: Tree
    rules: Callable[[str], Rules | None]
    plugin: MutatingPlugin
    converter: Converter | None = None
    storage: Any = None
    rooms: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        name: str = self.definition["metadata"]["name"]
        return name


def verbs(storage: Any) -> tuple[str, ...]:
    """What rest storage can do, as discovery names it."""
    return tuple(verb for verb, needed in _VERBS if all(isinstance(storage, each) for each in needed))
