"""Nobody grants what he does not hold: who may write which roles and bindings, and what the others are
told."""

from __future__ import annotations

from typing import Any

import pytest
from static_rules import RBAC, StaticRules, rule, user

from orlop.api.context import Context, RequestInfo, User
from orlop.api.errors import APIError
from orlop.auth.escalation import check_binding, check_role, uncovered
from orlop.auth.rbac import RBACAuthorizer
from orlop.auth.rules import RuleResolver

Tree = dict[str, Any]
ALICE = User("alice", ("devs", "system:authenticated"))
ROOT = User("root", ("system:masters",))


def context(resource: str, of: User = ALICE, namespace: str = "ns", name: str = "") -> Context:
    if resource.startswith("cluster"):
        namespace = ""
    info = RequestInfo("create", "/", "apis", RBAC, "v1", namespace, resource, "", name)
    return Context(of, info, namespace)


def holding(*rules: Tree, namespace: str = "ns") -> StaticRules:
    source = StaticRules().add_role("own", *rules, namespace=namespace)
    return source.bind("own", user("alice"), namespace=namespace)


def role(*rules: Tree, name: str = "new", **more: Any) -> Tree:
    return {"metadata": {"name": name}, "rules": list(rules), **more}


def binding(name: str, kind: str = "Role") -> Tree:
    return {"metadata": {"name": "new"}, "subjects": [],
            "roleRef": {"apiGroup": RBAC, "kind": kind, "name": name}}


def write_role(source: StaticRules, ctx: Context, new: Tree, old: Tree | None = None) -> None:
    resolver = RuleResolver(source)
    check_role(ctx, new, old, RBACAuthorizer(resolver), resolver)


def write_binding(source: StaticRules, ctx: Context, new: Tree, old: Tree | None = None) -> None:
    resolver = RuleResolver(source)
    check_binding(ctx, new, old, RBACAuthorizer(resolver), resolver)


@pytest.mark.parametrize(("held", "wanted", "missing"), [
    (rule("get", "configmaps"), rule("get", "configmaps"), 0),
    (rule("get", "configmaps"), rule("get", "configmaps", names="x"), 0),
    (rule("get", "configmaps", names="x"), rule("get", "configmaps"), 1),
    (rule("get", "configmaps", names="x"), rule("get", "configmaps", names="x y"), 1),
    (rule("get", "configmaps"), rule("get list delete", "configmaps"), 2),
    (rule("*", "*", "*"), rule("get", "pods/log", "apps"), 0),
    (rule("get", "*/log"), rule("get", "pods/log"), 0),
    (rule("get", "*/log"), rule("get", "pods"), 1),
    (rule("get", "pods/*"), rule("get", "pods/log"), 1),
    (rule("get", "pods"), rule("get", "pods", "- apps"), 1),
    (rule("*", urls="*"), rule("get", urls="/x"), 0),
    (rule("get", urls="/a/*"), rule("get", urls="/a/b /a"), 1),
    (rule("get", urls="/a/*"), rule("get", urls="/a/*"), 0),
    (rule("*", "*", "*"), rule("get", urls="/x"), 1),
])
def test_covering(held: Tree, wanted: Tree, missing: int) -> None:
    """A held rule covers what lies within its verbs, groups, resources, names or URLs."""
    assert len(uncovered([held], [wanted])) == missing


@pytest.mark.parametrize(("new", "lines"), [
    ([rule("get list delete", "configmaps")],
     ['{APIGroups:[""], Resources:["configmaps"], Verbs:["list" "delete"]}']),
    ([rule("get", "secrets"), rule("*", "*", "*")],
     ['{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}',
      '{APIGroups:["*"], Resources:["*"], Verbs:["*"]}']),
    ([rule("get", urls="/x")], ['{NonResourceURLs:["/x"], Verbs:["get"]}']),
    ([rule("get", "pods", names="a")],
     ['{APIGroups:[""], Resources:["pods"], ResourceNames:["a"], Verbs:["get"]}']),
])
def test_refusal_lists_what_is_missing(new: list[Tree], lines: list[str]) -> None:
    """The 403 names the user with his groups and the missing rights, compacted and sorted."""
    with pytest.raises(APIError) as caught:
        write_role(holding(rule("get", "configmaps")), context("roles"), role(*new))
    assert caught.value.code == 403
    assert caught.value.message == "\n".join([
        'roles.rbac.authorization.k8s.io "new" is forbidden: user "alice" '
        '(groups=["devs" "system:authenticated"]) is attempting to grant '
        "RBAC permissions not currently held:", *lines])
    assert caught.value.details == {"name": "new", "group": RBAC, "kind": "roles"}


