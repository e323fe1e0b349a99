"""Reviews: what is asked of whom, and the form of the answers and refusals."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from orlop.api.context import Context, RequestInfo, User
from orlop.api.errors import APIError
from orlop.api.options import CreateOptions
from orlop.auth.bearer import BearerAuthenticator
from orlop.auth.interface import Attributes, Decision, VisibleRules
from orlop.auth.token_review import TokenReviewer
from orlop.auth.tokens import StaticTokens
from orlop.kinds.reviews import (
    LocalSubjectAccessReviews,
    SelfSubjectAccessReviews,
    SelfSubjectReviews,
    SelfSubjectRulesReviews,
    SubjectAccessReviews,
    TokenReviews,
    review_makers,
)
from orlop.world.clock import ManualClock

Tree = dict[str, Any]
ALICE = User("alice", ("devs", "system:authenticated"), "u1", (("k", ("v",)),))
POD = {"verb": "list", "resource": "pods", "namespace": "ns"}
BECAUSE = Decision(True, "because")


class Recorder:
    """Answers every question alike and keeps the last one."""

    def __init__(self, decision: Decision = BECAUSE) -> None:
        self.decision = decision
        self.asked: Attributes

    def authorize(self, attributes: Attributes) -> Decision:
        self.asked = attributes
        return self.decision


def admit(new: Tree, old: Tree | None) -> None:
    return None


def create(storage: Any, spec: Tree, *, namespace: str = "", metadata: Tree | None = None) -> Tree:
    ctx = Context(ALICE, RequestInfo("create", "/"), namespace)
    obj = {"kind": "K", "apiVersion": "v1", "metadata": metadata or {}, "spec": spec}
    if namespace and "namespace" not in obj["metadata"]:
        obj["metadata"]["namespace"] = namespace
    answer: Tree = asyncio.run(storage.create(ctx, "", obj, admit, CreateOptions()))
    return answer


def refused(storage: Any, spec: Tree, **more: Any) -> list[str]:
    with pytest.raises(APIError) as caught:
        create(storage, spec, **more)
    error = caught.value
    assert error.details is not None
    assert (error.code, error.details["group"]) == (422, "authorization.k8s.io")
    assert "kind" not in error.details
    assert error.message.startswith('.authorization.k8s.io "" is invalid: ')
    return [f"{cause['field']}: {cause['message']}" for cause in error.details["causes"]]


def test_self_access_asks_for_the_caller() -> None:
    """The question is the caller's own; the answer is the review with a status."""
    authorizer = Recorder()
    spec = {"resourceAttributes": {**POD, "group": "apps", "subresource": "log", "name": "p"}}
    answer = create(SelfSubjectAccessReviews(authorizer), spec)
    asked = authorizer.asked
    assert asked.user == ALICE
    assert (asked.verb, asked.group, asked.version, asked.resource, asked.subresource, asked.namespace,
            asked.name, asked.is_resource) == ("list", "apps", "*", "pods", "log", "ns", "p", True)
    assert answer["spec"] == spec
    assert answer["status"] == {"allowed": True, "reason": "because"}


def test_denials_and_errors_show() -> None:
    """allowed is always there, the rest only when it says something."""
    def status(decision: Decision) -> Tree:
        answer = create(SelfSubjectAccessReviews(Recorder(decision)), {"resourceAttributes": POD})
        found: Tree = answer["status"]
        return found
    assert status(Decision(False)) == {"allowed": False}
    assert status(Decision(False, "no", denied=True, error="e")) == {
        "allowed": False, "denied": True, "reason": "no", "evaluationError": "e"}


def test_subject_access_asks_for_the_subject() -> None:
    """User, groups, uid and extra come from the spec; paths are asked as such."""
    authorizer = Recorder()
    create(SubjectAccessReviews(authorizer), {
        "user": "zoe", "groups": ["ops"], "uid": "1", "extra": {"b": ["2"], "a": ["1"]},
        "nonResourceAttributes": {"verb": "get", "path": "/version"}})
    assert authorizer.asked.user == User("zoe", ("ops",), "1", (("a", ("1",)), ("b", ("2",))))
    asked = authorizer.asked
    assert (asked.verb, asked.path, asked.is_resource) == ("get", "/version", False)


