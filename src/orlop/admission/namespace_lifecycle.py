"""NamespaceLifecycle: nothing is created in a namespace that is missing or terminating, and three namespaces stay.

Behaviour: apiserver `pkg/admission/plugin/namespace/lifecycle/admission.go`. The cache it asks is the server's own
and never behind an acknowledged write, so upstream's waiting and live look-ups have no counterpart here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from orlop.admission.interface import CREATE, DELETE, Attributes
from orlop.api import errors
from orlop.api.gvk import GroupResource, GroupVersionResource
from orlop.storage.interface import Entry

IMMORTAL: Final = frozenset({"default", "kube-system", "kube-public"})
_NAMESPACES: Final = GroupResource("", "namespaces")
_REVIEWS: Final = GroupResource("authorization.k8s.io", "localsubjectaccessreviews")
TERMINATING_CAUSE: Final = "NamespaceTerminating"


class NamespaceLifecycle:
    """`phase` gives a namespace's status.phase from its stored entry."""

    name = "NamespaceLifecycle"

    def __init__(self, peek: Callable[[str], Entry | None], phase: Callable[[Entry], str]) -> None:
        self._peek, self._phase = peek, phase

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        if resource.group_resource == _NAMESPACES:
            return operation == DELETE
        return operation == CREATE and resource.group_resource != _REVIEWS

    def admit(self, attributes: Attributes) -> None:
        if attributes.operation == DELETE:
            if attributes.name in IMMORTAL:
                raise errors.forbidden(_NAMESPACES, attributes.name, "this namespace may not be deleted")
            return
        namespace = attributes.namespace
        if not namespace:
            return
        entry = self._peek(namespace)
        if entry is None:
            raise errors.not_found(_NAMESPACES, namespace)
        if self._phase(entry) == "Terminating":
            refusal = attributes.forbidden(
                f"unable to create new content in namespace {namespace} because it is being terminated")
            cause = {"reason": TERMINATING_CAUSE, "message": f"namespace {namespace} is being terminated",
                     "field": "metadata.namespace"}
            refusal.details = {**(refusal.details or {}), "causes": [cause]}
            raise refusal
