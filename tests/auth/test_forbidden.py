"""The wording of a 403."""

from __future__ import annotations

import pytest

from orlop.api.context import RequestInfo, User
from orlop.auth.forbidden import refusal
from orlop.auth.interface import Attributes

BOB = User("bob")


@pytest.mark.parametrize(("asked", "reason", "message", "details"), [
    (Attributes(BOB, "list", "", "v1", "pods", "", "x"), "",
     'pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "x"',
     {"kind": "pods"}),
    (Attributes(BOB, "list", "", "v1", "namespaces", "", "", "x"), "",
     'namespaces "x" is forbidden: User "bob" cannot list resource "namespaces" in API group "" '
     "at the cluster scope", {"kind": "namespaces", "name": "x"}),
    (Attributes(BOB, "patch", "apps", "v1", "deployments", "status", "x", "d"), "",
     'deployments.apps "d" is forbidden: User "bob" cannot patch resource "deployments/status" in API group '
     '"apps" in the namespace "x"', {"group": "apps", "kind": "deployments", "name": "d"}),
    (Attributes(BOB, "get", path="/foo", is_resource=False), "",
     'forbidden: User "bob" cannot get path "/foo"', {}),
    (Attributes(BOB, "get", "", "v1", "pods", "", "x", "p"), "no <way>",
     'pods "p" is forbidden: User "bob" cannot get resource "pods" in API group "" '
     'in the namespace "x": no <way>',
     {"kind": "pods", "name": "p"}),
    (Attributes(User("<b>&"), "get", path='/a"', is_resource=False), "",
     'forbidden: User "&lt;b&gt;&amp;" cannot get path "/a\\""', {}),
])
def test_messages(asked: Attributes, reason: str, message: str, details: dict[str, str]) -> None:
    """Resource, namespace or cluster scope, path; the reason behind a colon; nothing that looks like HTML."""
    error = refusal(asked, reason)
    assert (error.code, error.reason, error.message, error.details) == (403, "Forbidden", message, details)


def test_attributes_of_a_request() -> None:
    """A request's own question is made of its info."""
    info = RequestInfo("get", "/api/v1/namespaces/n/pods/p/log", "api", "", "v1", "n", "pods", "log", "p")
    asked = Attributes.of(BOB, info)
    assert (asked.verb, asked.resource, asked.subresource) == ("get", "pods", "log")
    assert (asked.namespace, asked.name, asked.is_resource) == ("n", "p", True)
    assert not Attributes.of(BOB, RequestInfo("get", "/healthz")).is_resource
