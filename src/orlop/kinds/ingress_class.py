"""IngressClasses: which controller serves an ingress.

Made by `makers`. Behaviour: kubernetes `pkg/registry/networking/ingressclass`, `pkg/apis/networking/validation`.
"""

from __future__ import annotations

from typing import Final

from orlop.api import domain_names, names
from orlop.api.context import Context
from orlop.api.field import forbidden, not_supported, required, too_long
from orlop.api.tree import Tree
from orlop.kinds.checks import SPEC, Errors, dns_label, unchanged
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import CountingStrategy
from orlop.kinds.ingress import typed_reference
from orlop.kinds.rooms import RestOptions, Rooms, stores

MAX_CONTROLLER: Final = 250
_CONTROLLER: Final = SPEC.child("controller")
_PARAMETERS: Final = SPEC.child("parameters")
_SCOPES: Final = ("Cluster", "Namespace")


def _parameters(parameters: Tree) -> Errors:
    found = typed_reference(_PARAMETERS, parameters)
    scope, namespace = parameters.get("scope"), parameters.get("namespace")
    if scope is None:
        found.append(required(_PARAMETERS.child("scope")))
    elif scope not in _SCOPES:
        found.append(not_supported(_PARAMETERS.child("scope"), scope, _SCOPES))
    elif scope == "Cluster":
        if namespace is not None:
            found.append(forbidden(_PARAMETERS.child("namespace"), "`parameters.scope` is set to 'Cluster'"))
    elif namespace is None:
        found.append(required(_PARAMETERS.child("namespace"), "`parameters.scope` is set to 'Namespace'"))
    else:
        found += dns_label(_PARAMETERS.child("namespace"), namespace)
    return found


class IngressClassStrategy(CountingStrategy):
    def validate(self, ctx: Context, obj: Tree) -> Errors:
        spec = obj.get("spec") or {}
        controller = spec.get("controller") or ""
        found: Errors = []
        if names.length(controller) > MAX_CONTROLLER:
            found.append(too_long(_CONTROLLER, MAX_CONTROLLER))
        found += domain_names.domain_prefixed_path(_CONTROLLER, controller)
        if spec.get("parameters") is not None:
            found += _parameters(spec["parameters"])
        return found

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        new, before = ((tree.get("spec") or {}).get("controller") or "" for tree in (obj, old))
        return unchanged(_CONTROLLER, new, before) + self.validate(ctx, obj)


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, IngressClassStrategy)
