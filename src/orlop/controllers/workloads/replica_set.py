"""ReplicaSets: as many pods as wanted.

Follows ReplicaSets and their pods; makes and deletes pods, writes the status. Pods are made by `create_pod`, which goes
through admission as a client's would. Orphans are not adopted. Plays the part of kubernetes
`pkg/controller/replicaset/replica_set.go`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from orlop.api.errors import APIError
from orlop.api.tree import Tree
from orlop.controllers.event_recorder import EventRecorder, about
from orlop.controllers.key_feed import KeyFeed
from orlop.controllers.work_queue import WorkQueue
from orlop.controllers.workloads.dependents import Dependents, reference
from orlop.controllers.workloads.pod_control import CreatePod, PodControl
from orlop.controllers.writer import Writer
from orlop.registry import times
from orlop.registry.store import Store

BURST: Final = 100
"""Pods made or deleted for one ReplicaSet at a time."""
_GROUP: Final = "apps"
_PLURAL: Final = "replicasets"


class ReplicaSetController:
    """`statuses` is the store of the status room; `now`: seconds since 1970."""

    def __init__(self, writer: Writer, statuses: Store, create_pod: CreatePod, events: EventRecorder,
                 now: Callable[[], float]) -> None:
        self._writer, self._statuses, self._now = writer, statuses, now
        self._sets = writer.stores[(_GROUP, _PLURAL)]
        self._queue = WorkQueue("replica-sets", self._reconcile)
        self._pods = Dependents(writer.stores[("", "pods")], "ReplicaSet", self._queue.add)
        self._control = PodControl(writer, create_pod, self._pods, events)
        self._feed = KeyFeed(self._sets, self._queue.add)

    def start(self) -> None:
        self._pods.start()
        self._feed.start()
        self._queue.start()

    async def stop(self) -> None:
        self._feed.stop()
        self._pods.stop()
        await self._queue.stop()

    async def _reconcile(self, key: str) -> bool:
        entry = self._sets.cache.peek(self._sets.prefix + key)
        if entry is None:
            return False
        found = entry.tree()
        metadata, pods = found["metadata"], self._pods.of(entry.tree()["metadata"]["uid"])
        more = False
        if not metadata.get("deletionTimestamp"):
            more = await self._scale(found, [pod for pod in pods if _active(pod)])
            pods = self._pods.of(metadata["uid"])
        await self._write_status(found, [pod for pod in pods if _active(pod)])
        wait = _until_available(found, pods, self._now())
        if wait:
            self._queue.add_later(key, wait)
        return more

    async def _scale(self, found: Tree, active: list[Tree]) -> bool:
        """True when there is more to do."""
        missing: int = (found["spec"].get("replicas") or 0) - len(active)
        owner = about(found, "apps/v1", "ReplicaSet")
        if missing > 0:
            made = pod_of(found)
            count = min(missing, BURST)
            await asyncio.gather(*(self._control.create(owner, made) for _ in range(count)))
        elif missing < 0:
            for pod in surplus(active, -missing)[:BURST]:
                await self._control.delete(owner, pod["metadata"]["name"])
        return abs(missing) > BURST

    async def _write_status(self, found: Tree, active: list[Tree]) -> None:
        status = status_of(found, active, self._now())
        if status == (found.get("status") or {}):
            return

        def change(tree: Tree) -> bool:
            tree["status"] = status
            return True

        metadata = found["metadata"]
        try:
            await self._writer.change(self._statuses, _GROUP, _PLURAL, metadata["namespace"], metadata["name"], change,
                                      uid=metadata["uid"])
        except APIError as error:
            if error.code not in (404, 409):
                raise


# --- plans, pure -------------------------------------------------------------------------------------------------


def pod_of(found: Tree) -> Tree:
    """A pod of the template."""
    template = found["spec"]["template"]
    shape = template.get("metadata") or {}
    return {"apiVersion": "v1", "kind": "Pod", "spec": template["spec"], "metadata": {
        "generateName": f"{found['metadata']['name']}-", "labels": shape.get("labels") or {},
        "annotations": shape.get("annotations") or {}, "finalizers": shape.get("finalizers") or [],
        "ownerReferences": [reference(found, "apps/v1", "ReplicaSet")]}}


def _active(pod: Tree) -> bool:
    return not pod["metadata"].get("deletionTimestamp") and (pod.get("status") or {}).get("phase") not in (
        "Succeeded", "Failed")


def _ready_since(pod: Tree) -> float | None:
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "Ready" and condition.get("status") == "True":
            since = condition.get("lastTransitionTime")
            return times.seconds(since) if since else 0.0
    return None


def surplus(active: list[Tree], count: int) -> list[Tree]:
    """The pods that are missed the least: those without a node, not running, not ready, then the youngest."""
    def worth(pod: Tree) -> tuple[bool, bool, bool, float]:
        running = (pod.get("status") or {}).get("phase") == "Running"
        created = pod["metadata"].get("creationTimestamp")
        return (bool(pod["spec"].get("nodeName")), running, _ready_since(pod) is not None,
                -times.seconds(created) if created else 0.0)

    return sorted(active, key=worth)[:count]


def status_of(found: Tree, active: list[Tree], now: float) -> Tree:
    wanted = (found["spec"]["template"].get("metadata") or {}).get("labels") or {}
    settle = found["spec"].get("minReadySeconds") or 0
    ready = [since for pod in active if (since := _ready_since(pod)) is not None]
    labelled = [pod for pod in active if wanted.items() <= (pod["metadata"].get("labels") or {}).items()]
    counted = {"fullyLabeledReplicas": len(labelled), "readyReplicas": len(ready),
               "availableReplicas": sum(1 for since in ready if now - since >= settle),
               "observedGeneration": found["metadata"].get("generation") or 0}
    return {"replicas": len(active), **{name: count for name, count in counted.items() if count}}


def _until_available(found: Tree, pods: list[Tree], now: float) -> float:
    """Seconds until the next ready pod counts as available, 0 when none is waited for."""
    settle = found["spec"].get("minReadySeconds") or 0
    waits = [since + settle - now for pod in pods if (since := _ready_since(pod)) is not None]
    return min((wait for wait in waits if wait > 0), default=0.0)
