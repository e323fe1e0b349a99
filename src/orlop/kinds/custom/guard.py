"""Asks a program's functions about writes that do not come through the endpoints of a kind itself: those of its scale
room, and those of controllers (garbage collection, the end of a namespace, finalizers).

Made by `kind` for kinds that a Python program declares. The endpoints ask the same plugin as a part of admission; with
upstream these writes are requests like any other and meet webhooks there. `GuardedStore` is what controllers get in
place of the store.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import orjson

from orlop.admission.interface import DELETE, UPDATE, Attributes, MutatingPlugin
from orlop.api.context import Context
from orlop.api.gvk import GroupVersionKind, GroupVersionResource
from orlop.api.options import DeleteOptions, Preconditions, UpdateOptions
from orlop.api.tree import Tree
from orlop.kinds.custom.store import CustomStore
from orlop.registry.interface import Admit, Object, UpdateSource


class Guard:
    """The functions of one kind; trees are in the version of `kind`."""

    def __init__(self, plugin: MutatingPlugin, kind: GroupVersionKind, resource: GroupVersionResource) -> None:
        self._plugin, self._kind, self._resource = plugin, kind, resource

    def updating(self, ctx: Context, name: str, new: Tree, old: Tree, dry_run: bool) -> Awaitable[Tree] | Tree:
        """The new object as the functions leave it. Raises APIError. Owns neither tree."""
        if not self._plugin.handles(self._resource, "", UPDATE):
            return new
        own: Tree = orjson.loads(orjson.dumps(new))
        pending = self._plugin.admit(self._attributes(ctx, UPDATE, name, own, old, dry_run))
        return own if pending is None else _after(pending, own)

    def deleting(self, ctx: Context, name: str, old: Tree, dry_run: bool) -> Awaitable[None] | None:
        """Raises APIError where the object is to stay."""
        if not self._plugin.handles(self._resource, "", DELETE):
            return None
        return self._plugin.admit(self._attributes(ctx, DELETE, name, None, old, dry_run))

    def _attributes(self, ctx: Context, operation: str, name: str, new: Tree | None, old: Tree,
                    dry_run: bool) -> Attributes:
        return Attributes(ctx, operation, self._kind, self._resource, "", ctx.namespace, name, new, old, dry_run)


async def _after(pending: Awaitable[None], own: Tree) -> Tree:
    await pending
    return own


class GuardedStore(CustomStore):
    """The store of a kind as controllers see it."""

    def __init__(self, store: CustomStore, guard: Guard) -> None:
        super().__init__(store.resource, store.cache, store.prefix, store.strategy, store.outside, store.window,
                         store.comparing)
        self._guard = guard

    async def update(self, ctx: Context, name: str, source: UpdateSource, admit_create: Admit, admit_update: Admit,
                     options: UpdateOptions, *, force_create: bool = False) -> tuple[Object, bool]:
        guarded = _Guarded(source, self._guard, name, options.dry_run)
        return await super().update(ctx, name, guarded, admit_create, admit_update, options, force_create=force_create)

    async def delete(self, ctx: Context, name: str, admit: Admit, options: DeleteOptions) -> tuple[Object, bool]:
        def asked(old: Tree, new: Tree | None) -> Awaitable[None] | None:
            pending = self._guard.deleting(ctx, name, old, options.dry_run)
            return admit(old, new) if pending is None else _then(pending, admit, old, new)

        return await super().delete(ctx, name, asked, options)


async def _then(pending: Awaitable[None], admit: Admit, *trees: Any) -> None:
    await pending
    later = admit(*trees)
    if later is not None:
        await later


class _Guarded:
    """What a controller makes of an object, and then the functions of it."""

    def __init__(self, source: UpdateSource, guard: Guard, name: str, dry_run: bool) -> None:
        self._source, self._guard, self._name, self._dry_run = source, guard, name, dry_run

    @property
    def preconditions(self) -> Preconditions | None:
        return self._source.preconditions

    @preconditions.setter
    def preconditions(self, value: Preconditions | None) -> None:
        self._source.preconditions = value

    def updated(self, ctx: Context, old: Tree) -> Tree | Awaitable[Tree]:
        made = self._source.updated(ctx, old)
        if not isinstance(made, dict):
            return self._later(ctx, made, old)
        return made if made == old else self._guard.updating(ctx, self._name, made, old, self._dry_run)

    async def _later(self, ctx: Context, pending: Awaitable[Tree], old: Tree) -> Tree:
        asked = self._guard.updating(ctx, self._name, await pending, old, self._dry_run)
        return asked if isinstance(asked, dict) else await asked
