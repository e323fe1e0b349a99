"""IPAddresses: addresses that somebody uses, one object each, named by the address.

Made by `makers`; those of services come and go with them (`address_book`). Behaviour: kubernetes
`pkg/registry/networking/ipaddress`, `pkg/apis/networking/validation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orlop.api import addresses, names
from orlop.api.context import Context
from orlop.api.field import GoText, Path, required
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.kinds.checks import SPEC, Errors, dns_subdomain, said, unchanged
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import MainStrategy
from orlop.kinds.rooms import RestOptions, Rooms, stores

_PARENT: Final = SPEC.child("parentRef")
_NOWHERE: Final = Path()


class IPAddressStrategy(MainStrategy):
    def check_name(self, name: str, prefix: bool) -> Sequence[str]:
        return [problem.detail for problem in addresses.ip(_NOWHERE, name)]

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        return _parent((obj.get("spec") or {}).get("parentRef"))

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        new, before = ((tree.get("spec") or {}).get("parentRef") for tree in (obj, old))
        return self.validate(ctx, obj) + unchanged(_PARENT, new, before, _internal(new))


def _internal(reference: Tree | None) -> GoText:
    """As messages show it: by the internal type's members, which have no JSON names."""
    return json_value(None if reference is None else {
        name.capitalize(): reference.get(name) or "" for name in ("group", "resource", "namespace", "name")})


def _parent(reference: Tree | None) -> Errors:
    if reference is None:
        return [required(_PARENT)]
    group, namespace = reference.get("group") or "", reference.get("namespace") or ""
    found: Errors = dns_subdomain(_PARENT.child("group"), group) if group else []
    for name in ("resource", "name"):
        text = reference.get(name) or ""
        found += said(_PARENT.child(name), text, names.path_segment_name(text)) if text \
            else [required(_PARENT.child(name))]
    if namespace:
        found += said(_PARENT.child("namespace"), namespace, names.path_segment_name(namespace))
    return found


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, IPAddressStrategy)
