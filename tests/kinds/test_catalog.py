"""The catalog against what a real server lists."""

import json
from pathlib import Path
from typing import Any

import pytest

from orlop.api.gvk import GroupVersion, GroupVersionKind
from orlop.kinds import catalog
from orlop.kinds.declaration import Priority, Resource, Subresource

FACTS = json.loads((Path(__file__).parents[1] / "data/facts/resources.json").read_text())


def described(resource: Resource, version: str) -> dict[str, Any]:
    """A resource in the form of the dumped facts."""
    entry: dict[str, Any] = {
        "kind": resource.kind,
        "namespaced": resource.namespaced,
        "singularName": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    for sub in resource.subresources:
        kind = resource.subresource_kind(sub, version)
        told = {"kind": kind.kind, "namespaced": resource.namespaced, "verbs": list(sub.verbs)}
        if sub.version:
            told |= {"group": kind.group, "version": kind.version}
        entry.setdefault("subresources", {})[sub.name] = told
    return entry


def test_group_versions_are_in_discoverys_order() -> None:
    """Groups and versions are exactly those of the real server, in its order."""
    assert [str(group_version) for group_version in catalog.GROUP_VERSIONS] == FACTS["groupVersions"]


@pytest.mark.parametrize("group_version", FACTS["groupVersions"])
def test_resources_equal_the_real_servers(group_version: str) -> None:
    """Each group version has exactly the resources, names, verbs and subresources of the real server."""
    parsed = GroupVersion.parse(group_version)
    found = {each.plural: described(each, parsed.version) for each in catalog.served_in(parsed)}
    assert found == FACTS["resources"][group_version]


def test_every_group_has_its_priority_place() -> None:
    """Group priorities reproduce the order of the list, ties by name, the core group first at its own
    path."""
    named = [group for group in catalog.GROUPS if group.name]
    assert named == sorted(named, key=lambda group: (-group.priority, group.name))
    assert catalog.priority(GroupVersion("autoscaling", "v1")) == Priority(17500, 15)
    assert catalog.priority(GroupVersion("example.org", "v1")) == catalog.CUSTOM


@pytest.mark.parametrize(
    ("group", "plural", "prefix", "stored"),
    [
        ("", "nodes", "minions", "v1"),
        ("", "services", "services/specs", "v1"),
        ("", "endpoints", "services/endpoints", "v1"),
        ("", "replicationcontrollers", "controllers", "v1"),
        ("", "configmaps", "configmaps", "v1"),
        ("networking.k8s.io", "ingresses", "ingress", "networking.k8s.io/v1"),
        (
            "apiregistration.k8s.io",
            "apiservices",
            "apiregistration.k8s.io/apiservices",
            "apiregistration.k8s.io/v1",
        ),
        (
            "apiextensions.k8s.io",
            "customresourcedefinitions",
            "apiextensions.k8s.io/customresourcedefinitions",
            "apiextensions.k8s.io/v1beta1",
        ),
        ("autoscaling", "horizontalpodautoscalers", "horizontalpodautoscalers", "autoscaling/v2"),
        ("events.k8s.io", "events", "events", "v1"),
        (
            "admissionregistration.k8s.io",
            "mutatingadmissionpolicies",
            "mutatingadmissionpolicies",
            "admissionregistration.k8s.io/v1beta1",
        ),
    ],
)
def test_place_and_version_in_storage(group: str, plural: str, prefix: str, stored: str) -> None:
    """Keys and stored versions are upstream's, special names included."""
    resource = catalog.resource(group, plural)
    assert resource is not None
    assert (resource.prefix, str(resource.storage_version)) == (prefix, stored)


def test_only_events_share_a_place_in_storage() -> None:
    """No two resources live under one prefix, but for the events of the two groups."""
    prefixes: dict[str, list[str]] = {}
    for resource in catalog.RESOURCES:
        if resource.stored:
            prefixes.setdefault(resource.prefix, []).append(resource.group)
    assert {prefix: groups for prefix, groups in prefixes.items() if len(groups) > 1} == {
        "events": ["", "events.k8s.io"]
    }


def test_virtual_resources_cannot_be_watched() -> None:
    """What is not stored is created or read only."""
    virtual = [resource for resource in catalog.RESOURCES if not resource.stored]
    assert len(virtual) == 8
    assert all(set(resource.verbs) in ({"create"}, {"get", "list"}) for resource in virtual)


def test_lookups() -> None:
    """Kinds are found in the versions they are served in, unknown names are None."""
    found = catalog.resource_of_kind(GroupVersionKind("autoscaling", "v1", "HorizontalPodAutoscaler"))
    assert found is not None
    assert found.plural == "horizontalpodautoscalers"
    assert catalog.resource_of_kind(GroupVersionKind("apps", "v9", "Deployment")) is None
    assert catalog.resource("apps", "nothing") is None


def test_defaults_of_a_declaration() -> None:
    """A short row means the usual names, all verbs, and the preferred version in storage."""
    boat = Resource(
        "example.org", "Boat", "boats", versions=("v2", "v1"), subresources=(Subresource("log", ("get",)),)
    )
    assert (boat.singular, boat.list_kind, boat.prefix) == ("boat", "BoatList", "boats")
    assert boat.storage_kind == GroupVersionKind("example.org", "v2", "Boat")
    assert boat.subresource("log") == boat.subresources[0]
    assert boat.subresource("status") is None
    assert len(boat.verbs) == 8
