"""The namespace controller: empties a namespace that is being deleted, then lets it go.

Follows the namespaces' watch cache; deletes through the stores of all namespaced kinds, pods first; says in the
status what is left; removes the finalizer `kubernetes` through the finalize store when nothing is. Objects with
finalizers of their own, and pods in their grace period, hold the namespace until they are gone: while some do, their
kinds' caches are followed too. Behaviour: kube-controller-manager `pkg/controller/namespace`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from orlop.api.errors import APIError
from orlop.api.options import DeleteOptions, ListOptions
from orlop.api.tree import Tree
from orlop.controllers import namespace_conditions
from orlop.controllers.namespace_conditions import Leftovers
from orlop.controllers.work_queue import WorkQueue
from orlop.controllers.writer import Writer, admit_all
from orlop.registry import times
from orlop.registry.store import Store
from orlop.storage.interface import DELETED, Entry, Event
from orlop.storage.predicate import EVERYTHING, Predicate
from orlop.storage.subscriptions import Subscriber

FINALIZER = "kubernetes"
CATCH_UP_WAIT = 10.0
"""Seconds that a last look into a namespace waits for what other servers wrote."""


class NamespaceController:
    """`finalize` and `status` are the stores of those subresources of namespaces; `now` tells the time as objects
    show it. Content is left alone for `grace` seconds after the deletion, so that a client which deletes a namespace
    and then, one by one, what is in it (`kubectl delete -f`) finds it; upstream waits five."""

    def __init__(self, writer: Writer, finalize: Store, status: Store, now: Callable[[], str],
                 grace: float = 0.0) -> None:
        self._grace = grace
        self._writer, self._finalize, self._status, self._now = writer, finalize, status, now
        self._namespaces = writer.stores[("", "namespaces")]
        self._pods = writer.stores[("", "pods")]
        self._queue = WorkQueue("namespace-controller", self._reconcile)
        self._following: dict[str, list[Subscriber]] = {}

    @property
    def _content(self) -> list[Store]:
        """One store a cache: events have two. Custom kinds come and go."""
        by_prefix = {s.prefix: s for s in self._writer.stores.values() if s.strategy.namespaced}
        return list(by_prefix.values())

    def start(self) -> None:
        for entry in self._namespaces.cache.select(EVERYTHING).entries:
            self._consider(entry.tree())
        self._subscribers = [self._namespaces.cache.subscribe(EVERYTHING, self._on_events, lasting=True)]
        self._queue.start()

    async def stop(self) -> None:
        for subscriber in self._subscribers:
            subscriber.cancel()
        await self._queue.stop()
        for name in list(self._following):
            self._unfollow(name)

    def _on_events(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.type != DELETED:
                self._consider(event.entry.tree())

    def _consider(self, namespace: Tree) -> None:
        deleted = namespace["metadata"].get("deletionTimestamp")
        if deleted:
            passed = times.seconds(self._now()) - times.seconds(deleted)
            self._queue.add_later(namespace["metadata"]["name"], self._grace - passed)

    # --- one namespace -------------------------------------------------------------------------------------------

    async def _reconcile(self, name: str) -> bool:
        self._unfollow(name)
        if not self._waits_for_us(name):
            return False
        left = await self._empty_all(name)
        self._follow(name, [store for store in self._content if store.resource in left.objects])
        # Writes are committed in order: when the status is, so is everything that was let in before the namespace was
        # seen to be terminating.
        await self._change(self._status, name, lambda namespace: self._report(namespace, left))
        await self._namespaces.cache.catch_up(CATCH_UP_WAIT)
        if left or any(self._entries(store, name, 1) for store in self._content):
            return True
        await self._change(self._finalize, name, _without_finalizer)
        return False

    def _waits_for_us(self, name: str) -> bool:
        entry = self._namespaces.cache.peek(self._namespaces.prefix + name)
        if entry is None:
            return False
        namespace = entry.tree()
        finalizers = (namespace.get("spec") or {}).get("finalizers") or ()
        return bool(namespace["metadata"].get("deletionTimestamp")) and FINALIZER in finalizers

    async def _change(self, store: Store, name: str, change: Callable[[Tree], bool]) -> None:
        try:
            await self._writer.change(store, "", "namespaces", "", name, change)
        except APIError as error:
            if error.code != 404:
                raise

    def _report(self, namespace: Tree, left: Leftovers) -> bool:
        status = namespace.setdefault("status", {})
        status["conditions"] = namespace_conditions.updated(status.get("conditions") or (), left, self._now())
        return True

    # --- its content ---------------------------------------------------------------------------------------------

    async def _empty_all(self, name: str) -> Leftovers:
        left = Leftovers()
        await self._empty([self._pods], name, left)
        if not left:
            await self._empty(self._content, name, left)
        return left

    async def _empty(self, stores: Iterable[Store], name: str, left: Leftovers) -> None:
        filled = [store for store in stores if self._entries(store, name, 1)]
        failures = await asyncio.gather(*(self._delete_all(store, name) for store in filled))
        left.failures += filter(None, failures)
        for store in filled:
            entries = self._entries(store, name)
            if entries:
                left.objects[store.resource] = len(entries)
            for entry in entries:
                for finalizer in entry.tree()["metadata"].get("finalizers") or ():
                    left.finalizers[finalizer] = left.finalizers.get(finalizer, 0) + 1

    @staticmethod
    def _entries(store: Store, namespace: str, limit: int = 0) -> Sequence[Entry]:
        return store.cache.select(Predicate(namespace=namespace), limit=limit).entries

    async def _delete_all(self, store: Store, namespace: str) -> str:
        """What went wrong."""
        ctx = self._writer.context(*store.resource, namespace)
        options = DeleteOptions(propagation_policy="Background")
        try:
            await store.delete_collection(ctx, admit_all, options, ListOptions())
        except APIError as error:
            return error.message
        return ""

    def _follow(self, name: str, stores: Iterable[Store]) -> None:
        """Look again as soon as the last object of a kind that held the namespace is gone."""

        def emptied(store: Store, events: Sequence[Event]) -> None:
            if any(event.type == DELETED for event in events) and not self._entries(store, name, 1):
                self._queue.add(name)

        self._following[name] = [store.cache.subscribe(Predicate(namespace=name), partial(emptied, store), lasting=True)
                                 for store in stores]

    def _unfollow(self, name: str) -> None:
        for subscriber in self._following.pop(name, ()):
            subscriber.cancel()


def _without_finalizer(namespace: Tree) -> bool:
    spec = namespace.setdefault("spec", {})
    left = [f for f in spec.get("finalizers") or () if f != FINALIZER]
    if left:
        spec["finalizers"] = left
    else:
        spec.pop("finalizers", None)
    return True
