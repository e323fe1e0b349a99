"""PersistentVolumes: where storage is; the source never changes.

Made by `makers`. Behaviour: kubernetes `pkg/registry/core/persistentvolume`, `pkg/apis/core/validation`
ValidatePersistentVolume. Of the sources, those that a cluster without cloud providers uses are looked into; of all
others only that there is exactly one.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from typing import Final

from orlop.api import quantity, times
from orlop.api.context import Context
from orlop.api.field import Path, forbidden, invalid, not_supported, required
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.kinds.checks import SPEC, Errors, dns_subdomain, present, printed, quantity_positive, unchanged
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import Form, MainStrategy, StatusStrategy
from orlop.kinds.persistent_volume_claim import VOLUME_MODES, access_modes
from orlop.kinds.rooms import RestOptions, Rooms, form, store
from orlop.world.clock import Clock

_POLICIES: Final = ("Delete", "Recycle", "Retain")
_SOURCES: Final = (
    "hostPath", "gcePersistentDisk", "awsElasticBlockStore", "glusterfs", "flocker", "nfs", "rbd", "quobyte", "cephfs",
    "iscsi", "cinder", "fc", "azureFile", "vsphereVolume", "photonPersistentDisk", "portworxVolume", "azureDisk",
    "scaleIO", "storageos", "csi", "local", "flexVolume")
_STAMP: Final = "lastPhaseTransitionTime"


def _host_path(path: Path, source: Tree, spec: Tree) -> Errors:
    text = source.get("path") or ""
    if not text:
        return [required(path.child("path"))]
    return _no_backsteps(path.child("path"), text)


def _no_backsteps(path: Path, text: str) -> Errors:
    if ".." in text.replace("\\", "/").split("/"):
        return [invalid(path, text, "must not contain '..'")]
    return []


def _nfs(path: Path, source: Tree, spec: Tree) -> Errors:
    found = present(path.child("server"), source.get("server"))
    text = source.get("path") or ""
    found += present(path.child("path"), text)
    if not posixpath.isabs(text):
        found.append(invalid(path.child("path"), text, "must be an absolute path"))
    return found


def _csi(path: Path, source: Tree, spec: Tree) -> Errors:
    driver = source.get("driver") or ""
    found = dns_subdomain(path.child("driver"), driver.lower()) if driver else [required(path.child("driver"))]
    return found + present(path.child("volumeHandle"), source.get("volumeHandle"))


def _local(path: Path, source: Tree, spec: Tree) -> Errors:
    text = source.get("path") or ""
    found = _no_backsteps(path.child("path"), text) if text else [required(path.child("path"))]
    if spec.get("nodeAffinity") is None:
        found.append(required(SPEC.child("nodeAffinity"), "Local volume requires node affinity"))
    return found


_CHECKS: Final[Mapping[str, Callable[[Path, Tree, Tree], Errors]]] = {
    "hostPath": _host_path, "nfs": _nfs, "csi": _csi, "local": _local}


def _capacity(capacity: Tree) -> Errors:
    path = SPEC.child("capacity")
    found: Errors = []
    if not capacity:
        found.append(required(path))
    if "storage" not in capacity or len(capacity) > 1:
        found.append(not_supported(path, json_value(capacity) if capacity else printed(None), ("storage",)))
    for name, text in capacity.items():
        value = quantity.parse(text).value()
        if value < 0:
            found.append(invalid(path.key(name), value, "must be a valid resource quantity"))
        found += quantity_positive(path.key(name), text)
    return found


def volume_rules(spec: Tree) -> Errors:
    found = access_modes(SPEC.child("accessModes"), spec.get("accessModes") or ())
    found += _capacity(spec.get("capacity") or {})
    policy = spec.get("persistentVolumeReclaimPolicy")
    place = SPEC.child("persistentVolumeReclaimPolicy")
    if policy and policy not in _POLICIES:
        found.append(not_supported(place, policy, _POLICIES))
    affinity = spec.get("nodeAffinity")
    if affinity is not None and affinity.get("required") is None:
        found.append(required(SPEC.child("nodeAffinity.required"), "must specify required node constraints"))
    kinds = [name for name in _SOURCES if spec.get(name) is not None]
    for position, name in enumerate(kinds):
        if position:
            found.append(forbidden(SPEC.child(name), "may not specify more than 1 volume type"))
        elif name in _CHECKS:
            found += _CHECKS[name](SPEC.child(name), spec[name], spec)
    if not kinds:
        found.append(required(SPEC, "must specify a volume type"))
    host = (spec.get("hostPath") or {}).get("path")
    if host and posixpath.normpath(host) == "/" and policy == "Recycle":
        found.append(forbidden(place, "may not be 'recycle' for a hostPath mount of '/'"))
    if spec.get("storageClassName"):
        found += dns_subdomain(SPEC.child("storageClassName"), spec["storageClassName"])
    mode = spec.get("volumeMode")
    if mode is not None and mode not in VOLUME_MODES:
        found.append(not_supported(SPEC.child("volumeMode"), mode, VOLUME_MODES))
    if spec.get("volumeAttributesClassName"):
        found += dns_subdomain(SPEC.child("volumeAttributesClassName"), spec["volumeAttributesClassName"])
    return found


class VolumeStrategy(MainStrategy):
    returns_deleted_object = True

    def __init__(self, form: Form, clock: Clock) -> None:
        super().__init__(form)
        self._clock = clock

    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        obj["status"] = {"phase": "Pending", _STAMP: times.text(times.from_timestamp(self._clock.now()))}

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        return volume_rules(obj.get("spec") or {})

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        new, before = obj.get("spec") or {}, old.get("spec") or {}
        found = volume_rules(new)
        if any(new.get(name) != before.get(name) for name in _SOURCES):
            found.append(forbidden(SPEC.child("persistentvolumesource"),
                                   "spec.persistentvolumesource is immutable after creation"))
        found += unchanged(Path("volumeMode"), new.get("volumeMode"), before.get("volumeMode"))
        if before.get("nodeAffinity") is not None and new.get("nodeAffinity") != before["nodeAffinity"]:
            found.append(invalid(Path("nodeAffinity"), printed(new.get("nodeAffinity")),
                                 "field is immutable, except for updating from beta label to GA"))
        return found


class VolumeStatusStrategy(StatusStrategy):
    repeats_metadata_rules = ("change",)

    def __init__(self, form: Form, clock: Clock) -> None:
        super().__init__(form)
        self._clock = clock

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        super().prepare_for_update(ctx, obj, old)
        status, before = obj.setdefault("status", {}), old.get("status") or {}
        if status.get("phase") != before.get("phase"):
            if status.get(_STAMP) in (None, before.get(_STAMP)):
                status[_STAMP] = times.text(times.from_timestamp(self._clock.now()))
        elif before.get(_STAMP) and not status.get(_STAMP):
            status[_STAMP] = before[_STAMP]


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    shape, clock = form(resource, options), options.outside.clock
    made = store(resource, options, VolumeStrategy(shape, clock))
    return {"": made, "status": made.with_strategy(VolumeStatusStrategy(shape, clock))}
