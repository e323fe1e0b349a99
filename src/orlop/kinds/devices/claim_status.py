"""What became of a claim: which devices it got, who uses it, what their drivers say.

Called by the status strategy of claims. Behaviour: kubernetes `pkg/apis/resource/validation/validation.go`
(validateResourceClaimStatusUpdate and its parts).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orlop.api import names
from orlop.api.addresses import interface_address
from orlop.api.field import GoText, Path, forbidden, invalid, not_supported, required, too_long, too_many
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.kinds import status_conditions
from orlop.kinds.checks import STATUS, Errors, dns_label
from orlop.kinds.csi import driver_name
from orlop.kinds.devices.access import device_id
from orlop.kinds.devices.bounds import UNLIMITED, listed, unique
from orlop.kinds.devices.claim_spec import reference, references, request_names
from orlop.kinds.devices.configuration import MAX_CONFIGURATIONS, MAX_DATA, device_configuration, json_object
from orlop.kinds.devices.identifiers import pool_name, uid
from orlop.kinds.devices.taints import binding
from orlop.kinds.pod_rules.node_selectors import node_selector

MAX_USERS: Final = 256
MAX_RESULTS: Final = 32
MAX_CONDITIONS: Final = 8
MAX_INTERFACE: Final = 256
MAX_HARDWARE_ADDRESS: Final = 128
MAX_IPS: Final = 16
_SOURCES: Final = ("FromClaim", "FromClass")


def reserved_for(users: Sequence[Tree] | None) -> Errors:
    return unique(STATUS.child("reservedFor"), users, MAX_USERS, _user, key=lambda user: user.get("uid") or "",
                  shown=json_value)


def _user(path: Path, user: Tree) -> Errors:
    return [required(path.child(name)) for name in ("resource", "name", "uid") if not user.get(name)]


def device_statuses(devices: Sequence[Tree] | None, allocation: Tree | None) -> Errors:
    """Only of devices that the claim has."""
    results = ((allocation or {}).get("devices") or {}).get("results") or ()
    allocated = {device_id(result) for result in results}
    return unique(STATUS.child("devices"), devices, UNLIMITED, lambda path, item: _device(path, item, allocated),
                  key=device_id, shown=_shown)


def _shown(mark: tuple[str, str, str, str]) -> GoText:
    return json_value(dict(zip(("Driver", "Pool", "Device", "ShareID"), mark, strict=True)))


def _device(path: Path, item: Tree, allocated: set[tuple[str, str, str, str]]) -> Errors:
    found = driver_name(path.child("driver"), item.get("driver") or "")
    found += pool_name(path.child("pool"), item.get("pool") or "")
    found += dns_label(path.child("device"), item.get("device") or "")
    if item.get("shareID") is not None:
        found += uid(path.child("shareID"), item["shareID"])
    mark = device_id(item)
    if mark not in allocated:
        found.append(invalid(path, _shown(mark), "must be an allocated device in the claim"))
    found += _conditions(path.child("conditions"), item.get("conditions") or ())
    if item.get("data") is not None:
        found += json_object(path.child("data"), item["data"], MAX_DATA)
    return found + _network(path.child("networkData"), item.get("networkData") or {})


def _network(path: Path, data: Tree) -> Errors:
    found: Errors = []
    for name, most in (("interfaceName", MAX_INTERFACE), ("hardwareAddress", MAX_HARDWARE_ADDRESS)):
        if names.length(data.get(name) or "") > most:
            found.append(too_long(path.child(name), most))
    return found + unique(path.child("ips"), data.get("ips"), MAX_IPS, interface_address)


def _conditions(path: Path, conditions: Sequence[Tree]) -> Errors:
    found: Errors = []
    if len(conditions) > MAX_CONDITIONS:
        found.append(too_many(path, len(conditions), MAX_CONDITIONS))
    return found + status_conditions.conditions(path, conditions)


def reservations(status: Tree, old: Tree, deleted: bool) -> Errors:
    """Only of what is allocated, and no more of them once it is about to go."""
    users, place = status.get("reservedFor") or (), STATUS.child("reservedFor")
    if not users:
        return []
    if status.get("allocation") is None:
        return [forbidden(place, "may not be specified when `allocated` is not set")]
    before = old.get("reservedFor") or ()
    if deleted and any(user not in before for user in users):
        return [forbidden(place, "new entries may not be added while `deallocationRequested` or `deletionTimestamp` "
                          "are set")]
    return []


def allocation_result(path: Path, allocation: Tree, spec: Tree) -> Errors:
    """A new allocation, for a claim with this spec."""
    known = request_names(spec.get("devices") or {})
    devices, place = allocation.get("devices") or {}, path.child("devices")
    found = listed(place.child("results"), devices.get("results"), MAX_RESULTS,
                   lambda at, result: _result(at, result, known))
    found += listed(place.child("config"), devices.get("config"), 2 * MAX_CONFIGURATIONS,
                    lambda at, item: _configuration(at, item, known))
    selector = allocation.get("nodeSelector")
    return found if selector is None else found + node_selector(path.child("nodeSelector"), selector, any_values=False)


def _result(path: Path, result: Tree, known: frozenset[str]) -> Errors:
    found = reference(path.child("request"), result.get("request") or "", known)
    found += driver_name(path.child("driver"), result.get("driver") or "")
    found += pool_name(path.child("pool"), result.get("pool") or "")
    found += dns_label(path.child("device"), result.get("device") or "")
    found += binding(path, result)
    if result.get("shareID") is not None:
        found += uid(path.child("shareID"), result["shareID"])
    return found


def _configuration(path: Path, item: Tree, known: frozenset[str]) -> Errors:
    source, place = item.get("source") or "", path.child("source")
    found: Errors = []
    if not source:
        found.append(required(place))
    elif source not in _SOURCES:
        found.append(not_supported(place, json_value(source), _SOURCES))
    return found + references(path, item, known) + device_configuration(path, item)
