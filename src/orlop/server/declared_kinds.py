"""Makes sure that the kinds of a program are defined and served before the server is ready.

Called by `run` when the controllers run, with what `declared.program` made. A definition is written as a client would
write it, through the same store and rules; one that is there already is changed where its spec differs, for a program
may have been changed since its last start. One that no program has ever written is left alone: if it differs, its
author is not to be surprised. From then on `custom_kinds` sees it as any other.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Sequence
from typing import Final

import orjson

from orlop.api.errors import APIError
from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree
from orlop.controllers.writer import Writer
from orlop.kinds.custom.program import Program
from orlop.server.custom_kinds import CustomKinds
from orlop.storage.interface import Event
from orlop.storage.predicate import EVERYTHING

PATIENCE: Final = 30.0
"""Seconds that a definition may take to be established (by another server, where several share a storage)."""
_GROUP: Final = "apiextensions.k8s.io"
_PLURAL: Final = "customresourcedefinitions"
_KIND: Final = GroupVersionKind(_GROUP, "v1", "CustomResourceDefinition")
_MANAGER: Final = "orlop"


class NotServed(Exception):
    """A kind that the program declares and that cannot be served; the text says why, for people."""


async def serve_declared(writer: Writer, custom: CustomKinds, programs: Sequence[Program]) -> None:
    """Returns when all are served. Raises NotServed."""
    if not programs:
        return
    store = writer.stores[_GROUP, _PLURAL]
    changed = asyncio.Event()

    def note(events: Sequence[Event]) -> None:
        changed.set()

    subscriber = store.cache.subscribe(EVERYTHING, note, lasting=True)
    try:
        for program in programs:
            await _define(writer, program)
        async with asyncio.timeout(PATIENCE):
            for program in programs:
                while not custom.serves(program.name):
                    _look_for_conflict(writer, program)
                    changed.clear()
                    await changed.wait()
                await custom.loaded(program.name)
    except TimeoutError:
        raise NotServed(f"{program.name} is not established after {PATIENCE:.0f} seconds") from None
    finally:
        subscriber.cancel()


async def _define(writer: Writer, program: Program) -> None:
    wanted = copy.deepcopy(program.definition)
    try:
        if not await writer.ensure(_KIND, _PLURAL, copy.deepcopy(wanted), _MANAGER):
            await _change(writer, wanted)
    except APIError as error:
        raise NotServed(f"{program.name}: {error}") from error


async def _change(writer: Writer, wanted: Tree) -> None:
    name = wanted["metadata"]["name"]
    wanted.setdefault("status", {})
    writer.complete(_KIND, wanted)

    def change(definition: Tree) -> bool:
        if _text(definition["spec"]) == _text(wanted["spec"]):
            return False
        managers = {entry.get("manager", "") for entry in definition["metadata"].get("managedFields") or ()}
        if _MANAGER not in managers:
            raise NotServed(f"{name} is defined already, by {' and '.join(sorted(managers)) or 'somebody else'}, and "
                            "not as this program has it: delete that definition, or give the kind another name")
        if definition["metadata"].get("deletionTimestamp"):
            raise NotServed(f"{name} is being deleted: its objects have finalizers that nobody takes away")
        definition["spec"] = wanted["spec"]
        return True

    await writer.change(writer.stores[_GROUP, _PLURAL], _GROUP, _PLURAL, "", name, change, manager=_MANAGER)


def _text(tree: Tree) -> bytes:
    return orjson.dumps(tree, option=orjson.OPT_SORT_KEYS)


def _look_for_conflict(writer: Writer, program: Program) -> None:
    """Names that another definition has are not waited for."""
    entry = writer.peek(_GROUP, _PLURAL, "", program.name)
    conditions = (entry.tree().get("status") or {}).get("conditions") or () if entry is not None else ()
    for condition in conditions:
        if condition["type"] == "NamesAccepted" and condition["status"] == "False":
            raise NotServed(f"{program.name}: {condition.get('message', '')}")
