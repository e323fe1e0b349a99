"""Custom resources at run time: follows the CustomResourceDefinitions and serves what they define.

Made by `Application`, started after the caches of built-in kinds. In the very call that tells of a definition's change
its routes and discovery are changed; only the objects of a new definition take a moment to load, and requests wait for
that. A change of rules makes everything anew but for the watch cache, so that open watches go on; they end with the
definition. Behaviour: apiextensions-apiserver `pkg/apiserver/customresource_handler.go`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from orlop.api.context import SYSTEM_USER, Context, RequestInfo
from orlop.api.options import DeleteOptions, ListOptions
from orlop.api.tree import Tree
from orlop.controllers.custom_source import KindFollower
from orlop.endpoints.installer import custom_route
from orlop.endpoints.router import Router
from orlop.kinds.custom import definition as definitions
from orlop.kinds.custom.definition import Definition
from orlop.kinds.custom.kind import CustomKind
from orlop.kinds.declaration import Resource
from orlop.registry.store import Store
from orlop.server.custom_documents import CustomDocuments
from orlop.server.custom_scopes import CustomScopes
from orlop.storage.errors import StorageError
from orlop.storage.interface import DELETED, Event
from orlop.storage.predicate import EVERYTHING
from orlop.storage.subscriptions import Subscriber
from orlop.storage.watch_cache import WatchCache

log = logging.getLogger(__name__)

LOADING: Final = 32
"""Caches that are loaded at once at the start."""
_STORE: Final = ("apiextensions.k8s.io", "customresourcedefinitions")


@dataclass(slots=True)
class _Served:
    """A definition that is served. `ready`: its objects are loaded."""

    kind: CustomKind
    resource: Resource
    ready: asyncio.Future[None]
    routes: set[str] = field(default_factory=set)

    @property
    def definition(self) -> Definition:
        return self.kind.definition


class CustomKinds:
    """`stores` and `caches` are the server's own: custom kinds are there beside all others. `make_cache` makes the
    watch cache of a definition, `make_kind` what serves it."""

    def __init__(self, router: Router, stores: dict[tuple[str, str], Store], caches: dict[str, WatchCache],
                 scopes: CustomScopes, documents: CustomDocuments,
                 make_cache: Callable[[Definition], WatchCache],
                 make_kind: Callable[[Definition, WatchCache, int], CustomKind]) -> None:
        self._router, self._stores, self._caches = router, stores, caches
        self._scopes, self._documents = scopes, documents
        self._make_cache, self._make_kind = make_cache, make_kind
        self._served: dict[str, _Served] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._subscriber: Subscriber | None = None
        self._followers: list[KindFollower] = []

    # --- life ----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Serve all definitions that there are, and follow them."""
        store = self._stores[_STORE]
        limit = asyncio.Semaphore(LOADING)
        for entry in store.cache.select(EVERYTHING).entries:
            self._apply(definitions.read(entry), limit)
        self._subscriber = store.cache.subscribe(EVERYTHING, self._on_events, lasting=True)
        await asyncio.gather(*list(self._tasks))

    async def stop(self) -> None:
        if self._subscriber is not None:
            self._subscriber.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*list(self._tasks), return_exceptions=True)

    def kinds(self) -> list[tuple[Resource, Store]]:
        """All that is served now, as controllers see it."""
        return [(served.resource, served.kind.controlled) for served in self._served.values()]

    def follow(self, follower: KindFollower) -> None:
        self._followers.append(follower)

    def leave(self, follower: KindFollower) -> None:
        self._followers.remove(follower)

    def serves(self, name: str) -> bool:
        """Whether a definition is established and served."""
        served = self._served.get(name)
        return served is not None and served.definition.established

    async def loaded(self, name: str) -> None:
        """Wait for the objects of a definition that is served."""
        await asyncio.shield(self._served[name].ready)

    def kind(self, group: str, plural: str) -> CustomKind | None:
        served = self._served.get(f"{plural}.{group}")
        return served.kind if served is not None else None

    async def delete_instances(self, definition: Tree) -> int:
        """Delete all objects of a definition; how many are left. Raises APIError."""
        served = self._served.get(definition["metadata"]["name"])
        if served is None:
            return 0
        await asyncio.shield(served.ready)
        resource, cache = served.resource, served.kind.cache
        if len(cache):
            info = RequestInfo("deletecollection", "", "apis", resource.group, "", "", resource.plural, "", "")
            ctx = Context(SYSTEM_USER, info, "", "orlop")
            await served.kind.storage_store.delete_collection(ctx, _admit, DeleteOptions(), ListOptions())
        return len(cache)

    # --- definitions ---------------------------------------------------------------------------------------------

    def _on_events(self, events: Sequence[Event]) -> None:
        for event in events:
            try:
                if event.type == DELETED:
                    self._remove(event.entry.key.rpartition("/")[2])
                else:
                    self._apply(definitions.read(event.entry))
            except Exception:  # the others are not to suffer
                log.exception("the definition %s cannot be served", event.entry.key.rpartition("/")[2])

    def _apply(self, definition: Definition, limit: asyncio.Semaphore | None = None) -> None:
        """Serve a definition as it is now. `limit` is given at the start, when objects may have been written under
        earlier rules."""
        served = self._served.get(definition.name)
        if served is not None and (served.definition.uid != definition.uid or not definition.serving):
            self._remove(definition.name)
            served = None
        if not definition.serving:
            return
        if served is None:
            self._begin(definition, limit)
        elif not served.definition.same_rules(definition):
            self._change(served, definition)
        elif _shown(served.definition) != _shown(definition):
            self._restate(served, definition)

    def _begin(self, definition: Definition, limit: asyncio.Semaphore | None) -> None:
        cache = self._make_cache(definition)
        settled = definition.revision if limit is not None else 0
        kind = self._make_kind(definition, cache, settled)
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        served = self._served[definition.name] = _Served(kind, definition.whole_resource(), ready)
        self._install(served)
        task = asyncio.get_running_loop().create_task(self._load(served, limit))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _load(self, served: _Served, limit: asyncio.Semaphore | None) -> None:
        cache = served.kind.cache
        try:
            if limit is None:
                await cache.start()
            else:
                async with limit:
                    await cache.start()
            for entry in cache.select(EVERYTHING).entries:
                entry.attributes = None  # what storages remember was made from the fields of then
        except StorageError as error:
            log.warning("the objects of %s cannot be loaded yet: %s", served.definition.name, error)
        name = served.definition.name
        if self._served.get(name) is not served:
            await cache.close()
        else:
            self._caches[cache.scope.prefix] = cache
            if len(cache) and not served.kind.settled:
                self._change(served, served.definition)
            self._stores[served.definition.group, served.definition.plural] = served.kind.controlled
            for follower in self._followers:
                follower.added(served.resource, served.kind.controlled)
        if not served.ready.done():
            served.ready.set_result(None)

    def _change(self, served: _Served, definition: Definition) -> None:
        """Other rules for the same objects. Other selectable fields need another cache: what it holds of objects is
        made from those."""
        if definition.fields != served.definition.fields or definition.prefix != served.definition.prefix:
            self._remove(definition.name)
            self._begin(definition, asyncio.Semaphore())
            return
        served.kind = self._make_kind(definition, served.kind.cache, definition.revision)
        if served.ready.done():
            for entry in served.kind.cache.select(EVERYTHING).entries:
                entry.memo = None  # rows that were made under other rules
        before, served.resource = served.resource, definition.whole_resource()
        self._install(served)
        if served.ready.done():
            for follower in self._followers:
                follower.removed(before)
                follower.added(served.resource, served.kind.controlled)

    def _restate(self, served: _Served, definition: Definition) -> None:
        """The same rules, but the definition is established or ends now."""
        served.kind = self._make_kind(definition, served.kind.cache, served.kind.settled)
        self._install(served)

    def _install(self, served: _Served) -> None:
        definition = served.definition
        if served.ready.done():
            self._stores[definition.group, definition.plural] = served.kind.controlled
        names = {version.name for version in definition.served}
        for gone in served.routes - names:
            self._router.remove_custom(definition.served_as(gone))
        served.routes = names
        for version in definition.served:
            scopes = self._scopes.make(served.kind, version)
            ready = None if served.ready.done() else served.ready
            self._router.add_custom(scopes[""].resource, custom_route(scopes, ready))
        self._documents.show(served.kind)

    def _remove(self, name: str) -> None:
        served = self._served.pop(name, None)
        if served is None:
            return
        definition = served.definition
        for version in served.routes:
            self._router.remove_custom(definition.served_as(version))
        self._documents.hide(definition)
        self._stores.pop((definition.group, definition.plural), None)
        for follower in self._followers:
            follower.removed(served.resource)
        if self._caches.pop(served.kind.cache.scope.prefix, None) is not None:
            task = asyncio.get_running_loop().create_task(served.kind.cache.close())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


def _shown(definition: Definition) -> tuple[bool, bool]:
    return definition.established, definition.terminating


def _admit(new: Tree, old: Tree | None) -> None:
    """What ends with its definition is not asked for."""

