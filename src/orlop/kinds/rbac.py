"""Roles and bindings: well-formed, with a roleRef that never changes.

Made by `makers`. Nobody may grant more than he has: before every write `auth.escalation` is asked. Behaviour:
kubernetes `pkg/registry/rbac`, `pkg/apis/rbac/validation`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from orlop.api import names
from orlop.api.context import Context
from orlop.api.field import Path, invalid, not_supported, required
from orlop.api.gotext import json_value
from orlop.api.label_selector_validation import validate_label_selector
from orlop.api.tree import Tree
from orlop.auth.escalation import check_binding, check_role
from orlop.auth.identities import MASTERS
from orlop.auth.interface import Authorizer
from orlop.auth.rules import RuleResolver
from orlop.kinds.checks import Errors, dns_subdomain, said
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import MainStrategy, settle
from orlop.kinds.go_form import Form
from orlop.kinds.rooms import RestOptions, Rooms, stores
from orlop.registry.store import Finish, Hooks

GROUP: Final = "rbac.authorization.k8s.io"
_SUBJECTS: Final = ("ServiceAccount", "User", "Group")
_ROLE_REF: Final = Path("roleRef")
_ROLE_REF_FORM: Final = Form({"APIGroup": ("apiGroup", ""), "Kind": ("kind", ""), "Name": ("name", "")})


def _rule(path: Path, rule: Tree, namespaced: bool) -> Errors:
    found: Errors = []
    if not rule.get("verbs"):
        found.append(required(path.child("verbs"), "verbs must contain at least one value"))
    urls, groups, resources = rule.get("nonResourceURLs"), rule.get("apiGroups"), rule.get("resources")
    if urls:
        place = path.child("nonResourceURLs")
        if namespaced:
            found.append(invalid(place, json_value(urls), "namespaced rules cannot apply to non-resource URLs"))
        if groups or resources or rule.get("resourceNames"):
            found.append(invalid(place, json_value(urls),
                                 "rules cannot apply to both regular resources and non-resource URLs"))
        return found
    if not groups:
        found.append(required(path.child("apiGroups"), "resource rules must supply at least one api group"))
    if not resources:
        found.append(required(path.child("resources"), "resource rules must supply at least one resource"))
    return found


def _aggregation(aggregation: Tree) -> Errors:
    path = Path("aggregationRule.clusterRoleSelectors")
    selectors = aggregation.get("clusterRoleSelectors") or ()
    if not selectors:
        return [required(path, "at least one clusterRoleSelector required if aggregationRule is non-nil")]
    found: Errors = []
    for index, selector in enumerate(selectors):
        problems = validate_label_selector(selector, path.index(index))
        found += problems
        if problems:
            found.append(invalid(path.index(index), json_value(None), "invalid label selector."))
    return found


def _subject(path: Path, subject: Tree, namespaced: bool) -> Errors:
    found: Errors = []
    name, kind, group = subject.get("name") or "", subject.get("kind") or "", subject.get("apiGroup") or ""
    if not name:
        found.append(required(path.child("name")))
    if kind == "ServiceAccount":
        if name:
            found += dns_subdomain(path.child("name"), name)
        if group:
            found.append(not_supported(path.child("apiGroup"), group, ("",)))
        if not namespaced and not subject.get("namespace"):
            found.append(required(path.child("namespace")))
    elif kind in ("User", "Group"):
        if group != GROUP:
            found.append(not_supported(path.child("apiGroup"), group, (GROUP,)))
    else:
        found.append(not_supported(path.child("kind"), kind, _SUBJECTS))
    return found


class _RBACStrategy(MainStrategy):
    allow_create_on_update = True

    def check_name(self, name: str, prefix: bool) -> Sequence[str]:
        return names.path_segment_name(name)


class RoleStrategy(_RBACStrategy):
    """Roles and ClusterRoles."""

    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        super().prepare_for_create(ctx, obj)
        settle(obj, "rules")

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        settle(obj, "rules")
        super().prepare_for_update(ctx, obj, old)

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        found: Errors = []
        for index, rule in enumerate(obj.get("rules") or ()):
            found += _rule(Path("rules").index(index), rule, self.namespaced)
        if obj.get("aggregationRule") is not None:
            found += _aggregation(obj["aggregationRule"])
        return found

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        return self.validate(ctx, obj)


class BindingStrategy(_RBACStrategy):
    """RoleBindings and ClusterRoleBindings."""

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        reference = obj.get("roleRef") or {}
        group, kind, name = (reference.get(member) or "" for member in ("apiGroup", "kind", "name"))
        kinds = ("Role", "ClusterRole") if self.namespaced else ("ClusterRole",)
        found: Errors = []
        if group != GROUP:
            found.append(not_supported(_ROLE_REF.child("apiGroup"), group, (GROUP,)))
        if kind not in kinds:
            found.append(not_supported(_ROLE_REF.child("kind"), kind, kinds))
        if name:
            found += said(_ROLE_REF.child("name"), name, names.path_segment_name(name))
        else:
            found.append(required(_ROLE_REF.child("name")))
        for index, subject in enumerate(obj.get("subjects") or ()):
            found += _subject(Path("subjects").index(index), subject, self.namespaced)
        return found

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        found = self.validate(ctx, obj)
        if obj.get("roleRef") != old.get("roleRef"):
            found.append(invalid(_ROLE_REF, _ROLE_REF_FORM.text(obj.get("roleRef") or {}), "cannot change roleRef"))
        return found


Check: TypeAlias = Callable[[Context, Tree, "Tree | None", Authorizer, RuleResolver], None]
"""Raises the 403 of a write that would give away more than the writer has."""


class Escalation(Hooks):
    """Asks before every write of the main store. `resolver` gives what knows the rights of users."""

    def __init__(self, check: Check, authorizer: Authorizer, resolver: Callable[[], RuleResolver]) -> None:
        self._check, self._authorizer, self._resolver = check, authorizer, resolver

    def begin_create(self, ctx: Context, obj: Tree, dry_run: bool) -> Finish | None:
        return self.begin_update(ctx, obj, None, dry_run)

    def begin_update(self, ctx: Context, obj: Tree, old: Tree | None, dry_run: bool) -> Finish | None:
        if MASTERS not in ctx.user.groups:
            self._check(ctx, obj, old, self._authorizer, self._resolver())
        return None


def _rooms(resource: Resource, options: RestOptions, strategy: type[MainStrategy], check: Check) -> Rooms:
    authorizer, resolver = options.settings.get("authorizer"), options.settings.get("resolver")
    hooks = Escalation(check, authorizer, resolver) if authorizer is not None and resolver is not None else None
    return stores(resource, options, strategy, hooks=hooks)


def role_rooms(resource: Resource, options: RestOptions) -> Rooms:
    return _rooms(resource, options, RoleStrategy, check_role)


def binding_rooms(resource: Resource, options: RestOptions) -> Rooms:
    return _rooms(resource, options, BindingStrategy, check_binding)
