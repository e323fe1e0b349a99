"""The garbage collector: deletes what nobody owns any more, lets owners wait for their dependents, or sets them free.

Started by `server.run` like every built-in controller. The parts: `ownership_feed` follows all stores and keeps the
graph (`ownership_graph`), which says of what something may be to do; this module looks at the object and its owners as
they are stored right now, `ownership_verdict` decides, and the writes go through the stores on condition of uid and
resourceVersion. The graph may be behind; what is stored decides. Behaviour: kube-controller-manager
`pkg/controller/garbagecollector`; discovery, its monitors and their resyncs have no counterpart here.

    an owner is deleted ─► (background) it is gone ─► its dependents: none left of the owners? deleted. Else the
                                                      references to those that are gone are removed
                           (foreground) it waits ──► its dependents are deleted; the last that blocks lets it go
                           (orphan) it waits ──────► its dependents lose the reference; the last lets it go
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from orlop.api.errors import APIError
from orlop.api.options import DeleteOptions, Preconditions
from orlop.api.tree import Tree
from orlop.controllers.custom_source import CustomSource
from orlop.controllers.ownership_event import InvalidOwners
from orlop.controllers.ownership_feed import OwnershipFeed
from orlop.controllers.ownership_graph import Place, Wait
from orlop.controllers.ownership_kinds import OwnedKind, OwnedKinds, unknown
from orlop.controllers.ownership_verdict import Standing, Verdict, judge, standing, wait_of
from orlop.controllers.work_queue import WorkQueue
from orlop.controllers.writer import Writer
from orlop.kinds.declaration import Resource
from orlop.registry.error_mapping import interpret
from orlop.registry.store import Store
from orlop.storage.errors import StorageError
from orlop.storage.interface import Entry

WORKERS: Final = 20
"""Objects under way at once (kube-controller-manager's --concurrent-gc-syncs)."""
CATCH_UP_WAIT: Final = 10.0
"""Seconds that a decision waits for what other servers wrote."""

_IGNORED: Final = frozenset({("", "events"), ("events.k8s.io", "events")})
_MEMO: Final = "garbage-collector"


class _Item(NamedTuple):
    """An object as it is stored."""

    kind: OwnedKind
    key: str
    metadata: Tree

    @property
    def place(self) -> Place:
        return Place(self.key, self.metadata.get("uid", ""))

    @property
    def references(self) -> list[Tree]:
        return self.metadata.get("ownerReferences") or []


class GarbageCollector:
    """`resources` are the built-in ones that are served, `custom` tells of others; `now` tells seconds since 1970."""

    def __init__(self, writer: Writer, resources: Iterable[Resource], now: Callable[[], float],
                 custom: CustomSource | None = None) -> None:
        self._writer = writer
        self._kinds = OwnedKinds()
        self._queue = WorkQueue("garbage-collector", self._reconcile, WORKERS)
        self._feed = OwnershipFeed(self._kinds, self._queue.add)
        self._invalid = InvalidOwners(writer, now)
        self._first: list[OwnedKind] = []
        self._custom, self._joining = custom, set[asyncio.Task[None]]()
        known = [resource for resource, _ in custom.kinds()] if custom is not None else []
        for resource in (*resources, *known):
            store = writer.stores.get((resource.group, resource.plural))
            if store is not None and (resource.group, resource.plural) not in _IGNORED:
                self._first.append(self._add(resource, store))

    def _add(self, resource: Resource, store: Store) -> OwnedKind:
        versions = tuple(str(version) for version in resource.group_versions)
        kind = OwnedKind(resource.group, resource.plural, resource.kind, versions[0], store)
        self._kinds.add(kind, versions)
        return kind

    # --- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        for kind in self._first:
            self._feed.follow(kind)
        self._task = asyncio.create_task(self._run(), name="garbage-collector-feed")
        if self._custom is not None:
            self._custom.follow(self)

    async def stop(self) -> None:
        if self._custom is not None:
            self._custom.leave(self)
        self._feed.stop()
        tasks = (self._task, *self._joining)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._queue.stop()

    async def _run(self) -> None:
        """Nothing is done before all that is there was looked at: who has dependents is not known before."""
        for kind in self._first:
            await self._feed.search(kind)
        await self._feed.settle()
        self._queue.start()
        await self._feed.run()

    def added(self, resource: Resource, store: Store) -> None:
        """A custom kind is served from now on."""
        task = asyncio.create_task(self.follow(resource, store))
        self._joining.add(task)
        task.add_done_callback(self._joining.discard)

    def removed(self, resource: Resource) -> None:
        prefix = f"/registry/{resource.prefix}/"
        self._feed.leave(prefix)
        self._kinds.remove(prefix)

    async def follow(self, resource: Resource, store: Store) -> None:
        """A kind that appeared while we run: those that named it as an owner's are looked at again."""
        kind = self._add(resource, store)
        self._feed.follow(kind)
        await self._feed.search(kind)
        for version in resource.group_versions:
            self._feed.note(self._feed.graph.dependents_of_kind(unknown(str(version), kind.kind)))

    # --- one object ----------------------------------------------------------------------------------------------

    async def _reconcile(self, key: str) -> bool:
        await asyncio.sleep(0)  # many in a row find nothing to do, and others want to be served
        kind = self._kinds.of(key)
        if kind is None:
            return False
        try:
            await self._feed.settle()
            entry = kind.store.cache.peek(key)
            return False if entry is None else await self._bring(_Item(kind, key, entry.tree()["metadata"]))
        except StorageError as error:
            raise interpret(error, kind.store.resource, kind.split(key)[1]) from None
        except APIError as problem:
            if problem.code == 404:  # gone meanwhile, which the feed is told of
                return False
            raise

    async def _bring(self, item: _Item) -> bool:
        wait = wait_of(item.metadata)
        if wait is not Wait.NOTHING:
            if not item.kind.store.cache.exclusive:
                await item.kind.store.cache.catch_up(CATCH_UP_WAIT)
                await self._feed.settle()
            if not self._feed.graph.holds(item.place, wait):
                await self._change(item, lambda metadata: _without_finalizer(metadata, wait.value))
            return False
        if item.metadata.get("deletionTimestamp") or not item.references:
            return False
        graph = self._feed.graph
        verdict = judge(await self._standings(item), item.metadata.get("finalizers") or (),
                        graph.has_dependents(item.place), graph.has_waiting_dependents(item.place))
        return await self._carry_out(item, verdict)

    async def _standings(self, item: _Item) -> list[tuple[str, Standing]]:
        namespace, _ = item.kind.split(item.key)
        found = []
        for reference in item.references:
            owner, place = self._kinds.named(reference), self._kinds.place(reference, namespace)
            if owner is None:
                found.append((reference.get("uid") or "", Standing.UNKNOWN))
                continue
            stands = Standing.UNKNOWN if place is None else await self._stand(owner, place)
            if place is None or stands is Standing.ABSENT:
                await self._invalid.check(item.kind, item.key, item.place.uid, reference, owner)
            found.append((reference.get("uid") or "", stands))
        return found

    async def _stand(self, kind: OwnedKind, place: Place) -> Standing:
        """Absent is only what is so in the newest state."""
        cache = kind.store.cache
        stands = _standing(cache.peek(place.key), place.uid)
        if stands is Standing.ABSENT and not cache.exclusive:
            await cache.catch_up(CATCH_UP_WAIT)
            stands = _standing(cache.peek(place.key), place.uid)
        return stands

    # --- writes --------------------------------------------------------------------------------------------------

    async def _carry_out(self, item: _Item, verdict: Verdict) -> bool:
        if verdict.drop:
            await self._change(item, lambda metadata: _without_references(metadata, verdict.drop))
        if not verdict.policy:
            return False
        if verdict.unblock:
            changed = await self._change(item, _unblocked)
            item = item._replace(metadata=changed.tree()["metadata"])
        return await self._delete(item, verdict.policy)

    async def _change(self, item: _Item, change: Callable[[Tree], None]) -> Entry:
        def changed(tree: Tree) -> bool:
            change(tree["metadata"])
            return True

        kind = item.kind
        namespace, name = kind.split(item.key)
        stored = await self._writer.change(kind.store, kind.group, kind.plural, namespace, name, changed,
                                           uid=item.place.uid)
        assert isinstance(stored, Entry)
        return stored

    async def _delete(self, item: _Item, policy: str) -> bool:
        """On condition that nothing changed since it was judged; changes that are not about owners do not count."""
        version = item.metadata["resourceVersion"]
        try:
            await self._delete_if(item, policy, Preconditions(item.place.uid, version))
        except APIError as problem:
            if problem.code != 409:
                raise
            entry = item.kind.store.cache.peek(item.key)
            now: dict[str, Any] = entry.tree()["metadata"] if entry is not None else {}
            if now.get("uid") != item.place.uid:
                return False
            if now["resourceVersion"] == version or (now.get("ownerReferences") or []) != item.references:
                return True
            await self._delete_if(item, policy, Preconditions(item.place.uid))
        return False

    async def _delete_if(self, item: _Item, policy: str, conditions: Preconditions) -> None:
        namespace, name = item.kind.split(item.key)
        options = DeleteOptions(propagation_policy=policy, preconditions=conditions)
        await self._writer.delete(item.kind.group, item.kind.plural, namespace, name, options)


def _standing(entry: Entry | None, uid: str) -> Standing:
    if entry is None:
        return Standing.ABSENT
    memo = entry.memo
    if memo is None:
        memo = entry.memo = {}
    known = memo.get(_MEMO)
    if known is None:  # an owner of thousands is decoded once
        metadata = entry.tree()["metadata"]
        known = memo[_MEMO] = (metadata.get("uid"), wait_of(metadata))
    return standing(known[0] == uid, known[1])


def _without_finalizer(metadata: Tree, finalizer: str) -> None:
    _set(metadata, "finalizers", [each for each in metadata.get("finalizers") or () if each != finalizer])


def _without_references(metadata: Tree, uids: frozenset[str]) -> None:
    _set(metadata, "ownerReferences",
         [each for each in metadata.get("ownerReferences") or () if each.get("uid") not in uids])


def _unblocked(metadata: Tree) -> None:
    for reference in metadata.get("ownerReferences") or ():
        if reference.get("blockOwnerDeletion"):
            reference["blockOwnerDeletion"] = False


def _set(metadata: Tree, name: str, values: list[Any]) -> None:
    if values:
        metadata[name] = values
    else:
        metadata.pop(name, None)
