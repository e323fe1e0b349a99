"""NamespaceLifecycle: what it lets into which namespace."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.admission.interface import CREATE, DELETE, UPDATE, Attributes
from orlop.admission.namespace_lifecycle import NamespaceLifecycle
from orlop.api.context import Context
from orlop.api.errors import APIError
from orlop.api.gvk import GroupVersionKind, GroupVersionResource
from orlop.storage.interface import Entry

PHASES = {"open": "Active", "closing": "Terminating"}
PLUGIN = NamespaceLifecycle(lambda name: Entry(name, 1, b"{}") if name in PHASES else None,
                            lambda entry: PHASES[entry.key])
MAPS = GroupVersionResource("", "v1", "configmaps")
NAMESPACES = GroupVersionResource("", "v1", "namespaces")
LOCAL_REVIEWS = GroupVersionResource("authorization.k8s.io", "v1", "localsubjectaccessreviews")


def ask(operation: str, namespace: str, name: str = "x", resource: GroupVersionResource = MAPS) -> APIError | None:
    attributes = Attributes(Context(), operation, GroupVersionKind("", "v1", "K"), resource, "", namespace, name,
                            {"metadata": {"name": name}}, None, False)
    if not PLUGIN.handles(resource, "", operation):
        return None
    try:
        PLUGIN.admit(attributes)
    except APIError as refusal:
        return refusal
    return None


@pytest.mark.parametrize(("operation", "namespace"), [
    (CREATE, "open"), (CREATE, ""), (UPDATE, "closing"), (UPDATE, "missing"), (DELETE, "closing"), (DELETE, "missing"),
])
def test_let_in(operation: str, namespace: str) -> None:
    """Only creation asks for a namespace that lives."""
    assert ask(operation, namespace) is None


def test_missing_namespace() -> None:
    """404 about the namespace, not about the object."""
    refusal: Any = ask(CREATE, "missing")
    assert (refusal.code, refusal.message) == (404, 'namespaces "missing" not found')
    assert refusal.details == {"name": "missing", "kind": "namespaces"}


def test_terminating_namespace() -> None:
    """403 with the cause by which clients know that waiting does not help."""
    refusal: Any = ask(CREATE, "closing")
    assert refusal.message == ('configmaps "x" is forbidden: unable to create new content in namespace closing because '
                               "it is being terminated")
    assert refusal.details["causes"] == [{"reason": "NamespaceTerminating", "field": "metadata.namespace",
                                          "message": "namespace closing is being terminated"}]


def test_reviews_do_not_leak() -> None:
    """Whether a namespace exists is not told by a local access review."""
    assert ask(CREATE, "missing", resource=LOCAL_REVIEWS) is None


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public"])
def test_immortal_namespaces(name: str) -> None:
    """They may not be deleted."""
    refusal: Any = ask(DELETE, name, name, NAMESPACES)
    assert refusal.message == f'namespaces "{name}" is forbidden: this namespace may not be deleted'


def test_other_namespaces_are_mortal() -> None:
    """All others may, kube-node-lease too."""
    assert ask(DELETE, "kube-node-lease", "kube-node-lease", NAMESPACES) is None
