"""ConfigMaps: keys that can be file names, a limit on size, and the immutable ones.

Made by `makers`. Behaviour: kubernetes `pkg/registry/core/configmap`, `pkg/apis/core/validation` ValidateConfigMap.
"""

from __future__ import annotations

from typing import Final

from orlop.api import names
from orlop.api.context import Context
from orlop.api.field import Path, forbidden, invalid, too_long
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors, said
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import MainStrategy
from orlop.kinds.rooms import RestOptions, Rooms, stores

MAX_SIZE: Final = 1024 * 1024
"""Bytes that the values of one ConfigMap or Secret may have together."""
SEALED: Final = "field is immutable when `immutable` is set"


def decoded_length(base64: str) -> int:
    """How many bytes a canonical base64 text stands for."""
    return len(base64) * 3 // 4 - base64[-2:].count("=") if base64 else 0


def sealed(obj: Tree, old: Tree, members: tuple[str, ...]) -> Errors:
    """What an immutable object's update must leave alone."""
    if not old.get("immutable"):
        return []
    found: Errors = []
    if not obj.get("immutable"):
        found.append(forbidden(Path("immutable"), SEALED))
    for name in members:
        if obj.get(name) != old.get(name):
            found.append(forbidden(Path(name), SEALED))
    return found


class ConfigMapStrategy(MainStrategy):
    def validate(self, ctx: Context, obj: Tree) -> Errors:
        found: Errors = []
        data: dict[str, str] = obj.get("data") or {}
        binary: dict[str, str] = obj.get("binaryData") or {}
        size = 0
        for key, value in data.items():
            if complaints := names.config_map_key(key):
                found += said(Path("data").key(key), key, complaints)
            if key in binary:
                found.append(invalid(Path("data").key(key), key, "duplicate of key present in binaryData"))
            size += names.length(value)
        for key, value in binary.items():
            if complaints := names.config_map_key(key):
                found += said(Path("binaryData").key(key), key, complaints)
            size += decoded_length(value)
        if size > MAX_SIZE:
            whole = too_long(Path(), MAX_SIZE)
            whole.field = ""  # the object, not one of its fields
            found.append(whole)
        return found

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        return sealed(obj, old, ("data", "binaryData")) + self.validate(ctx, obj)


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, ConfigMapStrategy)
