"""The OpenAPI v3 document of a group version of custom resources.

Made by `server.custom_documents` when somebody first asks for it. What all documents share (parameters, the types of
metadata, Status and options) is taken from a built-in one. Behaviour: apiextensions-apiserver
`pkg/controller/openapi/builder/builder.go`, kube-openapi `pkg/builder3`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from orlop.api.tree import Tree
from orlop.endpoints.definition_operations import Names, operations
from orlop.kinds.custom.definition import Definition, Version
from orlop.structural.openapi import Publisher

SHARED: Final = ("apis/scheduling.k8s.io/v1", "apis/apps/v1")
"""The built-in documents that have what is shared: all of the first, Scale of the second."""
_REF: Final = "#/components/schemas/"
_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."
_DELETE_OPTIONS: Final = _META + "DeleteOptions"
_KINDS: Final = "x-kubernetes-group-version-kind"
_CLASS: Final = "io.k8s.api.scheduling.v1.PriorityClass"
"""A kind whose members are described as those of custom kinds."""
_EARLIER: Final[Mapping[str, tuple[str, ...]]] = {
    "": ("v1",), "admissionregistration.k8s.io": ("v1", "v1alpha1", "v1beta1"), "apps": ("v1", "v1beta1", "v1beta2"),
    "authentication.k8s.io": ("v1", "v1alpha1", "v1beta1"), "authorization.k8s.io": ("v1", "v1beta1"),
    "autoscaling": ("v1", "v2"), "batch": ("v1", "v1beta1"), "certificates.k8s.io": ("v1", "v1alpha1", "v1beta1"),
    "coordination.k8s.io": ("v1", "v1alpha2", "v1beta1"), "discovery.k8s.io": ("v1", "v1beta1"),
    "events.k8s.io": ("v1", "v1beta1"), "extensions": ("v1beta1",),
    "flowcontrol.apiserver.k8s.io": ("v1", "v1beta1", "v1beta2", "v1beta3"),
    "internal.apiserver.k8s.io": ("v1alpha1",), "networking.k8s.io": ("v1", "v1beta1"),
    "node.k8s.io": ("v1", "v1alpha1", "v1beta1"), "policy": ("v1", "v1beta1"),
    "rbac.authorization.k8s.io": ("v1", "v1alpha1", "v1beta1"),
    "resource.k8s.io": ("v1", "v1alpha3", "v1beta1", "v1beta2"),
    "scheduling.k8s.io": ("v1", "v1alpha2", "v1beta1"), "storage.k8s.io": ("v1", "v1alpha1", "v1beta1"),
    "storagemigration.k8s.io": ("v1beta1",),
}
"""In which group versions upstream knows DeleteOptions, served or not: its documents of custom kinds name them all."""


class Shared(NamedTuple):
    """What documents of custom kinds take from built-in ones: schemas by name, query and path parameters by name."""

    schemas: Mapping[str, Tree]
    parameters: Mapping[str, Tree]


def shared(find: Callable[[str], Tree | None]) -> Shared:
    """From the built-in documents by path."""
    schemas: dict[str, Tree] = {}
    parameters: dict[str, Tree] = {}
    for path in reversed(SHARED):
        document = find(path) or {}
        schemas |= (document.get("components") or {}).get("schemas") or {}
        for item in (document.get("paths") or {}).values():
            for holder in (item, *(item[method] for method in item if method != "parameters")):
                for parameter in holder.get("parameters", ()):
                    parameters.setdefault(parameter["name"], parameter)
    return Shared(schemas, parameters)


def document(kinds: Iterable[tuple[Definition, Version]], common: Shared) -> Tree:
    """The document of some kinds, each in its version of one group version."""
    paths: Tree = {}
    schemas: Tree = {}
    publisher = Publisher(False, _texts(common))
    for definition, version in kinds:
        names, gvk = Names(definition, version.name), definition.in_version(version.name)
        schemas[names.model(definition.kind)] = publisher.published(
            definition.schemas()[version.name], gvk, definition.preserve_unknown, version.fields)
        schemas[names.model(definition.list_kind)] = publisher.published_list(
            gvk, definition.list_kind, definition.plural, version.fields)
        paths |= operations(definition, version, names, common.parameters)
    _add_referenced(schemas, paths, common.schemas)
    return {"openapi": "3.0.0", "info": {"title": "Kubernetes CRD Swagger", "version": "v0.1.0"},
            "paths": dict(sorted(paths.items())), "components": {"schemas": dict(sorted(schemas.items()))}}


def _texts(common: Shared) -> Mapping[str, str]:
    """What is said of the members that every object has, as far as the built-in documents say it."""
    found = {}
    for name, kind in (("ObjectMeta", _CLASS), ("ListMeta", _CLASS + "List")):
        members = (common.schemas.get(kind) or {}).get("properties") or {}
        for member, text in (("apiVersion", "apiVersion"), ("kind", "kind"), ("metadata", name)):
            description = (members.get(member) or {}).get("description")
            if description:
                found[text] = description
    return found


def _add_referenced(schemas: Tree, paths: Tree, known: Mapping[str, Tree]) -> None:
    """All shared schemas that something refers to."""
    waiting: list[Any] = [paths, *schemas.values()]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            waiting += value.values()
            name = str(value.get("$ref", "")).removeprefix(_REF)
            if name in known and name not in schemas:
                schemas[name] = _everywhere(known[name]) if name == _DELETE_OPTIONS else known[name]
                waiting.append(known[name])


def _everywhere(options: Tree) -> Tree:
    return {**options, _KINDS: [{"group": group, "kind": "DeleteOptions", "version": version}
                                for group, versions in _EARLIER.items() for version in versions]}
