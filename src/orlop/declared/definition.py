"""A declaration as a CustomResourceDefinition, for this server or any other.

`program` hands the tree to the server, `printing` writes it in YAML. Before it goes anywhere it is judged by
the server's own rules for definitions. Defined by apiextensions-apiserver `pkg/apis/apiextensions/v1/types.go`.
"""

from __future__ import annotations

import copy
from typing import Any

from orlop.api.tree import Tree
from orlop.declared.columns import columns, dotted, leading
from orlop.declared.declaration import Declaration, Version, declaration
from orlop.declared.errors import DeclarationError
from orlop.kinds.definitions import definition as rules


def crd(kind: type[Any], *, conversion: Tree | None = None) -> Tree:
    """The CustomResourceDefinition of a kind, as a tree. `conversion` is what its `spec.conversion` is to be in a
    cluster that cannot run your functions: a webhook. Raises DeclarationError."""
    whole = declaration(kind)
    whole.complete()
    names: Tree = {"kind": whole.kind, "listKind": whole.kind + "List", "plural": whole.plural,
                   "singular": whole.singular}
    if whole.short_names:
        names["shortNames"] = list(whole.short_names)
    if whole.categories:
        names["categories"] = list(whole.categories)
    spec: Tree = {"group": whole.group, "names": names, "scope": "Namespaced" if whole.namespaced else "Cluster",
                  "versions": [_version(whole, version) for version in whole.versions]}
    if conversion is not None:
        spec["conversion"] = conversion
    tree: Tree = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                  "metadata": {"name": whole.name}, "spec": spec}
    _check(whole, tree)
    return copy.deepcopy(tree)


def _version(whole: Declaration, version: Version) -> Tree:
    schema = version.schema
    tree: Tree = {"name": version.name, "served": version.served, "storage": version.name == whole.stored}
    if version.deprecated:
        tree["deprecated"] = True
        if version.warning:
            tree["deprecationWarning"] = version.warning
    tree["schema"] = {"openAPIV3Schema": schema}
    rooms: Tree = {}
    if version.has_status:
        rooms["status"] = {}
    if version.scale is not None:
        rooms["scale"] = version.scale.tree()
    if rooms:
        tree["subresources"] = rooms
    if version.columns:
        tree["additionalPrinterColumns"] = columns(version.columns, schema)
    if version.fields:
        for path in version.fields:
            leading(dotted(path), schema)
        tree["selectableFields"] = [{"jsonPath": dotted(path)} for path in version.fields]
    return tree


def _check(whole: Declaration, tree: Tree) -> None:
    """Say now what the server would say."""
    complete = copy.deepcopy(tree)
    complete["spec"].setdefault("conversion", {"strategy": "None"})
    complete["status"] = {"storedVersions": [whole.stored]}
    found = rules.rules(complete)
    if found:
        raise DeclarationError(f"{whole.kind} is no CustomResourceDefinition that a server takes:\n"
                               + "\n".join(f"  {error}" for error in found))
