"""StorageClasses and VolumeAttributesClasses: parameters for a driver, fixed once created.

Made by `makers`. Behaviour: kubernetes `pkg/registry/storage/{storageclass,volumeattributesclass}`,
`pkg/apis/storage/validation`.
"""

from __future__ import annotations

from typing import Final

from orlop.api import names
from orlop.api.context import Context
from orlop.api.field import Path, duplicate, forbidden, invalid, not_supported, required, too_long
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors, label_name, one_of, qualified_name, unchanged
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import MainStrategy
from orlop.kinds.rooms import RestOptions, Rooms, stores

MAX_PARAMETERS: Final = 512
MAX_PARAMETERS_SIZE: Final = 256 * 1024
_PARAMETERS: Final = Path("parameters")
_RECLAIM: Final = ("Delete", "Retain")
_BINDING: Final = ("Immediate", "WaitForFirstConsumer")


def provisioner(path: Path, name: str) -> Errors:
    if not name:
        return [required(path)]
    return qualified_name(path, name.lower())


def parameters(listed: dict[str, str], allow_empty: bool) -> Errors:
    found: Errors = []
    size = 0
    if len(listed) > MAX_PARAMETERS:
        found.append(too_long(_PARAMETERS, MAX_PARAMETERS))
        return found
    for key, value in listed.items():
        if not key:
            found.append(invalid(_PARAMETERS, key, "field can not be empty."))
        size += names.length(key) + names.length(value)
    if size > MAX_PARAMETERS_SIZE:
        found.append(too_long(_PARAMETERS, MAX_PARAMETERS_SIZE))
    if not allow_empty and not listed:
        found.append(required(_PARAMETERS, "must contain at least one key/value pair"))
    return found


def _topologies(terms: list[Tree]) -> Errors:
    """Each term once. A term that says nothing repeats the places that upstream keeps for all terms from the start."""
    found: Errors = []
    seen: list[dict[str, frozenset[str]]] = [{} for _ in terms]
    for index, term in enumerate(terms):
        path = Path("allowedTopologies").index(index)
        meant: dict[str, frozenset[str]] = {}
        for position, expression in enumerate(term.get("matchLabelExpressions") or ()):
            place = path.child("matchLabelExpressions").index(position)
            key, values = expression.get("key") or "", expression.get("values") or []
            if not values:
                found.append(required(place.child("values")))
            found += [duplicate(place.child("values").index(number), value) for number, value in enumerate(values)
                      if value in values[:number]]
            found += label_name(place.child("key"), key)
            if key in meant:
                found.append(duplicate(place.child("key"), key))
            meant[key] = frozenset(values)
        found += [duplicate(path.child("matchLabelExpressions"), "") for other in seen if other == meant]
        seen.append(meant)
    return found


class StorageClassStrategy(MainStrategy):
    returns_deleted_object = True

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        found = provisioner(Path("provisioner"), obj.get("provisioner") or "")
        found += parameters(obj.get("parameters") or {}, allow_empty=True)
        policy = obj.get("reclaimPolicy")
        if policy and policy not in _RECLAIM:
            found.append(not_supported(Path("reclaimPolicy"), policy, _RECLAIM))
        mode, place = obj.get("volumeBindingMode"), Path("volumeBindingMode")
        found += [required(place)] if mode is None else one_of(place, mode, _BINDING)
        return found + _topologies(obj.get("allowedTopologies") or [])

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        found = self.validate(ctx, obj)
        given = obj.get("parameters")
        shown = json_value(None if given is None else dict(sorted(given.items())))
        found += unchanged(_PARAMETERS, given or {}, old.get("parameters") or {}, shown)
        found += unchanged(Path("provisioner"), obj.get("provisioner") or "", old.get("provisioner") or "")
        found += unchanged(Path("reclaimPolicy"), obj.get("reclaimPolicy"), old.get("reclaimPolicy"))
        return found + unchanged(Path("volumeBindingMode"), obj.get("volumeBindingMode"), old.get("volumeBindingMode"))


class VolumeAttributesClassStrategy(MainStrategy):
    returns_deleted_object = True

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        found = provisioner(Path("driverName"), obj.get("driverName") or "")
        return found + parameters(obj.get("parameters") or {}, allow_empty=False)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        found: Errors = []
        if (obj.get("driverName") or "") != (old.get("driverName") or ""):
            found.append(forbidden(Path("driverName"), "updates to driverName are forbidden."))
        if (obj.get("parameters") or {}) != (old.get("parameters") or {}):
            found.append(forbidden(_PARAMETERS, "updates to parameters are forbidden."))
        return found + self.validate(ctx, obj)


def class_rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, StorageClassStrategy)


def attributes_rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, VolumeAttributesClassStrategy)
