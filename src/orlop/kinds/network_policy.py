"""NetworkPolicies.

Made by `makers`. Behaviour: kubernetes `pkg/registry/networking/networkpolicy`, `pkg/apis/networking/validation`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from ipaddress import ip_network
from typing import Final

from orlop.api import names
from orlop.api.addresses import cidr_warnings, legacy_cidr
from orlop.api.context import Context
from orlop.api.field import Path, forbidden, invalid, required
from orlop.api.label_selector_validation import has_invalid_value, validate_label_selector
from orlop.api.tree import Tree
from orlop.kinds.checks import SPEC, Errors, one_of, port_number, printed, said
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import CountingStrategy
from orlop.kinds.rooms import RestOptions, Rooms, stores

_PROTOCOLS: Final = ("TCP", "UDP", "SCTP")
_TYPES: Final = ("Ingress", "Egress")
_POLICY_TYPES: Final = SPEC.child("policyTypes")
_SIDES: Final = (("ingress", "from"), ("egress", "to"))


def _port(path: Path, port: Tree) -> Errors:
    found: Errors = []
    if port.get("protocol") is not None:
        found += one_of(path.child("protocol"), port["protocol"], _PROTOCOLS)
    first, last = port.get("port"), port.get("endPort")
    end = path.child("endPort")
    if first is None:
        if last is not None:
            found.append(invalid(end, last, "may not be specified when `port` is not specified"))
    elif isinstance(first, str):
        if last is not None:
            found.append(invalid(end, last, "may not be specified when `port` is non-numeric"))
        found += said(path.child("port"), first, names.port_name(first))
    else:
        found += port_number(path.child("port"), first)
        if last is not None:
            if last < first:
                found.append(invalid(end, first, "must be greater than or equal to `port`"))
            found += port_number(end, last)
    return found


def _block(path: Path, block: Tree, stored: Collection[str]) -> Errors:
    cidr = block.get("cidr") or ""
    if not cidr:
        return [required(path.child("cidr"))]
    found = legacy_cidr(path.child("cidr"), cidr, strict=cidr not in stored)
    if found:
        return found
    whole = ip_network(cidr, strict=False)
    for index, text in enumerate(block.get("except") or ()):
        place = path.child("except").index(index)
        problems = legacy_cidr(place, text, strict=text not in stored)
        if problems:
            found += problems
            continue
        part = ip_network(text, strict=False)
        if part.version != whole.version or part.network_address not in whole or part.prefixlen <= whole.prefixlen:
            found.append(invalid(place, text, "must be a strict subset of `cidr`"))
    return found


def _peer(path: Path, peer: Tree, invalid_values: bool, stored: Collection[str]) -> Errors:
    found: Errors = []
    kinds = [name for name in ("podSelector", "namespaceSelector", "ipBlock") if peer.get(name) is not None]
    for name in kinds:
        if name == "ipBlock":
            found += _block(path.child(name), peer[name], stored)
        else:
            found += validate_label_selector(peer[name], path.child(name), invalid_values=invalid_values)
    if not kinds:
        found.append(required(path, "must specify a peer"))
    elif len(kinds) > 1 and "ipBlock" in kinds:
        found.append(forbidden(path, "may not specify both ipBlock and another peer"))
    return found


def _blocks(spec: Tree) -> Iterator[tuple[Path, Tree]]:
    """All blocks of addresses, and where they are."""
    for direction, side in _SIDES:
        for index, rule in enumerate(spec.get(direction) or ()):
            for position, peer in enumerate(rule.get(side) or ()):
                if peer.get("ipBlock") is not None:
                    place = SPEC.child(direction).index(index).child(side).index(position)
                    yield place.child("ipBlock"), peer["ipBlock"]


def policy_spec(spec: Tree, invalid_values: bool, stored: Collection[str] = ()) -> Errors:
    """`stored`: ranges that the policy had before, which may stay in whatever form they are written."""
    found = validate_label_selector(spec.get("podSelector"), SPEC.child("podSelector"), invalid_values=invalid_values)
    for direction, side in _SIDES:
        for index, rule in enumerate(spec.get(direction) or ()):
            path = SPEC.child(direction).index(index)
            for position, port in enumerate(rule.get("ports") or ()):
                found += _port(path.child("ports").index(position), port)
            for position, peer in enumerate(rule.get(side) or ()):
                found += _peer(path.child(side).index(position), peer, invalid_values, stored)
    types = spec.get("policyTypes") or []
    if len(types) > len(_TYPES):
        found.append(invalid(_POLICY_TYPES, printed(types), "may not specify more than two policyTypes"))
        return found
    for index, kind in enumerate(types):
        found += one_of(_POLICY_TYPES.index(index), kind, _TYPES)
    return found


class NetworkPolicyStrategy(CountingStrategy):
    def validate(self, ctx: Context, obj: Tree) -> Errors:
        return policy_spec(obj.get("spec") or {}, invalid_values=False)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        before = old.get("spec") or {}
        stored = {text for _, block in _blocks(before) for text in (block.get("cidr"), *(block.get("except") or ()))}
        return policy_spec(obj.get("spec") or {}, has_invalid_value(before.get("podSelector")), stored)

    def warnings_on_create(self, ctx: Context, obj: Tree) -> Sequence[str]:
        found: list[str] = []
        for path, block in _blocks(obj.get("spec") or {}):
            found += cidr_warnings(path.child("cidr"), block.get("cidr") or "")
            for index, text in enumerate(block.get("except") or ()):
                found += cidr_warnings(path.child("except").index(index), text)
        return found

    def warnings_on_update(self, ctx: Context, obj: Tree, old: Tree) -> Sequence[str]:
        return self.warnings_on_create(ctx, obj)


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, NetworkPolicyStrategy)
