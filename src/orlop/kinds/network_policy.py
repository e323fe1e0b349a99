"""NetworkPolicies.

Made by `makers`. Behaviour: kubernetes `pkg/registry/networking/networkpolicy`, `pkg/apis/networking/validation`.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import Final

from orlop.api import names
from orlop.api.context import Context
from orlop.api.field import Path, forbidden, invalid, required
from orlop.api.label_selector_validation import has_invalid_value, validate_label_selector
from orlop.api.tree import Tree
from orlop.kinds import ip
from orlop.kinds.checks import SPEC, Errors, one_of, port_number, printed, said
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import CountingStrategy
from orlop.kinds.rooms import RestOptions, Rooms, stores

_PROTOCOLS: Final = ("TCP", "UDP", "SCTP")
_TYPES: Final = ("Ingress", "Egress")
_POLICY_TYPES: Final = SPEC.child("policyTypes")


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


def _block(path: Path, block: Tree) -> Errors:
    cidr = block.get("cidr") or ""
    if not cidr:
        return [required(path.child("cidr"))]
    found = ip.valid_cidr(path.child("cidr"), cidr)
    if found:
        return found
    whole = ip_network(cidr, strict=False)
    for index, text in enumerate(block.get("except") or ()):
        place = path.child("except").index(index)
        problems = ip.valid_cidr(place, text)
        if problems:
            found += problems
            continue
        part = ip_network(text, strict=False)
        if part.version != whole.version or part.network_address not in whole or part.prefixlen <= whole.prefixlen:
            found.append(invalid(place, text, "must be a strict subset of `cidr`"))
    return found


def _peer(path: Path, peer: Tree, invalid_values: bool) -> Errors:
    found: Errors = []
    kinds = [name for name in ("podSelector", "namespaceSelector", "ipBlock") if peer.get(name) is not None]
    for name in kinds:
        if name == "ipBlock":
            found += _block(path.child(name), peer[name])
        else:
            found += validate_label_selector(peer[name], path.child(name), invalid_values=invalid_values)
    if not kinds:
        found.append(required(path, "must specify a peer"))
    elif len(kinds) > 1 and "ipBlock" in kinds:
        found.append(forbidden(path, "may not specify both ipBlock and another peer"))
    return found


def policy_spec(spec: Tree, invalid_values: bool) -> Errors:
    found = validate_label_selector(spec.get("podSelector"), SPEC.child("podSelector"), invalid_values=invalid_values)
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(direction) or ()):
            path = SPEC.child(direction).index(index)
            for position, port in enumerate(rule.get("ports") or ()):
                found += _port(path.child("ports").index(position), port)
            for position, peer in enumerate(rule.get(side) or ()):
                found += _peer(path.child(side).index(position), peer, invalid_values)
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
        """Upstream says everything twice."""
        lenient = has_invalid_value((old.get("spec") or {}).get("podSelector"))
        found = policy_spec(obj.get("spec") or {}, lenient)
        return found * 2 if found else found


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, NetworkPolicyStrategy)
