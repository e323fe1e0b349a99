"""Nobody gives away rights that he does not have (kubernetes `pkg/registry/rbac/*/policybased`).

The storages of roles and bindings call these checks before a write, with the rights of the context's user.
Raises the 403 that refuses the write; `old` is None on creation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from orlop.api import errors
from orlop.api.context import Context, User
from orlop.api.field import quote
from orlop.api.gvk import GroupResource
from orlop.api.tree import Tree
from orlop.auth.identities import MASTERS
from orlop.auth.interface import Attributes, Authorizer, aggregate_texts
from orlop.auth.rules import GROUP, RuleResolver, Unresolved

_FULL_AUTHORITY: Sequence[Tree] = (
    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
    {"verbs": ["*"], "nonResourceURLs": ["*"]},
)
_COLLECTOR_FIELDS = ("ownerReferences", "finalizers", "managedFields", "selfLink")


def check_role(ctx: Context, role: Tree, old: Tree | None, authorizer: Authorizer,
               resolver: RuleResolver) -> None:
    """A Role or ClusterRole (by `ctx.info.resource`) may hold only rules that the user holds."""
    user, info = ctx.user, ctx.info
    if MASTERS in user.groups:
        return
    escalate = Attributes(user, "escalate", info.group, "*", info.resource, "", info.namespace, info.name)
    if info.resource in ("roles", "clusterroles") and authorizer.authorize(escalate).allowed:
        return
    if old is not None and _only_collector_fields(role, old):
        return
    refused = GroupResource(GROUP, info.resource)
    name = role.get("metadata", {}).get("name", "")
    why = missing_rights(user, ctx.namespace, role.get("rules") or (), resolver, info.resource)
    if why:
        raise errors.forbidden(refused, name, why)
    if (_aggregates(role) or (old is not None and _aggregates(old))) and missing_rights(
            user, ctx.namespace, _FULL_AUTHORITY, resolver, info.resource):
        raise errors.forbidden(refused, name, "must have cluster-admin privileges to use the aggregationRule")


def check_binding(ctx: Context, binding: Tree, old: Tree | None, authorizer: Authorizer,
                  resolver: RuleResolver) -> None:
    """A RoleBinding or ClusterRoleBinding may refer only to a role whose rules the user holds, or which he
    may bind."""
    user, info = ctx.user, ctx.info
    if MASTERS in user.groups or (old is not None and _only_collector_fields(binding, old)):
        return
    role_ref = binding.get("roleRef") or {}
    resource = {"Role": "roles", "ClusterRole": "clusterroles"}.get(role_ref.get("kind", ""), "")
    if resource:
        bind = Attributes(user, "bind", role_ref.get("apiGroup", ""), "*", resource, "", ctx.namespace,
                          role_ref.get("name", ""))
        if authorizer.authorize(bind).allowed:
            return
    refused = GroupResource(GROUP, info.resource)
    try:
        rules = [rule.tree for rule in resolver.role_rules(role_ref, ctx.namespace)]
    except Unresolved as problem:
        if problem.known_kind:
            raise errors.not_found(refused, problem.name) from problem
        raise errors.unknown(problem.text()) from problem
    why = missing_rights(user, ctx.namespace, rules, resolver, info.resource)
    if why:
        raise errors.forbidden(refused, binding.get("metadata", {}).get("name", ""), why)


def missing_rights(user: User, namespace: str, rules: Iterable[Tree], resolver: RuleResolver,
                   resource: str) -> str:
    """"" when the user holds all of `rules` in the namespace, else the text that lists what is missing."""
    held, problems = resolver.held(user, namespace, resource)
    missing = uncovered(held, rules)
    if not missing:
        return ""
    lines = "\n".join(sorted({_rule_text(rule) for rule in compacted(missing)}))
    text = (f"user {quote(user.name)} (groups={_quoted_list(user.groups)}) is attempting to grant "
            f"RBAC permissions not currently held:\n{lines}")
    if problems:
        text += f"; resolution errors: [{aggregate_texts(problems)}]"
    return text


def uncovered(held: Sequence[Tree], rules: Iterable[Tree]) -> list[Tree]:
    """The smallest parts of `rules` that no single held rule covers."""
    return [part for rule in rules for part in _parts(rule)
            if not any(_covers(owner, part) for owner in held)]


def _parts(rule: Tree) -> Iterator[Tree]:
    """The rule broken down to one group, resource, verb and name each, or one URL and verb."""
    verbs = rule.get("verbs") or ()
    for group in rule.get("apiGroups") or ():
        for resource in rule.get("resources") or ():
            for verb in verbs:
                part = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
                names = rule.get("resourceNames")
                if not names:
                    yield part
                for name in names or ():
                    yield {**part, "resourceNames": [name]}
    for url in rule.get("nonResourceURLs") or ():
        for verb in verbs:
            yield {"nonResourceURLs": [url], "verbs": [verb]}


def _covers(owner: Tree, part: Tree) -> bool:
    verbs, groups = owner.get("verbs") or (), owner.get("apiGroups") or ()
    if "*" not in verbs and part["verbs"][0] not in verbs:
        return False
    url = part.get("nonResourceURLs")
    if url is not None:
        # a rule with names covers no URL: upstream compares names in either kind of rule
        return not owner.get("resourceNames") and any(
            _covers_url(pattern, url[0]) for pattern in owner.get("nonResourceURLs") or ())
    if "*" not in groups and part["apiGroups"][0] not in groups:
        return False
    if not _covers_resource(owner.get("resources") or (), part["resources"][0]):
        return False
    names = owner.get("resourceNames")
    return not names or ("resourceNames" in part and part["resourceNames"][0] in names)


def _covers_url(pattern: str, url: str) -> bool:
    return pattern == url or (pattern.endswith("*") and url.startswith(pattern.rstrip("*")))


def _covers_resource(resources: Sequence[str], wanted: str) -> bool:
    if "*" in resources or wanted in resources:
        return True
    _, slash, subresource = wanted.partition("/")
    return bool(slash) and f"*/{subresource}" in resources


def compacted(rules: Iterable[Tree]) -> list[Tree]:
    """The rules with the verbs of one group and resource joined, where they have no names."""
    out: list[Tree] = []
    simple: dict[tuple[str, str], Tree] = {}
    for rule in rules:
        if "resourceNames" in rule or "nonResourceURLs" in rule:
            out.append(rule)
            continue
        key = (rule["apiGroups"][0], rule["resources"][0])
        if key in simple:
            simple[key]["verbs"] += rule["verbs"]
        else:
            simple[key] = {**rule, "verbs": list(rule["verbs"])}
    return out + list(simple.values())


_TEXT_MEMBERS = (("APIGroups", "apiGroups"), ("Resources", "resources"),
                 ("NonResourceURLs", "nonResourceURLs"), ("ResourceNames", "resourceNames"),
                 ("Verbs", "verbs"))


def _rule_text(rule: Tree) -> str:
    shown = [f"{label}:{_quoted_list(rule[name])}" for label, name in _TEXT_MEMBERS if rule.get(name)]
    return "{" + ", ".join(shown) + "}"


def _quoted_list(values: Iterable[str]) -> str:
    return "[" + " ".join(quote(value) for value in values) + "]"


def _aggregates(role: Tree) -> bool:
    return bool((role.get("aggregationRule") or {}).get("clusterRoleSelectors"))


def _only_collector_fields(new: Tree, old: Tree) -> bool:
    """Whether a write changes nothing but what the garbage collector needs to finish a deletion."""
    def rest(tree: Tree) -> tuple[Any, Any]:
        metadata = {k: v for k, v in (tree.get("metadata") or {}).items() if k not in _COLLECTOR_FIELDS and v}
        body = {k: v for k, v in tree.items() if k not in ("metadata", "kind", "apiVersion") and v}
        return metadata, body
    return rest(new) == rest(old)