BOTH = ('spec.nonResourceAttributes: Invalid value: {"Path":"/","Verb":"get"}: '
        "cannot be specified in combination with resourceAttributes")
NONE = ("spec.resourceAttributes: Invalid value: null: "
        "exactly one of nonResourceAttributes or resourceAttributes must be specified")
NOBODY = 'spec.user: Invalid value: "": at least one of user or group must be specified'
SELECTOR = "spec.resourceAttributes.fieldSelector"


@pytest.mark.parametrize(("spec", "causes"), [
    ({}, [NONE]),
    ({"resourceAttributes": POD, "nonResourceAttributes": {"verb": "get", "path": "/"}}, [BOTH]),
    ({"resourceAttributes": {**POD, "fieldSelector": {}}},
     [f"{SELECTOR}.requirements: Required value: when {SELECTOR} is specified, "
      "requirements or rawSelector is required"]),
    ({"resourceAttributes": {**POD, "labelSelector": {
        "rawSelector": "a=b", "requirements": [{"key": "a", "operator": "In", "values": ["b"]}]}}},
     ['spec.resourceAttributes.labelSelector.rawSelector: Invalid value: "a=b": '
      "may not specified at the same time as requirements"]),
    ({"resourceAttributes": {**POD, "fieldSelector": {"requirements": [{"operator": "In"}]}}},
     [f"{SELECTOR}.requirements[0].key: Required value: must be specified",
      f"{SELECTOR}.requirements[0].values: Required value: "
      "must be specified when `operator` is 'In' or 'NotIn'"]),
])
def test_invalid_self_access(spec: Tree, causes: list[str]) -> None:
    """Exactly one kind of attributes; selectors that say something."""
    assert refused(SelfSubjectAccessReviews(Recorder()), spec) == causes


def test_invalid_subject_access() -> None:
    """A subject is needed, and metadata must be empty but for managed fields."""
    storage = SubjectAccessReviews(Recorder())
    assert refused(storage, {}) == [NONE, NOBODY]
    metadata = {"labels": {"a": "b"}, "name": "n"}
    assert refused(storage, {"user": "a", "resourceAttributes": POD}, metadata=metadata) == [
        'metadata: Invalid value: {"name":"n","labels":{"a":"b"}}: must be empty']
    create(storage, {"groups": ["g"], "resourceAttributes": POD},
           metadata={"managedFields": [{"manager": "m"}], "labels": {}})


def test_local_access_stays_in_its_namespace() -> None:
    """The namespace of the attributes must be the review's; paths cannot be asked."""
    storage = LocalSubjectAccessReviews(Recorder())
    assert create(storage, {"user": "a", "resourceAttributes": POD}, namespace="ns")["status"]["allowed"]
    for namespace in ("other", ""):
        assert refused(storage, {"user": "a", "resourceAttributes": {**POD, "namespace": namespace}},
                       namespace="ns") == [
            f'spec.resourceAttributes.namespace: Invalid value: "{namespace}": must match metadata.namespace']
    assert refused(storage, {"user": "a", "nonResourceAttributes": {"verb": "get", "path": "/x"}},
                   namespace="ns") == [
        'spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":"get"}: '
        "disallowed on this kind of request"]
    assert refused(storage, {"user": "a", "resourceAttributes": POD}, namespace="ns",
                   metadata={"name": "x"}) == [
        'metadata: Invalid value: {"name":"x","namespace":"ns"}: must be empty except for namespace']


