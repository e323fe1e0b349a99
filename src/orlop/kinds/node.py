"""Nodes: created with their status, taints unique by key and effect, addresses of pods fixed once set.

Made by `makers`; the proxy room is made with the pods'. Behaviour: kubernetes `pkg/registry/core/node/strategy.go`,
`pkg/apis/core/validation` ValidateNode.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orlop.api import addresses, names
from orlop.api.context import Context
from orlop.api.field import DUPLICATE, FieldError, Path, duplicate, forbidden, invalid, not_supported, required
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.kinds import ip, resource_names
from orlop.kinds.checks import SPEC, Errors, label_name
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import MainStrategy, StatusStrategy, carry
from orlop.kinds.go_form import Form
from orlop.kinds.rooms import RestOptions, Rooms, stores

_TAINTS: Final = Path("metadata.taints")
_POD_CIDRS: Final = SPEC.child("podCIDRs")
_EFFECTS: Final = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_FIXED_CIDR: Final = 'node updates may not change podCIDR except from "" to valid'
_FIXED_PROVIDER: Final = 'node updates may not change providerID except from "" to valid'
_TAINT_FORM: Final = Form({"Key": ("key", ""), "Value": ("value", ""), "Effect": ("effect", ""),
                           "TimeAdded": ("timeAdded", None)})
_ADDRESS_FORM: Final = Form({"Type": ("type", ""), "Address": ("address", "")})


def taints(listed: Sequence[Tree], path: Path = _TAINTS) -> Errors:
    found: Errors = []
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(listed):
        place = path.index(index)
        key, value, effect = taint.get("key") or "", taint.get("value") or "", taint.get("effect") or ""
        found += label_name(place.child("key"), key)
        if complaints := names.label_value(value):
            found.append(invalid(place.child("value"), value, ";".join(complaints)))
        if not effect:
            found.append(required(place.child("effect")))
        elif effect not in _EFFECTS:
            found.append(not_supported(place.child("effect"), effect, _EFFECTS))
        if (key, effect) in seen:
            found.append(FieldError(DUPLICATE, str(place), _TAINT_FORM.text(taint),
                                    "taints must be unique by key and effect pair"))
        seen.add((key, effect))
    return found


def _resources(node: Tree) -> Errors:
    status = node.get("status") or {}
    found: Errors = []
    for member in ("capacity", "allocatable"):
        for name, text in (status.get(member) or {}).items():
            found += resource_names.amount(Path("status").child(member, name), name, text)
    return found


def _pod_cidrs(cidrs: list[str]) -> Errors:
    found: Errors = []
    for index, text in enumerate(cidrs):
        found += ip.valid_cidr(_POD_CIDRS.index(index), text)
    if len(cidrs) > 1:
        kinds = {":" in text for text in cidrs}
        if len(kinds) < 2 or len(cidrs) > 2:
            found.append(invalid(_POD_CIDRS, json_value(cidrs), "may specify no more than one CIDR for each IP family"))
        found += [duplicate(_POD_CIDRS.index(index), text) for index, text in enumerate(cidrs) if text in cidrs[:index]]
    return found


def node_rules(node: Tree) -> Errors:
    spec = node.get("spec") or {}
    return taints(spec.get("taints") or ()) + _resources(node) + _pod_cidrs(spec.get("podCIDRs") or [])


def node_changes(node: Tree, before: Tree) -> Errors:
    spec, old = node.get("spec") or {}, before.get("spec") or {}
    found = _resources(node)
    seen: list[Tree] = []
    for index, address in enumerate((node.get("status") or {}).get("addresses") or ()):
        if address in seen:
            found.append(duplicate(Path("status.addresses").index(index), _ADDRESS_FORM.text(address)))
        seen.append(address)
    cidrs, cidrs_before = spec.get("podCIDRs") or [], old.get("podCIDRs") or []
    if cidrs_before:
        if len(cidrs) != len(cidrs_before):
            found.append(forbidden(_POD_CIDRS, _FIXED_CIDR))
        else:
            found += [forbidden(_POD_CIDRS, _FIXED_CIDR)
                      for one, other in zip(cidrs, cidrs_before, strict=True) if one != other]
    if old.get("providerID") and spec.get("providerID") != old["providerID"]:
        found.append(forbidden(SPEC.child("providerID"), _FIXED_PROVIDER))
    found += taints(spec.get("taints") or ())
    if (spec.get("externalID") or "") != (old.get("externalID") or ""):
        found.append(forbidden(SPEC.child("externalID"), "may not be updated"))
    return found


class NodeStrategy(MainStrategy):
    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        """All of it may be set on creation, the status too."""

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        carry(obj, old, "status")

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        return node_rules(obj)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        return node_rules(obj) + node_changes(obj, old)

    def warnings_on_create(self, ctx: Context, obj: Tree) -> Sequence[str]:
        spec = obj.get("spec") or {}
        found: list[str] = []
        if spec.get("configSource") is not None:
            found.append("spec.configSource: the feature is removed")
        if spec.get("externalID"):
            found.append("spec.externalID: this field is deprecated, and is unused by Kubernetes")
        for index, text in enumerate(spec.get("podCIDRs") or ()):
            found += addresses.cidr_warnings(_POD_CIDRS.index(index), text)
        return found

    def warnings_on_update(self, ctx: Context, obj: Tree, old: Tree) -> Sequence[str]:
        return self.warnings_on_create(ctx, obj)


class NodeStatusStrategy(StatusStrategy):
    repeats_metadata_rules = ("change",)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        return node_changes(obj, old)


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, NodeStrategy, NodeStatusStrategy)
