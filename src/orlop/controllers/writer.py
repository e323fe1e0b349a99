"""How controllers write: trees into stores, completed as a client's would be.

Every built-in controller has one. Objects pass decoding, defaults, the kind's strategy and validation; they skip
authentication and admission, which are about callers. Conflicts and absences are reported, not hidden. A controller
that says as which `manager` it writes owns what it wrote, as clients do; of others' writes managedFields know nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from orlop.api.context import SYSTEM_USER, Context, RequestInfo
from orlop.api.errors import APIError
from orlop.api.gvk import GroupVersionKind
from orlop.api.options import CreateOptions, DeleteOptions, Preconditions, UpdateOptions
from orlop.api.tree import Tree
from orlop.apply.tracking import FieldManager
from orlop.kinds import catalog
from orlop.kinds.field_managers import FieldManagers
from orlop.kinds.rooms import hub_kind
from orlop.registry import times
from orlop.registry.interface import Object
from orlop.registry.store import Store
from orlop.schema.interface import Schema
from orlop.storage.interface import Entry
from orlop.world.clock import SystemClock

Stores = Mapping[tuple[str, str], Store]
Defaults = Callable[[Schema], Callable[[Tree], None]]
Track = Callable[[Tree, Tree], None]
"""Notes in the new object, given the old one, who owns what."""


def admit_all(new: Tree, old: Tree | None) -> None:
    """Built-in controllers are not subject to admission."""


class Change:
    """An update source that changes the stored object by a function. The function owns its argument and returns False
    when there is nothing to change."""

    def __init__(self, change: Callable[[Tree], bool], preconditions: Preconditions | None = None,
                 track: Track | None = None) -> None:
        self._change, self.preconditions, self._track = change, preconditions, track

    def updated(self, ctx: Context, old: Tree) -> Tree:
        new: Tree = _copy(old)
        if self._change(new) and self._track is not None:
            self._track(old, new)
        return new


def _copy(tree: Tree) -> Any:
    return orjson.loads(orjson.dumps(tree))


class Writer:
    """`schema` gives compiled schemas, `defaults` compiles what completes a kind's objects; `fields` are for
    managedFields, which nothing has without them. `now`: seconds since 1970."""

    def __init__(self, stores: Stores, schema: Callable[[GroupVersionKind], Schema], defaults: Defaults,
                 fields: FieldManagers | None = None, now: Callable[[], float] | None = None) -> None:
        self.stores, self._schema, self._defaults = stores, schema, defaults
        self._fields, self._now = fields, now or SystemClock.now
        self._complete: dict[GroupVersionKind, Callable[[Tree], None]] = {}
        self._managers: dict[tuple[str, str, str], FieldManager] = {}

    def context(self, group: str, plural: str, namespace: str = "", name: str = "") -> Context:
        info = RequestInfo("update", "", "apis", group, "", namespace, plural, "", name)
        return Context(SYSTEM_USER, info, namespace, "orlop")

    def peek(self, group: str, plural: str, namespace: str, name: str) -> Entry | None:
        store = self.stores[(group, plural)]
        return store.cache.peek(store.key(self.context(group, plural, namespace), name))

    def complete(self, kind: GroupVersionKind, obj: Tree) -> None:
        """Decode and default."""
        schema = self._schema(kind)
        schema.decode(obj, None)
        complete = self._complete.get(kind)
        if complete is None:
            complete = self._complete[kind] = self._defaults(schema)
        complete(obj)

    def field_manager(self, group: str, plural: str, subresource: str = "") -> FieldManager | None:
        """What notes the owners of fields in one room; None where nobody does."""
        key = (group, plural, subresource)
        found = self._managers.get(key)
        if found is None and self._fields is not None:
            resource = catalog.resource(group, plural)
            if resource is not None:
                found = self._managers[key] = self._fields.make(resource, hub_kind(resource), subresource)
        return found

    def stamp(self) -> str:
        """Now, as objects have it."""
        return times.text(self._now())

    def _tracking(self, group: str, plural: str, subresource: str, manager: str) -> Track | None:
        fields = self.field_manager(group, plural, subresource) if manager else None
        if fields is None:
            return None

        def track(old: Tree, new: Tree) -> None:
            managed = fields.update(old or None, new, manager, self.stamp())
            if managed is not None:
                new["metadata"]["managedFields"] = managed

        return track

    async def create(self, kind: GroupVersionKind, plural: str, obj: Tree, manager: str = "") -> Object:
        """Raises APIError, 409 when it exists."""
        self.complete(kind, obj)
        track = self._tracking(kind.group, plural, "", manager)
        if track is not None:
            track({}, obj)
        store = self.stores[(kind.group, plural)]
        ctx = self.context(kind.group, plural, obj["metadata"].get("namespace", ""))
        return await store.create(ctx, "", obj, admit_all, CreateOptions())

    async def ensure(self, kind: GroupVersionKind, plural: str, obj: Tree, manager: str = "") -> bool:
        """Create unless it is there already; True when it was created."""
        metadata = obj["metadata"]
        if self.peek(kind.group, plural, metadata.get("namespace", ""), metadata["name"]) is not None:
            return False
        try:
            await self.create(kind, plural, obj, manager)
        except APIError as error:
            if error.reason != "AlreadyExists":
                raise
            return False
        return True

    async def change(self, store: Store, group: str, plural: str, namespace: str, name: str,
                     change: Callable[[Tree], bool], uid: str = "", manager: str = "",
                     subresource: str = "") -> Object:
        """Update by a function; `store` may be that of a `subresource`. With a `uid` only the object that has it: 409
        otherwise."""
        ctx = self.context(group, plural, namespace, name)
        source = Change(change, Preconditions(uid) if uid else None,
                        self._tracking(group, plural, subresource, manager))
        stored, _ = await store.update(ctx, name, source, admit_all, admit_all, UpdateOptions())
        return stored

    async def delete(self, group: str, plural: str, namespace: str, name: str,
                     options: DeleteOptions | None = None) -> None:
        ctx = self.context(group, plural, namespace, name)
        await self.stores[(group, plural)].delete(ctx, name, admit_all, options or DeleteOptions())
