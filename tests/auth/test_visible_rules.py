"""Which rules a user sees (SelfSubjectRulesReview)."""

from __future__ import annotations

from static_rules import StaticRules, bootstrap, rule, user

from orlop.api.context import User
from orlop.auth.authorizer_chain import AuthorizerChain, RulesChain
from orlop.auth.interface import Attributes, Decision, VisibleRules
from orlop.auth.masters import MastersAuthorizer
from orlop.auth.rules import RuleResolver

ALICE = User("alice", ("system:authenticated",))


def test_rules_of_a_user_in_order() -> None:
    """Cluster-wide rules first, in order of binding, then those of the namespace; empty members left out."""
    source = bootstrap()
    source.add_role("r", rule("list", "configmaps"), rule("get", "secrets", names="x"), namespace="ns")
    source.bind("r", user("alice"), namespace="ns")
    found = RuleResolver(source).rules_for(ALICE, "ns")
    assert found.resource_rules == [
        {"verbs": ["create"], "apiGroups": ["authorization.k8s.io"],
         "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]},
        {"verbs": ["create"], "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"]},
        {"verbs": ["list"], "apiGroups": [""], "resources": ["configmaps"]},
        {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["x"]},
    ]
    assert {"verbs", "nonResourceURLs"} == set(found.non_resource_rules[0])
    assert (found.incomplete, found.error) == (False, "")


def test_dangling_references_are_told() -> None:
    """What cannot be resolved shows as an error beside the rules that can."""
    source = StaticRules().bind("x", user("alice"))
    source.add_role("y", rule("get", "pods")).bind("y", user("alice"))
    found = RuleResolver(source).rules_for(ALICE, "ns")
    assert len(found.resource_rules) == 1
    assert found.error == 'clusterrole.rbac.authorization.k8s.io "x" not found'


class Fixed:
    def __init__(self, decision: Decision, rules: VisibleRules) -> None:
        self.decision, self.rules = decision, rules

    def authorize(self, attributes: Attributes) -> Decision:
        return self.decision

    def rules_for(self, user: User, namespace: str) -> VisibleRules:
        return self.rules


NODE = Fixed(Decision(False, "no relationship"), VisibleRules([], [], True, "cannot tell"))
RBAC = Fixed(Decision(False, "RBAC: a"), VisibleRules([{"verbs": ["get"]}], []))
DENY = Fixed(Decision(False, "never", denied=True), VisibleRules([], []))
YES = Fixed(Decision(True, "because"), VisibleRules([], []))


def test_chain_joins_what_has_no_opinion() -> None:
    """Without an opinion of anybody the reasons stand one under the other."""
    asked = Attributes(ALICE, "get")
    assert AuthorizerChain([NODE, RBAC]).authorize(asked).reason == "no relationship\nRBAC: a"
    assert AuthorizerChain([NODE, YES, DENY]).authorize(asked) == YES.decision
    assert AuthorizerChain([NODE, DENY, YES]).authorize(asked) == DENY.decision
    assert RulesChain([NODE, RBAC]).rules_for(ALICE, "ns") == VisibleRules(
        [{"verbs": ["get"]}], [], True, "cannot tell")


def test_masters_need_no_rules() -> None:
    """Members of system:masters are allowed everything, without a reason; others are left to the next."""
    root = User("root", ("system:masters",))
    assert MastersAuthorizer().authorize(Attributes(root, "delete")) == Decision(True)
    assert MastersAuthorizer().authorize(Attributes(ALICE, "delete")) == Decision(False)
