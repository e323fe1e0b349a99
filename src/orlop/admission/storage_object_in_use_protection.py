"""StorageObjectInUseProtection: new volumes, claims and volume attributes classes get a finalizer, which a controller
takes away once they are out of use.

That controller is kube-controller-manager's. Behaviour: kubernetes
`plugin/pkg/admission/storage/storageobjectinuseprotection/admission.go`.
"""

from __future__ import annotations

from typing import Final

from orlop.admission.interface import CREATE, Attributes
from orlop.api.gvk import GroupResource, GroupVersionResource

_FINALIZERS: Final = {
    GroupResource("", "persistentvolumes"): "kubernetes.io/pv-protection",
    GroupResource("", "persistentvolumeclaims"): "kubernetes.io/pvc-protection",
    GroupResource("storage.k8s.io", "volumeattributesclasses"): "kubernetes.io/vac-protection",
}


class StorageObjectInUseProtection:
    name = "StorageObjectInUseProtection"

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return resource.group_resource in _FINALIZERS and not subresource and operation == CREATE

    def admit(self, attributes: Attributes) -> None:
        assert attributes.obj is not None
        finalizer, metadata = _FINALIZERS[attributes.resource.group_resource], attributes.obj["metadata"]
        given = metadata.get("finalizers") or []
        if finalizer not in given:
            metadata["finalizers"] = [*given, finalizer]
