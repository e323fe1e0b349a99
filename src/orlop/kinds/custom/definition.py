"""A CustomResourceDefinition as serving it needs it: names, versions, places; nothing that runs.

Read by `server.custom_kinds` of the stored object, handed to `kinds.custom.kind` and to the makers of discovery and
OpenAPI documents. Schemas stay text until somebody asks for one: a server may have hundreds of definitions that nobody
uses. Behaviour: apiextensions-apiserver `pkg/apiserver/customresource_handler.go` (getOrCreateServingInfoFor).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

import orjson

from orlop.api.gvk import GroupVersion, GroupVersionKind, GroupVersionResource
from orlop.api.tree import Tree
from orlop.kinds.declaration import Resource, Subresource
from orlop.kinds.definitions import conditions
from orlop.kinds.version_order import version_order
from orlop.storage.interface import Entry

_VERBS: Final = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
_ENDING_VERBS: Final = ("delete", "deletecollection", "get", "list", "watch")
_ROOM_VERBS: Final = ("get", "patch", "update")


@dataclass(frozen=True, slots=True)
class Scaling:
    """Where a version has its replicas; `selector` is "" where there is none. Paths as the definition has them."""

    spec: str
    status: str
    selector: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """One version but for its schema. `columns` are additionalPrinterColumns, `fields` the paths of selectableFields,
    `warning` what each request through a deprecated version is told."""

    name: str
    served: bool
    stored: bool
    status: bool
    scale: Scaling | None
    columns: tuple[Tree, ...]
    fields: tuple[str, ...]
    warning: str


@dataclass(frozen=True, slots=True)
class Definition:
    """`body` is the stored text, `revision` its revision, `spec` a digest of the spec; names are those that were
    accepted."""

    name: str
    uid: str
    group: str
    plural: str
    singular: str
    kind: str
    list_kind: str
    short_names: tuple[str, ...]
    categories: tuple[str, ...]
    namespaced: bool
    versions: tuple[Version, ...]
    conversion: Tree
    preserve_unknown: bool
    serving: bool
    established: bool
    terminating: bool
    spec: bytes
    body: bytes
    revision: int

    @property
    def stored(self) -> Version:
        return next(version for version in self.versions if version.stored)

    @property
    def served(self) -> tuple[Version, ...]:
        return tuple(version for version in self.versions if version.served)

    @property
    def prefix(self) -> str:
        """Below /registry/."""
        return f"{self.group}/{self.plural}"

    @property
    def fields(self) -> tuple[str, ...]:
        """The selectable fields of all versions."""
        return tuple(sorted({path for version in self.versions for path in version.fields}))

    @property
    def webhook(self) -> bool:
        return bool(self.conversion.get("strategy") == "Webhook")

    def in_version(self, version: str) -> GroupVersionKind:
        return GroupVersionKind(self.group, version, self.kind)

    def served_as(self, version: str) -> GroupVersionResource:
        return GroupVersionResource(self.group, version, self.plural)

    def schemas(self) -> dict[str, Tree | None]:
        """The schemas by version, decoded anew."""
        versions = orjson.loads(self.body)["spec"]["versions"]
        return {each["name"]: (each.get("schema") or {}).get("openAPIV3Schema") for each in versions}

    def same_rules(self, other: Definition) -> bool:
        """Whether it can be served as `other` is (upstream compares spec and accepted names)."""
        return self.spec == other.spec and self.names() == other.names() and self.uid == other.uid

    def names(self) -> tuple[Any, ...]:
        return self.plural, self.singular, self.kind, self.list_kind, self.short_names, self.categories

    def resource(self, version: Version) -> Resource:
        """One served version as it is declared."""
        return Resource(
            self.group, self.kind, self.plural, namespaced=self.namespaced, short_names=self.short_names,
            categories=self.categories, subresources=tuple(_rooms(version)),
            verbs=_ENDING_VERBS if self.terminating else _VERBS, versions=tuple(each.name for each in self.served),
            storage_version=GroupVersion(self.group, self.stored.name), prefix=self.prefix, singular=self.singular,
            list_kind=self.list_kind)

    def whole_resource(self) -> Resource:
        """All served versions, as controllers see it."""
        names = sorted((version.name for version in self.served), key=version_order) or [self.stored.name]
        return Resource(self.group, self.kind, self.plural, namespaced=self.namespaced, versions=tuple(names),
                        storage_version=GroupVersion(self.group, self.stored.name), prefix=self.prefix,
                        singular=self.singular, list_kind=self.list_kind)


def _rooms(version: Version) -> list[Subresource]:
    rooms = []
    if version.status:
        rooms.append(Subresource("status", _ROOM_VERBS))
    if version.scale is not None:
        rooms.append(Subresource("scale", _ROOM_VERBS, "Scale", "autoscaling", "v1"))
    return rooms


def read(entry: Entry) -> Definition:
    """A stored definition. One whose names were not accepted yet has "" for them, and is not `serving`."""
    tree = entry.tree()
    spec, status = tree["spec"], tree.get("status") or {}
    names: Tree = status.get("acceptedNames") or {}
    established = conditions.holds(tree, conditions.ESTABLISHED)
    accepted = established or conditions.holds(tree, conditions.NAMES_ACCEPTED)
    kind, plural = names.get("kind") or "", names.get("plural") or ""
    return Definition(
        name=tree["metadata"]["name"], uid=tree["metadata"].get("uid", ""), group=spec["group"], plural=plural,
        singular=names.get("singular") or kind.lower(), kind=kind, list_kind=names.get("listKind") or kind + "List",
        short_names=tuple(names.get("shortNames") or ()), categories=tuple(names.get("categories") or ()),
        namespaced=spec.get("scope") == "Namespaced", versions=_versions(spec),
        conversion=spec.get("conversion") or {"strategy": "None"},
        preserve_unknown=bool(spec.get("preserveUnknownFields")),
        serving=accepted and bool(kind and plural) and any(each.get("storage") for each in spec["versions"]),
        established=established, terminating=conditions.holds(tree, conditions.TERMINATING),
        spec=hashlib.blake2b(orjson.dumps(spec), digest_size=16).digest(), body=entry.body, revision=entry.revision)


def _versions(spec: Tree) -> tuple[Version, ...]:
    return tuple(_version(spec, each) for each in spec.get("versions") or ())


def _version(spec: Tree, tree: Tree) -> Version:
    rooms: Tree = tree.get("subresources") or {}
    scale = rooms.get("scale")
    scaling = None
    if scale is not None:
        scaling = Scaling(scale.get("specReplicasPath") or "", scale.get("statusReplicasPath") or "",
                          scale.get("labelSelectorPath") or "")
    return Version(tree["name"], bool(tree.get("served")), bool(tree.get("storage")), rooms.get("status") is not None,
                   scaling, tuple(tree.get("additionalPrinterColumns") or ()),
                   tuple(each.get("jsonPath") or "" for each in tree.get("selectableFields") or ()),
                   _warning(spec, tree))


def _warning(spec: Tree, tree: Tree) -> str:
    if not tree.get("deprecated"):
        return ""
    if tree.get("deprecationWarning") is not None:
        return str(tree["deprecationWarning"])
    group, kind, own = spec["group"], (spec.get("names") or {}).get("kind"), version_order(tree["name"])
    newer = [each["name"] for each in spec["versions"]
             if each.get("served") and not each.get("deprecated") and version_order(each["name"]) < own]
    text = f"{group}/{tree['name']} {kind} is deprecated"
    return f"{text}; use {group}/{min(newer, key=version_order)} {kind}" if newer else text
