"""The store of CustomResourceDefinitions, whose first DELETE only begins the end.

Made by `makers`. A definition that is being deleted keeps a finalizer until the controllers have deleted its objects.
A deletecollection passes that by, as upstream's does. Behaviour: apiextensions-apiserver
`pkg/registry/customresourcedefinition/etcd.go`.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from typing import Final

from orlop.api import errors
from orlop.api.context import Context
from orlop.api.gvk import GroupResource
from orlop.api.options import DeleteOptions, Preconditions
from orlop.api.tree import Tree
from orlop.kinds.declaration import Resource
from orlop.kinds.definitions import conditions
from orlop.kinds.definitions.strategy import DefinitionStatusStrategy, DefinitionStrategy
from orlop.kinds.rooms import RestOptions, Rooms, form, prefix
from orlop.registry import times
from orlop.registry.delete import check_in_place
from orlop.registry.encoding import encode
from orlop.registry.error_mapping import interpret
from orlop.registry.interface import Admit, Object
from orlop.registry.store import Store
from orlop.storage.errors import KeyNotFound, StorageError
from orlop.storage.interface import Entry, Write

FINALIZER: Final = "customresourcecleanup.apiextensions.k8s.io"
_DEFINITIONS: Final = GroupResource("apiextensions.k8s.io", "customresourcedefinitions")
_PENDING: Final = conditions.condition(
    conditions.TERMINATING, "True", "InstanceDeletionPending",
    "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon")


class DefinitionStore(Store):
    async def delete(self, ctx: Context, name: str, admit: Admit, options: DeleteOptions) -> tuple[Object, bool]:
        entry = self.cache.peek(self.key(ctx, name))
        if entry is None:
            raise errors.not_found(_DEFINITIONS, name)
        found = entry.tree()["metadata"]
        check_in_place(_DEFINITIONS, found, options)
        wanted = options.preconditions or Preconditions()
        options = replace(options, preconditions=Preconditions(found["uid"], wanted.resource_version))
        if found.get("deletionTimestamp"):
            return await super().delete(ctx, name, admit, options)
        return await self._begin_end(ctx, name, admit, options), False

    async def _delete_listed(self, ctx: Context, entry: Entry, admit: Admit, options: DeleteOptions) -> None:
        await super().delete(ctx, entry.key[len(self.prefix):], admit, options)

    async def _begin_end(self, ctx: Context, name: str, admit: Admit, options: DeleteOptions) -> Object:
        key = self.key(ctx, name)

        def begin(entry: Entry | None) -> Write | Awaitable[Write | None]:
            if entry is None:
                raise KeyNotFound(key)
            obj = entry.tree()
            check_in_place(_DEFINITIONS, obj["metadata"], options)
            verdict = admit(obj, None)
            return self._ending(obj) if verdict is None else after(verdict, obj)

        async def after(verdict: Awaitable[None], obj: Tree) -> Write:
            await verdict
            return self._ending(obj)

        try:
            return await self.target(options.dry_run).guaranteed_update(key, begin, origin=self.origin(ctx))
        except StorageError as error:
            raise interpret(error, _DEFINITIONS, name) from None

    def _ending(self, obj: Tree) -> Write:
        metadata, now = obj["metadata"], times.text(self.now())
        metadata.setdefault("deletionTimestamp", now)
        finalizers = metadata.get("finalizers") or []
        if FINALIZER not in finalizers:
            metadata["finalizers"] = [*finalizers, FINALIZER]
        conditions.put(obj, _PENDING, now)
        return Write(encode(obj), self._attributes(obj))


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    shape = form(resource, options)
    made = DefinitionStore(resource.group_resource, options.cache(resource), prefix(resource),
                           DefinitionStrategy(shape), options.outside)
    options.stores[resource.group_resource] = made
    return {"": made, "status": made.with_strategy(DefinitionStatusStrategy(shape))}
