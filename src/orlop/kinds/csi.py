"""CSI drivers, nodes, capacities and volume attachments.

Made by `makers`. Behaviour: kubernetes `pkg/registry/storage/{csidriver,csinode,csistoragecapacity,volumeattachment}`,
`pkg/apis/storage/validation`.
"""

from __future__ import annotations

from typing import Final

from orlop.api import names
from orlop.api.context import Context
from orlop.api.field import Path, duplicate, forbidden, invalid, not_supported, required, too_long
from orlop.api.label_selector_validation import validate_label_selector
from orlop.api.tree import Tree
from orlop.api.validation import IMMUTABLE
from orlop.kinds.checks import SPEC, Errors, dns_subdomain, label_name, not_negative, quantity_not_negative, unchanged
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import CountingStrategy, MainStrategy, StatusStrategy
from orlop.kinds.go_form import Form
from orlop.kinds.rooms import RestOptions, Rooms, stores

MAX_DRIVER: Final = 63
MAX_NODE_ID: Final = 192
_GROUP_POLICIES: Final = ("File", "None", "ReadWriteOnceWithFSType")
_LIFECYCLES: Final = ("Persistent", "Ephemeral")
_DRIVER: Final = Form(
    {"Name": ("name", ""), "NodeID": ("nodeID", ""), "TopologyKeys": ("topologyKeys", None),
     "Allocatable": ("allocatable", None)}, {"Allocatable": Form({"Count": ("count", None)})})
_ATTACHMENT: Final = Form(
    {"Attacher": ("attacher", ""), "Source": ("source", {}), "NodeName": ("nodeName", "")},
    {"Source": Form({"PersistentVolumeName": ("persistentVolumeName", None),
                     "InlineVolumeSpec": ("inlineVolumeSpec", None)})})


def driver_name(path: Path, name: str) -> Errors:
    if not name:
        return [required(path)]
    found: Errors = []
    if names.length(name) > MAX_DRIVER:
        found.append(too_long(path, MAX_DRIVER))
    return found + [invalid(path, name, text) for text in names.dns1123_subdomain(name.lower())]


class CSIDriverStrategy(CountingStrategy):
    allow_unconditional_update = False
    returns_deleted_object = True

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        spec = obj.get("spec") or {}
        found: Errors = []
        for name in ("attachRequired", "podInfoOnMount", "storageCapacity"):
            if spec.get(name) is None:
                found.append(required(SPEC.child(name)))
        policy = spec.get("fsGroupPolicy")
        if policy is not None and policy not in _GROUP_POLICIES:
            found.append(not_supported(SPEC.child("fsGroupPolicy"), policy, _GROUP_POLICIES))
        for index, request in enumerate(spec.get("tokenRequests") or ()):
            seconds = request.get("expirationSeconds")
            place = SPEC.child("tokenRequests").index(index).child("expirationSeconds")
            if seconds is not None and seconds < 600:
                found.append(invalid(place, seconds, "may not specify a duration less than 10 minutes"))
            if seconds is not None and seconds > 1 << 32:
                found.append(invalid(place, seconds, "may not specify a duration larger than 2^32 seconds"))
        for index, mode in enumerate(spec.get("volumeLifecycleModes") or ()):
            if mode not in _LIFECYCLES:
                found.append(not_supported(SPEC.child("volumeLifecycleModes").index(index), mode, _LIFECYCLES))
        return found

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        new, before = obj.get("spec") or {}, old.get("spec") or {}
        found = self.validate(ctx, obj)
        for name, where in (("attachRequired", "attachedRequired"), ("volumeLifecycleModes", "volumeLifecycleModes")):
            found += unchanged(SPEC.child(where), new.get(name), before.get(name))
        return found


class CSINodeStrategy(MainStrategy):
    allow_unconditional_update = False
    returns_deleted_object = True

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
            keys: set[str] = set()
            for key in driver.get("topologyKeys") or ():
                if not key:
                    found.append(required(path))
                elif key in keys:
                    found.append(duplicate(path, key))
                else:
                    found += label_name(path, key)
                keys.add(key)
            if name in seen:
                found.append(duplicate(path.child("name"), name))
            seen.add(name)
        return found

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        """A driver stays as it is, or goes."""
        found = self.validate(ctx, obj)
        new = (obj.get("spec") or {}).get("drivers") or ()
        for before in (old.get("spec") or {}).get("drivers") or ():
            for driver in new:
                if driver.get("name") == before.get("name") and driver != before:
                    found.append(invalid(SPEC.child("drivers"), _DRIVER.text(driver), IMMUTABLE))
        return found


class CSIStorageCapacityStrategy(MainStrategy):
    allow_unconditional_update = False

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        found = validate_label_selector(obj.get("nodeTopology"), Path("nodeTopology"))
        found += dns_subdomain(Path("storageClassName"), obj.get("storageClassName") or "")
        for name in ("capacity", "maximumVolumeSize"):
            if obj.get(name) is not None:
                found += quantity_not_negative(Path(name), obj[name])
        return found

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        found = self.validate(ctx, obj)
        for name in ("nodeTopology", "storageClassName"):
            found += unchanged(Path(name), obj.get(name), old.get(name))
        return found


class VolumeAttachmentStrategy(MainStrategy):
    allow_unconditional_update = False
    returns_deleted_object = True

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        spec = obj.get("spec") or {}
        found = driver_name(SPEC.child("attacher"), spec.get("attacher") or "")
        source = spec.get("source") or {}
        only_one = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
        named, inline = source.get("persistentVolumeName"), source.get("inlineVolumeSpec")
        if named is None and inline is None:
            found.append(required(SPEC.child("source"), only_one))
        elif named is not None and inline is not None:
            found.append(forbidden(SPEC.child("source"), only_one))
        elif named is not None:
            place = SPEC.child("source.persistentVolumeName")
            if named:
                found += dns_subdomain(place, named)
            else:
                found.append(required(place, "must specify non empty persistentVolumeName"))
        return found + dns_subdomain(SPEC.child("nodeName"), spec.get("nodeName") or "")

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        found = self.validate(ctx, obj)
        new, before = obj.get("spec") or {}, old.get("spec") or {}
        if new != before:
            found.append(invalid(SPEC, _ATTACHMENT.text(new), IMMUTABLE))
        return found


def driver_rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, CSIDriverStrategy)


def node_rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, CSINodeStrategy)


def capacity_rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, CSIStorageCapacityStrategy)


def attachment_rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, VolumeAttachmentStrategy, StatusStrategy)
