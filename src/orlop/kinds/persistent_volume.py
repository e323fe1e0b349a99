"""PersistentVolumes: where storage is; the source never changes.

Made by `makers`. Behaviour: kubernetes `pkg/registry/core/persistentvolume`, `pkg/apis/core/validation`
ValidatePersistentVolume. The rules of sources are in `volume_sources`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import Final

from orlop.api import names, quantity, times
from orlop.api.context import Context
from orlop.api.field import Path, forbidden, invalid, not_supported, required
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.kinds import volume_sources
from orlop.kinds.checks import SPEC, Errors, dns_subdomain, printed, quantity_positive, unchanged
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import Form, StatusStrategy
from orlop.kinds.persistent_volume_claim import VOLUME_MODES, access_modes
from orlop.kinds.pod_rules.node_selectors import node_selector
from orlop.kinds.pod_rules.warnings import term_remarks
from orlop.kinds.rooms import RestOptions, Rooms, form, store
from orlop.kinds.typed import Structs, TypedStrategy, type_loader
from orlop.world.clock import Clock

_POLICIES: Final = ("Delete", "Recycle", "Retain")
_NOTES: Final = {
    "volume.beta.kubernetes.io/storage-class": 'deprecated since v1.8; use "storageClassName" attribute instead',
    volume_sources.MOUNT_OPTIONS: 'deprecated since v1.31; use "mountOptions" attribute instead',
}
_GONE: Final = {
    "cephfs": "cephfs: deprecated in v1.28, non-functional in v1.31+",
    "photonPersistentDisk": "photonPersistentDisk: deprecated in v1.11, non-functional in v1.16+",
    "scaleIO": "scaleIO: deprecated in v1.16, non-functional in v1.22+",
    "storageos": "storageOS: deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "glusterfs: deprecated in v1.25, non-functional in v1.26+",
    "rbd": "rbd: deprecated in v1.28, non-functional in v1.31+",
}
_FINAL: Final = {
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "beta.kubernetes.io/os": "kubernetes.io/os", "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
}
"""Labels of nodes that a volume may come to call by their final names."""
_STAMP: Final = "lastPhaseTransitionTime"
_MATCHES: Final = ("matchExpressions", "matchFields")
_EXPAND: Final = "controllerExpandSecretRef"


def _capacity(capacity: Tree) -> Errors:
    path = SPEC.child("capacity")
    found: Errors = []
    if not capacity:
        found.append(required(path))
    if "storage" not in capacity or len(capacity) > 1:
        shown = json_value(dict(sorted(capacity.items()))) if capacity else printed(None)
        found.append(not_supported(path, shown, ("storage",)))
    for name, text in capacity.items():
        value = quantity.parse(text).value()
        if value < 0:
            found.append(invalid(path.key(name), value, "must be a valid resource quantity"))
        found += quantity_positive(path.key(name), text)
    return found


def _affinity(affinity: Tree | None, any_values: bool) -> Errors:
    if affinity is None:
        return []
    place = SPEC.child("nodeAffinity", "required")
    if affinity.get("required") is None:
        return [required(place, "must specify required node constraints")]
    return node_selector(place, affinity["required"], any_values=any_values)


def volume_rules(spec: Tree, name: str, *, any_values: bool = False) -> Errors:
    """`any_values`: the selector of nodes may have values that no label can have, as it had before."""
    found = access_modes(SPEC.child("accessModes"), spec.get("accessModes") or ())
    found += _capacity(spec.get("capacity") or {})
    policy = spec.get("persistentVolumeReclaimPolicy")
    place = SPEC.child("persistentVolumeReclaimPolicy")
    if policy and policy not in _POLICIES:
        found.append(not_supported(place, policy, _POLICIES))
    found += _affinity(spec.get("nodeAffinity"), any_values)
    found += volume_sources.sources(spec, name)
    host = (spec.get("hostPath") or {}).get("path")
    if host and posixpath.normpath(host) == "/" and policy == "Recycle":
        found.append(forbidden(place, "may not be 'recycle' for a hostPath mount of '/'"))
    if spec.get("storageClassName"):
        found += dns_subdomain(SPEC.child("storageClassName"), spec["storageClassName"])
    mode = spec.get("volumeMode")
    if mode is not None and mode not in VOLUME_MODES:
        found.append(not_supported(SPEC.child("volumeMode"), mode, VOLUME_MODES))
    return found + _attributes(spec)


def _attributes(spec: Tree) -> Errors:
    name, place = spec.get("volumeAttributesClassName"), SPEC.child("volumeAttributesClassName")
    if name is None:
        return []
    found = dns_subdomain(place, name) if name else [required(place, "an empty string is disallowed")]
    if spec.get("csi") is None:
        found.append(required(SPEC.child("csi"), "has to be specified when using volumeAttributesClassName"))
    return found


def _has_odd_values(spec: Tree) -> bool:
    terms = ((spec.get("nodeAffinity") or {}).get("required") or {}).get("nodeSelectorTerms") or ()
    return any(names.label_value(value) for term in terms for wanted in term.get("matchExpressions") or ()
               for value in wanted.get("values") or ())


def _renamed(affinity: Tree, before: Tree) -> Tree:
    """The former node affinity, with the labels that went from beta to their final names called as now."""
    terms, former = ((tree.get("required") or {}).get("nodeSelectorTerms") or [] for tree in (affinity, before))
    if len(terms) != len(former):
        return before
    renamed = [{**had, **{member: _called_as(term.get(member) or [], had[member]) for member in _MATCHES
                          if had.get(member)}} for term, had in zip(terms, former, strict=True)]
    return {**before, "required": {**(before.get("required") or {}), "nodeSelectorTerms": renamed}}


def _called_as(new: list[Tree], old: list[Tree]) -> list[Tree]:
    if len(new) != len(old):
        return old
    return [{**had, "key": wanted.get("key")} if (wanted.get("key") or "") == _FINAL.get(had.get("key") or "", "")
            else had for wanted, had in zip(new, old, strict=True)]


def volume_remarks(volume: Tree) -> list[str]:
    """Upstream's GetWarningsForPersistentVolume."""
    notes, spec = volume["metadata"].get("annotations") or {}, volume.get("spec") or {}
    found = [f"metadata.annotations[{key}]: {text}" for key, text in _NOTES.items() if key in notes]
    if spec.get("persistentVolumeReclaimPolicy") == "Recycle":
        found.append("spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the "
                     "recommended approach is to use dynamic provisioning.")
    selector = (spec.get("nodeAffinity") or {}).get("required") or {}
    for position, term in enumerate(selector.get("nodeSelectorTerms") or ()):
        place = SPEC.child("nodeAffinity", "required", "nodeSelectorTerms").index(position)
        found += term_remarks(place, term, values=False)
    return found + [f"spec.{text}" for name, text in _GONE.items() if spec.get(name) is not None]


