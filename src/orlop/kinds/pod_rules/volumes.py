"""Volumes of pods: names, one source each, and the rules of the sources in use.

Called by `spec`; what is projected into one volume is in `projections`, sources of the past in `legacy_volumes`. Texts
and their order: kubernetes `pkg/apis/core/validation/validation.go` (ValidateVolumes, validateVolumeSource).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import orjson

from orlop.api import names
from orlop.api.field import Path, duplicate, forbidden, invalid, quote, required
from orlop.api.quantity import parse
from orlop.api.tree import Tree
from orlop.api.validation import validate_annotations, validate_labels
from orlop.kinds.checks import Errors, chosen, dns_label, one_of, present, said
from orlop.kinds.csi import driver_name
from orlop.kinds.known_good import KnownGood
from orlop.kinds.persistent_volume_claim import claim_spec
from orlop.kinds.pod_rules import legacy_volumes, projections
from orlop.kinds.pod_rules.paths import no_backsteps
from orlop.kinds.pod_rules.terms import Allowances

Rule = Callable[[Path, Tree, Allowances], Errors]
_HOST_PATH_TYPES: Final = ("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate",
                           "Socket")
_PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
_UNTAKEN: Final = ("name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation",
                   "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "ownerReferences",
                   "finalizers", "managedFields")
"""Metadata that a claim does not take from its template."""
_POINTERS: Final = ("deletionGracePeriodSeconds",)
"""Of these, upstream tells zero from nothing."""
_KNOWN_VOLUMES: Final = 4096
"""How many volumes are remembered as right."""
_known = KnownGood(_KNOWN_VOLUMES)
_TWO: Final = "may not specify more than 1 volume type"


def volumes(path: Path, listed: list[Tree], pod_name: str, allow: Allowances) -> tuple[Mapping[str, Tree], Errors]:
    """The good volumes by name, and what is wrong with the others. `pod_name` is "" for templates: ephemeral volumes
    become claims named after their pod."""
    found: Errors = []
    good: dict[str, Tree] = {}
    made = {f"{pod_name}-{volume.get('name') or ''}" for volume in listed if "ephemeral" in volume} if pod_name else ()
    for position, volume in enumerate(listed):
        name = volume.get("name") or ""
        key = None if made or not allow.is_usual else orjson.dumps(volume)
        if key in _known and name not in good:
            good[name] = volume
            continue
        place = path.index(position)
        wrong = _source(place, volume, name, pod_name, allow)
        wrong += dns_label(place.child("name"), name) if name else [required(place.child("name"))]
        if name in good:
            wrong.append(duplicate(place.child("name"), name))
        if wrong:
            found += wrong
        else:
            good[name] = volume
            if key is not None and _NAMED.isdisjoint(volume):
                _known.add(key)
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName") or ""
        if claim in made:
            found.append(invalid(place.child("persistentVolumeClaim", "claimName"), claim,
                                 "must not reference a PVC that gets created for an ephemeral volume"))
    return good, found


def _source(path: Path, volume: Tree, name: str, pod_name: str, allow: Allowances) -> Errors:
    if len(volume) == 2:
        for kind in volume:
            if kind != "name":
                break
        found = _RULES[kind](path.child(_PLACES.get(kind, kind)), volume[kind], allow) if kind in _RULES else []
        return found if kind not in _NAMED else found + _named(path, kind, volume, name, pod_name)
    found = []
    some = False
    for kind, rule in _RULES.items():
        if kind not in volume:
            continue
        if some:
            found.append(forbidden(path.child(_MISNAMED.get(kind, kind)), _TWO))
        else:
            some = True
            found += rule(path.child(_PLACES.get(kind, kind)), volume[kind], allow)
        if kind in _NAMED:
            found += _named(path, kind, volume, name, pod_name)
    return found if some else [required(path, "must specify a volume type")]


def _named(path: Path, kind: str, volume: Tree, name: str, pod_name: str) -> Errors:
    """Rules in which the volume's own name has a part."""
    if kind == "iscsi":
        return legacy_volumes.iscsi_name(path.child("name"), volume["iscsi"], name)
    if not pod_name or not name:
        return []
    claim = f"{pod_name}-{name}"
    return [invalid(path.child("name"), name, f"PVC name {quote(claim)}: {text}")
            for text in names.name_is_dns_subdomain(claim, False)]


def _empty_dir(path: Path, source: Tree, allow: Allowances) -> Errors:
    limit = source.get("sizeLimit")
    if limit is None or parse(limit).sign >= 0:
        return []
    return [forbidden(path.child("sizeLimit"), "SizeLimit field must be a valid resource quantity")]