@pytest.mark.parametrize(("selector", "passed", "problem"), [
    ({"rawSelector": "a=b"}, "a=b", ""),
    ({"rawSelector": "a,b"}, "", "ignored"),
    ({"requirements": [{"key": "a", "operator": "In", "values": ["x,y"]},
                       {"key": "b", "operator": "NotIn", "values": ["z"]}]}, r"a=x\,y,b!=z", ""),
    ({"requirements": [{"key": "a", "operator": "In", "values": ["x"]}, {"key": "b", "operator": "Exists"}]},
     "a=x", "partially ignored"),
    ({"requirements": [{"key": "a", "operator": "Newer"}]}, "", "ignored"),
])
def test_field_selectors(selector: Tree, passed: str, problem: str) -> None:
    """What can be understood of a selector goes into the question, the rest is told."""
    authorizer = Recorder()
    answer = create(SelfSubjectAccessReviews(authorizer),
                    {"resourceAttributes": {**POD, "fieldSelector": selector}})
    assert authorizer.asked.field_selector == passed
    told = answer["status"].get("evaluationError", "")
    assert told == (f"{SELECTOR} {problem} due to parse error" if problem else "")


def test_label_selectors() -> None:
    """Label requirements travel as the text of a selector."""
    authorizer = Recorder()
    create(SelfSubjectAccessReviews(authorizer), {"resourceAttributes": {**POD, "labelSelector": {
        "requirements": [{"key": "a", "operator": "In", "values": ["x", "y"]},
                         {"key": "b", "operator": "Exists"}]}}})
    assert authorizer.asked.label_selector == "a in (x,y),b"


class Rules:
    def rules_for(self, user: User, namespace: str) -> VisibleRules:
        rule = {"verbs": ["get"], "resources": [f"{user.name}-{namespace}"]}
        return VisibleRules([rule], [], True, "partly")


def test_rules_review() -> None:
    """A fresh object with the caller's rules; the namespace is needed."""
    storage = SelfSubjectRulesReviews(Rules())
    assert create(storage, {"namespace": "ns"}, metadata={"name": "x"}) == {
        "metadata": {}, "spec": {}, "status": {
            "resourceRules": [{"verbs": ["get"], "resources": ["alice-ns"]}], "nonResourceRules": [],
            "incomplete": True, "evaluationError": "partly"}}
    with pytest.raises(APIError) as caught:
        create(storage, {})
    assert (caught.value.code, caught.value.message) == (400, "no namespace on request")


def test_self_review() -> None:
    """The caller as the server sees him."""
    assert create(SelfSubjectReviews(ManualClock(1_700_000_000)), {}) == {
        "metadata": {"creationTimestamp": "2023-11-14T22:13:20Z"},
        "status": {"userInfo": {"username": "alice", "uid": "u1", "groups": ["devs", "system:authenticated"],
                                "extra": {"k": ["v"]}}}}


def token_reviews(audiences: Sequence[str] = ("home",)) -> TokenReviews:
    tokens = StaticTokens({"tok": User("bob")}, audiences)
    return TokenReviews(TokenReviewer(BearerAuthenticator([tokens], audiences)))


def test_token_review() -> None:
    """User and audiences of a good token, the complaint about a bad one."""
    assert create(token_reviews(), {"token": "tok"})["status"] == {
        "authenticated": True, "user": {"username": "bob", "groups": ["system:authenticated"]},
        "audiences": ["home"]}
    assert create(token_reviews(), {"token": "x"})["status"] == {"user": {}, "error": "invalid bearer token"}
    assert create(token_reviews(), {"token": "tok", "audiences": ["else"]})["status"] == {
        "user": {}, "error": "invalid bearer token"}
    with pytest.raises(APIError) as caught:
        create(token_reviews(), {})
    assert (caught.value.code, caught.value.message) == (
        400, "token is required for TokenReview in authentication")


def test_admission_can_refuse_a_review() -> None:
    """Validating admission is asked before the question is."""
    async def no(new: Tree, old: Tree | None) -> None:
        raise APIError(403, "Forbidden", "no")

    authorizer = Recorder()
    storage = SelfSubjectAccessReviews(authorizer)
    obj = {"metadata": {}, "spec": {"resourceAttributes": POD}}
    with pytest.raises(APIError, match="no"):
        asyncio.run(storage.create(Context(ALICE), "", obj, no, CreateOptions()))
    assert not hasattr(authorizer, "asked")


def test_makers_cover_all_reviews() -> None:
    """Every review has its storage, under its group and resource."""
    reviewer = TokenReviewer(BearerAuthenticator([], ()))
    makers = review_makers(Recorder(), Rules(), reviewer, ManualClock())
    assert len(makers) == 6
