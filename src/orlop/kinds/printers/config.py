"""Cells of the core group's small kinds: namespaces, configuration, quota, events, component statuses.

Upstream: the functions print<Kind> of `pkg/printers/internalversion/printers.go`.
"""

from __future__ import annotations

from orlop.api.tree import Tree
from orlop.kinds.printers.cells import (
    UNKNOWN,
    Cell,
    Relative,
    age,
    ago,
    metadata_of,
    name_of,
    quantity,
    status_of,
)


def namespace_cells(namespace: Tree) -> list[Cell]:
    metadata = metadata_of(namespace)
    return [name_of(metadata), status_of(namespace).get("phase") or "", age(metadata)]


def config_map_cells(config_map: Tree) -> list[Cell]:
    metadata = metadata_of(config_map)
    keys = len(config_map.get("data") or ()) + len(config_map.get("binaryData") or ())
    return [name_of(metadata), keys, age(metadata)]


def secret_cells(secret: Tree) -> list[Cell]:
    metadata = metadata_of(secret)
    return [name_of(metadata), secret.get("type") or "", len(secret.get("data") or ()), age(metadata)]


def service_account_cells(account: Tree) -> list[Cell]:
    metadata = metadata_of(account)
    return [name_of(metadata), age(metadata)]


def resource_quota_cells(quota: Tree) -> list[Cell]:
    """Used of hard, per resource; `limits.*` in a column of their own."""
    metadata, status = metadata_of(quota), status_of(quota)
    hard, used = status.get("hard") or {}, status.get("used") or {}
    requests: list[str] = []
    limits: list[str] = []
    for resource in sorted(hard):
        column = limits if resource.startswith("limits.") else requests
        column.append(f"{resource}: {quantity(used.get(resource))}/{quantity(hard[resource])}")
    return [name_of(metadata), ", ".join(requests), ", ".join(limits), age(metadata)]


def component_status_cells(component: Tree) -> list[Cell]:
    name = name_of(metadata_of(component))
    for condition in component.get("conditions") or ():
        if condition.get("type") == "Healthy":
            health = "Healthy" if condition.get("status") == "True" else "Unhealthy"
            return [name, health, condition.get("message") or "", condition.get("error") or ""]
    return [name, "Unknown", "", ""]


def event_cells(event: Tree) -> list[Cell]:
    """Events of the core group and of events.k8s.io: one kind under two sets of field names."""
    metadata = metadata_of(event)
    subject = event.get("involvedObject") or event.get("regarding") or {}
    message = event.get("message") or event.get("note") or ""
    kind, name = (subject.get("kind") or "").lower(), subject.get("name")
    first, last, count = _occurrences(event)
    return [
        last, event.get("type") or "", event.get("reason") or "", f"{kind}/{name}" if name else kind,
        subject.get("fieldPath") or "", _source(event), message.strip(), first, count, name_of(metadata),
    ]


def _occurrences(event: Tree) -> tuple[str | Relative, str | Relative, int]:
    """First and last time seen, and how often. A series counts by itself, a lone event not at all."""
    since = event.get("firstTimestamp") or event.get("deprecatedFirstTimestamp") or event.get("eventTime")
    first = ago(since)
    if (series := event.get("series")) is not None:
        return first, ago(series.get("lastObservedTime")), series.get("count") or 0
    last = ago(event.get("lastTimestamp") or event.get("deprecatedLastTimestamp"))
    count = event.get("count") or event.get("deprecatedCount") or 1
    return first, first if last == UNKNOWN else last, count


def _source(event: Tree) -> str:
    """Who reported it, and from where. Old events name a source, new ones a reporting controller."""
    source = event.get("source") or event.get("deprecatedSource") or {}
    reporter = event.get("reportingComponent") or event.get("reportingController") or ""
    component = source.get("component") or reporter
    instance = source.get("host") or event.get("reportingInstance")
    return f"{component}, {instance}" if instance else component
