"""OwnerReferencesPermissionEnforcement: owners are named only by those who may delete the object, and keep an owner
from going only by those who may finalize it. Off unless asked for.

Behaviour: kubernetes `plugin/pkg/admission/gc/gc_admission.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from orlop.admission.interface import CREATE, UPDATE, Attributes
from orlop.admission.second_look import CatchUp, second_look
from orlop.api.context import User
from orlop.api.field import quote
from orlop.api.gvk import GroupResource, GroupVersionKind, GroupVersionResource
from orlop.api.tree import Tree

_PODS: Final = GroupResource("", "pods")


class Right(NamedTuple):
    """A question to the authorizer."""

    verb: str
    group: str
    version: str
    resource: str
    subresource: str
    namespace: str
    name: str


class Owner(NamedTuple):
    """The resource of an owner's kind."""

    resource: str
    namespaced: bool


Ask = Callable[[User, Right], tuple[bool, str]]
"""Whether a user has a right, and why not."""
Resolve = Callable[[GroupVersionKind], Owner | None]


class OwnerReferencesPermissionEnforcement:
    name = "OwnerReferencesPermissionEnforcement"

    def __init__(self, ask: Ask, resolve: Resolve, catch_up: CatchUp | None = None) -> None:
        self._ask, self._resolve = ask, resolve
        self.validate = second_look(self._validate, catch_up)

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return operation in (CREATE, UPDATE) and (resource.group_resource, subresource) != (_PODS, "status")

    def _validate(self, attributes: Attributes) -> None:
        new, old = _references(attributes.obj), _references(attributes.old)
        if new == old:
            return
        if attributes.operation != CREATE:
            self._check_deletion(attributes)
        user = attributes.ctx.user
        blocking = _newly_blocking(new, old)
        if not blocking or self._ask(user, Right("update", "*", "*", "*", "finalizers", "", "*"))[0]:
            return
        for reference in blocking:
            self._check_finalizing(attributes, reference)

    def _check_deletion(self, attributes: Attributes) -> None:
        resource = attributes.resource
        right = Right("delete", resource.group, resource.version, resource.resource, attributes.subresource,
                      attributes.namespace, attributes.name)
        allowed, reason = self._ask(attributes.ctx.user, right)
        if not allowed:
            raise attributes.forbidden(f"cannot set an ownerRef on a resource you can't delete: {reason}, <nil>")

    def _check_finalizing(self, attributes: Attributes, reference: Tree) -> None:
        text, kind = reference.get("apiVersion") or "", reference.get("kind") or ""
        group, _, version = text.rpartition("/")
        owner = self._resolve(GroupVersionKind(group, version, kind))
        if owner is None:
            raise attributes.forbidden(
                f"cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion {text} "
                f"Kind {kind}: no matches for kind {quote(kind)} in version {quote(text)}")
        right = Right("update", group, version, owner.resource, "finalizers",
                      attributes.namespace if owner.namespaced else "", reference.get("name") or "")
        allowed, reason = self._ask(attributes.ctx.user, right)
        if not allowed:
            raise attributes.forbidden("cannot set blockOwnerDeletion if an ownerReference refers to a resource you "
                                       f"can't set finalizers on: {reason}, <nil>")


def _references(obj: Tree | None) -> Sequence[Tree]:
    return ((obj or {}).get("metadata") or {}).get("ownerReferences") or []


def _newly_blocking(new: Sequence[Tree], old: Sequence[Tree]) -> list[Tree]:
    before = {one.get("uid"): bool(one.get("blockOwnerDeletion")) for one in old}
    return [one for one in new if one.get("blockOwnerDeletion") and not before.get(one.get("uid"))]
