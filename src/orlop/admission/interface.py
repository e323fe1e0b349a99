"""What an admission plugin is. Called by the endpoints between decoding and storage, in the order of the chain.

Plugins change the object in `admit` (all mutating plugins run before any validating one) and refuse in `validate`.
Both may answer at once (None) or with an awaitable; both refuse by raising `APIError`. A plugin that has nothing to
say to an operation does not list it, and then costs nothing. Modelled on apiserver `pkg/admission/interfaces.go`.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final, Protocol

from orlop.api import errors
from orlop.api.context import Context
from orlop.api.errors import APIError
from orlop.api.gvk import GroupVersionKind, GroupVersionResource
from orlop.api.tree import Tree

CREATE: Final = "CREATE"
UPDATE: Final = "UPDATE"
DELETE: Final = "DELETE"
CONNECT: Final = "CONNECT"


class Attributes:
    """One write as plugins see it. `obj` is None for DELETE, `old` for CREATE. Trees are in the storage version."""

    __slots__ = ("ctx", "dry_run", "kind", "name", "namespace", "obj", "old", "operation", "resource", "subresource")

    def __init__(self, ctx: Context, operation: str, kind: GroupVersionKind, resource: GroupVersionResource,
                 subresource: str, namespace: str, name: str, obj: Tree | None, old: Tree | None,
                 dry_run: bool) -> None:
        self.ctx, self.operation, self.kind = ctx, operation, kind
        self.resource, self.subresource = resource, subresource
        self.namespace, self.name, self.obj, self.old, self.dry_run = namespace, name, obj, old, dry_run

    def forbidden(self, why: str) -> APIError:
        """The 403 a plugin raises (apiserver `pkg/admission/errors.go` NewForbidden)."""
        name: str = self.name
        if not name and self.obj is not None:
            metadata = self.obj.get("metadata") or {}
            name = metadata.get("name") or metadata.get("generateName") or ""
        return errors.forbidden(self.resource.group_resource, name or "Unknown", why)


class Plugin(Protocol):
    """`name` is upstream's, as --enable-admission-plugins takes it. `handles(group, resource, subresource,
    operation)` is asked once per route."""

    name: str

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool: ...


class MutatingPlugin(Plugin, Protocol):
    def admit(self, attributes: Attributes) -> Awaitable[None] | None: ...


class ValidatingPlugin(Plugin, Protocol):
    def validate(self, attributes: Attributes) -> Awaitable[None] | None: ...
