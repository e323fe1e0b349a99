"""Says of every flow schema whether the priority level that it names exists (condition Dangling).

Follows flow schemas and priority levels; run by every server, as upstream does by its API priority and fairness.
Behaviour: apiserver `pkg/util/flowcontrol/apf_controller.go` (presyncFlowSchemaStatus), whose limit on how often one
schema is written is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orlop.api.field import quote
from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree
from orlop.controllers.condition_writer import ConditionWriter
from orlop.controllers.key_feed import KeyFeed
from orlop.controllers.work_queue import WorkQueue
from orlop.controllers.writer import Writer
from orlop.registry.store import Store
from orlop.storage.interface import Event
from orlop.storage.predicate import EVERYTHING

GROUP: Final = "flowcontrol.apiserver.k8s.io"
SCHEMAS: Final = "flowschemas"
LEVELS: Final = "prioritylevelconfigurations"
SCHEMA: Final = GroupVersionKind(GROUP, "v1", "FlowSchema")
MANAGER: Final = "api-priority-and-fairness-config-consumer-v1"
_TYPE: Final = "Dangling"
_MEMBERS: Final = ("status", "reason", "message")


def verdict(level: str, exists: bool) -> dict[str, str]:
    """The condition, but for its time."""
    subject = f"This FlowSchema references the PriorityLevelConfiguration object named {quote(level)}"
    if exists:
        return {"type": _TYPE, "status": "False", "reason": "Found", "message": f"{subject} and it exists"}
    return {"type": _TYPE, "status": "True", "reason": "NotFound", "message": f"{subject} but there is no such object"}


class FlowSchemaStatusController:
    """`status` is the status store of flow schemas."""

    def __init__(self, writer: Writer, status: Store) -> None:
        self._writer = writer
        self._schemas, self._levels = writer.stores[(GROUP, SCHEMAS)], writer.stores[(GROUP, LEVELS)]
        self._conditions = ConditionWriter(writer, status, SCHEMA, SCHEMAS, MANAGER)
        self._queue = WorkQueue("flow-schema-status", self._reconcile, workers=1)
        self._feed = KeyFeed(self._schemas, self._queue.add)

    def start(self) -> None:
        self._feed.start()
        self._subscriber = self._levels.cache.subscribe(EVERYTHING, self._on_levels, lasting=True)
        self._queue.start()

    async def stop(self) -> None:
        self._subscriber.cancel()
        self._feed.stop()
        await self._queue.stop()

    def _on_levels(self, events: Sequence[Event]) -> None:
        """There are few schemas, and one that is right already is not written."""
        self._feed.add_all()

    async def _reconcile(self, name: str) -> bool:
        await self.report(name)
        return False

    async def report(self, name: str) -> None:
        """Put the condition of one schema right."""
        entry = self._schemas.cache.peek(self._schemas.prefix + name)
        if entry is None:
            return
        schema = entry.tree()
        level = ((schema.get("spec") or {}).get("priorityLevelConfiguration") or {}).get("name") or ""
        wanted = verdict(level, self._levels.cache.peek(self._levels.prefix + level) is not None)
        if not _says(schema, wanted):
            await self._conditions.write(name, {**wanted, "lastTransitionTime": self._writer.stamp()})


def _says(schema: Tree, wanted: dict[str, str]) -> bool:
    for condition in (schema.get("status") or {}).get("conditions") or ():
        if condition.get("type") == _TYPE:
            return all(condition.get(member) == wanted[member] for member in _MEMBERS)
    return False
