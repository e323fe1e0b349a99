"""RBAC decisions and their reasons; that remembered decisions are the ones that would be made anew."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from static_rules import StaticRules, account, bootstrap, group, rule, user

from orlop.api.context import User
from orlop.auth import rbac
from orlop.auth.interface import Attributes, Decision
from orlop.auth.rbac import RBACAuthorizer
from orlop.auth.rules import RuleResolver

ALICE = User("alice", ("devs", "system:authenticated"))
BOT = User("system:serviceaccount:ns:bot", ("system:serviceaccounts",))


def decide(source: StaticRules, asked: Attributes) -> Decision:
    return RBACAuthorizer(RuleResolver(source)).authorize(asked)


def ask(verb: str, resource: str, *, of: User = ALICE, group: str = "", namespace: str = "ns", sub: str = "",
        name: str = "") -> Attributes:
    return Attributes(of, verb, group, "v1", resource, sub, namespace, name)


@pytest.mark.parametrize(("given_rule", "asked", "allowed"), [
    (rule("get list", "pods"), ask("get", "pods"), True),
    (rule("get list", "pods"), ask("delete", "pods"), False),
    (rule("*", "pods"), ask("delete", "pods"), True),
    (rule("get", "pods"), ask("*", "pods"), False),
    (rule("get", "pods"), ask("get", "pods", group="apps"), False),
    (rule("get", "pods", "*"), ask("get", "pods", group="apps"), True),
    (rule("get", "pods"), ask("get", "pods", sub="log"), False),
    (rule("get", "pods/log"), ask("get", "pods", sub="log"), True),
    (rule("get", "pods/log"), ask("get", "pods"), False),
    (rule("get", "*/scale"), ask("get", "pods", sub="scale"), True),
    (rule("get", "*/scale"), ask("get", "pods", sub="log"), False),
    (rule("get", "*/scale"), ask("get", "scale"), False),
    (rule("get", "*"), ask("get", "pods", sub="log"), True),
    (rule("get", "pods/*"), ask("get", "pods", sub="log"), False),
    (rule("get", "pods", names="a b"), ask("get", "pods", name="b"), True),
    (rule("get", "pods", names="a b"), ask("get", "pods", name="c"), False),
    (rule("get", "pods", names="a b"), ask("get", "pods"), False),
    (rule("get", urls="/metrics"), ask("get", "pods"), False),
])
def test_resource_rules(given_rule: dict[str, object], asked: Attributes, allowed: bool) -> None:
    """Verbs, groups, resources, subresources and names each must match, stars match anything."""
    source = StaticRules().add_role("r", given_rule, namespace="ns").bind("r", user("alice"), namespace="ns")
    assert decide(source, asked).allowed is allowed


@pytest.mark.parametrize(("url", "path", "allowed"), [
    ("/metrics", "/metrics", True),
    ("/metrics", "/metrics/slis", False),
    ("/logs/*", "/logs/x", True),
    ("/logs/*", "/logs", False),
    ("/logs*", "/logsandmore", True),
    ("*", "/anything", True),
])
def test_non_resource_rules(url: str, path: str, allowed: bool) -> None:
    """URLs match exactly, or up to a star at the end; names of a rule do not matter to them."""
    source = StaticRules().add_role("r", rule("get", urls=url, names="x")).bind("r", user("alice"))
    asked = Attributes(ALICE, "get", path=path, is_resource=False)
    assert decide(source, asked).allowed is allowed
    assert not decide(source, Attributes(ALICE, "post", path=path, is_resource=False)).allowed


def test_role_gives_rights_in_its_namespace_alone() -> None:
    """A RoleBinding counts in its namespace; cluster-wide requests see cluster bindings only."""
    source = StaticRules().add_role("r", rule("get", "pods"))
    source.bind("r", user("alice"), namespace="ns", kind="ClusterRole")
    assert decide(source, ask("get", "pods")).allowed
    assert not decide(source, ask("get", "pods", namespace="other")).allowed
    assert not decide(source, ask("get", "pods", namespace="")).allowed


@pytest.mark.parametrize(("binding", "asked", "reason"), [
    ({"name": "b"}, ask("get", "pods"),
     'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "r" to User "alice"'),
    ({"name": "b", "namespace": "ns"}, ask("get", "pods"),
     'RBAC: allowed by RoleBinding "b/ns" of Role "r" to User "alice"'),
])
def test_reason_names_the_binding(binding: dict[str, str], asked: Attributes, reason: str) -> None:
    """The reason tells binding, role and subject."""
    source = StaticRules().add_role("r", rule("get", "pods"), namespace=binding.get("namespace", ""))
    source.bind("r", user("bob"), user("alice"), group("devs"), **binding)
    assert decide(source, asked).reason == reason


def test_service_account_subjects() -> None:
    """A service account is bound by namespace and name; in a RoleBinding its own namespace is the default."""
    source = StaticRules().add_role("r", rule("get", "pods"), namespace="ns")
    source.bind("r", account("", "bot"), namespace="ns")
    assert decide(source, ask("get", "pods", of=BOT)).reason == (
        'RBAC: allowed by RoleBinding "r/ns" of Role "r" to ServiceAccount "bot/ns"')
    source = StaticRules().add_role("c", rule("get", "pods")).bind("c", account("", "bot"))
    assert not decide(source, ask("get", "pods", of=BOT)).allowed
    source = StaticRules().add_role("c", rule("get", "pods")).bind("c", account("ns", "bot"))
    assert decide(source, ask("get", "pods", of=BOT)).allowed


def test_dangling_references_are_the_reason_of_a_denial() -> None:
    """Roles that are not there are told, once each; they do not stop other bindings from allowing."""
    source = StaticRules().bind("x", user("alice"), name="a").bind("x", user("alice"), name="b")
    assert decide(source, ask("get", "pods")) == Decision(
        False, 'RBAC: clusterrole.rbac.authorization.k8s.io "x" not found')
    source.bind("y", user("alice"), namespace="ns")
    assert decide(source, ask("get", "pods")).reason == (
        'RBAC: [clusterrole.rbac.authorization.k8s.io "x" not found, '
        'role.rbac.authorization.k8s.io "y" not found]')
    source.add_role("z", rule("get", "pods")).bind("z", user("alice"))
    assert decide(source, ask("get", "pods")).allowed


def test_bootstrap_policy_shows_versions_to_everybody() -> None:
    """The public paths are open to callers without credentials."""
    nobody = User("system:anonymous", ("system:unauthenticated",))
    found = decide(bootstrap(), Attributes(nobody, "get", path="/version", is_resource=False))
    assert found.reason == ('RBAC: allowed by ClusterRoleBinding "system:public-info-viewer" of ClusterRole '
                            '"system:public-info-viewer" to Group "system:unauthenticated"')
    assert not decide(bootstrap(), Attributes(nobody, "get", path="/apis", is_resource=False)).allowed


def test_decisions_follow_the_source() -> None:
    """A change of any binding counts for the next question."""
    source = StaticRules().add_role("r", rule("get", "pods"))
    authorizer = RBACAuthorizer(RuleResolver(source))
    assert not authorizer.authorize(ask("get", "pods")).allowed
    source.bind("r", user("alice"))
    assert authorizer.authorize(ask("get", "pods")).allowed
    source.unbind("r")
    assert not authorizer.authorize(ask("get", "pods")).allowed


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients choose names and paths; what is remembered of them stays under the limit."""
    monkeypatch.setattr(rbac, "MAX_DECISIONS", 10)
    source = StaticRules().add_role("r", rule("get", "pods", names="p1")).bind("r", user("alice"))
    authorizer = RBACAuthorizer(RuleResolver(source))
    for number in range(100):
        assert authorizer.authorize(ask("get", "pods", name=f"p{number}")).allowed is (number == 1)
        assert len(authorizer._decisions) <= 11


