"""Volume sources of the past: drivers that nodes no longer bring, but that objects may still name.

Called by `volumes`. Texts: kubernetes `pkg/apis/core/validation/validation.go`, one function for each source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from orlop.api import names
from orlop.api.field import Path, invalid, not_supported, required
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors, dns_label, one_of, present
from orlop.kinds.pod_rules.paths import descending

UNIT: Final = "must be between 0 and 255, inclusive"
_PARTITION: Final = "must be between 1 and 255, inclusive"
_BYTE: Final = range(256)
IQN_FORMS: Final = {
    "iqn": re.compile(r"iqn\.\d{4}-\d{2}\.[A-Za-z0-9\-.]+:[^,;*&$|\s]+\Z", re.ASCII).search,
    "eui": re.compile(r"eui.[A-Za-z0-9]{16}").fullmatch,
    "naa": re.compile(r"naa.[A-Za-z0-9]{32}").fullmatch,
}
_PAIRS: Final = "must be a host:port pair or multiple pairs separated by commas"
_TENANT_LENGTH: Final = 65
ISCSI_LENGTH: Final = 64
_CACHING: Final = ("None", "ReadOnly", "ReadWrite")
_DISKS: Final = ("Dedicated", "Managed", "Shared")
_MANAGED_URI: Final = (
    "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}",)
_BLOB_URI: Final = ("https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd",)

Rule = Callable[[Path, Tree], Errors]


def _needs(*members: str) -> Rule:
    """Sources with nothing but mandatory members."""

    def rule(path: Path, source: Tree) -> Errors:
        return [required(path.child(member)) for member in members if not source.get(member)]

    return rule


def _git(path: Path, source: Tree) -> Errors:
    found = present(path.child("repository"), source.get("repository"))
    return found + descending(path.child("directory"), source.get("directory") or "")


def _disk(name: str) -> Rule:
    def rule(path: Path, source: Tree) -> Errors:
        found = present(path.child(name), source.get(name))
        partition = source.get("partition") or 0
        return found if partition in _BYTE else [*found, invalid(path.child("partition"), partition, _PARTITION)]

    return rule


def _nfs(path: Path, source: Tree) -> Errors:
    at = source.get("path") or ""
    found = present(path.child("server"), source.get("server")) + present(path.child("path"), at)
    if not at.startswith("/"):
        found.append(invalid(path.child("path"), at, "must be an absolute path"))
    return found


def _initiator(path: Path, name: str) -> Errors:
    form = IQN_FORMS.get(name[:3])
    if form is None:
        return [invalid(path, name, "must be valid format starting with iqn, eui, or naa")]
    return [] if form(name) else [invalid(path, name, "must be valid format")]


def _iscsi(path: Path, source: Tree) -> Errors:
    found = present(path.child("targetPortal"), source.get("targetPortal"))
    qualified = source.get("iqn")
    found += _initiator(path.child("iqn"), qualified) if qualified else [required(path.child("iqn"))]
    unit = source.get("lun") or 0
    if unit not in _BYTE:
        found.append(invalid(path.child("lun"), unit, UNIT))
    if (source.get("chapAuthDiscovery") or source.get("chapAuthSession")) and "secretRef" not in source:
        found.append(required(path.child("secretRef")))
    if "initiatorName" in source:
        found += _initiator(path.child("initiatorname"), source["initiatorName"])
    return found


def iscsi_name(path: Path, source: Tree, name: str) -> Errors:
    """`name` is the volume's, `path` its place."""
    text = f"{name}:{source.get('targetPortal') or ''}"
    if "initiatorName" not in source or names.length(text) <= ISCSI_LENGTH:
        return []
    return [invalid(path, name, ("Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if "
                                 "iscsi.initiatorName is specified."))]


def _flocker(path: Path, source: Tree) -> Errors:
    name, uid = source.get("datasetName") or "", source.get("datasetUUID") or ""
    found: Errors = []
    if not name and not uid:
        found.append(required(path, "one of datasetName and datasetUUID is required"))
    if name and uid:
        found.append(invalid(path, "resource", "datasetName and datasetUUID can not be specified simultaneously"))
    if "/" in name:
        found.append(invalid(path.child("datasetName"), name, "must not contain '/'"))
    return found


