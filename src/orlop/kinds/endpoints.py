"""Endpoints: addresses and ports behind a service, in the old form.

Made by `makers`. Behaviour: kubernetes `pkg/registry/core/endpoint`, `pkg/apis/core/validation` ValidateEndpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orlop.api import addresses, times
from orlop.api.context import Context
from orlop.api.field import Path, invalid, required
from orlop.api.tree import Tree
from orlop.kinds import ip
from orlop.kinds.checks import PROTOCOLS, Errors, chosen, dns_label, dns_subdomain, port_number, qualified_name
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import MainStrategy
from orlop.kinds.rooms import RestOptions, Rooms, stores

_SUBSETS: Final = Path("subsets")
_TRIGGER: Final = "endpoints.kubernetes.io/last-change-trigger-time"


def _address(path: Path, address: Tree) -> Errors:
    text = address.get("ip") or ""
    found = ip.valid(path.child("ip"), text)
    if address.get("hostname"):
        found += dns_label(path.child("hostname"), address["hostname"])
    if address.get("nodeName") is not None:
        found += dns_subdomain(path.child("nodeName"), address["nodeName"])
    return found + ip.ordinary(path.child("ip"), text)


def _port(path: Path, port: Tree, needs_name: bool) -> Errors:
    found: Errors = []
    name = port.get("name")
    if name:
        found += dns_label(path.child("name"), name)
    elif needs_name:
        found.append(required(path.child("name")))
    found += port_number(path.child("port"), port.get("port") or 0)
    found += chosen(path.child("protocol"), port.get("protocol"), PROTOCOLS)
    if port.get("appProtocol") is not None:
        found += qualified_name(path.child("appProtocol"), port["appProtocol"])
    return found


def _trigger_time(metadata: Tree) -> Errors:
    text = (metadata.get("annotations") or {}).get(_TRIGGER)
    if text is None:
        return []
    try:
        times.parse(text)
    except times.TimeError as error:
        return [invalid(Path("annotations").key(_TRIGGER), text, str(error))]
    return []


class EndpointsStrategy(MainStrategy):
    allow_create_on_update = True

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        found = _trigger_time(obj["metadata"])
        for index, subset in enumerate(obj.get("subsets") or ()):
            path = _SUBSETS.index(index)
            ready, waiting = subset.get("addresses") or (), subset.get("notReadyAddresses") or ()
            if not ready and not waiting:
                found.append(required(path, "must specify `addresses` or `notReadyAddresses`"))
            for name, listed in (("addresses", ready), ("notReadyAddresses", waiting)):
                for position, address in enumerate(listed):
                    found += _address(path.child(name).index(position), address)
            ports = subset.get("ports") or ()
            for position, port in enumerate(ports):
                found += _port(path.child("ports").index(position), port, len(ports) > 1)
        return found

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        return self.validate(ctx, obj)

    def warnings_on_create(self, ctx: Context, obj: Tree) -> Sequence[str]:
        found: list[str] = []
        for index, subset in enumerate(obj.get("subsets") or ()):
            for name in ("addresses", "notReadyAddresses"):
                for position, address in enumerate(subset.get(name) or ()):
                    place = _SUBSETS.index(index).child(name).index(position).child("ip")
                    found += addresses.ip_warnings(place, address.get("ip") or "")
        return found

    def warnings_on_update(self, ctx: Context, obj: Tree, old: Tree) -> Sequence[str]:
        return self.warnings_on_create(ctx, obj)


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, EndpointsStrategy)
