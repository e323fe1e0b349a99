"""The controller that ends a definition: deletes all its objects, then lets it go.

Follows the definitions' watch cache; `delete_instances`, given by whoever serves custom resources, deletes through
their own store. Objects with finalizers of their own hold the definition until they are gone. Behaviour:
apiextensions-apiserver `pkg/controller/finalizer/crd_finalizer.go`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from orlop.api.errors import APIError
from orlop.api.tree import Tree
from orlop.controllers.definition_status import DefinitionStatus
from orlop.controllers.work_queue import WorkQueue
from orlop.kinds.definitions import conditions
from orlop.kinds.definitions.rooms import FINALIZER
from orlop.storage.interface import DELETED, Event
from orlop.storage.predicate import EVERYTHING
from orlop.storage.subscriptions import Subscriber

DeleteInstances = Callable[[Tree], Awaitable[int]]
"""Deletes every object of a definition and says how many are left all the same (finalizers hold them). Raises APIError
when some could not be deleted."""

FIRST_LOOK: Final = 0.02
LONGEST_LOOK: Final = 1.0
"""Seconds between two looks at what is left, growing from the one to the other."""
PATIENCE: Final = 60.0
"""Seconds of looking before the status says that it takes long; then it begins anew."""
WORKERS: Final = 5

_OVERLAPPING: Final = frozenset({("apiregistration.k8s.io", "apiservices"),
                                 ("apiextensions.k8s.io", "customresourcedefinitions")})
"""Definitions of these would delete what is not theirs."""


def _terminating(status: str, reason: str, message: str) -> Tree:
    return conditions.condition(conditions.TERMINATING, status, reason, message)


_IN_PROGRESS: Final = _terminating("True", "InstanceDeletionInProgress", "CustomResource deletion is in progress")
_COMPLETED: Final = _terminating("False", "InstanceDeletionCompleted", "removed all instances")
_NEVER: Final = _terminating("False", "NeverEstablished", "resource was never established")
_OVERLAPS: Final = _terminating("False", "OverlappingBuiltInResource",
                                "instances overlap with built-in resources in storage")
_FAILED: Final = "InstanceDeletionFailed"
_TOO_LONG: Final = _terminating("True", "InstanceDeletionCheck", "could not confirm zero CustomResources remaining: "
                                "context deadline exceeded")
_OURS: Final = frozenset({_IN_PROGRESS["reason"], _TOO_LONG["reason"], _FAILED})
"""Reasons of conditions with which we look again by ourselves."""


class DefinitionDeletionController:
    def __init__(self, status: DefinitionStatus, delete_instances: DeleteInstances) -> None:
        self._status, self._delete_instances = status, delete_instances
        self._queue = WorkQueue("definition-deletion", self._reconcile, workers=WORKERS)
        self._subscribers: list[Subscriber] = []

    def start(self) -> None:
        store = self._status.store
        for entry in store.cache.select(EVERYTHING).entries:
            if _waits_for_us(entry.tree()):
                self._queue.add(entry.key[len(store.prefix):])
        self._subscribers = [store.cache.subscribe(EVERYTHING, self._on_events, lasting=True)]
        self._queue.start()

    async def stop(self) -> None:
        for subscriber in self._subscribers:
            subscriber.cancel()
        await self._queue.stop()

    def _on_events(self, events: Sequence[Event]) -> None:
        prefix = self._status.store.prefix
        for event in events:
            if event.type != DELETED and b'"deletionTimestamp"' in event.entry.body:
                self._consider(event.entry.key[len(prefix):], event.entry.tree())

    def _consider(self, name: str, definition: Tree) -> None:
        """Our own writes come by too: what we told about is under way, or waits for its next attempt."""
        told = conditions.find(definition, conditions.TERMINATING)
        if _waits_for_us(definition) and (told is None or told.get("reason") not in _OURS):
            self._queue.add(name)

    async def _reconcile(self, name: str) -> bool:
        definition = self._status.read(name)
        if definition is None or not _waits_for_us(definition):
            return False
        uid = definition["metadata"]["uid"]
        if not await self._tell(name, uid, _IN_PROGRESS):
            return False
        end = await self._empty(definition)
        if end["status"] == "True":
            await self._tell(name, uid, end)
            return True
        await self._status.change(name, uid, lambda stored: self._released(stored, end))
        return False

    async def _tell(self, name: str, uid: str, wanted: Tree) -> bool:
        def change(stored: Tree) -> bool:
            if conditions.says(conditions.find(stored, wanted["type"]), wanted):
                return False
            conditions.put(stored, wanted, self._status.now())
            return True

        return await self._status.change(name, uid, change)

    def _released(self, stored: Tree, end: Tree) -> bool:
        conditions.put(stored, end, self._status.now())
        metadata = stored["metadata"]
        metadata["finalizers"] = [one for one in metadata.get("finalizers") or () if one != FINALIZER]
        return True

    async def _empty(self, definition: Tree) -> Tree:
        """What came of the deletion; status False means that there is nothing left to do."""
        spec = definition.get("spec") or {}
        if (spec.get("group"), (spec.get("names") or {}).get("plural")) in _OVERLAPPING:
            return _OVERLAPS
        if not conditions.holds(definition, conditions.ESTABLISHED):
            return _NEVER
        try:
            async with asyncio.timeout(PATIENCE):
                delay = FIRST_LOOK
                while await self._delete_instances(definition):
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, LONGEST_LOOK)
        except TimeoutError:
            return _TOO_LONG
        except APIError as error:
            return _terminating("True", _FAILED, f"could not issue all deletes: {error.message}")
        return _COMPLETED


def _waits_for_us(definition: Tree) -> bool:
    metadata = definition["metadata"]
    return bool(metadata.get("deletionTimestamp")) and FINALIZER in (metadata.get("finalizers") or ())
