"""A rule source for tests: lists of trees, and a version that moves with every change."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Tree = dict[str, Any]
RBAC = "rbac.authorization.k8s.io"


class StaticRules:
    def __init__(self) -> None:
        self._version = 1
        self.cluster_roles: dict[str, Tree] = {}
        self.roles: dict[tuple[str, str], Tree] = {}
        self.cluster_bindings: dict[str, Tree] = {}
        self.bindings: dict[tuple[str, str], Tree] = {}

    def version(self) -> int:
        return self._version

    def cluster_role(self, name: str) -> Tree | None:
        return self.cluster_roles.get(name)

    def role(self, namespace: str, name: str) -> Tree | None:
        return self.roles.get((namespace, name))

    def cluster_role_bindings(self) -> Sequence[Tree]:
        return [tree for _, tree in sorted(self.cluster_bindings.items())]

    def role_bindings(self, namespace: str) -> Sequence[Tree]:
        return [tree for (ns, _), tree in sorted(self.bindings.items()) if ns == namespace]

    def add_role(self, name: str, *rules: Tree, namespace: str = "") -> StaticRules:
        tree = {"metadata": {"name": name}, "rules": list(rules)}
        if namespace:
            self.roles[namespace, name] = tree
        else:
            self.cluster_roles[name] = tree
        self._version += 1
        return self

    def bind(self, role: str, *subjects: Tree, name: str = "", namespace: str = "",
             kind: str = "") -> StaticRules:
        kind = kind or ("Role" if namespace else "ClusterRole")
        tree = {"metadata": {"name": name or role}, "subjects": list(subjects),
                "roleRef": {"apiGroup": RBAC, "kind": kind, "name": role}}
        if namespace:
            self.bindings[namespace, name or role] = tree
        else:
            self.cluster_bindings[name or role] = tree
        self._version += 1
        return self

    def unbind(self, name: str, namespace: str = "") -> None:
        if namespace:
            del self.bindings[namespace, name]
        else:
            del self.cluster_bindings[name]
        self._version += 1


def bootstrap() -> StaticRules:
    """With a few of kube-apiserver's own roles and bindings."""
    data = json.loads((Path(__file__).parent.parent / "data/rbac/bootstrap.json").read_text())
    source = StaticRules()
    for role in data["clusterRoles"]:
        source.cluster_roles[role["metadata"]["name"]] = role
    for binding in data["clusterRoleBindings"]:
        source.cluster_bindings[binding["metadata"]["name"]] = binding
    return source


def user(name: str) -> Tree:
    return {"kind": "User", "apiGroup": RBAC, "name": name}


def group(name: str) -> Tree:
    return {"kind": "Group", "apiGroup": RBAC, "name": name}


def account(namespace: str, name: str) -> Tree:
    return {"kind": "ServiceAccount", "name": name, **({"namespace": namespace} if namespace else {})}


def rule(verbs: str, resources: str = "", groups: str = "", *, names: str = "", urls: str = "") -> Tree:
    """A rule from space-separated words; "-" is the core group."""
    tree: Tree = {"verbs": verbs.split()}
    if resources:
        tree["resources"] = resources.split()
        tree["apiGroups"] = ["" if g == "-" else g for g in (groups or "-").split()]
    if names:
        tree["resourceNames"] = names.split()
    if urls:
        tree["nonResourceURLs"] = urls.split()
    return tree