def _host_path(path: Path, source: Tree, allow: Allowances) -> Errors:
    at = source.get("path")
    if not at:
        return [required(path.child("path"))]
    found = no_backsteps(path.child("path"), at)
    return found + one_of(path.child("type"), source.get("type") or "", _HOST_PATH_TYPES)


def _keys(name: str) -> Rule:
    """Files from the keys of a Secret or ConfigMap; `name` is the member that names it."""

    def rule(path: Path, source: Tree, allow: Allowances) -> Errors:
        found: Errors = [] if source.get(name) else [required(path.child(name))]
        found += projections.file_mode(path.child("defaultMode"), source.get("defaultMode"))
        for position, item in enumerate(source.get("items") or ()):
            found += projections.key_to_path(path.child("items").index(position), item)
        return found

    return rule


def _claim(path: Path, source: Tree, allow: Allowances) -> Errors:
    return present(path.child("claimName"), source.get("claimName"))


def _downward(path: Path, source: Tree, allow: Allowances) -> Errors:
    found = projections.file_mode(path.child("defaultMode"), source.get("defaultMode"))
    for item in source.get("items") or ():
        found += projections.downward_file(path, item)
    return found


def _csi(path: Path, source: Tree, allow: Allowances) -> Errors:
    found = driver_name(path.child("driver"), source.get("driver") or "")
    secret = source.get("nodePublishSecretRef")
    if secret is None:
        return found
    name = secret.get("name") or ""
    if not name:
        return [*found, required(path.child("nodePublishSecretRef", "name"))]
    return found + said(path.child("name"), name, names.name_is_dns_subdomain(name, False))


def _ephemeral(path: Path, source: Tree, allow: Allowances) -> Errors:
    template, place = source.get("volumeClaimTemplate"), path.child("volumeClaimTemplate")
    if template is None:
        return [required(place)]
    metadata, at = template.get("metadata") or {}, place.child("metadata")
    found = validate_annotations(metadata.get("annotations") or {}, at.child("annotations"))
    found += validate_labels(metadata.get("labels") or {}, at.child("labels"))
    found += [forbidden(at.child("uID" if member == "uid" else member), "cannot be set")
              for member in _UNTAKEN if metadata.get(member) or (member in _POINTERS and metadata.get(member) == 0)]
    return found + claim_spec(template.get("spec") or {}, place.child("spec"))


def _image(path: Path, source: Tree, allow: Allowances) -> Errors:
    found = present(path.child("reference"), source.get("reference"))
    return found + chosen(path.child("pullPolicy"), source.get("pullPolicy"), _PULL_POLICIES)


_OLD: Final = legacy_volumes.RULES


def _old(kind: str) -> Rule:
    rule = _OLD[kind]
    return lambda path, source, allow: rule(path, source)


_RULES: Final[Mapping[str, Rule]] = {
    "emptyDir": _empty_dir, "hostPath": _host_path, "gitRepo": _old("gitRepo"),
    "gcePersistentDisk": _old("gcePersistentDisk"), "awsElasticBlockStore": _old("awsElasticBlockStore"),
    "secret": _keys("secretName"), "nfs": _old("nfs"), "iscsi": _old("iscsi"), "glusterfs": _old("glusterfs"),
    "flocker": _old("flocker"), "persistentVolumeClaim": _claim, "rbd": _old("rbd"), "cinder": _old("cinder"),
    "cephfs": _old("cephfs"), "quobyte": _old("quobyte"), "downwardAPI": _downward, "fc": _old("fc"),
    "flexVolume": _old("flexVolume"), "configMap": _keys("name"), "azureFile": _old("azureFile"),
    "vsphereVolume": _old("vsphereVolume"), "photonPersistentDisk": _old("photonPersistentDisk"),
    "portworxVolume": _old("portworxVolume"), "azureDisk": _old("azureDisk"), "storageos": _old("storageos"),
    "projected": projections.projected, "scaleIO": _old("scaleIO"), "csi": _csi, "ephemeral": _ephemeral,
    "image": _image,
}
"""In upstream's order."""
_PLACES: Final = {"gcePersistentDisk": "persistentDisk"}
"""Where upstream's path differs from the member's name."""
_MISNAMED: Final = {"cephfs": "cephFS", "downwardAPI": "downwarAPI"}
"""The same, for a source that is one too many."""
_NAMED: Final = frozenset({"iscsi", "ephemeral"})
