"""One PolicyRule, compiled for asking (kubernetes `pkg/apis/rbac/v1/evaluation_helpers.go`).

Made by the rule resolver from the trees of roles, asked by the RBAC authorizer. Covering of rules by rules
is in `escalation`.
"""

from __future__ import annotations

from typing import Final

from orlop.api.tree import Tree
from orlop.auth.interface import Attributes

ALL: Final = "*"


class PolicyRule:
    """`tree` is the rule as stored; the sets are what matching looks at."""

    __slots__ = ("_any_group", "_any_resource", "_any_verb", "_groups", "_resources", "_url_prefixes",
    "_urls",
                 "_verbs", "names", "tree")

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._verbs = frozenset(tree.get("verbs") or ())
        self._groups = frozenset(tree.get("apiGroups") or ())
        self._resources = frozenset(tree.get("resources") or ())
        self.names = frozenset(tree.get("resourceNames") or ())
        self._urls = frozenset(tree.get("nonResourceURLs") or ())
        self._url_prefixes = tuple(url.rstrip(ALL) for url in self._urls if url.endswith(ALL))
        self._any_verb, self._any_group = ALL in self._verbs, ALL in self._groups
        self._any_resource = ALL in self._resources

    def covers_request(self, asked: Attributes) -> bool:
        """Whether the rule speaks of the request, its resource names left aside."""
        if not self._any_verb and asked.verb not in self._verbs:
            return False
        if not asked.is_resource:
            return asked.path in self._urls or asked.path.startswith(self._url_prefixes)
        if not self._any_group and asked.group not in self._groups:
            return False
        if self._any_resource:
            return True
        if not asked.subresource:
            return asked.resource in self._resources
        return (f"{asked.resource}/{asked.subresource}" in self._resources
                or f"*/{asked.subresource}" in self._resources)

    def allows(self, asked: Attributes) -> bool:
        if not self.covers_request(asked):
            return False
        return not asked.is_resource or not self.names or asked.name in self.names