def _secret_name(path: Path, source: Tree) -> Errors:
    secret = source.get("secretRef")
    return [] if secret is None else present(path.child("secretRef", "name"), secret.get("name"))


def _cinder(path: Path, source: Tree) -> Errors:
    return present(path.child("volumeID"), source.get("volumeID")) + _secret_name(path, source)


def _quobyte(path: Path, source: Tree) -> Errors:
    registry = source.get("registry") or ""
    found: Errors = []
    if not registry:
        found.append(required(path.child("registry"), _PAIRS))
    elif names.length(source.get("tenant") or "") >= _TENANT_LENGTH:
        found.append(required(path.child("tenant"), "must be a UUID and may not exceed a length of 64 characters"))
    else:
        found += [invalid(path.child("registry"), registry, _PAIRS) for pair in registry.split(",")
                  if pair.count(":") != 1 and not re.fullmatch(r"\[[^\[\]]*\]:[^:\[\]]*", pair)]
    return found + present(path.child("volume"), source.get("volume"))


def _fibre_channel(path: Path, source: Tree) -> Errors:
    targets, wide = source.get("targetWWNs") or [], source.get("wwids") or []
    place = path.child("targetWWNs")
    found: Errors = []
    if not targets and not wide:
        found.append(required(place, "must specify either targetWWNs or wwids, but not both"))
    if targets and wide:
        found.append(invalid(place, targets, "targetWWNs and wwids can not be specified simultaneously"))
    if targets:
        unit = source.get("lun")
        if unit is None:
            found.append(required(path.child("lun"), "lun is required if targetWWNs is specified"))
        elif unit not in _BYTE:
            found.append(invalid(path.child("lun"), unit, UNIT))
    return found


def _flex(path: Path, source: Tree) -> Errors:
    found = present(path.child("driver"), source.get("driver"))
    for key in source.get("options") or ():
        domain = "." + key.partition("/")[0].lower()
        if domain.endswith((".kubernetes.io", ".k8s.io")):
            found.append(invalid(path.child("options").key(key), key,
                                 "kubernetes.io and k8s.io namespaces are reserved"))
    return found


def _azure_disk(path: Path, source: Tree) -> Errors:
    uri, kind = source.get("diskURI") or "", source.get("kind")
    found = _needs("diskName", "diskURI")(path, source)
    if "cachingMode" in source:
        found += one_of(path.child("cachingMode"), source["cachingMode"], _CACHING)
    if kind is None:
        return found
    found += one_of(path.child("kind"), kind, _DISKS)
    if kind == "Managed":
        if not uri.startswith("/subscriptions/"):
            found.append(not_supported(path.child("diskURI"), uri, _MANAGED_URI))
    elif not uri.startswith("https://"):
        found.append(not_supported(path.child("diskURI"), uri, _BLOB_URI))
    return found


def _storage_os(path: Path, source: Tree) -> Errors:
    name, namespace = source.get("volumeName"), source.get("volumeNamespace")
    place = path.child("volumeName")
    found = dns_label(place, name) if name else [required(place)]
    if namespace:
        found += dns_label(path.child("volumeNamespace"), namespace)
    return found + _secret_name(path, source)


RULES: Final[Mapping[str, Rule]] = {
    "gitRepo": _git,
    "gcePersistentDisk": _disk("pdName"),
    "awsElasticBlockStore": _disk("volumeID"),
    "nfs": _nfs,
    "iscsi": _iscsi,
    "glusterfs": _needs("endpoints", "path"),
    "flocker": _flocker,
    "rbd": _needs("monitors", "image"),
    "cinder": _cinder,
    "cephfs": _needs("monitors"),
    "quobyte": _quobyte,
    "fc": _fibre_channel,
    "flexVolume": _flex,
    "azureFile": _needs("secretName", "shareName"),
    "vsphereVolume": _needs("volumePath"),
    "photonPersistentDisk": _needs("pdID"),
    "portworxVolume": _needs("volumeID"),
    "azureDisk": _azure_disk,
    "storageos": _storage_os,
    "scaleIO": _needs("gateway", "system", "volumeName"),
}
