"""Default classes of claims and ingresses."""

from __future__ import annotations

from typing import Any

import pytest

from admission_requests import CLAIMS, request
from orlop.admission.default_ingress_class import DefaultIngressClass
from orlop.admission.default_storage_class import DefaultStorageClass
from orlop.admission.interface import CREATE, UPDATE
from orlop.api.gvk import GroupVersionResource
from orlop.api.tree import Tree

INGRESSES = GroupVersionResource("networking.k8s.io", "v1", "ingresses")
STORAGE, BETA = "storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"
INGRESS = "ingressclass.kubernetes.io/is-default-class"


def one(name: str, mark: str, value: str = "true", created: str = "2026-01-01T00:00:00Z") -> dict[str, Tree]:
    return {name: {"metadata": {"name": name, "annotations": {mark: value}, "creationTimestamp": created}}}


def class_of(mark_of: str, classes: dict[str, Tree], spec: Tree | None = None, **annotations: str) -> Any:
    """The class that an object ends up with."""
    obj: Tree = {"metadata": {"annotations": annotations}, "spec": dict(spec or {})}
    if mark_of == INGRESS:
        DefaultIngressClass(lambda: classes).admit(request(obj, resource=INGRESSES))
        return obj["spec"].get("ingressClassName")
    DefaultStorageClass(lambda: classes).admit(request(obj, resource=CLAIMS))
    return obj["spec"].get("storageClassName")


@pytest.mark.parametrize("mark", [STORAGE, BETA, INGRESS])
def test_the_newest_default_is_taken(mark: str) -> None:
    """Of equally old ones the first by name; marks other than "true" do not count."""
    assert class_of(mark, {}) is None
    assert class_of(mark, one("a", mark, "yes")) is None
    assert class_of(mark, {**one("b", mark), **one("a", mark)}) == "a"
    assert class_of(mark, {**one("a", mark), **one("b", mark, created="2026-01-02T00:00:00Z")}) == "b"


@pytest.mark.parametrize(("mark", "member", "annotation"), [
    (STORAGE, "storageClassName", "volume.beta.kubernetes.io/storage-class"),
    (INGRESS, "ingressClassName", "kubernetes.io/ingress.class"),
])
def test_a_choice_is_respected(mark: str, member: str, annotation: str) -> None:
    """Also that of no class, and that by the old annotation."""
    default = one("a", mark)
    assert class_of(mark, default, {member: "own"}) == "own"
    assert class_of(mark, default, {member: ""}) == ""
    noted: dict[str, Any] = {annotation: ""}
    assert class_of(mark, default, **noted) is None


def test_whom_they_concern() -> None:
    """New claims and new ingresses."""
    storage, ingress = DefaultStorageClass(dict), DefaultIngressClass(dict)
    assert storage.handles(CLAIMS, "", CREATE) and ingress.handles(INGRESSES, "", CREATE)
    assert not storage.handles(CLAIMS, "", UPDATE) and not ingress.handles(INGRESSES, "", UPDATE)
    assert not storage.handles(INGRESSES, "", CREATE) and not ingress.handles(CLAIMS, "", CREATE)
