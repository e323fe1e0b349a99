"""The form in which kinds are declared: names, versions, verbs and the place in storage, and nothing that
runs.

The catalog declares the built-in kinds with it, custom resources are declared at run time; discovery, the
installer and the registry read it. The members are those of apimachinery's `meta/v1.APIResource`; the place
in storage follows kube-apiserver's `pkg/kubeapiserver` storage factory.
"""

from __future__ import annotations

from dataclasses import dataclass

from orlop.api.gvk import GroupKind, GroupResource, GroupVersion, GroupVersionKind, GroupVersionResource

Verbs = tuple[str, ...]

_UNSET = GroupVersion("", "")

ALL_VERBS: Verbs = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
"""What an ordinary stored resource can do, in the order in which discovery lists them."""


@dataclass(frozen=True, slots=True)
class Subresource:
    """One room behind an object: `pods/log`, `deployments/scale`.

    `kind` is that of its bodies ("" for the kind of the resource itself); `group` and `version` say where
    that kind comes from when it is not the group version of the resource.
    """

    name: str
    verbs: Verbs
    kind: str = ""
    group: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of one group, in all its served versions.

    `versions` are in order of preference. Left out, `singular` is the kind in lower case, `list_kind` the
    kind with "List", `storage_version` the most preferred one and `prefix` the plural. Objects live under
    `/registry/<prefix>/`. Without `stored` nothing lives there: the answer is made at the moment of the
    request.
    """

    group: str
    kind: str
    plural: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[Subresource, ...] = ()
    verbs: Verbs = ALL_VERBS
    versions: tuple[str, ...] = ("v1",)
    storage_version: GroupVersion = _UNSET
    prefix: str = ""
    singular: str = ""
    list_kind: str = ""
    stored: bool = True

    def __post_init__(self) -> None:
        defaults = {
            "singular": self.kind.lower(),
            "list_kind": self.kind + "List",
            "prefix": self.plural,
            "storage_version": GroupVersion(self.group, self.versions[0]),
        }
        for name, value in defaults.items():
            if not any(getattr(self, name)):
                object.__setattr__(self, name, value)

    @property
    def group_resource(self) -> GroupResource:
        return GroupResource(self.group, self.plural)

    @property
    def group_kind(self) -> GroupKind:
        return GroupKind(self.group, self.kind)

    @property
    def group_versions(self) -> tuple[GroupVersion, ...]:
        return tuple(GroupVersion(self.group, version) for version in self.versions)

    @property
    def storage_kind(self) -> GroupVersionKind:
        """What a stored object of this resource is."""
        return self.storage_version.kind(self.kind)

    def in_version(self, version: str) -> GroupVersionKind:
        return GroupVersionKind(self.group, version, self.kind)

    def resource_in(self, version: str) -> GroupVersionResource:
        return GroupVersionResource(self.group, version, self.plural)

    def subresource(self, name: str) -> Subresource | None:
        return next((sub for sub in self.subresources if sub.name == name), None)

    def subresource_kind(self, sub: Subresource, version: str) -> GroupVersionKind:
        """What the bodies of a subresource are when the resource is asked for in `version`."""
        if sub.version:
            return GroupVersionKind(sub.group, sub.version, sub.kind)
        return GroupVersionKind(self.group, version, sub.kind or self.kind)


@dataclass(frozen=True, slots=True)
class Priority:
    """Where a group version stands among the others: higher numbers first (APIService groupPriorityMinimum
    and versionPriority)."""

    group: int
    version: int


@dataclass(frozen=True, slots=True)
class Group:
    """An API group: its place among the groups and the place of each version within it."""

    name: str
    priority: int
    versions: tuple[tuple[str, int], ...] = (("v1", 15),)

    def priority_of(self, version: str) -> Priority:
        return Priority(self.priority, dict(self.versions)[version])
