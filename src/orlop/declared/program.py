"""From declarations to what the server runs: a definition and the functions that go with it.

Called by `embedding` for `orlop.Server(kinds=[...])`; `server.run` takes what comes out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orlop.declared.conversion import FunctionConverter
from orlop.declared.declaration import declaration
from orlop.declared.definition import crd
from orlop.declared.errors import DeclarationError
from orlop.declared.hooks import Hooks
from orlop.declared.hub import Hub, converts
from orlop.declared.judge import Judge
from orlop.declared.storage import OwnStorage
from orlop.kinds import catalog
from orlop.kinds.custom.program import Program


def program(kind: type[Any]) -> Program:
    """Raises DeclarationError."""
    whole = declaration(kind)
    tree, hub = crd(kind), Hub(whole)
    judges = {version.name: Judge(hub, version) for version in whole.versions}
    convert = any(converts(version) for version in whole.others)
    storage: Any = whole.storage
    rooms: dict[str, Any] = {}
    if storage is not None:
        if whole.others:
            raise DeclarationError(f"{whole.kind}: a kind with storage of its own has one version")
        rooms = {name: OwnStorage(whole, room) for name, room in getattr(storage, "rooms", {}).items()}
        storage = OwnStorage(whole, storage() if isinstance(storage, type) else storage)
    return Program(tree, judges.get, Hooks(hub), FunctionConverter(hub) if convert else None, storage, rooms)


def programs(kinds: Iterable[type[Any]]) -> list[Program]:
    """All of them. Raises DeclarationError, also where two are the same kind."""
    found: dict[str, type[Any]] = {}
    made = []
    for kind in kinds:
        whole = declaration(kind)
        if catalog.resource(whole.group, whole.plural) is not None:
            raise DeclarationError(f"{whole.name} is a built-in kind; give {kind.__name__} a group of its own")
        one = program(kind)
        if one.name in found:
            raise DeclarationError(f"{one.name} is declared twice: by {_place(found[one.name])} and by {_place(kind)}")
        found[one.name] = kind
        made.append(one)
    return made


def _place(kind: type[Any]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
