"""CSI drivers, nodes and capacities.

Made by `makers`. Behaviour: kubernetes `pkg/registry/storage/{csidriver,csinode,csistoragecapacity}`,
`pkg/apis/storage/validation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orlop.api import names
from orlop.api.context import Context
from orlop.api.field import Path, duplicate, invalid, not_supported, required, too_long
from orlop.api.label_selector_validation import has_invalid_value, validate_label_selector
from orlop.api.tree import Tree
from orlop.api.validation import IMMUTABLE
from orlop.kinds.checks import SPEC, Errors, dns_subdomain, label_name, not_negative, quantity_not_negative, unchanged
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import MainStrategy, settle
from orlop.kinds.go_form import Form
from orlop.kinds.rooms import RestOptions, Rooms, stores
from orlop.kinds.selector_form import shown_selector
from orlop.kinds.typed import TypedStrategy, typed_stores

MAX_DRIVER: Final = 63
MAX_NODE_ID: Final = 256
_LEAST_PERIOD: Final = 10
_SECRET_ADVICE: Final = ("spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to "
                         "prevent possible logging of tokens in volume attributes")
_GROUP_POLICIES: Final = ("File", "None", "ReadWriteOnceWithFSType")
_LIFECYCLES: Final = ("Persistent", "Ephemeral")
_DRIVER: Final = Form({"Name": ("name", ""), "NodeID": ("nodeID", ""), "TopologyKeys": ("topologyKeys", None),
                       "Allocatable": ("", None)})
"""Without what may be allocated: that may change."""
_GATED: Final = "preventPodSchedulingIfMissing"


def driver_name(path: Path, name: str) -> Errors:
    if not name:
        return [required(path)]
    found: Errors = []
    if names.length(name) > MAX_DRIVER:
        found.append(too_long(path, MAX_DRIVER))
    return found + [invalid(path, name, text) for text in names.dns1123_subdomain(name.lower())]


def _token_requests(requests: list[Tree]) -> Errors:
    found: Errors = []
    audiences: set[str] = set()
    for index, request in enumerate(requests):
        place = SPEC.child("tokenRequests").index(index)
        audience, seconds = request.get("audience") or "", request.get("expirationSeconds")
        if audience in audiences:
            found.append(duplicate(place.child("audience"), audience))
            continue
        audiences.add(audience)
        if seconds is not None and seconds < 600:
            found.append(invalid(place.child("expirationSeconds"), seconds,
                                 "may not specify a duration less than 10 minutes"))
        if seconds is not None and seconds > 1 << 32:
            found.append(invalid(place.child("expirationSeconds"), seconds,
                                 "may not specify a duration larger than 2^32 seconds"))
    return found


def _advice(spec: Tree) -> Sequence[str]:
    wanted = spec.get("tokenRequests") and spec.get("serviceAccountTokenInSecrets") is None
    return (_SECRET_ADVICE,) if wanted else ()


class CSIDriverStrategy(TypedStrategy):
    """A generation is counted from the first change of the spec on; none is given at the start."""

    allow_unconditional_update = False
    returns_deleted_object = True

    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        super().prepare_for_create(ctx, obj)
        (obj.get("spec") or {}).pop(_GATED, None)

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        if (old.get("spec") or {}).get(_GATED) is None:
            (obj.get("spec") or {}).pop(_GATED, None)
        super().prepare_for_update(ctx, obj, old)
        if self.changed(obj, old):
            obj["metadata"]["generation"] = (old["metadata"].get("generation") or 0) + 1

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        spec = obj.get("spec") or {}
        found: Errors = []
        for name in ("attachRequired", "podInfoOnMount", "storageCapacity"):
            if spec.get(name) is None:
                found.append(required(SPEC.child("attachedRequired" if name == "attachRequired" else name)))
        policy = spec.get("fsGroupPolicy")
        if policy is not None and policy not in _GROUP_POLICIES:
            found.append(not_supported(SPEC.child("fsGroupPolicy"), policy, _GROUP_POLICIES))
        found += _token_requests(spec.get("tokenRequests") or [])
        for mode in spec.get("volumeLifecycleModes") or ():
            if mode not in _LIFECYCLES:
                found.append(not_supported(SPEC.child("volumeLifecycleModes"), mode, _LIFECYCLES))
        if spec.get("seLinuxMount") is None:
            found.append(required(SPEC.child("seLinuxMount")))
        period = spec.get("nodeAllocatableUpdatePeriodSeconds")
        if period is not None and period < _LEAST_PERIOD:
            found.append(invalid(SPEC.child("nodeAllocatableUpdatePeriodSeconds"), period,
                                 f"must be greater than or equal to {_LEAST_PERIOD} seconds"))
        secret = spec.get("serviceAccountTokenInSecrets")
        if secret is not None and not spec.get("tokenRequests"):
            found.append(invalid(SPEC.child("serviceAccountTokenInSecrets"), secret,
                                 "serviceAccountTokenInSecrets is set but no tokenRequests are specified"))
        return found

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        new, before = obj.get("spec") or {}, old.get("spec") or {}
        found = self.validate(ctx, obj)
        for name, where in (("attachRequired", "attachedRequired"), ("volumeLifecycleModes", "volumeLifecycleModes")):
            found += unchanged(SPEC.child(where), new.get(name), before.get(name))
        return found

    def warnings_on_create(self, ctx: Context, obj: Tree) -> Sequence[str]:
        return _advice(obj.get("spec") or {})

    def warnings_on_update(self, ctx: Context, obj: Tree, old: Tree) -> Sequence[str]:
        spec, before = obj.get("spec") or {}, old.get("spec") or {}
        same = self.structs.same(spec.get("tokenRequests"), before.get("tokenRequests"), "spec", "tokenRequests")
        return () if same else _advice(spec)


class CSINodeStrategy(MainStrategy):
    allow_unconditional_update = False
    returns_deleted_object = True

    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        super().prepare_for_create(ctx, obj)
        settle(obj.get("spec") or {}, "drivers")

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        settle(obj.get("spec") or {}, "drivers")
        super().prepare_for_update(ctx, obj, old)

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        found: Errors = []
        seen: set[str] = set()
        for index, driver in enumerate((obj.get("spec") or {}).get("drivers") or ()):
            path = SPEC.child("drivers").index(index)
            name, node = driver.get("name") or "", driver.get("nodeID") or ""
            found += driver_name(path.child("name"), name)
            if not node:
                found.append(required(path.child("nodeID")))
            elif names.length(node) > MAX_NODE_ID:
                found.append(invalid(path.child("nodeID"), node, f"must be {MAX_NODE_ID} characters or less"))
            count = (driver.get("allocatable") or {}).get("count")
            found += not_negative(path.child("allocatable.count"), count)
            if name in seen:
                found.append(duplicate(path.child("name"), name))
            seen.add(name)
            keys: set[str] = set()
            for key in driver.get("topologyKeys") or ():
                if not key:
                    found.append(required(path))
                if key in keys:
                    found.append(duplicate(path, key))
                keys.add(key)
                found += label_name(path, key)
        return found

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        """A driver stays as it is but for what can be allocated, or goes."""
        found = self.validate(ctx, obj)
        new = (obj.get("spec") or {}).get("drivers") or ()
        for before in (old.get("spec") or {}).get("drivers") or ():
            for driver in new:
                if driver.get("name") == before.get("name") and _DRIVER.tree(driver) != _DRIVER.tree(before):
                    found.append(invalid(SPEC.child("drivers"), _DRIVER.text(driver), IMMUTABLE))
        return found


class CSIStorageCapacityStrategy(TypedStrategy):
    allow_unconditional_update = False

    def changed(self, obj: Tree, old: Tree) -> bool:
        return False

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        return self._rules(obj, lenient=False)

    def _rules(self, obj: Tree, *, lenient: bool) -> Errors:
        """`lenient`: the topology may ask for values that no label can have, as it did before."""
        found = validate_label_selector(obj.get("nodeTopology"), Path("nodeTopology"), invalid_values=lenient)
        found += dns_subdomain(Path("storageClassName"), obj.get("storageClassName") or "")
        if obj.get("capacity") is not None:
            found += quantity_not_negative(Path("capacity"), obj["capacity"])
        return found

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        topology, before = obj.get("nodeTopology"), old.get("nodeTopology")
        found = self._rules(obj, lenient=has_invalid_value(before))
        if not self.structs.same(topology, before, "nodeTopology"):
            found.append(invalid(Path("nodeTopology"), shown_selector(topology), IMMUTABLE))
        return found + unchanged(Path("storageClassName"), obj.get("storageClassName") or "",
                                 old.get("storageClassName") or "")


def driver_rooms(resource: Resource, options: RestOptions) -> Rooms:
    return typed_stores(resource, options, CSIDriverStrategy)


def node_rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, CSINodeStrategy)


def capacity_rooms(resource: Resource, options: RestOptions) -> Rooms:
    return typed_stores(resource, options, CSIStorageCapacityStrategy)
