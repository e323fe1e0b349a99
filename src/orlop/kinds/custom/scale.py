"""The scale room of a custom kind: a Scale made by the paths of its definition, and written back through its store.

Made by `kind`. Behaviour and texts: apiextensions-apiserver `pkg/registry/customresource/etcd.go` (ScaleREST).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from orlop.api import errors
from orlop.api.context import Context
from orlop.api.field import quote
from orlop.api.options import GetOptions, Preconditions, UpdateOptions
from orlop.api.tree import Tree
from orlop.apply.field_set import FieldPath
from orlop.apply.scale import to_parent, to_scale
from orlop.kinds.custom import replicas
from orlop.kinds.custom.definition import Scaling
from orlop.kinds.custom.guard import Guard
from orlop.registry.interface import Admit, Object, UpdateSource
from orlop.registry.store import Store
from orlop.storage.interface import Entry

Asked = Callable[[Tree, Tree], Awaitable[Tree] | Tree]
"""What functions make of a new object, given the old one."""

_METADATA: Final = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
_UNSET: Final = -(2**31)
"""Stands in a Scale for replicas that the object does not have, so that an update that sets none is noticed."""


class CustomScale:
    """`version` is the apiVersion of the objects, `places` has the path of replicas for each version. `guard` is asked
    about the whole object (kinds of a Python program)."""

    def __init__(self, store: Store, scaling: Scaling, version: str, places: Mapping[str, FieldPath | None],
                 guard: Guard | None = None) -> None:
        self._store, self._scaling, self._guard = store, scaling, guard
        self.version, self.places = version, places

    def scale(self, obj: Tree) -> tuple[Tree, bool]:
        """The Scale, and whether the object has replicas. Raises WrongType."""
        paths = self._scaling
        wanted, actual = replicas.integer(obj, paths.spec), replicas.integer(obj, paths.status)
        selector = replicas.string(obj, paths.selector) if paths.selector else ""
        metadata = obj["metadata"]
        made: Tree = {"metadata": {name: metadata[name] for name in _METADATA if name in metadata},
                      "spec": {"replicas": wanted} if wanted else {}, "status": {"replicas": actual or 0}}
        if selector:
            made["status"]["selector"] = selector
        return made, wanted is not None

    def get(self, ctx: Context, name: str, options: GetOptions) -> Object | Awaitable[Object]:
        found = self._store.get(ctx, name, options)
        return self._shown(found) if isinstance(found, Entry | dict) else self._get_later(found)

    async def _get_later(self, found: Awaitable[Object]) -> Object:
        return self._shown(await found)

    def _shown(self, found: Object) -> Tree:
        try:
            made, there = self.scale(found.tree() if isinstance(found, Entry) else found)
        except replicas.WrongType as error:
            raise errors.unknown(str(error)) from None
        if not there:
            raise errors.internal(f"the spec replicas field {quote(self._scaling.spec)} does not exist")
        return made

    async def update(self, ctx: Context, name: str, source: UpdateSource, admit_create: Admit, admit_update: Admit,
                     options: UpdateOptions, *, force_create: bool = False) -> tuple[Object, bool]:
        def admit(new: Tree, old: Tree | None) -> Awaitable[None] | None:
            try:
                scales = self.scale(new)[0], self.scale(old)[0] if old is not None else None
            except replicas.WrongType as error:
                raise errors.unknown(str(error)) from None
            return admit_update(*scales)

        guard = self._guard
        asked: Asked | None = None if guard is None else (
            lambda new, old: guard.updating(ctx, name, new, old, options.dry_run))
        wrapped = _Scaled(self, self._scaling, source, asked)
        stored, _ = await self._store.update(ctx, name, wrapped, admit_create, admit, options)
        try:
            return self.scale(stored.tree() if isinstance(stored, Entry) else stored)[0], False
        except replicas.WrongType as error:
            raise errors.bad_request(str(error)) from None


class _Scaled:
    """The object with the replicas of a Scale, which `source` makes from the current one, and then `asked` of it."""

    def __init__(self, room: CustomScale, scaling: Scaling, source: UpdateSource, asked: Asked | None) -> None:
        self._room, self._scaling, self._source, self._asked = room, scaling, source, asked

    @property
    def preconditions(self) -> Preconditions | None:
        return self._source.preconditions

    @preconditions.setter
    def preconditions(self, value: Preconditions | None) -> None:
        self._source.preconditions = value

    def updated(self, ctx: Context, old: Tree) -> Tree | Awaitable[Tree]:
        if not old["metadata"].get("uid"):
            return self._source.updated(ctx, old)
        try:
            current, there = self._room.scale(old)
        except replicas.WrongType as error:
            raise errors.unknown(str(error)) from None
        if not there:
            current["spec"]["replicas"] = _UNSET
        owners = to_scale(old["metadata"].get("managedFields") or (), self._room.places)
        if owners is not None:
            current["metadata"]["managedFields"] = owners
        scale = self._source.updated(ctx, current)
        if not isinstance(scale, dict):
            return self._settle_later(old, scale)
        new = self._settle(old, scale)
        return new if self._asked is None else self._asked(new, old)

    async def _settle_later(self, old: Tree, scale: Awaitable[Tree]) -> Tree:
        new = self._settle(old, await scale)
        asked = new if self._asked is None else self._asked(new, old)
        return asked if isinstance(asked, dict) else await asked

    def _settle(self, old: Tree, scale: Tree) -> Tree:
        metadata, own = scale["metadata"], old["metadata"]
        wanted = (scale.get("spec") or {}).get("replicas") or 0
        if wanted == _UNSET:
            raise errors.bad_request(f"the spec replicas field {quote(self._scaling.spec)} cannot be empty")
        kept = dict(own)
        if metadata.get("resourceVersion"):
            kept["resourceVersion"] = metadata["resourceVersion"]
        owners = to_parent(own.get("managedFields") or (), metadata.get("managedFields") or (), self._room.version,
                           self._room.places)
        if owners is None:
            kept.pop("managedFields", None)
        else:
            kept["managedFields"] = owners
        try:
            return {**replicas.with_integer(old, self._scaling.spec, wanted), "metadata": kept}
        except replicas.WrongType as error:
            raise errors.unknown(str(error)) from None
