"""The catalog: every resource that a kube-apiserver 1.36 serves by default, and the order of its groups.

Read by the installer (a store and routes for each), by discovery and by the controllers that know kinds by
name. The tables are in `catalog_core` and `catalog_groups`. Priorities: kube-apiserver
`pkg/controlplane/apiserver/aggregator.go` and `cmd/kube-apiserver/app/aggregator.go`; places in storage:
`pkg/kubeapiserver/default_storage_factory_builder.go`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from orlop.api.gvk import GroupKind, GroupResource, GroupVersion, GroupVersionKind
from orlop.kinds.catalog_core import CORE
from orlop.kinds.catalog_groups import NAMED
from orlop.kinds.declaration import Group, Priority, Resource

RESOURCES: tuple[Resource, ...] = (*CORE, *NAMED)

GROUPS: tuple[Group, ...] = (
    Group("", 18000, (("v1", 1),)),
    Group("apiregistration.k8s.io", 20001, (("v1", 0),)),
    Group("apps", 17800),
    Group("events.k8s.io", 17750),
    Group("authentication.k8s.io", 17700),
    Group("authorization.k8s.io", 17600),
    Group("autoscaling", 17500, (("v2", 30), ("v1", 15))),
    Group("batch", 17400),
    Group("certificates.k8s.io", 17300),
    Group("networking.k8s.io", 17200),
    Group("policy", 17100),
    Group("rbac.authorization.k8s.io", 17000),
    Group("storage.k8s.io", 16800),
    Group("admissionregistration.k8s.io", 16700),
    Group("apiextensions.k8s.io", 16700),
    Group("scheduling.k8s.io", 16600),
    Group("coordination.k8s.io", 16500),
    Group("node.k8s.io", 16300),
    Group("discovery.k8s.io", 16200),
    Group("resource.k8s.io", 16200, (("v1", 21),)),
    Group("flowcontrol.apiserver.k8s.io", 16100, (("v1", 21),)),
)
"""The groups as discovery lists them: by priority, then by name. The core group is served at /api, apart
from the others. No APIService exists for apiregistration.k8s.io itself."""

CUSTOM = Priority(1000, 100)
"""Where groups of custom resources stand."""

GROUP_VERSIONS: tuple[GroupVersion, ...] = tuple(
    GroupVersion(group.name, version) for group in GROUPS for version, _ in group.versions
)

_BY_RESOURCE = {resource.group_resource: resource for resource in RESOURCES}
_BY_KIND = {resource.group_kind: resource for resource in RESOURCES}
_GROUPS = {group.name: group for group in GROUPS}


def resource(group: str, plural: str) -> Resource | None:
    """The built-in resource of that name."""
    return _BY_RESOURCE.get(GroupResource(group, plural))


def resource_of_kind(kind: GroupVersionKind) -> Resource | None:
    """The built-in resource whose objects are of that kind, if it is served in that version."""
    found = _BY_KIND.get(GroupKind(kind.group, kind.kind))
    return found if found is not None and kind.version in found.versions else None


def served_in(group_version: GroupVersion) -> tuple[Resource, ...]:
    """The built-in resources of a group version, in order of their plurals."""
    found = [r for r in RESOURCES if r.group == group_version.group and group_version.version in r.versions]
    return tuple(sorted(found, key=lambda r: r.plural))


def priority(group_version: GroupVersion) -> Priority:
    """Where a group version stands; those the catalog does not know stand with the custom resources."""
    group = _GROUPS.get(group_version.group)
    if group is None or group_version not in GROUP_VERSIONS:
        return CUSTOM
    return group.priority_of(group_version.version)


def available(kinds: Collection[GroupVersionKind] | None) -> tuple[Resource, ...]:
    """The resources that an older minor serves, in the versions whose kinds it defines (None: all of them)."""
    if kinds is None:
        return RESOURCES
    found = []
    for each in RESOURCES:
        versions = tuple(version for version in each.versions if each.in_version(version) in kinds)
        if versions:
            found.append(each if versions == each.versions else replace(each, versions=versions))
    return tuple(found)