def test_resolution_errors_are_told() -> None:
    """A role of the user's own that could not be found is told at the end, named as the resource written."""
    source = holding(rule("get", "configmaps")).bind("gone", user("alice"))
    with pytest.raises(APIError) as caught:
        write_role(source, context("roles"), role(rule("get", "pods")))
    assert caught.value.message.endswith(
        '; resolution errors: [roles.rbac.authorization.k8s.io "gone" not found]')


def test_who_may_write_any_role() -> None:
    """Masters and whoever may escalate roles there."""
    everything = role(rule("*", "*", "*"))
    write_role(StaticRules(), context("roles", ROOT), everything)
    write_role(holding(rule("escalate", "roles", RBAC)), context("roles"), everything)
    with pytest.raises(APIError):
        write_role(holding(rule("escalate", "roles", RBAC)), context("clusterroles"), everything)


def test_rights_of_the_namespace_do_not_count_for_cluster_roles() -> None:
    """A ClusterRole needs rights held cluster-wide."""
    with pytest.raises(APIError):
        write_role(holding(rule("get", "pods")), context("clusterroles"), role(rule("get", "pods")))
    write_role(holding(rule("get", "pods"), namespace=""), context("clusterroles"), role(rule("get", "pods")))


def test_aggregation_needs_full_rights() -> None:
    """An aggregationRule gathers anything, so it asks for everything, also to change a role that has one."""
    selectors = {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}
    some = holding(rule("get", "pods"), namespace="")
    for new, old in ((role(aggregationRule=selectors), None), (role(), role(rule("get", "pods"),
                                                                            aggregationRule=selectors))):
        with pytest.raises(APIError) as caught:
            write_role(some, context("clusterroles"), new, old)
        assert caught.value.message.endswith("must have cluster-admin privileges to use the aggregationRule")
    full = holding(rule("*", "*", "*"), rule("*", urls="*"), namespace="")
    write_role(full, context("clusterroles"), role(aggregationRule=selectors))


def test_collector_may_finish_a_deletion() -> None:
    """An update that touches only finalizers, owners and managed fields is let through."""
    old = role(rule("*", "*", "*"))
    old["metadata"]["finalizers"] = ["x"]
    new = role(rule("*", "*", "*"))
    new["metadata"]["managedFields"] = [{"manager": "m"}]
    write_role(holding(), context("roles"), new, old)
    new["metadata"]["labels"] = {"a": "b"}
    with pytest.raises(APIError):
        write_role(holding(), context("roles"), new, old)


def test_binding_needs_the_rights_of_its_role() -> None:
    """One may bind a role whose rules one holds, or that one may `bind`."""
    source = holding(rule("get", "configmaps")).add_role("same", rule("get", "configmaps"), namespace="ns")
    source.add_role("strong", rule("get", "secrets"), namespace="ns")
    write_binding(source, context("rolebindings"), binding("same"))
    with pytest.raises(APIError) as caught:
        write_binding(source, context("rolebindings"), binding("strong"))
    assert caught.value.message.startswith(
        'rolebindings.rbac.authorization.k8s.io "new" is forbidden: user "alice"')
    write_binding(source, context("rolebindings", ROOT), binding("strong"))
    binder = holding(rule("bind", "roles", RBAC, names="strong"))
    write_binding(binder, context("rolebindings"), binding("strong"))
    with pytest.raises(APIError):
        write_binding(binder.add_role("other", rule("get", "pods"), namespace="ns"), context("rolebindings"),
                      binding("other"))


def test_binding_a_missing_role() -> None:
    """Without the right to bind it, a role that is not there is a 404 that names the binding's resource."""
    with pytest.raises(APIError) as caught:
        write_binding(holding(), context("rolebindings"), binding("missing"))
    assert (caught.value.code, caught.value.message) == (
        404, 'rolebindings.rbac.authorization.k8s.io "missing" not found')
    assert caught.value.details == {"name": "missing", "group": RBAC, "kind": "rolebindings"}
