"""Keeps the flow schemas and priority levels that every server has.

Called by `bootstrap` at start, then by itself once a minute. Mandatory objects always have the spec that they must
have; suggested ones follow ours until somebody changes them or says so by the annotation; what is annotated as ours
and is not (any more) goes. Behaviour: kubernetes `pkg/registry/flowcontrol/{ensurer,rest}`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from orlop.api.errors import APIError
from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree
from orlop.controllers.bootstrap_objects import packaged
from orlop.controllers.flow_schema_status import GROUP, LEVELS, SCHEMA, SCHEMAS
from orlop.controllers.writer import Writer
from orlop.kinds.flow_control.mandatory import EXEMPT, MANDATORY
from orlop.storage.predicate import EVERYTHING

log = logging.getLogger(__name__)

MANAGER: Final = "api-priority-and-fairness-config-producer-v1"
ANNOTATION: Final = "apf.kubernetes.io/autoupdate-spec"
PERIOD: Final = 60.0
"""Seconds between two looks."""
_KINDS: Final = {LEVELS: GroupVersionKind(GROUP, "v1", "PriorityLevelConfiguration"), SCHEMAS: SCHEMA}
"""In the order in which they are made."""
_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_CONFLICT, _NOT_FOUND = 409, 404


def _flag(obj: Tree) -> bool | None:
    """What the annotation says; None when it says nothing."""
    text = (obj["metadata"].get("annotations") or {}).get(ANNOTATION)
    return True if text in _TRUE else False if text in _FALSE else None


def follows(obj: Tree, mandatory: bool) -> bool:
    """Whether the spec of a stored object is ours to put right."""
    said = _flag(obj)
    return mandatory or (said if said is not None else obj["metadata"].get("generation") == 1)


def revise(obj: Tree, spec: Tree, mandatory: bool) -> bool:
    """Put a stored object right; whether there was something to do."""
    ours = follows(obj, mandatory)
    changed = False
    if ours and not _same(obj, spec):
        obj["spec"], changed = spec, True
    if _flag(obj) is not ours:
        annotations: dict[str, str] = obj["metadata"].get("annotations") or {}
        obj["metadata"]["annotations"] = {**annotations, ANNOTATION: "true" if ours else "false"}
        changed = True
    return changed


def _same(obj: Tree, spec: Tree) -> bool:
    """Of the level `exempt`, what it lends is the administrator's."""
    own: Any = obj.get("spec")
    if obj["metadata"]["name"] == EXEMPT and spec.get("exempt") is not None and own and own.get("exempt") is not None:
        spec = {**spec, "exempt": own["exempt"]}
    return bool(own == spec)


class FlowConfiguration:
    """`objects` are ours by plural, as manifests; left out, the packaged ones."""

    def __init__(self, writer: Writer, objects: Mapping[str, Sequence[Tree]] | None = None) -> None:
        self._writer, self._objects = writer, packaged() if objects is None else objects
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep(), name="flow-configuration")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(PERIOD)
            try:
                await self.ensure()
            except APIError as problem:
                log.warning("flow control cannot be put right, will be tried again: %s", problem)

    async def ensure(self) -> None:
        """Suggested ones first, as upstream."""
        for mandatory in (False, True):
            for plural in _KINDS:
                for obj in self._objects[plural]:
                    if (obj["metadata"]["name"] in MANDATORY) is mandatory:
                        await self._ensure(plural, obj, mandatory)
        for plural in (SCHEMAS, LEVELS):
            await self._remove_strangers(plural)

    async def _ensure(self, plural: str, obj: Tree, mandatory: bool) -> None:
        name = obj["metadata"]["name"]
        stored = self._writer.peek(GROUP, plural, "", name)
        if stored is None:
            made = {"metadata": {**obj["metadata"]}, "spec": obj["spec"]}
            if await self._writer.ensure(_KINDS[plural], plural, made, MANAGER):
                return
        elif not revise(stored.tree(), obj["spec"], mandatory):
            return
        await self._unless(_CONFLICT, self._writer.change(
            self._writer.stores[(GROUP, plural)], GROUP, plural, "", name,
            lambda tree: revise(tree, obj["spec"], mandatory), manager=MANAGER))

    async def _remove_strangers(self, plural: str) -> None:
        ours = {obj["metadata"]["name"] for obj in self._objects[plural]}
        for entry in self._writer.stores[(GROUP, plural)].cache.select(EVERYTHING).entries:
            name = entry.key.rpartition("/")[2]
            if name not in ours and _flag(entry.tree()):
                await self._unless(_NOT_FOUND, self._writer.delete(GROUP, plural, "", name))

    async def _unless(self, code: int, write: Any) -> None:
        """Somebody else was faster: the next look is soon enough."""
        try:
            await write
        except APIError as problem:
            if problem.code != code:
                raise
