"""VolumeAttachments: a volume that a driver shall attach to a node, and what came of it.

Made by `makers`. Behaviour: kubernetes `pkg/registry/storage/volumeattachment`, `pkg/apis/storage/validation`, and
`pkg/apis/core/validation` for volumes that are written into the attachment instead of being named.
"""

from __future__ import annotations

from typing import Final

from orlop.api import names
from orlop.api.context import Context
from orlop.api.field import Path, forbidden, invalid, required, too_long
from orlop.api.tree import Tree
from orlop.api.validation import IMMUTABLE
from orlop.kinds import volume_sources
from orlop.kinds.checks import SPEC, STATUS, Errors, dns_subdomain
from orlop.kinds.csi import driver_name
from orlop.kinds.declaration import Resource
from orlop.kinds.persistent_volume_claim import access_modes
from orlop.kinds.rooms import RestOptions, Rooms
from orlop.kinds.typed import TypedStatusStrategy, TypedStrategy, typed_stores

MAX_ATTACHMENT_METADATA: Final = 256 * 1024
MAX_ERROR_MESSAGE: Final = 1024
_VOLUME_NAME: Final = SPEC.child("source.persistentVolumeName")
_NOT_INLINE: Final = "may not be specified in the context of inline volumes"


def inline_volume_rules(path: Path, volume: Tree) -> Errors:
    """The spec of a volume without an object of its own."""
    found: Errors = []
    if volume.get("claimRef") is not None:
        found.append(forbidden(path.child("claimRef"), _NOT_INLINE))
    if volume.get("capacity"):
        found.append(forbidden(path.child("capacity"), _NOT_INLINE))
    if volume.get("csi") is None:
        found.append(required(path.child("csi"), "has to be specified in the context of inline volumes"))
    found += access_modes(path.child("accessModes"), volume.get("accessModes") or ())
    if volume.get("persistentVolumeReclaimPolicy") not in (None, "", "Retain"):
        found.append(forbidden(path.child("persistentVolumeReclaimPolicy"),
                               "may only be Retain in the context of inline volumes"))
    if volume.get("nodeAffinity") is not None:
        found.append(forbidden(path.child("nodeAffinity"), _NOT_INLINE))
    found += volume_sources.sources(volume, "", path)
    if volume.get("storageClassName"):
        found.append(forbidden(path.child("storageClassName"), _NOT_INLINE))
    if volume.get("volumeMode") not in (None, "Filesystem"):
        found.append(forbidden(path.child("volumeMode"),
                               "may not specify volumeMode other than Filesystem in the context of inline volumes"))
    return found


def attachment_status_rules(status: Tree) -> Errors:
    """What drivers report of attaching and detaching."""
    pairs = status.get("attachmentMetadata") or {}
    found: Errors = []
    if sum(names.length(key) + names.length(value) for key, value in pairs.items()) > MAX_ATTACHMENT_METADATA:
        found.append(too_long(STATUS.child("attachmentMetadata"), MAX_ATTACHMENT_METADATA))
    for name in ("attachError", "detachError"):
        problem = status.get(name) or {}
        if names.length(problem.get("message") or "") > MAX_ERROR_MESSAGE:
            found.append(too_long(STATUS.child(name, "message"), MAX_ATTACHMENT_METADATA))
        code = problem.get("errorCode")
        if code is not None and code < 0:
            found.append(invalid(STATUS.child(name, "errorCode"), code,
                                 "must be between 0 and 2147483647, inclusive"))
    return found


class VolumeAttachmentStrategy(TypedStrategy):
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
            if not named:
                found.append(required(_VOLUME_NAME, "must specify non empty persistentVolumeName"))
        elif inline is not None:
            found += inline_volume_rules(SPEC.child("source", "inlineVolumeSpec"), inline)
        found += dns_subdomain(SPEC.child("nodeName"), spec.get("nodeName") or "")
        found += attachment_status_rules(obj.get("status") or {})
        return found if named is None else found + dns_subdomain(_VOLUME_NAME, named)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        found = self.validate(ctx, obj)
        new, before = obj.get("spec") or {}, old.get("spec") or {}
        if not self.structs.same(new, before, "spec"):
            found.append(invalid(SPEC, self.structs.text(new, "spec"), IMMUTABLE))
        return found


class AttachmentStatusStrategy(TypedStatusStrategy):
    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        return attachment_status_rules(obj.get("status") or {})


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return typed_stores(resource, options, VolumeAttachmentStrategy, AttachmentStatusStrategy)
