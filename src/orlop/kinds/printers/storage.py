"""Cells of volumes, claims and storage.k8s.io.

Upstream: `pkg/printers/internalversion/printers.go`, `pkg/apis/core/helper/helpers.go` (access modes, class
of a volume), `pkg/apis/storage/util/helpers.go` (default classes).
"""

from __future__ import annotations

from collections.abc import Sequence

from orlop.api.tree import Tree
from orlop.kinds.printers.cells import (
    NONE,
    UNSET,
    Cell,
    age,
    metadata_of,
    name_of,
    quantity,
    spec_of,
    status_of,
)

_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
_CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
_DEFAULT_CLASS = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)
_DEFAULT_ATTRIBUTES = ("volumeattributesclass.alpha.kubernetes.io/is-default-class",)


def volume_cells(volume: Tree) -> list[Cell]:
    metadata, spec, status = metadata_of(volume), spec_of(volume), status_of(volume)
    claim = spec.get("claimRef")
    return [
        name_of(metadata), quantity((spec.get("capacity") or {}).get("storage")), _modes(spec),
        spec.get("persistentVolumeReclaimPolicy") or "", _phase(metadata, status),
        "" if claim is None else f"{claim.get('namespace') or ''}/{claim.get('name') or ''}",
        _class_of(metadata, spec), _or_unset(spec.get("volumeAttributesClassName")),
        status.get("reason") or "",
        age(metadata), _or_unset(spec.get("volumeMode")),
    ]


def claim_cells(claim: Tree) -> list[Cell]:
    """Size and modes are shown once a volume is bound: they are the volume's, not those asked for."""
    metadata, spec, status = metadata_of(claim), spec_of(claim), status_of(claim)
    volume = spec.get("volumeName") or ""
    return [
        name_of(metadata), _phase(metadata, status), volume,
        quantity((status.get("capacity") or {}).get("storage")) if volume else "",
        _modes(status) if volume else "",
        _class_of(metadata, spec), _or_unset(spec.get("volumeAttributesClassName")), age(metadata),
        _or_unset(spec.get("volumeMode")),
    ]


def _phase(metadata: Tree, status: Tree) -> str:
    return "Terminating" if metadata.get("deletionTimestamp") else status.get("phase") or ""


def _modes(holder: Tree) -> str:
    modes: Sequence[str] = holder.get("accessModes") or ()
    return ",".join([short for mode, short in _MODES.items() if mode in modes])


def _class_of(metadata: Tree, spec: Tree) -> str:
    """The storage class: the beta annotation still comes before the field."""
    annotated = (metadata.get("annotations") or {}).get(_CLASS_ANNOTATION)
    return spec.get("storageClassName") or "" if annotated is None else annotated


def _or_unset(value: str | None) -> str:
    return UNSET if value is None else value


def _class_name(metadata: Tree, defaults: Sequence[str]) -> str:
    annotations = metadata.get("annotations") or {}
    is_default = any(annotations.get(key) == "true" for key in defaults)
    return f"{name_of(metadata)} (default)" if is_default else name_of(metadata)


def storage_class_cells(storage_class: Tree) -> list[Cell]:
    metadata = metadata_of(storage_class)
    return [
        _class_name(metadata, _DEFAULT_CLASS), storage_class.get("provisioner") or "",
        storage_class.get("reclaimPolicy") or "Delete", storage_class.get("volumeBindingMode") or "Immediate",
        bool(storage_class.get("allowVolumeExpansion")), age(metadata),
    ]


def volume_attributes_class_cells(attributes_class: Tree) -> list[Cell]:
    metadata, driver = metadata_of(attributes_class), attributes_class.get("driverName") or ""
    return [_class_name(metadata, _DEFAULT_ATTRIBUTES), driver, age(metadata)]


def volume_attachment_cells(attachment: Tree) -> list[Cell]:
    metadata, spec = metadata_of(attachment), spec_of(attachment)
    return [
        name_of(metadata), spec.get("attacher") or "",
        (spec.get("source") or {}).get("persistentVolumeName") or "",
        spec.get("nodeName") or "", bool(status_of(attachment).get("attached")), age(metadata),
    ]


def csi_node_cells(node: Tree) -> list[Cell]:
    metadata = metadata_of(node)
    return [name_of(metadata), len(spec_of(node).get("drivers") or ()), age(metadata)]


def csi_driver_cells(driver: Tree) -> list[Cell]:
    metadata, spec = metadata_of(driver), spec_of(driver)
    attach, tokens = spec.get("attachRequired"), spec.get("tokenRequests")
    return [
        name_of(metadata), attach is None or bool(attach), bool(spec.get("podInfoOnMount")),
        bool(spec.get("storageCapacity")),
        UNSET if tokens is None else ",".join([token.get("audience") or "" for token in tokens]),
        bool(spec.get("requiresRepublish")), ",".join(spec.get("volumeLifecycleModes") or ()) or NONE,
        age(metadata),
    ]
