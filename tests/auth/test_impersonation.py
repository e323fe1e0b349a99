"""Impersonation: which questions are asked, what the refusals say, who one becomes."""

from __future__ import annotations

import pytest
from static_rules import StaticRules, account, rule, user

from orlop.api.context import RequestInfo, User
from orlop.api.errors import APIError
from orlop.api.http import Request
from orlop.auth.impersonation import Impersonation
from orlop.auth.rbac import RBACAuthorizer
from orlop.auth.rules import RuleResolver

ALICE = User("alice", ("system:authenticated",))
LIST = RequestInfo("list", "/api/v1/namespaces/ns/configmaps", "api", "", "v1", "ns", "configmaps")
AUTHN = "authentication.k8s.io"
AGENT = User("system:serviceaccount:ns:agent", ("system:serviceaccounts",), "",
             (("authentication.kubernetes.io/node-name", ("n1",)),))


def request(*headers: tuple[str, str]) -> Request:
    joined: dict[str, str] = {}
    for name, value in headers:
        name = name.lower()
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return Request("GET", LIST.path, "", joined, header_list=list(headers))


def acting(source: StaticRules, *headers: tuple[str, str], of: User = ALICE) -> User:
    return Impersonation(RBACAuthorizer(RuleResolver(source))).acting_user(request(*headers), of, LIST)


def refusal(source: StaticRules, *headers: tuple[str, str], of: User = ALICE) -> str:
    with pytest.raises(APIError) as caught:
        acting(source, *headers, of=of)
    assert caught.value.code == 403
    return caught.value.message


def legacy() -> StaticRules:
    source = StaticRules().add_role(
        "imp", rule("impersonate", "users", names="zoe system:anonymous"),
        rule("impersonate", "groups", names="g1 system:unauthenticated"),
        rule("impersonate", "userextras/scopes", AUTHN, names="view"))
    return source.bind("imp", user("alice"))


def test_no_headers_no_change() -> None:
    """A request without impersonation goes on as it came."""
    assert acting(StaticRules(), ("Accept", "x")) is ALICE


@pytest.mark.parametrize(("headers", "shown"), [
    ((("Impersonate-Group", "g"),), 'Name:"", UID:"", Groups:[]string{"g"}, Extra:map[string][]string(nil)'),
    ((("Impersonate-Uid", "7"),), 'Name:"", UID:"7", Groups:[]string(nil), Extra:map[string][]string(nil)'),
    ((("Impersonate-Group", "a, b"), ("Impersonate-Group", "c"), ("Impersonate-Extra-B", "1"),
      ("Impersonate-Extra-A%2Fx", "2"), ("Impersonate-Extra-B", "3")),
     'Name:"", UID:"", Groups:[]string{"a, b", "c"}, '
     'Extra:map[string][]string{"a/x":[]string{"2"}, "b":[]string{"1", "3"}}'),
])
def test_headers_without_a_user(headers: tuple[tuple[str, str], ...], shown: str) -> None:
    """Groups, uid or extra without a user name are 400, shown as Go shows the structure."""
    with pytest.raises(APIError) as caught:
        acting(legacy(), *headers)
    assert (caught.value.code, caught.value.message) == (
        400, f"requested &user.DefaultInfo{{{shown}}} without impersonating a user name")


@pytest.mark.parametrize(("wanted", "mode"), [
    ("zoe", "user-info"),
    ("system:serviceaccount:ns:bot", "serviceaccount"),
    ("system:serviceaccount:Bad:bot", "user-info"),
    ("system:node:n1", "arbitrary-node"),
    ("system:node:", "user-info"),
])
def test_without_rights_the_first_mode_speaks(wanted: str, mode: str) -> None:
    """The refusal names the verb of the most constrained mode that fits the wanted user."""
    assert refusal(StaticRules(), ("Impersonate-User", wanted)) == (
        f'configmaps is forbidden: User "alice" cannot impersonate-on:{mode}:list resource "configmaps" '
        'in API group "" in the namespace "ns"')


def test_legacy_rights() -> None:
    """The verb impersonate on users, groups and extras lets one become that user in these groups."""
    found = acting(legacy(), ("Impersonate-User", "zoe"), ("Impersonate-Group", "g1"),
                   ("Impersonate-Extra-Scopes", "view"))
    assert found == User("zoe", ("g1", "system:authenticated"), "", (("scopes", ("view",)),))
    assert acting(legacy(), ("Impersonate-User", "system:anonymous")).groups == ("system:unauthenticated",)
    assert acting(legacy(), ("Impersonate-User", "zoe"), ("Impersonate-Group", "system:unauthenticated")
                  ).groups == ("system:unauthenticated",)


