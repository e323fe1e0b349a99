"""Nodes: created with their status, taints unique by key and effect, addresses of pods fixed once set.

Made by `makers`; the proxy room is made with the pods'. Behaviour: kubernetes `pkg/registry/core/node/strategy.go`,
`pkg/apis/core/validation` ValidateNode.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from orlop.api import addresses, names
from orlop.api.context import Context
from orlop.api.field import (
    DUPLICATE,
    FieldError,
    Path,
    duplicate,
    forbidden,
    internal,
    invalid,
    not_supported,
    quote,
    required,
)
from orlop.api.go_json import syntax_error
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
_AVOID: Final = "scheduler.alpha.kubernetes.io/preferAvoidPods"
_JSON_KINDS: Final = {str: "string", bool: "bool", int: "number", float: "number", list: "array"}
_LONGEST_FEATURE: Final = 253
_FEATURE: Final = re.compile(r"[A-Z][a-zA-Z0-9]*(/[a-zA-Z][a-zA-Z0-9]*)*").fullmatch
_FEATURE_TEXT: Final = (
    "must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or "
    "MyFeature/mySubFeature), and contain only alphanumeric characters and slashes")
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
        unread = next((index for index, text in enumerate(cidrs) if addresses.legacy_cidr(Path(), text, False)), None)
        if unread is not None:
            found.append(internal(_POD_CIDRS, (
                f"invalid PodCIDRs. failed to check with dual stack with error:invalid CIDR[{unread}]: <nil> (invalid "
                f"CIDR address: {cidrs[unread]})")))
        kinds = {":" in text for text in cidrs}
        if unread is not None or len(kinds) < 2 or len(cidrs) > 2:
            found.append(invalid(_POD_CIDRS, json_value(cidrs), "may specify no more than one CIDR for each IP family"))
    return found


def _avoided(annotations: Mapping[str, str]) -> Errors:
    """The annotation with the pods that a node would rather not run, from before there were taints."""
    text = annotations.get(_AVOID)
    if not text:
        return []
    place = Path("metadata.annotations")
    if complaint := syntax_error(text.encode("utf-8", "surrogatepass")):
        return [invalid(place.child("AvoidPods"), _AVOID, complaint)]
    whole = orjson.loads(text)
    if whole is not None and not isinstance(whole, dict):
        said = f"json: cannot unmarshal {_JSON_KINDS[type(whole)]} into Go value of type v1.AvoidPods"
        return [invalid(place.child("AvoidPods"), _AVOID, said)]
    found: Errors = []
    for index, entry in enumerate((whole or {}).get("preferAvoidPods") or ()):
        at, owner = place.child(_AVOID).index(index).child("PodSignature"), _controller(entry)
        if owner is None:
            found.append(required(at))
        elif owner.get("controller") is False:
            found.append(invalid(at.child("PodController", "Controller"), False, "must point to a controller"))
    return found


def _controller(entry: Any) -> Tree | None:
    signature = entry.get("podSignature") if isinstance(entry, dict) else None
    owner = signature.get("podController") if isinstance(signature, dict) else None
    return owner if isinstance(owner, dict) else None


def _features(node: Tree) -> Errors:
    listed: list[str] = (node.get("status") or {}).get("declaredFeatures") or []
    place = Path("status.declaredFeatures")
    found: Errors = []
    for index, name in enumerate(listed):
        if names.length(name) > _LONGEST_FEATURE:
            text = f"must be no more than {_LONGEST_FEATURE} characters"
            found.append(invalid(place.index(index), name, f"invalid feature name {quote(name)}: {text}"))
        elif not _FEATURE(name):
            found.append(invalid(place.index(index), name, f"invalid feature name {quote(name)}: {_FEATURE_TEXT}"))
        following = listed[index + 1] if index + 1 < len(listed) else None
        if following == name:
            found.append(duplicate(place.index(index + 1), name))
        elif following is not None and following < name:
            found.append(invalid(place.index(index + 1), following, "list must be sorted alphabetically"))
    return found


def _swap(node: Tree) -> Errors:
    capacity = ((((node.get("status") or {}).get("nodeInfo") or {}).get("swap")) or {}).get("capacity")
    if capacity is None or capacity > 0:
        return []
    return [invalid(Path("metadata.nodeSwapStatus.capacity"), capacity, "must be greater than zero")]


def node_rules(node: Tree) -> Errors:
    spec = node.get("spec") or {}
    found = _avoided(node["metadata"].get("annotations") or {}) + taints(spec.get("taints") or ())
    found += _resources(node) + _swap(node)
    return found + _features(node) + _pod_cidrs(spec.get("podCIDRs") or [])


def node_changes(node: Tree, before: Tree) -> Errors:
    spec, old = node.get("spec") or {}, before.get("spec") or {}
    found = _avoided(node["metadata"].get("annotations") or {}) + _resources(node) + _features(node)
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
    repeats_metadata_rules = ("whole", "change")

    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        """All of it may be set on creation, the status too, but what came of a feature that is gone."""
        (obj.get("spec") or {}).pop("configSource", None)
        (obj.get("status") or {}).pop("config", None)

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        carry(obj, old, "status")
        if (old.get("spec") or {}).get("configSource") is None:
            (obj.get("spec") or {}).pop("configSource", None)

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

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        super().prepare_for_update(ctx, obj, old)
        if (old.get("status") or {}).get("config") is None:
            (obj.get("status") or {}).pop("config", None)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        return node_changes(obj, old)


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, NodeStrategy, NodeStatusStrategy)
