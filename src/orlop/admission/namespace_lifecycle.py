"""NamespaceLifecycle: nothing is created in a namespace that is missing or terminating, and three namespaces stay.

Behaviour: apiserver `pkg/admission/plugin/namespace/lifecycle/admission.go`. The cache it asks is the server's own
and never behind a write that this server acknowledged. Where other servers write too, a namespace that is missing is
looked for again once the cache has caught up with them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
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
    """`phase` gives a namespace's status.phase from its stored entry. `catch_up`: where others write too, what to
    await before a namespace is called missing."""

    name = "NamespaceLifecycle"

    def __init__(self, peek: Callable[[str], Entry | None], phase: Callable[[Entry], str],
                 catch_up: Callable[[], Awaitable[None]] | None = None) -> None:
        self._peek, self._phase, self._catch_up = peek, phase, catch_up

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        if resource.group_resource == _NAMESPACES:
            return operation == DELETE
        return operation == CREATE and resource.group_resource != _REVIEWS

    def admit(self, attributes: Attributes) -> Awaitable[None] | None:
        if attributes.operation == DELETE:
            if attributes.name in IMMORTAL:
                raise errors.forbidden(_NAMESPACES, attributes.name, "this namespace may not be deleted")
            return None
        namespace = attributes.namespace
        if not namespace:
            return None
        entry = self._peek(namespace)
        if entry is None and self._catch_up is not None:
            return self._admit_later(attributes, self._catch_up)
        self._judge(attributes, entry)
        return None

    async def _admit_later(self, attributes: Attributes, catch_up: Callable[[], Awaitable[None]]) -> None:
        await catch_up()
        self._judge(attributes, self._peek(attributes.namespace))

    def _judge(self, attributes: Attributes, entry: Entry | None) -> None:
        namespace = attributes.namespace
        if entry is None:
            raise errors.not_found(_NAMESPACES, namespace)
        if self._phase(entry) == "Terminating":
            refusal = attributes.forbidden(
                f"unable to create new content in namespace {namespace} because it is being terminated")
            cause = {"reason": TERMINATING_CAUSE, "message": f"namespace {namespace} is being terminated",
                     "field": "metadata.namespace"}
            refusal.details = {**(refusal.details or {}), "causes": [cause]}
            raise refusal
