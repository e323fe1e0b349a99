"""Kinds whose rules are not written yet, but of which clients see more than plain storage: generations that count, or
a deletion that answers with the object.

Made by `makers`. Behaviour: each kind's `strategy.go` and `storage.go` in kubernetes `pkg/registry`.
"""

from __future__ import annotations

from orlop.api.tree import Tree
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import CountingStrategy, MainStrategy
from orlop.kinds.rooms import RestOptions, Rooms, stores


class AdmissionStrategy(CountingStrategy):
    """Admission's own kinds. Webhook configurations have their members at the top: all but metadata counts."""

    allow_unconditional_update = False

    def changed(self, obj: Tree, old: Tree) -> bool:
        return any(obj.get(name) != old.get(name) for name in {*obj, *old} - {"metadata"})


class CountedDevicesStrategy(CountingStrategy):
    returns_deleted_object = True


class ClaimStrategy(MainStrategy):
    returns_deleted_object = True


def admission_rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, AdmissionStrategy)


def flow_rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, CountingStrategy)


def device_rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, CountedDevicesStrategy)


def claim_rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, ClaimStrategy)