class VolumeStrategy(TypedStrategy):
    returns_deleted_object = True
    repeats_metadata_rules = ("whole", "whole")

    def __init__(self, form: Form, structs: Structs, clock: Clock) -> None:
        super().__init__(form, structs)
        self._clock = clock

    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        obj["status"] = {"phase": "Pending", _STAMP: times.text(times.from_timestamp(self._clock.now()))}

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        found = volume_rules(obj.get("spec") or {}, obj["metadata"].get("name") or "")
        return found + volume_sources.mount_options(obj)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        """Upstream checks the whole volume twice, and says so twice."""
        new, before = obj.get("spec") or {}, old.get("spec") or {}
        found = volume_rules(new, obj["metadata"].get("name") or "", any_values=_has_odd_values(before))
        found = found + volume_sources.mount_options(obj) + found
        found += self._source_change(new, before)
        found += unchanged(Path("volumeMode"), new.get("volumeMode"), before.get("volumeMode"))
        affinity, had = new.get("nodeAffinity"), before.get("nodeAffinity")
        if had is not None and not self.structs.same(affinity, _renamed(affinity or {}, had), "spec", "nodeAffinity"):
            found.append(invalid(Path("nodeAffinity"), self.structs.text(affinity, "spec", "nodeAffinity"),
                                 "field is immutable, except for updating from beta label to GA"))
        if new.get("volumeAttributesClassName") is None and before.get("volumeAttributesClassName") is not None:
            found.append(forbidden(SPEC.child("volumeAttributesClassName"),
                                   "update from non-nil value to nil is forbidden"))
        return found

    def _source_change(self, new: Tree, before: Tree) -> Errors:
        source, had = new.get("csi"), before.get("csi")
        if source is not None and had is not None and had.get(_EXPAND) is None and source.get(_EXPAND) is not None:
            new = {**new, "csi": {name: value for name, value in source.items() if name != _EXPAND}}
        members = volume_sources.SOURCES
        if all(self.structs.same(new.get(name), before.get(name), "spec", name) for name in members):
            return []
        text = self.structs.part_difference(members, before, new, "spec")
        return [forbidden(SPEC.child("persistentvolumesource"),
                          f"spec.persistentvolumesource is immutable after creation\n{text}")]

    def warnings_on_create(self, ctx: Context, obj: Tree) -> Sequence[str]:
        return volume_remarks(obj)

    def warnings_on_update(self, ctx: Context, obj: Tree, old: Tree) -> Sequence[str]:
        return volume_remarks(obj)


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
    structs = Structs(type_loader(resource, options))
    made = store(resource, options, VolumeStrategy(shape, structs, clock))
    return {"": made, "status": made.with_strategy(VolumeStatusStrategy(shape, clock))}
