"""DeviceClasses: what an administrator lets claims choose from.

Made by `makers`. The rules are imported at the first write: few servers see these kinds, and all have to start.
Behaviour: kubernetes `pkg/registry/resource/deviceclass`. The declarative rules of 1.36 are shadowed by ours.
"""

from __future__ import annotations

from collections.abc import Sequence

from orlop.api import names
from orlop.api.context import Context
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors
from orlop.kinds.declaration import Resource
from orlop.kinds.rooms import RestOptions, Rooms
from orlop.kinds.typed import TypedStrategy, typed_stores


class DeviceClassStrategy(TypedStrategy):
    counts_generation = True
    returns_deleted_object = True

    def check_name(self, name: str, prefix: bool) -> Sequence[str]:
        """Upstream looks at the generated name only."""
        return () if prefix else names.content_subdomain(name)

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        from orlop.kinds.devices.class_rules import class_spec

        return class_spec(obj.get("spec") or {}, None)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        from orlop.kinds.devices.class_rules import class_spec

        return class_spec(obj.get("spec") or {}, old.get("spec") or {})


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return typed_stores(resource, options, DeviceClassStrategy)
