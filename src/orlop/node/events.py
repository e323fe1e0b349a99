"""Events about pods and the node: written beside everything else, and never in its way.

Used by `agent`. Equal events about one object are counted in one, as client-go `tools/record/events_cache.go` does it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from typing import Final, NamedTuple

from orlop.api.tree import Tree
from orlop.node.api import STRATEGIC, Api, APIUnavailable
from orlop.registry import times
from orlop.world.clock import Clock

log = logging.getLogger(__name__)

WAITING: Final = 10_000
"""Events not written yet; more are dropped, and the log says how many."""
REMEMBERED: Final = 4096
"""Events that can be counted up; the least used are forgotten, and begin anew."""
WRITERS: Final = 4


class _Event(NamedTuple):
    regarding: Tree
    type: str
    reason: str
    message: str
    now: float


class EventRecorder:
    def __init__(self, api: Api, node: str, clock: Clock) -> None:
        self._api, self._node, self._clock = api, node, clock
        self._queue: asyncio.Queue[_Event] = asyncio.Queue(WAITING)
        self._known: OrderedDict[tuple[str, ...], tuple[str, int]] = OrderedDict()
        self._dropped = 0

    def record(self, regarding: Tree, type: str, reason: str, message: str) -> None:
        try:
            self._queue.put_nowait(_Event(regarding, type, reason, message, self._clock.now()))
        except asyncio.QueueFull:
            self._dropped += 1
            if self._dropped % WAITING == 1:
                log.warning("%d events dropped: the API server does not keep up", self._dropped)

    async def run(self) -> None:
        await asyncio.gather(*(self._work() for _ in range(WRITERS)))

    async def _work(self) -> None:
        while True:
            event = await self._queue.get()
            try:
                await self._write(event)
            except APIUnavailable as error:
                log.info("an event was lost: %s", error)

    async def _write(self, event: _Event) -> None:
        regarding = event.regarding
        namespace = regarding.get("namespace") or "default"
        key = (regarding.get("uid", ""), regarding.get("fieldPath", ""), event.type, event.reason, event.message)
        path = f"/api/v1/namespaces/{namespace}/events"
        stamp = times.text(event.now)
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            name, count = known
            self._known[key] = name, count + 1
            reply = await self._api.request("PATCH", f"{path}/{name}", {"count": count + 1, "lastTimestamp": stamp},
                                            STRATEGIC)
            if reply.ok:
                return
        name = f"{regarding['name']}.{time.time_ns():x}"
        self._known[key] = name, 1
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        reply = await self._api.request("POST", path, self._tree(event, name, namespace, stamp))
        if not reply.ok and reply.status not in (403, 404):  # a namespace that ends takes no events
            log.info("an event was refused: %s", reply.message)

    def _tree(self, event: _Event, name: str, namespace: str, stamp: str) -> Tree:
        return {"apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": namespace},
                "involvedObject": event.regarding, "reason": event.reason, "message": event.message,
                "type": event.type, "count": 1, "firstTimestamp": stamp, "lastTimestamp": stamp,
                "source": {"component": "kubelet", "host": self._node},
                "reportingComponent": "kubelet", "reportingInstance": self._node}


def about_pod(pod: Tree, field: str = "") -> Tree:
    metadata = pod["metadata"]
    found = {"apiVersion": "v1", "kind": "Pod", "namespace": metadata["namespace"], "name": metadata["name"],
             "uid": metadata["uid"], "resourceVersion": metadata.get("resourceVersion", "")}
    if field:
        found["fieldPath"] = field
    return found


def about_node(name: str) -> Tree:
    return {"kind": "Node", "name": name, "uid": name}
