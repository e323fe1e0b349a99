"""The volume protection controller: lets claims, volumes and their classes go that are deleted and no longer in use.

The admission plugin StorageObjectInUseProtection gives them a finalizer; here it is taken away, once no scheduled pod
mounts the claim, the volume is not bound, or no claim and volume names the class. Without it a namespace with a claim
in it would never end. Follows the caches; almost nothing to do while nothing is being deleted. Behaviour:
kube-controller-manager `pkg/controller/volume/{pvcprotection,pvprotection,vacprotection}` (who, unlike us, also gives
finalizers to objects that lack them).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final, NamedTuple

from orlop.api.errors import APIError
from orlop.api.tree import Tree
from orlop.controllers.work_queue import WorkQueue
from orlop.controllers.writer import Writer
from orlop.registry.store import Store
from orlop.storage.interface import Event
from orlop.storage.predicate import EVERYTHING, Predicate
from orlop.storage.subscriptions import Subscriber

CATCH_UP_WAIT: Final = 10.0
"""Seconds that a last look at who uses an object waits for what other servers wrote."""


class _Protected(NamedTuple):
    """One kind: its finalizer, whether something uses an object of it, and the kinds whose changes may end that."""

    group: str
    plural: str
    finalizer: str
    used: Callable[[Tree], bool]
    users: tuple[tuple[str, str], ...]


class VolumeProtectionController:
    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        claims, volumes = ("", "persistentvolumeclaims"), ("", "persistentvolumes")
        self._kinds = {kind.plural: kind for kind in (
            _Protected(*claims, "kubernetes.io/pvc-protection", self._claim_used, (("", "pods"),)),
            _Protected(*volumes, "kubernetes.io/pv-protection", _volume_used, ()),
            _Protected("storage.k8s.io", "volumeattributesclasses", "kubernetes.io/vac-protection", self._class_used,
                       (claims, volumes)),
        ) if (kind.group, kind.plural) in writer.stores}
        self._waiting: dict[str, set[str]] = {plural: set() for plural in self._kinds}
        """Names (with their namespace) of what is being deleted and still protected."""
        self._queue = WorkQueue("volume-protection", self._reconcile, workers=2)
        self._subscribers: list[Subscriber] = []

    def start(self) -> None:
        for kind in self._kinds.values():
            store = self._store(kind)
            for entry in store.cache.select(EVERYTHING).entries:
                self._note(kind, entry.key[len(store.prefix):], entry.tree())
            self._subscribers.append(store.cache.subscribe(EVERYTHING, partial(self._on_events, kind), lasting=True))
            for user in kind.users:
                cache = self._writer.stores[user].cache
                self._subscribers.append(cache.subscribe(EVERYTHING, partial(self._on_users, kind), lasting=True))
        self._queue.start()

    async def stop(self) -> None:
        for subscriber in self._subscribers:
            subscriber.cancel()
        await self._queue.stop()

    def _store(self, kind: _Protected) -> Store:
        return self._writer.stores[(kind.group, kind.plural)]

    def _on_events(self, kind: _Protected, events: Sequence[Event]) -> None:
        prefix = self._store(kind).prefix
        for event in events:
            if b'"deletionTimestamp"' in event.entry.body:
                self._note(kind, event.entry.key[len(prefix):], event.entry.tree())

    def _on_users(self, kind: _Protected, events: Sequence[Event]) -> None:
        for name in self._waiting[kind.plural]:
            self._queue.add(f"{kind.plural} {name}")

    def _note(self, kind: _Protected, name: str, obj: Tree) -> None:
        if _is_candidate(obj, kind.finalizer):
            self._waiting[kind.plural].add(name)
            self._queue.add(f"{kind.plural} {name}")
        else:
            self._waiting[kind.plural].discard(name)

    async def _reconcile(self, key: str) -> bool:
        plural, _, path = key.partition(" ")
        kind = self._kinds[plural]
        store = self._store(kind)
        await store.cache.catch_up(CATCH_UP_WAIT)
        entry = store.cache.peek(store.prefix + path)
        obj = entry.tree() if entry is not None else {"metadata": {}}
        if not _is_candidate(obj, kind.finalizer):
            self._waiting[plural].discard(path)
            return False
        if kind.used(obj):
            return False
        namespace, _, name = path.rpartition("/")

        def release(stored: Tree) -> bool:
            metadata = stored["metadata"]
            metadata["finalizers"] = [one for one in metadata.get("finalizers") or () if one != kind.finalizer]
            return True

        try:
            await self._writer.change(store, kind.group, plural, namespace, name, release, uid=obj["metadata"]["uid"])
        except APIError as error:
            if error.code not in (404, 409):
                raise
            return error.code == 409
        return False

    # --- who uses what -------------------------------------------------------------------------------------------

    def _claim_used(self, claim: Tree) -> bool:
        metadata = claim["metadata"]
        pods = self._trees("pods", Predicate(namespace=metadata["namespace"]), b'"volumes"')
        return any(_mounts(pod, metadata["name"]) for pod in pods)

    def _class_used(self, kind: Tree) -> bool:
        name, mark = kind["metadata"]["name"], b"olumeAttributesClass"
        claims = self._trees("persistentvolumeclaims", EVERYTHING, mark)
        volumes = self._trees("persistentvolumes", EVERYTHING, mark)
        return any(_claims_class(claim, name) for claim in claims) or any(
            (volume.get("spec") or {}).get("volumeAttributesClassName") == name for volume in volumes)

    def _trees(self, plural: str, wanted: Predicate, mark: bytes) -> Iterable[Tree]:
        """Decoded only where the text says that it may matter."""
        page = self._writer.stores[("", plural)].cache.select(wanted)
        return (entry.tree() for entry in page.entries if mark in entry.body)


def _is_candidate(obj: Tree, finalizer: str) -> bool:
    metadata = obj["metadata"]
    return bool(metadata.get("deletionTimestamp")) and finalizer in (metadata.get("finalizers") or ())


def _volume_used(volume: Tree) -> bool:
    return (volume.get("status") or {}).get("phase") == "Bound"


def _mounts(pod: Tree, claim: str) -> bool:
    """Only a scheduled pod does: no kubelet starts a pod whose claim is being deleted. An ephemeral claim of a pod that
    has shut down holds it no longer."""
    spec, metadata = pod.get("spec") or {}, pod["metadata"]
    if not spec.get("nodeName"):
        return False
    shut_down = bool(metadata.get("deletionTimestamp")) and metadata.get("deletionGracePeriodSeconds") == 0
    for volume in spec.get("volumes") or ():
        named = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if named == claim:
            return True
        if not shut_down and volume.get("ephemeral") and f"{metadata['name']}-{volume['name']}" == claim:
            return True
    return False


def _claims_class(claim: Tree, name: str) -> bool:
    spec, status = claim.get("spec") or {}, claim.get("status") or {}
    return name in (spec.get("volumeAttributesClassName"), status.get("currentVolumeAttributesClassName"),
                    (status.get("modifyVolumeStatus") or {}).get("targetVolumeAttributesClassName"))