def test_the_last_mode_that_worked_speaks_first() -> None:
    """Once legacy impersonation worked for a caller, its refusals are the legacy ones, part by part."""
    impersonation = Impersonation(RBACAuthorizer(RuleResolver(legacy())))
    impersonation.acting_user(request(("Impersonate-User", "zoe")), ALICE, LIST)
    for headers, message in (
        ((("Impersonate-User", "yan"),),
         'users "yan" is forbidden: User "alice" cannot impersonate resource "users" in API group "" '
         "at the cluster scope"),
        ((("Impersonate-User", "zoe"), ("Impersonate-Group", "g2")),
         'groups "g2" is forbidden: User "alice" cannot impersonate resource "groups" in API group "" '
         "at the cluster scope"),
        ((("Impersonate-User", "zoe"), ("Impersonate-Uid", "u1")),
         'uids.authentication.k8s.io "u1" is forbidden: User "alice" cannot impersonate resource "uids" '
         'in API group "authentication.k8s.io" at the cluster scope'),
        ((("Impersonate-User", "zoe"), ("Impersonate-Extra-scopes", "edit")),
         'userextras.authentication.k8s.io "edit" is forbidden: User "alice" cannot impersonate resource '
         '"userextras/scopes" in API group "authentication.k8s.io" at the cluster scope'),
        ((("Impersonate-User", "system:serviceaccount:ns:bot"),),
         'serviceaccounts "bot" is forbidden: User "alice" cannot impersonate resource "serviceaccounts" '
         'in API group "" in the namespace "ns"'),
    ):
        with pytest.raises(APIError) as caught:
            impersonation.acting_user(request(*headers), ALICE, LIST)
        assert caught.value.message == message


def constrained(mode: str, resource: str, names: str, *more: dict[str, object]) -> StaticRules:
    source = StaticRules().add_role("imp", rule(f"impersonate:{mode}", resource, AUTHN, names=names), *more)
    source.add_role("on", rule(f"impersonate-on:{mode}:list", "configmaps"))
    source.bind("imp", user("alice"), account("ns", "agent"))
    return source.bind("on", user("alice"), account("ns", "agent"))


def test_constrained_user() -> None:
    """Both the request and the user must be allowed; the groups of masters and of nobody never are."""
    source = constrained("user-info", "users", "zoe", rule("impersonate:user-info", "groups", AUTHN))
    assert acting(source, ("Impersonate-User", "zoe"), ("Impersonate-Group", "g")).groups == (
        "g", "system:authenticated")
    assert refusal(source, ("Impersonate-User", "yan")) == (
        'users.authentication.k8s.io "yan" is forbidden: User "alice" cannot impersonate:user-info resource '
        '"users" in API group "authentication.k8s.io" at the cluster scope')
    assert refusal(source, ("Impersonate-User", "zoe"), ("Impersonate-Group", "system:masters")).endswith(
        "at the cluster scope: impersonating the system:masters group is not allowed")
    assert refusal(source, ("Impersonate-User", "zoe"), ("Impersonate-Group", "")).endswith(
        ": impersonating the empty string group is not allowed")


@pytest.mark.parametrize(("key", "value", "problem"), [
    ("", "v", "impersonating the empty string key in extra is not allowed"),
    ("scopes", "v", "impersonating an invalid key in extra is not allowed: extra.key: Invalid value: "
                    '"scopes": must be a domain-prefixed path (such as "acme.io/foo")'),
    ("acme.io%2Ffoo", "", "impersonating the empty string value in extra is not allowed"),
])
def test_constrained_extra(key: str, value: str, problem: str) -> None:
    """Constrained modes want extra keys with a domain, and values."""
    source = constrained("user-info", "users", "zoe")
    found = refusal(source, ("Impersonate-User", "zoe"), (f"Impersonate-Extra-{key}", value))
    assert found.endswith(f'cannot impersonate:user-info resource "userextras" in API group '
                          f'"authentication.k8s.io" at the cluster scope: {problem}')


def test_constrained_wildcards() -> None:
    """From four groups or extra values on, a right on `*` spares the single questions."""
    stars = rule("impersonate:user-info", "groups userextras/*", AUTHN, names="*")
    source = constrained("user-info", "users", "zoe", stars)
    groups = [("Impersonate-Group", f"g{n}") for n in range(4)]
    extra = [("Impersonate-Extra-a.io%2Fk", f"v{n}") for n in range(4)]
    found = acting(source, ("Impersonate-User", "zoe"), *groups, *extra)
    assert found.groups == ("g0", "g1", "g2", "g3", "system:authenticated")
    assert 'groups.authentication.k8s.io "g0" is forbidden' in refusal(
        source, ("Impersonate-User", "zoe"), *groups[:3])


def test_constrained_service_account_and_node() -> None:
    """Service accounts and nodes get their own groups, and no others can be asked for."""
    source = constrained("serviceaccount", "serviceaccounts", "bot")
    assert acting(source, ("Impersonate-User", "system:serviceaccount:x:bot")).groups == (
        "system:serviceaccounts", "system:serviceaccounts:x", "system:authenticated")
    source = constrained("arbitrary-node", "nodes", "n2")
    assert acting(source, ("Impersonate-User", "system:node:n2")).groups == (
        "system:nodes", "system:authenticated")
    assert 'cannot impersonate resource "users"' in refusal(
        source, ("Impersonate-User", "system:node:n2"), ("Impersonate-Group", "g"))


def test_associated_node() -> None:
    """An agent bound to a node may become that node, and only that one, by a right on all nodes."""
    source = constrained("associated-node", "nodes", "*")
    assert acting(source, ("Impersonate-User", "system:node:n1"), of=AGENT).name == "system:node:n1"
    assert "impersonate-on:arbitrary-node:list" in refusal(
        source, ("Impersonate-User", "system:node:n2"), of=AGENT)


def test_headers_are_taken_out() -> None:
    """Nothing behind the filter sees the headers."""
    asked = request(("Impersonate-User", "zoe"), ("Accept", "x"), ("Impersonate-Extra-Scopes", "view"))
    Impersonation(RBACAuthorizer(RuleResolver(legacy()))).acting_user(asked, ALICE, LIST)
    assert asked.headers == {"accept": "x"}
    assert asked.header_list == [("Accept", "x")]
