"""How controllers write: trees into stores, completed as a client's would be.

Every built-in controller has one. Objects pass decoding, defaults, the kind's strategy and validation; they skip
authentication and admission, which are about callers. Conflicts and absences are reported, not hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson

from orlop.api.context import SYSTEM_USER, Context, RequestInfo
from orlop.api.errors import APIError
from orlop.api.gvk import GroupVersionKind
from orlop.api.options import CreateOptions, DeleteOptions, Preconditions, UpdateOptions
from orlop.api.tree import Tree
from orlop.registry.interface import Object
from orlop.registry.store import Store
from orlop.schema.interface import Schema
from orlop.storage.interface import Entry

Stores = Mapping[tuple[str, str], Store]
Defaults = Callable[[Schema], Callable[[Tree], None]]


def admit_all(new: Tree, old: Tree | None) -> None:
    """Built-in controllers are not subject to admission."""


class Change:
    """An update source that changes the stored object by a function. The function owns its argument and returns False
    when there is nothing to change."""

    def __init__(self, change: Callable[[Tree], bool], preconditions: Preconditions | None = None) -> None:
        self._change, self.preconditions = change, preconditions

    def updated(self, ctx: Context, old: Tree) -> Tree:
        new: Tree = orjson.loads(orjson.dumps(old))
        self._change(new)
        return new


class Writer:
    """`schema` gives compiled schemas, `defaults` compiles what completes a kind's objects."""

    def __init__(self, stores: Stores, schema: Callable[[GroupVersionKind], Schema], defaults: Defaults) -> None:
        self.stores, self._schema, self._defaults = stores, schema, defaults
        self._complete: dict[GroupVersionKind, Callable[[Tree], None]] = {}

    def context(self, group: str, plural: str, namespace: str = "", name: str = "") -> Context:
        info = RequestInfo("update", "", "apis", group, "", namespace, plural, "", name)
        return Context(SYSTEM_USER, info, namespace, "orlop")

    def peek(self, group: str, plural: str, namespace: str, name: str) -> Entry | None:
        store = self.stores[(group, plural)]
        return store.cache.peek(store.key(self.context(group, plural, namespace), name))

    async def create(self, kind: GroupVersionKind, plural: str, obj: Tree) -> Object:
        """Raises APIError, 409 when it exists."""
        schema = self._schema(kind)
        schema.decode(obj, None)
        complete = self._complete.get(kind)
        if complete is None:
            complete = self._complete[kind] = self._defaults(schema)
        complete(obj)
        store = self.stores[(kind.group, plural)]
        ctx = self.context(kind.group, plural, obj["metadata"].get("namespace", ""))
        return await store.create(ctx, "", obj, admit_all, CreateOptions())

    async def ensure(self, kind: GroupVersionKind, plural: str, obj: Tree) -> bool:
        """Create unless it is there already; True when it was created."""
        metadata = obj["metadata"]
        if self.peek(kind.group, plural, metadata.get("namespace", ""), metadata["name"]) is not None:
            return False
        try:
            await self.create(kind, plural, obj)
        except APIError as error:
            if error.reason != "AlreadyExists":
                raise
            return False
        return True

    async def change(self, store: Store, group: str, plural: str, namespace: str, name: str,
                     change: Callable[[Tree], bool], uid: str = "") -> Object:
        """Update by a function; `store` may be a subresource's. With a `uid` only the object that has it: 409
        otherwise."""
        ctx = self.context(group, plural, namespace, name)
        source = Change(change, Preconditions(uid) if uid else None)
        stored, _ = await store.update(ctx, name, source, admit_all, admit_all, UpdateOptions())
        return stored

    async def delete(self, group: str, plural: str, namespace: str, name: str,
                     options: DeleteOptions | None = None) -> None:
        ctx = self.context(group, plural, namespace, name)
        await self.stores[(group, plural)].delete(ctx, name, admit_all, options or DeleteOptions())
