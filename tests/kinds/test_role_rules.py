"""Roles and bindings: form, and that nobody grants what he does not have."""

from __future__ import annotations

import pytest
from kind_bench import Kind, Tree

from orlop.api.context import Context, User
from orlop.auth.identities import MASTERS
from orlop.auth.interface import Authorizer
from orlop.auth.rules import RuleResolver
from orlop.kinds.rbac import Escalation

GROUP = "rbac.authorization.k8s.io"
ROLE = {"apiGroup": GROUP, "kind": "ClusterRole", "name": "r"}


@pytest.mark.parametrize(("rule", "wrong"), [
    ({"verbs": []}, ["rules[0].verbs: Required value: verbs must contain at least one value",
                     "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
                     "rules[0].resources: Required value: resource rules must supply at least one resource"]),
    ({"verbs": ["get"], "nonResourceURLs": ["/x"]},
     ['rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs']),
    ({"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}, []),
])
def test_rules_of_a_role(rule: Tree, wrong: list[str]) -> None:
    """Something to do, somewhere to do it."""
    assert Kind("roles", GROUP).refused(rules=[rule]) == wrong


def test_cluster_roles_may_name_paths() -> None:
    """But not paths and resources in one rule."""
    kind = Kind("clusterroles", GROUP)
    assert kind.refused(rules=[{"verbs": ["get"], "nonResourceURLs": ["/x"]}]) == []
    assert kind.refused(rules=[{"verbs": ["get"], "nonResourceURLs": ["/x"], "resources": ["pods"]}]) == [
        'rules[0].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and '
        "non-resource URLs"]
    assert kind.refused(rules=None, aggregationRule={}) == [
        "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if "
        "aggregationRule is non-nil"]


def test_groups_of_bindings_are_filled_in() -> None:
    """Of the role, and of users and groups."""
    made = Kind("rolebindings", GROUP).create(
        roleRef={"kind": "Role", "name": "r"}, subjects=[{"kind": "User", "name": "u"},
                                                         {"kind": "ServiceAccount", "name": "s"}])
    assert made["roleRef"]["apiGroup"] == made["subjects"][0]["apiGroup"] == GROUP
    assert not made["subjects"][1].get("apiGroup")


@pytest.mark.parametrize(("subject", "wrong"), [
    ({"kind": "ServiceAccount", "name": "s"}, ["subjects[0].namespace: Required value"]),
    ({"kind": "Robot", "name": "s"},
     ['subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"']),
    ({"kind": "User", "name": "", "apiGroup": "x"},
     ["subjects[0].name: Required value",
      f'subjects[0].apiGroup: Unsupported value: "x": supported values: "{GROUP}"']),
])
def test_subjects(subject: Tree, wrong: list[str]) -> None:
    """Everybody has a name; accounts have a namespace."""
    assert Kind("clusterrolebindings", GROUP).refused(roleRef=ROLE, subjects=[subject]) == wrong


def test_the_role_of_a_binding_stays() -> None:
    """Delete and create instead."""
    kind = Kind("rolebindings", GROUP)
    old = kind.create(roleRef=ROLE)
    assert kind.refused_update(old, {"roleRef": {**ROLE, "name": "other"}}) == [
        f'roleRef: Invalid value: {{"APIGroup":"{GROUP}","Kind":"ClusterRole","Name":"other"}}: cannot change roleRef']


def test_names_are_path_segments() -> None:
    """system:node is a fine name for a role."""
    kind = Kind("clusterroles", GROUP)
    assert kind.refused(metadata={"name": "System:Node"}, rules=[]) == []
    assert kind.refused(metadata={"name": "a/b"}, rules=[]) == [
        "metadata.name: Invalid value: \"a/b\": may not contain '/'"]


def test_every_write_is_checked_but_the_masters() -> None:
    """Creation with nothing before it, an update with what is stored."""
    asked: list[tuple[str, Tree | None]] = []

    def check(ctx: Context, obj: Tree, old: Tree | None, authorizer: Authorizer, resolver: RuleResolver) -> None:
        asked.append((ctx.user.name, old))

    hooks = Escalation(check, None, lambda: None)  # type: ignore[arg-type, return-value]
    for user in (User("alice"), User("root", (MASTERS,))):
        hooks.begin_create(Context(user), {}, False)
        hooks.begin_update(Context(user), {}, {"rules": []}, False)
    assert asked == [("alice", None), ("alice", {"rules": []})]