_words = st.sampled_from(["get", "list", "*"])
_resources = st.sampled_from(["pods", "pods/log", "*/log", "*", "secrets"])
_rules = st.builds(
    lambda verbs, resources, names, urls: {
        "verbs": verbs, "resources": resources, "apiGroups": ["", "apps"], "resourceNames": names,
        "nonResourceURLs": urls},
    st.lists(_words, max_size=2), st.lists(_resources, max_size=2),
    st.lists(st.sampled_from(["a", "b"]), max_size=2),
    st.lists(st.sampled_from(["/a", "/a*", "*"]), max_size=1))
_subjects = st.lists(
    st.sampled_from([user("alice"), group("devs"), account("ns", "bot"), user("bob")]), max_size=2)
_bindings = st.tuples(
    st.lists(_rules, max_size=3), _subjects, st.sampled_from(["", "ns", "other"]), st.booleans())
_questions = st.builds(
    Attributes, st.sampled_from([ALICE, BOT, User("bob")]), st.sampled_from(["get", "list", "delete"]),
    st.sampled_from(["", "apps", "batch"]), st.just("v1"), st.sampled_from(["pods", "secrets"]),
    st.sampled_from(["", "log"]), st.sampled_from(["", "ns"]), st.sampled_from(["", "a", "b", "c"]),
    st.sampled_from(["/a", "/ab", "/b"]), st.booleans())


@settings(max_examples=150, deadline=None)
@given(st.lists(_bindings, max_size=5), st.lists(_questions, min_size=1, max_size=12))
def test_remembered_decisions_equal_fresh_ones(
        bindings: list[tuple[list[dict[str, object]], list[dict[str, str]], str, bool]],
        questions: list[Attributes]) -> None:
    """Whatever the rules and whatever was asked before, an answer is the one given without memory."""
    source = StaticRules()
    authorizer = RBACAuthorizer(RuleResolver(source))
    for number, (rules, subjects, namespace, exists) in enumerate(bindings):
        if exists:
            source.add_role(f"r{number}", *rules, namespace=namespace)
        source.bind(f"r{number}", *subjects, namespace=namespace)
        for asked in [*questions, *reversed(questions)]:
            fresh, _ = RBACAuthorizer(RuleResolver(source)).decide(asked)
            assert authorizer.authorize(asked) == fresh
