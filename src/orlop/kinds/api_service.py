"""APIServices: which server answers for a group version.

Made by `makers`. Behaviour: kube-aggregator `pkg/registry/apiservice`, `pkg/apis/apiregistration/validation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orlop.api import base64, names, times
from orlop.api.context import Context
from orlop.api.field import Path, invalid, not_supported, quote, required
from orlop.api.tree import Tree
from orlop.kinds.checks import SPEC, STATUS, Errors, dns_subdomain, said
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import Form, MainStrategy, StatusStrategy
from orlop.kinds.rooms import RestOptions, Rooms, form, store
from orlop.world.clock import Clock

MAX_GROUP_PRIORITY: Final = 20_000
MAX_VERSION_PRIORITY: Final = 1_000
_STATUSES: Final = ("True", "False", "Unknown")


def local_available(now: float) -> Tree:
    """The condition of what this server itself answers for."""
    return {"type": "Available", "status": "True", "lastTransitionTime": times.text(times.from_timestamp(now)),
            "reason": "Local", "message": "Local APIServices are always available"}


def _name(service: Tree, spec: Tree) -> Errors:
    name = service["metadata"].get("name") or ""
    expected = f"{spec.get('version') or ''}.{spec.get('group') or ''}"
    if name == expected or names.path_segment_name(name):
        return []
    return [invalid(Path("metadata.name"), name, f'must be `spec.version+"."+spec.group`: {quote(expected)}')]


def _priority(name: str, value: int, most: int) -> Errors:
    return [] if 0 < value <= most else [invalid(SPEC.child(name), value, f"must be positive and less than {most}")]


def service_rules(service: Tree) -> Errors:
    spec = service.get("spec") or {}
    group, version = spec.get("group") or "", spec.get("version") or ""
    found = _name(service, spec)
    if not group and version != "v1":
        found.append(required(SPEC.child("group"), "only v1 may have an empty group and it better be legacy kube"))
    if group:
        found += dns_subdomain(SPEC.child("group"), group)
    found += said(SPEC.child("version"), version, names.dns1035_label(version))
    found += _priority("groupPriorityMinimum", spec.get("groupPriorityMinimum") or 0, MAX_GROUP_PRIORITY)
    found += _priority("versionPriority", spec.get("versionPriority") or 0, MAX_VERSION_PRIORITY)
    bundle, insecure = spec.get("caBundle") or "", bool(spec.get("insecureSkipTLSVerify"))
    if spec.get("service") is None:
        if bundle:
            size = len(base64.decode(bundle))
            found.append(invalid(SPEC.child("caBundle"), f"{size} bytes", "local APIServices may not have a caBundle"))
        if insecure:
            found.append(invalid(SPEC.child("insecureSkipTLSVerify"), True,
                                 "local APIServices may not have insecureSkipTLSVerify"))
        return found
    found += _reference(spec["service"])
    if insecure and bundle:
        found.append(invalid(SPEC.child("insecureSkipTLSVerify"), True, "may not be true if caBundle is present"))
    return found


def _reference(reference: Tree) -> Errors:
    path = SPEC.child("service")
    found = [required(path.child(name)) for name in ("namespace", "name") if not reference.get(name)]
    port = reference.get("port") or 0
    if complaints := names.port_number(port):
        found.append(invalid(path.child("port"), port, "port is not valid: " + ", ".join(complaints)))
    return found


class APIServiceStrategy(MainStrategy):
    allow_unconditional_update = False
    checks_core_finalizers = False

    def __init__(self, form: Form, clock: Clock) -> None:
        super().__init__(form)
        self._clock = clock

    def check_name(self, name: str, prefix: bool) -> Sequence[str]:
        return names.path_segment_name(name)

    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        obj["status"] = {}
        if (obj.get("spec") or {}).get("service") is None:
            obj["status"]["conditions"] = [local_available(self._clock.now())]

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        return service_rules(obj)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        return service_rules(obj)


class APIServiceStatusStrategy(StatusStrategy):
    allow_unconditional_update = False
    repeats_metadata_rules = ("change",)
    keeps_metadata = ("labels", "annotations", "finalizers", "ownerReferences")

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        conditions = (obj.get("status") or {}).get("conditions") or ()
        return [not_supported(STATUS.child("conditions").index(index).child("status"), condition.get("status") or "",
                              _STATUSES)
                for index, condition in enumerate(conditions) if condition.get("status") not in _STATUSES]


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    shape, clock = form(resource, options), options.outside.clock
    made = store(resource, options, APIServiceStrategy(shape, clock))
    return {"": made, "status": made.with_strategy(APIServiceStatusStrategy(shape))}
