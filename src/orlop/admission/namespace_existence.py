"""NamespaceAutoProvision makes the namespace that a new object names; NamespaceExists refuses writes where there is
none. Both off unless asked for: NamespaceLifecycle does what is needed.

Behaviour: kubernetes `plugin/pkg/admission/namespace/autoprovision`, `plugin/pkg/admission/namespace/exists`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from orlop.admission.interface import CREATE, DELETE, UPDATE, Attributes
from orlop.admission.second_look import CatchUp, second_look
from orlop.api import errors
from orlop.api.errors import APIError
from orlop.api.gvk import GroupResource, GroupVersionResource

_NAMESPACES: Final = GroupResource("", "namespaces")
Exists = Callable[[str], bool]


class NamespaceAutoProvision:
    """`make` creates a namespace."""

    name = "NamespaceAutoProvision"

    def __init__(self, exists: Exists, make: Callable[[str], Awaitable[None]]) -> None:
        self._exists, self._make = exists, make

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return operation == CREATE and resource.group_resource != _NAMESPACES

    def admit(self, attributes: Attributes) -> Awaitable[None] | None:
        namespace = attributes.namespace
        if attributes.dry_run or not namespace or self._exists(namespace):
            return None
        return self._provide(attributes, namespace)

    async def _provide(self, attributes: Attributes, namespace: str) -> None:
        try:
            await self._make(namespace)
        except APIError as error:
            if error.reason != "AlreadyExists":
                raise attributes.forbidden(error.message) from None


class NamespaceExists:
    name = "NamespaceExists"

    def __init__(self, exists: Exists, catch_up: CatchUp | None = None) -> None:
        self._exists = exists
        self.validate = second_look(self._validate, catch_up)

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return operation in (CREATE, UPDATE, DELETE) and resource.group_resource != _NAMESPACES

    def _validate(self, attributes: Attributes) -> None:
        if attributes.namespace and not self._exists(attributes.namespace):
            raise errors.not_found(_NAMESPACES, attributes.namespace)
