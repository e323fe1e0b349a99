"""Events about objects: written beside everything else, and never in its way.

Used by the workload controllers and, over the network, by `node`. Equal events about one object are counted in one, as
client-go `tools/record/events_cache.go` does it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from orlop.api.errors import APIError
from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree
from orlop.controllers.writer import Writer
from orlop.registry import times

log = logging.getLogger(__name__)

WAITING: Final = 10_000
"""Events not written yet; more are dropped, and the log says how many."""
REMEMBERED: Final = 4096
"""Events that can be counted up; the least used are forgotten, and begin anew."""
WRITERS: Final = 4
NORMAL: Final = "Normal"
WARNING: Final = "Warning"
_KIND: Final = GroupVersionKind("", "v1", "Event")


class Sink(Protocol):
    """Where events go. What is refused is the sink's to tell; it does not raise."""

    async def create(self, namespace: str, event: Tree) -> None: ...

    async def count(self, namespace: str, name: str, count: int, stamp: str) -> bool:
        """Count up an event; False when it is not there."""


class _Event(NamedTuple):
    regarding: Tree
    type: str
    reason: str
    message: str
    now: float


class EventRecorder:
    """`component` tells, on `host`. `now`: seconds since 1970."""

    def __init__(self, sink: Sink, component: str, host: str, now: Callable[[], float]) -> None:
        self._sink, self._component, self._host, self._now = sink, component, host, now
        self._queue: asyncio.Queue[_Event] = asyncio.Queue(WAITING)
        self._known: OrderedDict[tuple[str, ...], tuple[str, int]] = OrderedDict()
        self._dropped = 0
        self._suffix = 0
        """Of the last event's name: two of one moment have different ones."""
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._work(), name=f"events-{self._component}") for _ in range(WRITERS)]

    async def stop(self) -> None:
        """What has not been written yet is lost."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def record(self, regarding: Tree, type: str, reason: str, message: str) -> None:
        """`regarding` is an object reference."""
        try:
            self._queue.put_nowait(_Event(regarding, type, reason, message, self._now()))
        except asyncio.QueueFull:
            self._dropped += 1
            if self._dropped % WAITING == 1:
                log.warning("%d events dropped: the API server does not keep up", self._dropped)

    async def _work(self) -> None:
        while True:
            await self._write(await self._queue.get())

    async def _write(self, event: _Event) -> None:
        regarding = event.regarding
        namespace = regarding.get("namespace") or "default"
        key = (regarding.get("uid", ""), regarding.get("fieldPath", ""), event.type, event.reason, event.message)
        stamp = times.text(event.now)
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            name, count = known
            self._known[key] = name, count + 1
            if await self._sink.count(namespace, name, count + 1, stamp):
                return
        self._suffix = max(self._suffix + 1, int(event.now * 1e9))
        name = f"{regarding['name']}.{self._suffix:x}"
        self._known[key] = name, 1
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        await self._sink.create(namespace, self._tree(event, name, namespace, stamp))

    def _tree(self, event: _Event, name: str, namespace: str, stamp: str) -> Tree:
        return {"metadata": {"name": name, "namespace": namespace}, "involvedObject": event.regarding,
                "reason": event.reason, "message": event.message, "type": event.type, "count": 1,
                "firstTimestamp": stamp, "lastTimestamp": stamp,
                "source": {"component": self._component, **({"host": self._host} if self._host else {})},
                "reportingComponent": self._component, "reportingInstance": self._host}


class StoreSink:
    """Of controllers in the server: straight into the store."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._store = writer.stores[("", "events")]

    async def create(self, namespace: str, event: Tree) -> None:
        try:
            await self._writer.create(_KIND, "events", event)
        except APIError as error:
            log.info("an event was refused: %s", error.message)

    async def count(self, namespace: str, name: str, count: int, stamp: str) -> bool:
        def change(tree: Tree) -> bool:
            tree["count"], tree["lastTimestamp"] = count, stamp
            return True

        entry = self._writer.peek("", "events", namespace, name)
        if entry is None:
            return False
        try:
            await self._writer.change(self._store, "", "events", namespace, name, change,
                                      uid=entry.tree()["metadata"]["uid"])
        except APIError as error:
            if error.code in (404, 409):
                return False
            log.info("an event was not counted: %s", error.message)
        return True


def about(obj: Tree, api_version: str, kind: str) -> Tree:
    """A reference to an object."""
    metadata = obj["metadata"]
    return {"apiVersion": api_version, "kind": kind, "namespace": metadata.get("namespace", ""),
            "name": metadata["name"], "uid": metadata["uid"],
            "resourceVersion": metadata.get("resourceVersion", "")}
