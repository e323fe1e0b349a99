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
    found: dict[str, Program] = {}
    for kind in kinds:
        made = program(kind)
        if made.name in found:
            raise DeclarationError(f"{made.name} is declared twice")
        found[made.name] = made
    return list(found.values())
