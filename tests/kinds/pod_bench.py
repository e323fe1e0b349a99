"""Pods with all their rooms over a real storage in memory: for what needs stored objects.

`async with Cluster() as cluster` gives the rooms of the kinds that rooms of pods look at; `cluster.put` stores what a
test needs, `cluster.now` shows what is stored.
"""

from __future__ import annotations

from collections.abc import Awaitable
from types import TracebackType
from typing import Any

import orjson

from orlop.api.context import Context, RequestInfo
from orlop.api.errors import APIError
from orlop.api.http import Answer, Request
from orlop.api.options import CreateOptions, GetOptions
from orlop.kinds import catalog
from orlop.kinds.declaration import Resource
from orlop.kinds.defaults import DEFAULTERS
from orlop.kinds.generic import MainStrategy
from orlop.kinds.makers import MAKERS
from orlop.kinds.rooms import RestOptions, form, prefix, rooms
from orlop.kinds.selectors import field_selectors
from orlop.registry.encoding import encode
from orlop.registry.store import Outside, Store, attributes_of
from orlop.schema.kind import builtin
from orlop.storage.interface import Entry, Write
from orlop.storage.memory import MemoryStorage
from orlop.storage.watch_cache import WatchCache
from orlop.world.clock import ManualClock
from orlop.world.entropy import RandomEntropy

Tree = dict[str, Any]
NAMESPACE = "ns"
KINDS = (("", "pods"), ("", "bindings"), ("", "nodes"), ("", "services"), ("", "endpoints"),
         ("policy", "poddisruptionbudgets"))


def admit(new: Tree, old: Tree | None) -> None:
    """Everything may be written."""


class Cluster:
    def __init__(self, **settings: Any) -> None:
        self.clock, self._types = ManualClock(), builtin()
        self._storage = MemoryStorage(self.clock)
        self._caches: dict[str, WatchCache] = {}
        self._options = RestOptions(self._cache, self._types.kind, Outside(self.clock, RandomEntropy(1)), settings,
                                    storage=self._storage)
        self.rooms = {key: rooms(self._resource(key), self._options, MAKERS) for key in KINDS}

    @staticmethod
    def _resource(key: tuple[str, str]) -> Resource:
        return next(r for r in catalog.RESOURCES if r.group_resource == key)

    def _cache(self, resource: Resource) -> WatchCache:
        place = prefix(resource)
        if place not in self._caches:
            strategy = MainStrategy(form(resource, self._options))
            strategy.fields = field_selectors(resource.group, resource.versions[0], resource.plural).values
            self._caches[place] = WatchCache(self._storage, place, attributes_of(strategy), clock=self.clock,
                                             namespaced=resource.namespaced)
        return self._caches[place]

    async def __aenter__(self) -> Cluster:
        await self._storage.start()
        for cache in self._caches.values():
            await cache.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        trace: TracebackType | None) -> None:
        for cache in self._caches.values():
            await cache.close()
        await self._storage.close()

    def context(self, plural: str = "pods", namespace: str = NAMESPACE) -> Context:
        return Context(info=RequestInfo("create", "/", "api", "", "v1", namespace, plural), namespace=namespace)

    def store(self, plural: str, group: str = "") -> Store:
        found: Store = self.rooms[(group, plural)][""]
        return found

    async def put(self, plural: str, tree: Tree, *, group: str = "", status: Tree | None = None) -> Tree:
        """Store an object, past everything but its own rules; `status` is set as its controller would."""
        resource = self._resource((group, plural))
        schema = self._types.kind(resource.in_version(resource.versions[0]))
        body = orjson.loads(orjson.dumps(tree))
        schema.decode(body, None)
        schema.compile_defaults(DEFAULTERS)(body)
        namespace = NAMESPACE if resource.namespaced else ""
        ctx, store = self.context(plural, namespace), self.store(plural, group)
        await store.create(ctx, "", body, admit, CreateOptions())
        if status is not None:
            await self._set_status(store, store.key(ctx, body["metadata"]["name"]), status)
        return self.now(plural, body["metadata"]["name"], group)

    @staticmethod
    async def _set_status(store: Store, key: str, status: Tree) -> None:
        def write(entry: Entry | None) -> Write:
            assert entry is not None
            obj = entry.tree()
            obj["status"] = {**obj.get("status", {}), **status}
            return Write(encode(obj))

        await store.cache.guaranteed_update(key, write)

    def now(self, plural: str, name: str, group: str = "") -> Tree:
        """What is stored. Raises APIError 404."""
        store = self.store(plural, group)
        namespace = NAMESPACE if store.strategy.namespaced else ""
        found = store.get(self.context(plural, namespace), name, GetOptions())
        assert isinstance(found, Entry)
        return found.tree()

    async def post(self, room: str, name: str, body: Tree, *, dry_run: bool = False) -> Tree:
        """POST to a room of a pod."""
        made: Tree = await self.rooms[("", "pods")][room].create(self.context(), name, body, admit,
                                                                 CreateOptions(dry_run))
        return made

    async def connect(self, plural: str, room: str, name: str, query: str = "", *, path: str = "",
                      headers: dict[str, str] | None = None) -> Answer:
        request = Request("GET", f"/x/{name}/{room}/{path}", query, headers)
        namespace = "" if plural == "nodes" else NAMESPACE
        answer = self.rooms[("", plural)][room].connect(self.context(plural, namespace), name, path, request)
        result: Answer = await answer if isinstance(answer, Awaitable) else answer
        return result

    async def refusal(self, pending: Awaitable[Any]) -> tuple[int, str]:
        """Code and message of what must be refused."""
        try:
            await pending
        except APIError as error:
            return error.code, error.message
        raise AssertionError("this was not refused")
