"""One kind on the bench: its rest storage without storage, so that a test hands its strategies trees as endpoints do.

`Kind("services").create(tree)` decodes, defaults, prepares and validates as a POST would and gives back what would be
stored; `update` does the same for a PUT to a room. Refusals come as texts, one a cause.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from orlop.api.context import Context, RequestInfo, User
from orlop.api.errors import APIError
from orlop.kinds import catalog
from orlop.kinds.declaration import Resource
from orlop.kinds.defaults import DEFAULTERS
from orlop.kinds.makers import MAKERS
from orlop.kinds.rooms import RestOptions, rooms
from orlop.registry.create import before_create, fill_system_fields
from orlop.registry.store import Outside, Store
from orlop.registry.strategy import Strategy
from orlop.registry.update import before_update
from orlop.schema.kind import builtin
from orlop.storage.interface import Attributes
from orlop.storage.memory import MemoryStorage
from orlop.storage.watch_cache import WatchCache
from orlop.world.clock import ManualClock
from orlop.world.entropy import RandomEntropy

Tree = dict[str, Any]
NAMESPACE = "ns"


def copied(tree: Any) -> Any:
    return orjson.loads(orjson.dumps(tree))


def causes(refusal: APIError) -> list[str]:
    """What a refusal says about each field."""
    return [f"{cause.get('field', '')}: {cause['message']}" for cause in (refusal.details or {}).get("causes", ())]


class Kind:
    """`plural` in `group`, made with `settings`."""

    def __init__(self, plural: str, group: str = "", user: User | None = None, **settings: Any) -> None:
        self.resource = next(r for r in catalog.RESOURCES if r.group_resource == (group, plural))
        self.clock, self.entropy, types = ManualClock(), RandomEntropy(1), builtin()
        storage = self.storage = MemoryStorage(self.clock)
        self.caches: dict[str, WatchCache] = {}

        def cache(resource: Resource) -> WatchCache:
            place = f"/registry/{resource.prefix}/"
            return self.caches.setdefault(place, WatchCache(storage, place, lambda tree: Attributes({}, {})))

        self.options = RestOptions(
            cache,
            types.kind, Outside(self.clock, self.entropy), settings, storage=storage)
        self.rooms = rooms(self.resource, self.options, MAKERS)
        self.schema = types.kind(self.resource.in_version(self.resource.versions[0]))
        self._default = self.schema.compile_defaults(DEFAULTERS)
        self._user = user or User("tester")
        self.warnings: list[str] = []
        """What the last write warned of."""

    async def start(self) -> None:
        """For tests that write through the rooms."""
        await self.storage.start()
        for cache in self.caches.values():
            await cache.start()

    def strategy(self, room: str = "") -> Strategy:
        store: Store = self.rooms[room]
        return store.strategy

    def context(self) -> Context:
        namespace = NAMESPACE if self.resource.namespaced else ""
        info = RequestInfo("create", "/", "api", self.resource.group, self.resource.versions[0], namespace,
                           self.resource.plural)
        ctx = Context(self._user, info, namespace)
        self.warnings = ctx.warnings
        return ctx

    def decoded(self, tree: Mapping[str, Any]) -> Tree:
        """A body as endpoints hand it on. Its name is "x" unless it says another."""
        body: Tree = copied(dict(tree))
        body.setdefault("metadata", {}).setdefault("name", "x")
        self.schema.decode(body, None)
        self._default(body)
        return body

    def create(self, tree: Mapping[str, Any] | None = None, **members: Any) -> Tree:
        """What would be stored. Raises APIError."""
        obj, ctx = self.decoded({**(tree or {}), **members}), self.context()
        fill_system_fields(obj["metadata"], self.clock, self.entropy)
        before_create(self.strategy(), ctx, obj)
        return obj

    def update(self, old: Tree, tree: Mapping[str, Any], room: str = "") -> Tree:
        """What would replace `old`. `tree` has the members that differ, metadata but for what differs in it."""
        metadata = {"resourceVersion": "1", **old["metadata"], **tree.get("metadata", {})}
        obj = self.decoded({**old, **tree, "metadata": metadata})
        before = copied(old)
        before["metadata"].setdefault("resourceVersion", "1")
        before_update(self.strategy(room), self.context(), obj, before)
        return obj

    def refused(self, tree: Mapping[str, Any] | None = None, **members: Any) -> list[str]:
        """Why this cannot be created; nothing when it can."""
        try:
            self.create(tree, **members)
        except APIError as refusal:
            assert refusal.code == 422, refusal
            return causes(refusal)
        return []

    def refused_update(self, old: Tree, tree: Mapping[str, Any], room: str = "") -> list[str]:
        try:
            self.update(old, tree, room)
        except APIError as refusal:
            assert refusal.code == 422, refusal
            return causes(refusal)
        return []
