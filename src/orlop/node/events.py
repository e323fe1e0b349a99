"""The events of a node: a recorder of the kubelet's, whose events go to the API server as a client's do.

Made by `run`, used by `agent`; the recorder itself is the controllers'.
"""

from __future__ import annotations

import logging

from orlop.api.tree import Tree
from orlop.controllers.event_recorder import EventRecorder, about
from orlop.node.api import STRATEGIC, Api, APIUnavailable
from orlop.world.clock import Clock

log = logging.getLogger(__name__)


class ApiSink:
    """Keeps the promises of `event_recorder.Sink`."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def create(self, namespace: str, event: Tree) -> None:
        try:
            reply = await self._api.request("POST", f"/api/v1/namespaces/{namespace}/events",
                                            {"apiVersion": "v1", "kind": "Event", **event})
        except APIUnavailable as error:
            log.info("an event was lost: %s", error)
        else:
            if not reply.ok and reply.status not in (403, 404):  # a namespace that ends takes no events
                log.info("an event was refused: %s", reply.message)

    async def count(self, namespace: str, name: str, count: int, stamp: str) -> bool:
        try:
            reply = await self._api.request("PATCH", f"/api/v1/namespaces/{namespace}/events/{name}",
                                            {"count": count, "lastTimestamp": stamp}, STRATEGIC)
        except APIUnavailable as error:
            log.info("an event was not counted: %s", error)
            return True
        return reply.ok


def kubelet_events(api: Api, node: str, clock: Clock) -> EventRecorder:
    return EventRecorder(ApiSink(api), "kubelet", node, clock.now)


def about_pod(pod: Tree, field: str = "") -> Tree:
    found = about(pod, "v1", "Pod")
    if field:
        found["fieldPath"] = field
    return found


def about_node(name: str) -> Tree:
    return {"kind": "Node", "name": name, "uid": name}
