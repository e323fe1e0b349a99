"""Events: one store behind two groups, each with rules of its own, and a short life.

Made by `makers`, once for the core group and once for events.k8s.io, over the same watch cache; `event_conversion`
translates between the two forms. Behaviour: kubernetes `pkg/registry/core/event`,
`pkg/apis/core/validation/events.go`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orlop.api import names
from orlop.api.context import Context
from orlop.api.field import Path, invalid, required
from orlop.api.gvk import GroupKind
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors, dns_subdomain, qualified_name, unchanged
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import Form, MainStrategy
from orlop.kinds.go_form import Form as GoForm
from orlop.kinds.rooms import RestOptions, Rooms, form, store
from orlop.registry.strategy import UNSUPPORTED

TTL: Final = 3600
MAX_NAME: Final = 128
MAX_NOTE: Final = 1024
_CORE: Final = GroupKind("", "Event")
_NAMESPACE: Final = Path("involvedObject.namespace")
_REFERENCE: Final = GoForm({
    "Kind": ("kind", ""), "Namespace": ("namespace", ""), "Name": ("name", ""), "UID": ("uid", ""),
    "APIVersion": ("apiVersion", ""), "ResourceVersion": ("resourceVersion", ""), "FieldPath": ("fieldPath", "")})
_SOURCE: Final = GoForm({"Component": ("component", ""), "Host": ("host", "")})
_FIXED: Final[tuple[tuple[str, str, GoForm | None], ...]] = (
    ("involvedObject", "involvedObject", _REFERENCE), ("reason", "reason", None), ("message", "message", None),
    ("source", "source", _SOURCE), ("firstTimestamp", "firstTimestamp", None),
    ("lastTimestamp", "lastTimestamp", None), ("count", "count", None), ("reason", "reason", None),
    ("type", "type", None), ("eventTime", "eventTime", None), ("action", "action", None),
    ("related", "related", _REFERENCE), ("reportingComponent", "reportingController", None),
    ("reportingInstance", "reportingInstance", None))
"""Members (in the stored form) that updates through events.k8s.io leave alone, the names errors give them, and how
they are shown; the second reason is upstream's own."""
_ZERO: Final = {"count": 0, "involvedObject": {}, "source": {}, "related": None, "firstTimestamp": None,
                "lastTimestamp": None, "eventTime": None}


def _too_long(name: str, text: str, most: int) -> Errors:
    if names.length(text) <= most:
        return []
    return [invalid(Path(name), "", f"can have at most {most} characters")]


def _common(event: Tree, reporter: str) -> Errors:
    """What both groups ask. Events without eventTime are the old ones, of which little is asked."""
    namespace = event["metadata"].get("namespace") or ""
    about = (event.get("involvedObject") or {}).get("namespace") or ""
    found: Errors = []
    if not event.get("eventTime"):
        if namespace != about and (about or namespace not in ("", "default")):
            found.append(invalid(_NAMESPACE, about, "does not match event.namespace"))
    else:
        if not about and namespace not in ("default", "kube-system"):
            found.append(invalid(_NAMESPACE, about, "does not match event.namespace"))
        found += _told(event, reporter)
    if namespace:
        found += dns_subdomain(Path("namespace"), namespace)
    return found


def _told(event: Tree, reporter: str) -> Errors:
    """Who reports what, why."""
    component, instance = event.get("reportingComponent") or "", event.get("reportingInstance") or ""
    action, reason = event.get("action") or "", event.get("reason") or ""
    found: Errors = []
    if not component:
        found.append(required(Path(reporter)))
    found += qualified_name(Path(reporter), component)
    for name, text in (("reportingInstance", instance), ("action", action), ("reason", reason)):
        if not text:
            found.append(required(Path(name)))
        found += _too_long(name, text, MAX_NAME)
    return found + _too_long("message", event.get("message") or "", MAX_NOTE)


class CoreEventStrategy(MainStrategy):
    """Events as the core group takes them."""

    allow_create_on_update = True
    garbage_collection = UNSUPPORTED
    checks_core_finalizers = False
    repeats_metadata_rules: tuple[str, ...] = ()

    def __init__(self, form: Form, ttl: int = TTL) -> None:
        super().__init__(form)
        self._ttl = ttl

    def check_name(self, name: str, prefix: bool) -> Sequence[str]:
        return names.name_is_path_segment(name, prefix)

    def ttl(self, ctx: Context, obj: Tree, update: bool) -> int:
        return self._ttl

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        return _common(obj, "reportingComponent")

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        return _common(obj, "reportingComponent")


class GroupEventStrategy(CoreEventStrategy):
    """Events as events.k8s.io takes them: all there, and final but for the series."""

    checks_core_finalizers = True
    repeats_metadata_rules = ("change",)

    def __init__(self, form: Form, ttl: int = TTL) -> None:
        super().__init__(form, ttl)
        self.kind = _CORE

    def check_name(self, name: str, prefix: bool) -> Sequence[str]:
        return names.name_is_dns_subdomain(name, prefix)

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        found = _common(obj, "reportingController") + _series(obj)
        if not obj.get("eventTime"):
            found.append(required(Path("eventTime")))
        kind = obj.get("type") or ""
        if kind not in ("Normal", "Warning"):
            found.append(invalid(Path("type"), "", f"has invalid value: {kind}"))
        for name in ("firstTimestamp", "lastTimestamp", "count", "source"):
            if obj.get(name):
                found.append(invalid(Path(name), "", "needs to be unset"))
        return found

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        found = _common(obj, "reportingController")
        if obj.get("series") != old.get("series"):
            found += _series(obj)
        for name, called, shown in _FIXED:
            new, before = (tree.get(name) or _ZERO.get(name, "") for tree in (obj, old))
            if new != before:
                found += unchanged(Path(called), new, before, shown.text(new) if shown is not None else None)
        return found


def _series(event: Tree) -> Errors:
    series = event.get("series")
    if series is None:
        return []
    found: Errors = []
    if (series.get("count") or 0) < 2:
        found.append(invalid(Path("series.count"), "", "should be at least 2"))
    if not series.get("lastObservedTime"):
        found.append(required(Path("series.lastObservedTime")))
    return found


def core_rooms(resource: Resource, options: RestOptions) -> Rooms:
    strategy = CoreEventStrategy(form(resource, options), options.settings.get("event_ttl", TTL))
    return {"": store(resource, options, strategy)}


def group_rooms(resource: Resource, options: RestOptions) -> Rooms:
    strategy = GroupEventStrategy(form(resource, options), options.settings.get("event_ttl", TTL))
    return {"": store(resource, options, strategy)}
