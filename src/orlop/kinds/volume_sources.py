"""Where a PersistentVolume's storage is: the rules of each source, and that there is exactly one.

Called by the rules of PersistentVolumes. Sources that pods may name too share their rules with `pod_rules`; those here
know secrets of other namespaces. Texts and their order: kubernetes `pkg/apis/core/validation/validation.go`
(ValidatePersistentVolumeSpec), `pkg/volume/validation/pv_validation.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from orlop.api import names
from orlop.api.field import Path, forbidden, invalid, required
from orlop.api.tree import Tree
from orlop.kinds.checks import SPEC, Errors, dns_label, dns_subdomain, one_of, present, said
from orlop.kinds.csi import driver_name
from orlop.kinds.pod_rules.legacy_volumes import IQN_FORMS, ISCSI_LENGTH, RULES, UNIT
from orlop.kinds.pod_rules.paths import no_backsteps

SOURCES: Final = (
    "hostPath", "gcePersistentDisk", "awsElasticBlockStore", "glusterfs", "flocker", "nfs", "rbd", "quobyte", "cephfs",
    "iscsi", "cinder", "fc", "flexVolume", "azureFile", "vsphereVolume", "photonPersistentDisk", "portworxVolume",
    "azureDisk", "scaleIO", "local", "storageos", "csi")
MOUNT_OPTIONS: Final = "volume.beta.kubernetes.io/mount-options"
HOST_PATH_TYPES: Final = ("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate",
                          "Socket")
_MOUNTED_WITH_OPTIONS: Final = frozenset({
    "gcePersistentDisk", "awsElasticBlockStore", "glusterfs", "nfs", "rbd", "quobyte", "iscsi", "cinder", "cephfs",
    "azureFile", "vsphereVolume", "azureDisk", "photonPersistentDisk"})
_SECRETS: Final = ("controllerPublishSecretRef", "controllerExpandSecretRef", "nodePublishSecretRef",
                   "nodeExpandSecretRef")
"""Of nodeStageSecretRef upstream has no rule."""
_TWO: Final = "may not specify more than 1 volume type"
_FORM: Final = "must be valid format"
Rule = Callable[[Path, Tree], Errors]


def _host_path(path: Path, source: Tree) -> Errors:
    at = source.get("path") or ""
    if not at:
        return [required(path.child("path"))]
    return no_backsteps(path.child("path"), at) + one_of(path.child("type"), source.get("type") or "", HOST_PATH_TYPES)


def _local(path: Path, source: Tree) -> Errors:
    at = source.get("path") or ""
    return no_backsteps(path.child("path"), at) if at else [required(path.child("path"))]


def _glusterfs(path: Path, source: Tree) -> Errors:
    found = RULES["glusterfs"](path, source)
    namespace, place = source.get("endpointsNamespace"), path.child("endpointsNamespace")
    if namespace is None:
        return found
    if not namespace:
        return [*found, invalid(place, "", "if the endpointnamespace is set, it must be a valid namespace name")]
    return found + said(place, namespace, names.dns1123_label(namespace))


def _secret(path: Path, source: Tree, *members: str) -> Errors:
    secret = source.get("secretRef")
    if secret is None:
        return []
    return [required(path.child("secretRef", member)) for member in members if not secret.get(member)]


def _cinder(path: Path, source: Tree) -> Errors:
    return present(path.child("volumeID"), source.get("volumeID")) + _secret(path, source, "name", "namespace")


def _initiator(path: Path, name: str) -> Errors:
    form = IQN_FORMS.get(name[:3])
    return [] if form is not None and form(name) else [invalid(path, name, _FORM)]


def _iscsi(path: Path, source: Tree, name: str) -> Errors:
    portal, qualified, unit = source.get("targetPortal") or "", source.get("iqn"), source.get("lun") or 0
    initiator = source.get("initiatorName")
    found = present(path.child("targetPortal"), portal)
    if initiator is not None and names.length(f"{name}:{portal}") > ISCSI_LENGTH:
        found.append(invalid(path.child("targetportal"), portal, (
            "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is "
            "specified.")))
    found += _initiator(path.child("iqn"), qualified) if qualified else [required(path.child("iqn"))]
    if not 0 <= unit <= 255:
        found.append(invalid(path.child("lun"), unit, UNIT))
    if (source.get("chapAuthDiscovery") or source.get("chapAuthSession")) and "secretRef" not in source:
        found.append(required(path.child("secretRef")))
    found += _secret(path, source, "name")
    return found if initiator is None else found + _initiator(path.child("initiatorname"), initiator)


def _azure_file(path: Path, source: Tree) -> Errors:
    found = RULES["azureFile"](path, source)
    namespace = source.get("secretNamespace")
    return found if namespace is None else found + present(path.child("secretNamespace"), namespace)


def _storage_os(path: Path, source: Tree) -> Errors:
    name, namespace = source.get("volumeName"), source.get("volumeNamespace")
    place = path.child("volumeName")
    found = dns_label(place, name) if name else [required(place)]
    if namespace:
        found += dns_label(path.child("volumeNamespace"), namespace)
    return found + _secret(path, source, "name", "namespace")


def _csi(path: Path, source: Tree) -> Errors:
    found = driver_name(path.child("driver"), source.get("driver") or "")
    found += present(path.child("volumeHandle"), source.get("volumeHandle"))
    for member in _SECRETS:
        secret, place = source.get(member), path.child(member)
        if secret is None:
            continue
        name, namespace = secret.get("name"), secret.get("namespace")
        found += dns_subdomain(place.child("name"), name) if name else [required(place.child("name"))]
        found += dns_label(place.child("namespace"), namespace) if namespace else [required(place.child("namespace"))]
    return found


_OWN: Final[Mapping[str, Rule]] = {
    "hostPath": _host_path, "local": _local, "glusterfs": _glusterfs, "cinder": _cinder, "azureFile": _azure_file,
    "storageos": _storage_os, "csi": _csi}
_PLACES: Final = {"gcePersistentDisk": "persistentDisk"}
"""Where upstream says the faults of a source are."""
_NAMES: Final = {"cephfs": "cephFS"}
"""What upstream calls a source that is one too many."""


def sources(spec: Tree, name: str, path: Path = SPEC) -> Errors:
    """`name` is the volume's."""
    found: Errors = []
    some = False
    for kind in SOURCES:
        source = spec.get(kind)
        if source is None:
            continue
        place = path.child(_PLACES.get(kind, kind))
        if some and kind != "flexVolume":
            found.append(forbidden(path.child(_NAMES.get(kind, kind)), _TWO))
            continue
        some = True
        if kind == "iscsi":
            found += _iscsi(place, source, name)
        else:
            found += (_OWN.get(kind) or RULES[kind])(place, source)
        if kind == "local" and spec.get("nodeAffinity") is None:
            found.append(required(path.child("nodeAffinity"), "Local volume requires node affinity"))
    return found if some else [required(path, "must specify a volume type")]


def mount_options(volume: Tree) -> Errors:
    """The old annotation is for kinds of volumes that are mounted with options."""
    if MOUNT_OPTIONS not in (volume["metadata"].get("annotations") or ()):
        return []
    spec = volume.get("spec") or {}
    if any(spec.get(kind) is not None for kind in _MOUNTED_WITH_OPTIONS):
        return []
    return [forbidden(Path("metadata").child("annotations", MOUNT_OPTIONS),
                      "may not specify mount options for this volume type")]
