"""ResourceClaimTemplates: what the claims of pods are made from, fixed once created.

Made by `makers`. The rules are imported at the first write: few servers see these kinds, and all have to start.
Behaviour: kubernetes `pkg/registry/resource/resourceclaimtemplate`.
"""

from __future__ import annotations

from orlop.api.context import Context
from orlop.api.field import invalid
from orlop.api.tree import Tree
from orlop.api.validation import IMMUTABLE
from orlop.kinds.checks import SPEC, Errors
from orlop.kinds.declaration import Resource
from orlop.kinds.devices.access import AdminAccess
from orlop.kinds.generic import Form
from orlop.kinds.rooms import RestOptions, Rooms
from orlop.kinds.typed import Structs, TypedStrategy, typed_stores


class ClaimTemplateStrategy(TypedStrategy):
    returns_deleted_object = True

    def __init__(self, form: Form, structs: Structs, access: AdminAccess) -> None:
        super().__init__(form, structs)
        self._access = access

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        from orlop.kinds.devices.template_rules import template_spec

        spec = obj.get("spec") or {}
        claim = (spec.get("spec") or {}).get("devices") or {}
        return self._access.of_requests(claim, obj["metadata"].get("namespace") or "") + template_spec(spec)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        from orlop.kinds.devices.template_rules import template_spec

        spec = obj.get("spec") or {}
        found = template_spec(spec)
        if not self.structs.same(spec, old.get("spec") or {}, "spec"):
            found.append(invalid(SPEC, self.structs.text(spec, "spec"), IMMUTABLE))
        return found


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    access = AdminAccess(options.stores)
    return typed_stores(resource, options, lambda form, structs: ClaimTemplateStrategy(form, structs, access))
