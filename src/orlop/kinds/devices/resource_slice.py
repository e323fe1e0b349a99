"""ResourceSlices: the devices of a pool that a driver offers, or a part of them.

Made by `makers`. The rules are imported at the first write: few servers see these kinds, and all have to start.
Behaviour: kubernetes `pkg/registry/resource/resourceslice`. The declarative rules of 1.36 are shadowed by ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orlop.api.context import Context
from orlop.api.field import quote
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors
from orlop.kinds.declaration import Resource
from orlop.kinds.rooms import RestOptions, Rooms
from orlop.kinds.typed import TypedStrategy, typed_stores

_LISTS: Final = ("ints", "bools", "strings", "versions")


def drop_gated(spec: Tree) -> None:
    """Members whose feature gates are off: DRAListTypeAttributes, DRANodeAllocatableResources."""
    for item in spec.get("devices") or ():
        item.pop("nodeAllocatableResourceMappings", None)
        for value in (item.get("attributes") or {}).values():
            for name in _LISTS:
                value.pop(name, None)


class ResourceSliceStrategy(TypedStrategy):
    counts_generation = True
    returns_deleted_object = True
    repeats_metadata_rules = ("change",)

    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        super().prepare_for_create(ctx, obj)
        drop_gated(obj.get("spec") or {})

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        super().prepare_for_update(ctx, obj, old)
        drop_gated(obj.get("spec") or {})

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        from orlop.kinds.devices.slice_rules import slice_spec

        return slice_spec(obj.get("spec") or {}, None)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        from orlop.kinds.devices.slice_rules import slice_spec

        return slice_spec(obj.get("spec") or {}, old.get("spec") or {})

    def warnings_on_create(self, ctx: Context, obj: Tree) -> Sequence[str]:
        driver = (obj.get("spec") or {}).get("driver") or ""
        if driver == driver.lower():
            return ()
        shown = quote(driver)
        return (f"spec.driver: driver names should be lowercase; {shown} contains uppercase characters",)

    def warnings_on_update(self, ctx: Context, obj: Tree, old: Tree) -> Sequence[str]:
        return self.warnings_on_create(ctx, obj)


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return typed_stores(resource, options, ResourceSliceStrategy)
