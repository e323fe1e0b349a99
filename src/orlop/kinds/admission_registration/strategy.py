"""The strategies and rooms of admission's own kinds.

Made by `makers`. Behaviour: kubernetes `pkg/registry/admissionregistration` (each kind's strategy and storage).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from orlop.api.context import Context
from orlop.api.field import forbidden, required
from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree
from orlop.kinds import catalog, status_conditions
from orlop.kinds.admission_registration import bindings, policies
from orlop.kinds.admission_registration.parameters import ParameterRights
from orlop.kinds.admission_registration.webhooks import Demands, demands_of_update, webhooks
from orlop.kinds.checks import SPEC, STATUS, Errors
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import CountingStrategy, Form, StatusStrategy
from orlop.kinds.rooms import RestOptions, Rooms, form, store
from orlop.registry.store import Store
from orlop.storage.predicate import EVERYTHING

GROUP: Final = "admissionregistration.k8s.io"
_STATIC: Final = ".static.k8s.io"
_STATIC_WARNING: Final = (f'metadata.name: names ending with "{_STATIC}" are reserved for static manifest-based '
                          "configurations and cannot be managed via the API")

Stored = Callable[[str], Tree | None]
"""A policy by its name."""


class RegistrationStrategy(CountingStrategy):
    allow_unconditional_update = False
    repeats_metadata_rules = ("whole",)

    def warnings_on_create(self, ctx: Context, obj: Tree) -> Sequence[str]:
        return (_STATIC_WARNING,) if (obj["metadata"].get("name") or "").endswith(_STATIC) else ()

    def warnings_on_update(self, ctx: Context, obj: Tree, old: Tree) -> Sequence[str]:
        return self.warnings_on_create(ctx, obj)


class WebhooksStrategy(RegistrationStrategy):
    def changed(self, obj: Tree, old: Tree) -> bool:
        return (obj.get("webhooks") or None) != (old.get("webhooks") or None)

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        return webhooks(obj.get("webhooks") or (), Demands())

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        new = obj.get("webhooks") or ()
        return webhooks(new, demands_of_update(new, old.get("webhooks") or ()))


class PolicyStrategy(RegistrationStrategy):
    """`rules` judges a policy: (the policy, whether its match conditions count)."""

    def __init__(self, form: Form, rules: Callable[[Tree, bool], Errors], rights: ParameterRights) -> None:
        super().__init__(form)
        self._rules, self._rights = rules, rights

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        return self._rules(obj, True) or self._authorized(ctx, obj)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        found = self._rules(obj, policies.conditions_count(obj, old))
        if found or (obj.get("spec") or {}).get("paramKind") == (old.get("spec") or {}).get("paramKind"):
            return found
        return self._authorized(ctx, obj)

    def _authorized(self, ctx: Context, policy: Tree) -> Errors:
        kind = (policy.get("spec") or {}).get("paramKind")
        why = self._rights.of_kind(ctx.user, kind) if kind is not None else ""
        return [forbidden(SPEC.child("paramKind"), why)] if why else []


class PolicyStatusStrategy(StatusStrategy):
    repeats_metadata_rules = ()
    allow_unconditional_update = False
    keeps_metadata = ("labels", "annotations", "finalizers", "ownerReferences")

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        status = obj.get("status") or {}
        found: Errors = []
        path = STATUS.child("typeChecking", "expressionWarnings")
        for index, warning in enumerate((status.get("typeChecking") or {}).get("expressionWarnings") or ()):
            if not warning.get("warning"):
                found.append(required(path.index(index).child("warning")))
            if not (warning.get("fieldRef") or "").strip():
                found.append(required(path.index(index).child("fieldRef")))
        return found + status_conditions.conditions(STATUS.child("conditions"), status.get("conditions") or ())


class BindingStrategy(RegistrationStrategy):
    def __init__(self, form: Form, rules: Callable[[Tree], Errors], rights: ParameterRights, policy: Stored) -> None:
        super().__init__(form)
        self._rules, self._rights, self._policy = rules, rights, policy

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        return self._rules(obj) or self._authorized(ctx, obj)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        found = self._rules(obj)
        new, before = obj.get("spec") or {}, old.get("spec") or {}
        if found or all(new.get(name) == before.get(name) for name in ("paramRef", "policyName")):
            return found
        return self._authorized(ctx, obj)

    def _authorized(self, ctx: Context, binding: Tree) -> Errors:
        spec = binding["spec"]
        reference, name = spec.get("paramRef"), spec["policyName"]
        why = self._rights.of_reference(ctx.user, reference, name, self._policy(name)) if reference is not None else ""
        return [forbidden(SPEC.child("paramRef"), why)] if why else []


# --- rooms ---------------------------------------------------------------------------------------------------------


def webhook_rooms(resource: Resource, options: RestOptions) -> Rooms:
    return {"": store(resource, options, WebhooksStrategy(form(resource, options)))}


def _rights(options: RestOptions) -> ParameterRights:
    def resolve(kind: GroupVersionKind) -> str | None:
        known = catalog.resource_of_kind(kind)
        if known is not None:
            return known.plural
        return _defined(options.stores.get(("apiextensions.k8s.io", "customresourcedefinitions")), kind)

    return ParameterRights(options.settings.get("authorizer"), resolve)


def _defined(definitions: Store | None, kind: GroupVersionKind) -> str | None:
    """The resource of a custom kind."""
    for entry in () if definitions is None else definitions.cache.select(EVERYTHING).entries:
        spec = entry.tree()["spec"]
        if (spec["group"], spec["names"]["kind"]) == (kind.group, kind.kind) and any(
                version["name"] == kind.version and version.get("served") for version in spec["versions"]):
            found: str = spec["names"]["plural"]
            return found
    return None


def policy_rooms(resource: Resource, options: RestOptions) -> Rooms:
    shape = form(resource, options)
    rules = policies.mutating if resource.kind.startswith("Mutating") else policies.validating
    made = store(resource, options, PolicyStrategy(shape, rules, _rights(options)))
    rooms: dict[str, Store] = {"": made}
    if shape.has_status:
        rooms["status"] = made.with_strategy(PolicyStatusStrategy(shape))
    return rooms


def binding_rooms(resource: Resource, options: RestOptions) -> Rooms:
    mutating = resource.kind.startswith("Mutating")
    plural = "mutatingadmissionpolicies" if mutating else "validatingadmissionpolicies"

    def policy(name: str) -> Tree | None:
        policies = options.stores.get((GROUP, plural))
        entry = None if policies is None else policies.cache.peek(policies.prefix + name)
        return None if entry is None else entry.tree()

    rules = bindings.mutating if mutating else bindings.validating
    return {"": store(resource, options, BindingStrategy(form(resource, options), rules, _rights(options), policy))}
