"""Leases: the hottest small objects of a cluster, renewed by whoever leads or lives.

Made by `makers`. Behaviour: kubernetes `pkg/registry/coordination/lease`, `pkg/apis/coordination/validation`.
"""

from __future__ import annotations

from typing import Final

from orlop.api.context import Context
from orlop.api.field import invalid
from orlop.api.tree import Tree
from orlop.kinds.checks import NOT_NEGATIVE, NOT_POSITIVE, SPEC, Errors
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import MainStrategy
from orlop.kinds.rooms import RestOptions, Rooms, stores

_DURATION: Final = SPEC.child("leaseDurationSeconds")
_TRANSITIONS: Final = SPEC.child("leaseTransitions")
_GATED: Final = ("strategy", "preferredHolder")
"""Members of coordinated leader election, which is off by default: dropped unless already stored."""


class LeaseStrategy(MainStrategy):
    allow_create_on_update = True
    allow_unconditional_update = False
    checks_core_finalizers = False
    repeats_metadata_rules = ("change",)

    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        self.prepare_for_update(ctx, obj, {})

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        spec = obj.get("spec")
        if spec:
            before = old.get("spec") or {}
            for name in _GATED:
                if name in spec and name not in before:
                    del spec[name]

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        spec = obj.get("spec") or {}
        found: Errors = []
        duration, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
        if duration is not None and duration <= 0:
            found.append(invalid(_DURATION, duration, NOT_POSITIVE))
        if transitions is not None and transitions < 0:
            found.append(invalid(_TRANSITIONS, transitions, NOT_NEGATIVE))
        return found

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        return self.validate(ctx, obj)


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, LeaseStrategy)
