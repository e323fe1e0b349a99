"""Deployments: one ReplicaSet for each template there was, and the pods moved to the newest.

Follows Deployments and their ReplicaSets; makes and scales ReplicaSets, writes the status, forgets the oldest
revisions. Plans are in `rollout`, the status in `deployment_status`. Does not watch progress deadlines, nor scale
several ReplicaSets in proportion. Plays the part of kubernetes `pkg/controller/deployment/deployment_controller.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from orlop.api.errors import APIError
from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree
from orlop.controllers.event_recorder import NORMAL, EventRecorder, about
from orlop.controllers.key_feed import KeyFeed
from orlop.controllers.work_queue import WorkQueue
from orlop.controllers.workloads.dependents import Dependents, reference
from orlop.controllers.workloads.deployment_status import status_of
from orlop.controllers.workloads.rollout import (
    HASH_LABEL,
    REVISION,
    bounds,
    replicas,
    same_template,
    scales,
    template_hash,
)
from orlop.controllers.writer import Writer
from orlop.registry.store import Store

_GROUP: Final = "apps"
_PLURAL: Final = "deployments"
_SETS: Final = "replicasets"
_SET_KIND: Final = GroupVersionKind("apps", "v1", "ReplicaSet")
_DESIRED: Final = "deployment.kubernetes.io/desired-replicas"
_MOST: Final = "deployment.kubernetes.io/max-replicas"
_UNCOPIED: Final = ("kubectl.kubernetes.io/last-applied-configuration", REVISION, _DESIRED, _MOST)


class DeploymentController:
    """`statuses` is the store of the status room."""

    def __init__(self, writer: Writer, statuses: Store, events: EventRecorder) -> None:
        self._writer, self._statuses, self._events = writer, statuses, events
        self._deployments = writer.stores[(_GROUP, _PLURAL)]
        self._set_store = writer.stores[(_GROUP, _SETS)]
        self._queue = WorkQueue("deployments", self._reconcile)
        self._sets = Dependents(self._set_store, "Deployment", self._queue.add)
        self._feed = KeyFeed(self._deployments, self._queue.add)

    def start(self) -> None:
        self._sets.start()
        self._feed.start()
        self._queue.start()

    async def stop(self) -> None:
        self._feed.stop()
        self._sets.stop()
        await self._queue.stop()

    async def _reconcile(self, key: str) -> bool:
        entry = self._deployments.cache.peek(self._deployments.prefix + key)
        if entry is None:
            return False
        found = entry.tree()
        uid = found["metadata"]["uid"]
        new, old = _split(found, self._sets.of(uid))
        try:
            if not found["metadata"].get("deletionTimestamp"):
                if new is None and not found["spec"].get("paused"):
                    await self._create_set(found, old)
                elif new is not None:
                    await self._renumber(found, new, old)
                new, old = _split(found, self._sets.of(uid))
                for name, count in scales(found, new, old).items():
                    await self._scale(found, name, count)
                await self._forget_oldest(found, old)
                new, old = _split(found, self._sets.of(uid))
            await self._write_status(found, new, old)
        except APIError as error:
            if error.code not in (404, 409):
                raise
            return True
        return False

    # --- ReplicaSets ---------------------------------------------------------------------------------------------

    async def _create_set(self, found: Tree, old: Sequence[Tree]) -> None:
        metadata, spec = found["metadata"], found["spec"]
        hashed = template_hash(spec["template"], (found.get("status") or {}).get("collisionCount") or 0)
        template = spec["template"]
        labels = {**((template.get("metadata") or {}).get("labels") or {}), HASH_LABEL: hashed}
        selector = spec["selector"]
        revision = str(max(map(_revision, old), default=0) + 1)
        recreates = (spec.get("strategy") or {}).get("type") == "Recreate"
        made: Tree = {
            "metadata": {"name": f"{metadata['name']}-{hashed}", "namespace": metadata["namespace"], "labels": labels,
                         "annotations": _annotations(found, revision),
                         "ownerReferences": [reference(found, "apps/v1", "Deployment")]},
            "spec": {"replicas": 0 if old or recreates else replicas(found),
                     "minReadySeconds": spec.get("minReadySeconds") or 0,
                     "selector": {**selector, "matchLabels": {**(selector.get("matchLabels") or {}),
                                                              HASH_LABEL: hashed}},
                     "template": {**template, "metadata": {**(template.get("metadata") or {}), "labels": labels}}}}
        self._sets.note(await self._writer.create(_SET_KIND, _SETS, made))
        if replicas(made):
            self._tell_scaled(found, made["metadata"]["name"], 0, replicas(made))
        await self._mark(found, revision)

    async def _renumber(self, found: Tree, new: Tree, old: Sequence[Tree]) -> None:
        """A template that comes back (a rollback) is the newest revision again."""
        newest = max(map(_revision, old), default=0) + 1
        revision = max(newest, _revision(new))
        if _revision(new) < newest:
            await self._change_set(found, new["metadata"]["name"],
                                   lambda tree: tree["metadata"]["annotations"].update({REVISION: str(revision)}))
        await self._mark(found, str(revision))

    async def _mark(self, found: Tree, revision: str) -> None:
        metadata = found["metadata"]
        if (metadata.get("annotations") or {}).get(REVISION) == revision:
            return

        def change(tree: Tree) -> bool:
            tree["metadata"].setdefault("annotations", {})[REVISION] = revision
            return True

        await self._writer.change(self._deployments, _GROUP, _PLURAL, metadata["namespace"], metadata["name"], change,
                                  uid=metadata["uid"])

    async def _scale(self, found: Tree, name: str, count: int) -> None:
        before = 0

        def change(tree: Tree) -> None:
            nonlocal before
            before, tree["spec"]["replicas"] = replicas(tree), count
            tree["metadata"].setdefault("annotations", {}).update(_sizes(found))

        await self._change_set(found, name, change)
        if before != count:
            self._tell_scaled(found, name, before, count)

    def _tell_scaled(self, found: Tree, name: str, before: int, count: int) -> None:
        way = "up" if count > before else "down"
        self._events.record(about(found, "apps/v1", "Deployment"), NORMAL, "ScalingReplicaSet",
                            f"Scaled {way} replica set {name} from {before} to {count}")

    async def _change_set(self, found: Tree, name: str, change: Callable[[Tree], None]) -> None:
        def changed(tree: Tree) -> bool:
            change(tree)
            return True

        self._sets.note(await self._writer.change(self._set_store, _GROUP, _SETS, found["metadata"]["namespace"], name,
                                                  changed))

    async def _forget_oldest(self, found: Tree, old: Sequence[Tree]) -> None:
        limit = found["spec"].get("revisionHistoryLimit")
        idle = [one for one in old if not replicas(one) and not (one.get("status") or {}).get("replicas")
                and not one["metadata"].get("deletionTimestamp")]
        idle.sort(key=_revision)
        for one in idle[:max(0, len(idle) - (10 if limit is None else limit))]:
            await self._writer.delete(_GROUP, _SETS, found["metadata"]["namespace"], one["metadata"]["name"])

    async def _write_status(self, found: Tree, new: Tree | None, old: Sequence[Tree]) -> None:
        status, metadata = status_of(found, new, old, self._writer.stamp()), found["metadata"]
        before = {key: value for key, value in (found.get("status") or {}).items() if value}
        if {key: value for key, value in status.items() if value} == before:
            return

        def change(tree: Tree) -> bool:
            collisions = (tree.get("status") or {}).get("collisionCount")
            tree["status"] = {**status, **({"collisionCount": collisions} if collisions else {})}
            return True

        await self._writer.change(self._statuses, _GROUP, _PLURAL, metadata["namespace"], metadata["name"], change,
                                  uid=metadata["uid"])


def _split(found: Tree, sets: list[Tree]) -> tuple[Tree | None, list[Tree]]:
    """The ReplicaSet of the present template, and the others in order of age."""
    ordered = sorted(sets, key=lambda one: (one["metadata"].get("creationTimestamp") or "", one["metadata"]["name"]))
    new = next((one for one in ordered if same_template(one, found)), None)
    return new, [one for one in ordered if one is not new]


def _revision(replica_set: Tree) -> int:
    text = (replica_set["metadata"].get("annotations") or {}).get(REVISION, "")
    return int(text) if text.isdecimal() else 0


def _sizes(found: Tree) -> dict[str, str]:
    wanted = replicas(found)
    return {_DESIRED: str(wanted), _MOST: str(wanted + bounds(found)[0])}


def _annotations(found: Tree, revision: str) -> dict[str, str]:
    own = {key: value for key, value in (found["metadata"].get("annotations") or {}).items() if key not in _UNCOPIED}
    return {**own, REVISION: revision, **_sizes(found)}
