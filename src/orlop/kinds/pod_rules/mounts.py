"""Where containers mount volumes, and which they use as raw devices.

Called by the rules of containers. Texts: kubernetes `pkg/apis/core/validation/validation.go` (ValidateVolumeMounts,
ValidateVolumeDevices, validateMountPropagation, validateMountRecursiveReadOnly).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from orlop.api.field import Path, forbidden, invalid, not_found, not_supported, required
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors
from orlop.kinds.pod_rules.paths import descending, no_backsteps

_PROPAGATIONS: Final = ("Bidirectional", "HostToContainer", "None")
_RECURSIVE: Final = ("Disabled", "Enabled", "IfPossible")
_ODD_PATHS: Final = ("subPath", "subPathExpr")
_ODD_MODES: Final = ("mountPropagation", "recursiveReadOnly")


def mounts(path: Path, container: Tree, volumes: Mapping[str, Tree]) -> Errors:
    """`path` is that of volumeMounts."""
    devices = {d.get("name") or "": d.get("devicePath") or "" for d in container.get("volumeDevices") or ()}
    found: Errors = []
    seen: set[str] = set()
    for position, mount in enumerate(container["volumeMounts"]):
        name, at = mount.get("name") or "", mount.get("mountPath") or ""
        if name not in volumes or not at or at in seen or devices:
            found += _place(path.index(position), name, at, seen, devices, volumes)
        seen.add(at)
        if len(mount) > 2:
            found += _details(path, path.index(position), mount, container)
    return found


def _place(path: Path, name: str, at: str, seen: set[str], devices: Mapping[str, str],
           volumes: Mapping[str, Tree]) -> Errors:
    found: Errors = [] if name else [required(path.child("name"))]
    if name not in volumes:
        found.append(not_found(path.child("name"), name))
    if not at:
        found.append(required(path.child("mountPath")))
    if at in seen:
        found.append(invalid(path.child("mountPath"), at, "must be unique"))
    if name in devices:
        found.append(invalid(path.child("name"), name, "must not already exist in volumeDevices"))
    if at in devices.values():
        found.append(invalid(path.child("mountPath"), at, "must not already exist as a path in volumeDevices"))
    return found


def _details(path: Path, item: Path, mount: Tree, container: Tree) -> Errors:
    """Upstream names the list, not the item, in most of these."""
    found: Errors = []
    if mount.get("subPath"):
        found += descending(path.child("subPath"), mount["subPath"])
    if mount.get("subPathExpr"):
        if mount.get("subPath"):
            found.append(invalid(item.child("subPathExpr"), mount["subPathExpr"],
                                 "subPathExpr and subPath are mutually exclusive"))
        found += descending(path.child("subPathExpr"), mount["subPathExpr"])
    if "mountPropagation" in mount:
        found += _propagation(path.child("mountPropagation"), mount["mountPropagation"], container)
    if "recursiveReadOnly" in mount:
        found += _read_only(path.child("recursiveReadOnly"), mount)
    return found


def _propagation(path: Path, mode: str, container: Tree) -> Errors:
    found: Errors = [] if mode in _PROPAGATIONS else [not_supported(path, mode, _PROPAGATIONS)]
    if mode == "Bidirectional" and not (container.get("securityContext") or {}).get("privileged"):
        found.append(forbidden(path, "Bidirectional mount propagation is available only to privileged containers"))
    return found


def _read_only(path: Path, mount: Tree) -> Errors:
    mode = mount["recursiveReadOnly"]
    if mode not in _RECURSIVE:
        return [not_supported(path, mode, _RECURSIVE)]
    found: Errors = []
    if mode != "Disabled":
        if not mount.get("readOnly"):
            found.append(forbidden(path, "may only be specified when readOnly is true"))
        if mount.get("mountPropagation", "None") != "None":
            found.append(forbidden(path, "may only be specified when mountPropagation is None or not specified"))
    return found


def devices(path: Path, container: Tree, volumes: Mapping[str, Tree]) -> Errors:
    """`path` is that of volumeDevices."""
    mounted = {m.get("name") or "": m.get("mountPath") or "" for m in container.get("volumeMounts") or ()}
    found: Errors = []
    names: set[str] = set()
    paths: set[str] = set()
    for position, device in enumerate(container["volumeDevices"]):
        item, name, at = path.index(position), device.get("name") or "", device.get("devicePath") or ""
        found += _device_name(item.child("name"), name, names, volumes.get(name))
        place = item.child("devicePath")
        if not at:
            found.append(required(place))
        if at in paths:
            found.append(invalid(place, at, "must be unique"))
        if at and no_backsteps(place, at):
            found.append(invalid(place, at, "can not contain backsteps ('..')"))
        else:
            paths.add(at)
        if name in mounted:
            found.append(invalid(item.child("name"), name, "must not already exist in volumeMounts"))
        if at in mounted.values():
            found.append(invalid(place, at, "must not already exist as a path in volumeMounts"))
        if name:
            names.add(name)
    return found


def _device_name(path: Path, name: str, seen: set[str], volume: Tree | None) -> Errors:
    found: Errors = [] if name else [required(path)]
    if name in seen:
        found.append(invalid(path, name, "must be unique"))
    if volume is None:
        found.append(not_found(path, name))
    elif "persistentVolumeClaim" not in volume and "ephemeral" not in volume:
        text = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
        found.append(invalid(path, name, text))
    return found
