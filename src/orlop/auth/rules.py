"""Which rules apply to a user in a namespace, from which binding (kubernetes
`pkg/registry/rbac/validation/rule.go`).

The RBAC authorizer, SelfSubjectRulesReview and the escalation check ask the `RuleResolver`; it reads roles
and bindings from a `RuleSource`, which the server wires to its watch caches. Bindings are indexed by
subject, once per version of the source, so that a question costs in proportion to the bindings that concern
the user.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from orlop.api.context import User
from orlop.api.field import quote
from orlop.api.tree import Tree
from orlop.auth.identities import service_account_username
from orlop.auth.interface import VisibleRules, aggregate_texts
from orlop.auth.policy_rule import PolicyRule

GROUP = "rbac.authorization.k8s.io"


class RuleSource(Protocol):
    """Roles and bindings as they are now. Trees are shared and must not be changed."""

    def version(self) -> int:
        """Another number after any change of any role or binding."""

    def cluster_role(self, name: str) -> Tree | None: ...
    def role(self, namespace: str, name: str) -> Tree | None: ...

    def cluster_role_bindings(self) -> Sequence[Tree]:
        """All of them, in order of name."""

    def role_bindings(self, namespace: str) -> Sequence[Tree]:
        """Those of one namespace, in order of name."""


class Unresolved(Exception):
    """A role reference that leads nowhere."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(kind, name)
        self.kind, self.name = kind, name

    @property
    def known_kind(self) -> bool:
        return self.kind in ("Role", "ClusterRole")

    def text(self, resource: str = "") -> str:
        """What is said of it. Storages name the `resource` that was asked for, the authorizer the role's
        kind."""
        if not self.known_kind:
            return f"unsupported role reference kind: {quote(self.kind)}"
        return f"{resource or self.kind.lower()}.{GROUP} {quote(self.name)} not found"


class Grant(NamedTuple):
    """One binding that concerns the user: through which subject, and the rules it gives, or why it gives
    none."""

    binding: Tree
    subject: Tree
    namespace: str
    rules: Sequence[PolicyRule]
    problem: Unresolved | None = None

    def description(self) -> str:
        """As in `allowed by ClusterRoleBinding "x" of ClusterRole "y" to User "z"`."""
        kind, name = "ClusterRoleBinding", self.binding["metadata"]["name"]
        if self.namespace:
            kind, name = "RoleBinding", f"{name}/{self.namespace}"
        ref, subject = self.binding["roleRef"], self.subject
        who = subject["name"]
        if subject["kind"] == "ServiceAccount":
            who = f"{who}/{subject.get('namespace') or self.namespace}"
        return (f"{kind} {quote(name)} of {ref['kind']} {quote(ref['name'])} "
                f"to {subject['kind']} {quote(who)}")


class _Bindings:
    """The bindings of one scope, by who they concern."""

    __slots__ = ("_by_subject", "_namespace", "_trees")

    def __init__(self, trees: Sequence[Tree], namespace: str) -> None:
        self._trees, self._namespace = trees, namespace
        self._by_subject: dict[tuple[str, str], list[tuple[int, int]]] = {}
        for position, tree in enumerate(trees):
            for index, subject in enumerate(tree.get("subjects") or ()):
                key = self._key(subject)
                if key is not None:
                    self._by_subject.setdefault(key, []).append((position, index))

    def _key(self, subject: Tree) -> tuple[str, str] | None:
        kind, name = subject.get("kind", ""), subject.get("name", "")
        if kind in ("User", "Group"):
            return kind, name
        namespace = subject.get("namespace") or self._namespace
        if kind == "ServiceAccount" and namespace:
            return "User", service_account_username(namespace, name)
        return None

    def of(self, user: User) -> Iterator[tuple[Tree, Tree]]:
        """The bindings that concern the user, in order, each with the first subject that does."""
        found: dict[int, int] = {}
        for key in (("User", user.name), *(("Group", group) for group in user.groups)):
            for position, index in self._by_subject.get(key, ()):
                if index < found.get(position, index + 1):
                    found[position] = index
        for position in sorted(found):
            tree = self._trees[position]
            yield tree, tree["subjects"][found[position]]


class RuleResolver:
    """Everything remembered is dropped when the source's version moves."""

    def __init__(self, source: RuleSource) -> None:
        self._source = source
        self._version = source.version()
        self._bindings: dict[str, _Bindings] = {}
        self._roles: dict[tuple[str, str, str], list[PolicyRule]] = {}

    def version(self) -> int:
        """The source's version, which all later answers show at least."""
        version = self._source.version()
        if version != self._version:
            self._version = version
            self._bindings.clear()
            self._roles.clear()
        return version

    def grants(self, user: User, namespace: str) -> Iterator[Grant]:
        """What concerns the user: cluster-wide bindings first, then those of the namespace, if one is
        given."""
        self.version()
        for scope in ("", namespace) if namespace else ("",):
            for binding, subject in self._bindings_in(scope).of(user):
                try:
                    yield Grant(binding, subject, scope, self.role_rules(binding["roleRef"], scope))
                except Unresolved as problem:
                    yield Grant(binding, subject, scope, (), problem)

    def _bindings_in(self, namespace: str) -> _Bindings:
        found = self._bindings.get(namespace)
        if found is None:
            source = self._source
            trees = source.role_bindings(namespace) if namespace else source.cluster_role_bindings()
            found = self._bindings[namespace] = _Bindings(trees, namespace)
        return found

    def role_rules(self, role_ref: Tree, namespace: str) -> list[PolicyRule]:
        """The rules of the role that a binding in `namespace` refers to. Raises Unresolved."""
        self.version()
        kind, name = role_ref.get("kind", ""), role_ref.get("name", "")
        key = (kind, namespace if kind == "Role" else "", name)
        rules = self._roles.get(key)
        if rules is None:
            tree = self._role(kind, namespace, name)
            rules = self._roles[key] = [PolicyRule(rule) for rule in tree.get("rules") or ()]
        return rules

    def _role(self, kind: str, namespace: str, name: str) -> Tree:
        tree = None
        if kind == "Role":
            tree = self._source.role(namespace, name)
        elif kind == "ClusterRole":
            tree = self._source.cluster_role(name)
        if tree is None:
            raise Unresolved(kind, name)
        return tree

    def held(self, user: User, namespace: str, resource: str = "") -> tuple[list[Tree], list[str]]:
        """All rules the user has there, and the texts of the references that could not be followed."""
        rules: list[Tree] = []
        problems: list[str] = []
        for grant in self.grants(user, namespace):
            rules += (rule.tree for rule in grant.rules)
            if grant.problem is not None:
                problems.append(grant.problem.text(resource))
        return rules, problems

    def rules_for(self, user: User, namespace: str) -> VisibleRules:
        """The answer to a SelfSubjectRulesReview."""
        rules, problems = self.held(user, namespace)
        resource_rules = [_members(rule, "verbs", "apiGroups", "resources", "resourceNames")
                          for rule in rules if rule.get("resources")]
        non_resource_rules = [_members(rule, "verbs", "nonResourceURLs")
                              for rule in rules if rule.get("nonResourceURLs")]
        return VisibleRules(resource_rules, non_resource_rules, error=aggregate_texts(problems))


def _members(rule: Tree, *names: str) -> Tree:
    return {name: rule.get(name) for name in names if rule.get(name) or name == "verbs"}
