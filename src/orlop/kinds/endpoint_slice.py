"""EndpointSlices: addresses and ports behind a service, of one family a slice.

Made by `makers`. Behaviour: kubernetes `pkg/registry/discovery/endpointslice`, `pkg/apis/discovery/validation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orlop.api import addresses, domain_names, names
from orlop.api.context import Context
from orlop.api.field import Path, duplicate, invalid, required, too_many
from orlop.api.tree import Tree
from orlop.api.validation import validate_labels
from orlop.kinds import ip
from orlop.kinds.checks import PROTOCOLS, Errors, chosen, dns_label, one_of, qualified_name, said, unchanged
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import CountingStrategy, settle
from orlop.kinds.rooms import RestOptions, Rooms, stores

MAX_ENDPOINTS: Final = 1000
MAX_ADDRESSES: Final = 100
MAX_PORTS: Final = 20_000
MAX_TOPOLOGY: Final = 16
MAX_HINTS: Final = 8
_ENDPOINTS: Final = Path("endpoints")
_PORTS: Final = Path("ports")
_TYPE: Final = Path("addressType")
_TYPES: Final = ("FQDN", "IPv4", "IPv6")
_MANAGED_BY: Final = "endpointslice.kubernetes.io/managed-by"
_CONTROLLERS: Final = ("endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io")
"""They write addresses in their proper form: nobody looks."""
_FQDN_ADVICE: Final = "spec.addressType: FQDN endpoints are deprecated"


def _addresses(path: Path, listed: list[str], kind: str) -> Errors:
    if not listed:
        return [required(path, "must contain at least 1 address")]
    found: Errors = []
    if len(listed) > MAX_ADDRESSES:
        found.append(too_many(path, len(listed), MAX_ADDRESSES))
    for index, text in enumerate(listed):
        if kind == "FQDN":
            found += domain_names.fully_qualified_domain_name(path.index(index), text)
        elif kind in (ip.IPV4, ip.IPV6):
            found += _ip(path, path.index(index), text, kind)
    return found


def _ip(listed: Path, place: Path, text: str, kind: str) -> Errors:
    found = ip.valid(place, text) if kind == ip.IPV4 else addresses.ip(place, text)
    if found:
        return found
    if ip.family(text) != kind:
        found.append(invalid(listed, text, f"must be an {kind} address"))
    return found + ip.ordinary(place, text)


def _hints(path: Path, hints: Tree) -> Errors:
    found: Errors = []
    for member, check in (("forZones", names.label_value), ("forNodes", names.dns1123_subdomain)):
        listed = hints.get(member) or ()
        place = path.child(member)
        if len(listed) > MAX_HINTS:
            found.append(too_many(place, len(listed), MAX_HINTS))
            return found
        seen: set[str] = set()
        for index, hint in enumerate(listed):
            name = hint.get("name") or ""
            if name in seen:
                found.append(duplicate(place.index(index).child("name"), name))
            seen.add(name)
            found += said(place.index(index).child("name"), name, check(name))
    return found


def _endpoint(path: Path, endpoint: Tree, kind: str) -> Errors:
    found = _addresses(path.child("addresses"), endpoint.get("addresses") or [], kind)
    if endpoint.get("nodeName") is not None:
        name = endpoint["nodeName"]
        found += said(path.child("nodeName"), name, names.dns1123_subdomain(name))
    topology = endpoint.get("deprecatedTopology")
    if topology:
        place = path.child("deprecatedTopology")
        if len(topology) > MAX_TOPOLOGY:
            found.append(too_many(place, len(topology), MAX_TOPOLOGY))
        found += validate_labels(topology, place)
    if endpoint.get("hostname") is not None:
        found += dns_label(path.child("hostname"), endpoint["hostname"])
    if endpoint.get("hints"):
        found += _hints(path.child("hints"), endpoint["hints"])
    return found


def _endpoints(endpoints: list[Tree], kind: str) -> Errors:
    if len(endpoints) > MAX_ENDPOINTS:
        return [too_many(_ENDPOINTS, len(endpoints), MAX_ENDPOINTS)]
    found: Errors = []
    for index, endpoint in enumerate(endpoints):
        found += _endpoint(_ENDPOINTS.index(index), endpoint, kind)
    return found


def _ports(ports: list[Tree]) -> Errors:
    if len(ports) > MAX_PORTS:
        return [too_many(_PORTS, len(ports), MAX_PORTS)]
    found: Errors = []
    seen: set[str] = set()
    for index, port in enumerate(ports):
        path = _PORTS.index(index)
        name = port.get("name") or ""
        if name:
            found += dns_label(path.child("name"), name)
        if name in seen:
            found.append(duplicate(path.child("name"), name))
        seen.add(name)
        protocol, place = port.get("protocol"), path.child("protocol")
        found += [required(place)] if protocol is None else one_of(place, protocol, PROTOCOLS)
        if port.get("appProtocol") is not None:
            found += qualified_name(path.child("appProtocol"), port["appProtocol"])
    return found


class EndpointSliceStrategy(CountingStrategy):
    repeats_metadata_rules = ("whole",)

    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        super().prepare_for_create(ctx, obj)
        settle(obj, "endpoints", "ports")
        _drop_topology(obj)

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        settle(obj, "endpoints", "ports")
        super().prepare_for_update(ctx, obj, old)
        if obj.get("endpoints") != old.get("endpoints"):
            _drop_topology(obj)

    def changed(self, obj: Tree, old: Tree) -> bool:
        """Anything but metadata, and labels."""
        if any(obj.get(name) != old.get(name) for name in ("addressType", "endpoints", "ports")):
            return True
        return (obj["metadata"].get("labels") or {}) != (old["metadata"].get("labels") or {})

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        return self._kind_and_ports(obj) + _endpoints(obj.get("endpoints") or [], obj.get("addressType") or "")

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        """Endpoints that stay as they are may be what older servers took."""
        found, kind = self._kind_and_ports(obj), obj.get("addressType") or ""
        if (obj.get("endpoints") or []) != (old.get("endpoints") or []):
            found += _endpoints(obj.get("endpoints") or [], kind)
        return found + unchanged(_TYPE, kind, old.get("addressType") or "")

    @staticmethod
    def _kind_and_ports(obj: Tree) -> Errors:
        return chosen(_TYPE, obj.get("addressType"), _TYPES) + _ports(obj.get("ports") or [])

    def warnings_on_create(self, ctx: Context, obj: Tree) -> Sequence[str]:
        if obj.get("addressType") == "FQDN":
            return (_FQDN_ADVICE,)
        return self.warnings_on_update(ctx, obj, obj)

    def warnings_on_update(self, ctx: Context, obj: Tree, old: Tree) -> Sequence[str]:
        labels = obj["metadata"].get("labels") or {}
        if obj.get("addressType") not in (ip.IPV4, ip.IPV6) or labels.get(_MANAGED_BY) in _CONTROLLERS:
            return ()
        found: list[str] = []
        for index, endpoint in enumerate(obj.get("endpoints") or ()):
            for position, text in enumerate(endpoint.get("addresses") or ()):
                if ":" in text:
                    place = _ENDPOINTS.index(index).child("addresses").index(position)
                    found += addresses.ip_warnings(place, text)
        return found


def _drop_topology(obj: Tree) -> None:
    for endpoint in obj.get("endpoints") or ():
        endpoint.pop("deprecatedTopology", None)


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, EndpointSliceStrategy)
