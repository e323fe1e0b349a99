"""What protects volumes and claims, and when claims may grow."""

from __future__ import annotations

from typing import Any

import pytest

from admission_requests import CLAIMS, PODS, refusal, request
from orlop.admission.interface import CREATE, UPDATE
from orlop.admission.persistent_volume_claim_resize import PersistentVolumeClaimResize
from orlop.admission.storage_object_in_use_protection import StorageObjectInUseProtection
from orlop.api.gvk import GroupVersionResource
from orlop.api.tree import Tree

VOLUMES = GroupVersionResource("", "v1", "persistentvolumes")
ATTRIBUTES = GroupVersionResource("storage.k8s.io", "v1", "volumeattributesclasses")
UNBOUND = "Only bound persistent volume claims can be expanded"
FIXED = ("only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support "
         "resize")
CLASSES: dict[str, Tree] = {"grows": {"allowVolumeExpansion": True}, "fixed": {"allowVolumeExpansion": False},
                            "silent": {}}


@pytest.mark.parametrize(("resource", "word"), [(VOLUMES, "pv"), (CLAIMS, "pvc"), (ATTRIBUTES, "vac")])
def test_finalizers(resource: GroupVersionResource, word: str) -> None:
    """Behind those given, once."""
    plugin = StorageObjectInUseProtection()
    for given in ([], ["mine/own"]):
        obj: Tree = {"metadata": {"finalizers": given}}
        for _ in range(2):
            plugin.admit(request(obj, resource=resource))
        assert obj["metadata"]["finalizers"] == [*given, f"kubernetes.io/{word}-protection"]
    assert plugin.handles(resource, "", CREATE) and not plugin.handles(resource, "", UPDATE)
    assert not plugin.handles(PODS, "", CREATE)


def claim(size: str, name: Any = "grows", phase: str = "Bound", **annotations: str) -> Tree:
    return {"metadata": {"name": "x", "annotations": annotations}, "status": {"phase": phase},
            "spec": {"resources": {"requests": {"storage": size}}, "storageClassName": name}}


@pytest.mark.parametrize(("new", "old", "why"), [
    (claim("2Gi"), claim("1Gi"), ""),
    (claim("1024Mi", "fixed"), claim("1Gi", "fixed", "Pending"), ""),
    (claim("1Gi", "fixed"), claim("2Gi", "fixed"), ""),
    (claim("2Gi"), claim("1Gi", phase="Pending"), UNBOUND),
    (claim("2Gi", "fixed"), claim("1Gi", "fixed"), FIXED),
    (claim("2Gi", "silent"), claim("1Gi", "silent"), FIXED),
    (claim("2Gi", "gone"), claim("1Gi", "gone"), FIXED),
    (claim("2Gi", ""), claim("1Gi", ""), FIXED),
    (claim("2Gi", "grows"), claim("1Gi", "silent"), FIXED),
    (claim("2Gi", None, **{"volume.beta.kubernetes.io/storage-class": "grows"}),
     claim("1Gi", None, **{"volume.beta.kubernetes.io/storage-class": "grows"}), ""),
])
def test_growing(new: Tree, old: Tree, why: str) -> None:
    """Bound claims of a class that says so; what does not grow is not asked."""
    assert refusal(PersistentVolumeClaimResize(lambda: CLASSES).validate, request(new, old, CLAIMS)) == why


def test_only_updates_grow() -> None:
    """New claims, and what controllers say of their status, pass."""
    plugin = PersistentVolumeClaimResize(dict)
    assert plugin.handles(CLAIMS, "", UPDATE)
    assert not plugin.handles(CLAIMS, "", CREATE) and not plugin.handles(CLAIMS, "status", UPDATE)
