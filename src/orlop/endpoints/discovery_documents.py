"""Discovery documents as trees: pure, from declarations to JSON.

`discovery` keeps what is served and encodes what is made here; members stand in the order in which upstream
writes them. Shapes: apimachinery `meta/v1` (APIGroup, APIResourceList) and `k8s.io/api/apidiscovery/v2`;
the storage version hash: apiserver `endpoints/discovery/storageversionhash.go`.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orlop.api.gvk import GroupVersion, GroupVersionKind
from orlop.api.tree import Tree
from orlop.kinds.declaration import Priority, Resource


@dataclass(frozen=True, slots=True)
class Served:
    """One group version as discovery shows it.

    `builtin`: compiled in, not made from a definition at run time; its kinds are listed without their group
    and version in the aggregated list, as upstream does. `freshness` is Stale while another server's list
    is out of reach.
    """

    group_version: GroupVersion
    resources: tuple[Resource, ...]
    priority: Priority
    builtin: bool
    freshness: str = "Current"


def storage_version_hash(kind: GroupVersionKind) -> str:
    """Eight bytes that change when objects begin to be stored in another version."""
    digest = hashlib.sha256(f"{kind.group}/{kind.version}/{kind.kind}".encode()).digest()
    return base64.b64encode(digest[:8]).decode()


def api_versions(server_address: str) -> Tree:
    """/api, from before groups."""
    addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": server_address}]
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}


def group(name: str, versions: Sequence[str]) -> Tree:
    """/apis/<name>, and an item of /apis."""
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def group_list(groups: Iterable[Tree]) -> Tree:
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": list(groups)}


def resource_list(served: Served) -> Tree:
    """/api/v1, which has no apiVersion for compatibility with the oldest clients, and
    /apis/<group>/<version>."""
    tree: Tree = {"kind": "APIResourceList"}
    if served.group_version.group:
        tree["apiVersion"] = "v1"
    tree["groupVersion"] = str(served.group_version)
    tree["resources"] = [entry for resource in served.resources for entry in _entries(served, resource)]
    return tree


def _entries(served: Served, resource: Resource) -> Iterable[Tree]:
    entry: Tree = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        entry["shortNames"] = list(resource.short_names)
    if resource.categories:
        entry["categories"] = list(resource.categories)
    if resource.stored and (served.builtin or resource.storage_version.version in resource.versions):
        entry["storageVersionHash"] = storage_version_hash(resource.storage_kind)
    yield entry
    for sub in resource.subresources:
        name = f"{resource.plural}/{sub.name}"
        entry = {"name": name, "singularName": "", "namespaced": resource.namespaced}
        if sub.version:
            entry |= {"group": sub.group, "version": sub.version}
        yield entry | {"kind": sub.kind or resource.kind, "verbs": list(sub.verbs)}


def aggregated_list(groups: Iterable[tuple[str, Sequence[Served]]]) -> Tree:
    """All groups with all their resources in one document, for clients that ask for it."""
    items = []
    for name, versions in groups:
        metadata = {"name": name} if name else {}
        items.append({"metadata": metadata, "versions": [_aggregated_version(served) for served in versions]})
    head: Tree = {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2"}
    return head | {"metadata": {}, "items": items}


def _aggregated_version(served: Served) -> Tree:
    tree: Tree = {"version": served.group_version.version}
    resources = sorted(served.resources, key=lambda resource: resource.plural)
    if resources:
        tree["resources"] = [_aggregated_resource(served, resource) for resource in resources]
    tree["freshness"] = served.freshness
    return tree


def _aggregated_resource(served: Served, resource: Resource) -> Tree:
    own = GroupVersion("", "") if served.builtin else served.group_version
    tree: Tree = {
        "resource": resource.plural,
        "responseKind": _kind(own.kind(resource.kind)),
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short_names:
        tree["shortNames"] = list(resource.short_names)
    if resource.categories:
        tree["categories"] = list(resource.categories)
    if resource.subresources:
        tree["subresources"] = [
            {
                "subresource": sub.name,
                "responseKind": _kind(GroupVersionKind(sub.group, sub.version, sub.kind) if sub.version
                                      else own.kind(sub.kind or resource.kind)),
                "verbs": list(sub.verbs),
            }
            for sub in resource.subresources
        ]  # fmt: skip
    return tree


def _kind(kind: GroupVersionKind) -> Tree:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}
