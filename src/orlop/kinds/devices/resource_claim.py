"""ResourceClaims: devices that are asked for, and those that were given.

Made by `makers`. The spec is fixed once created; the scheduler writes the allocation, drivers write what they have to
say of their devices. The rules are imported at the first write: few servers see these kinds, and all have to start.
Behaviour: kubernetes `pkg/registry/resource/resourceclaim`. The declarative rules of 1.36 are shadowed by ours.
"""

from __future__ import annotations

from orlop.api.context import Context
from orlop.api.field import invalid
from orlop.api.tree import Tree
from orlop.api.validation import IMMUTABLE
from orlop.kinds.checks import SPEC, STATUS, Errors
from orlop.kinds.declaration import Resource
from orlop.kinds.devices.access import AdminAccess, StatusAccess, device_id
from orlop.kinds.generic import Form
from orlop.kinds.rooms import RestOptions, Rooms
from orlop.kinds.typed import Structs, TypedStatusStrategy, TypedStrategy, typed_stores


class ResourceClaimStrategy(TypedStrategy):
    returns_deleted_object = True

    def __init__(self, form: Form, structs: Structs, access: AdminAccess) -> None:
        super().__init__(form, structs)
        self._access = access

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        from orlop.kinds.devices.claim_spec import claim_spec

        spec = obj.get("spec") or {}
        found = self._access.of_requests(spec.get("devices") or {}, obj["metadata"].get("namespace") or "")
        return found + claim_spec(SPEC, spec)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        spec = obj.get("spec") or {}
        if self.structs.same(spec, old.get("spec") or {}, "spec"):
            return []
        return [invalid(SPEC, self.structs.text(spec, "spec"), IMMUTABLE)]


class ResourceClaimStatusStrategy(TypedStatusStrategy):
    repeats_metadata_rules = ("change",)
    keeps_metadata = ("deletionTimestamp", "generation", "selfLink", "labels", "annotations", "finalizers",
                      "ownerReferences")

    def __init__(self, form: Form, structs: Structs, admin: AdminAccess, access: StatusAccess | None) -> None:
        super().__init__(form, structs)
        self._admin, self._access = admin, access

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        super().prepare_for_update(ctx, obj, old)
        status = obj.get("status") or {}
        gone = _allocated(old.get("status") or {}) - _allocated(status)
        kept = [item for item in status.get("devices") or () if device_id(item) not in gone]
        if kept:
            status["devices"] = kept
        else:
            status.pop("devices", None)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        new, before, metadata = obj.get("status") or {}, old.get("status") or {}, obj["metadata"]
        found = self._admin.of_results(_results(new), _results(before), metadata.get("namespace") or "")
        if self._access is not None:
            found += self._access.of_binding(ctx, new, before)
            if new.get("allocation") is not None:
                found += self._access.of_devices(ctx, new, before)
        return found + self._rules(obj, new, before)

    def _rules(self, obj: Tree, new: Tree, before: Tree) -> Errors:
        from orlop.kinds.devices import claim_status

        found = claim_status.reserved_for(new.get("reservedFor"))
        found += claim_status.device_statuses(new.get("devices"), new.get("allocation"))
        found += claim_status.reservations(new, before, bool(obj["metadata"].get("deletionTimestamp")))
        allocation, old = new.get("allocation"), before.get("allocation")
        place = STATUS.child("allocation")
        if allocation is not None and old is None:
            return found + claim_status.allocation_result(place, allocation, obj.get("spec") or {})
        if allocation is not None and not self.structs.same(allocation, old, "status", "allocation"):
            found.append(invalid(place, self.structs.text(allocation, "status", "allocation"), IMMUTABLE))
        return found


def _results(status: Tree) -> list[Tree]:
    return ((status.get("allocation") or {}).get("devices") or {}).get("results") or []


def _allocated(status: Tree) -> set[tuple[str, str, str, str]]:
    return {device_id(result) for result in _results(status)}


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    admin, authorizer = AdminAccess(options.stores), options.settings.get("authorizer")
    access = StatusAccess(authorizer) if authorizer is not None else None
    return typed_stores(resource, options, lambda form, structs: ResourceClaimStrategy(form, structs, admin),
                        lambda form, structs: ResourceClaimStatusStrategy(form, structs, admin, access))
