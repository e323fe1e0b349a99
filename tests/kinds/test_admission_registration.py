"""Webhook configurations, admission policies and their bindings."""

from __future__ import annotations

from typing import Any

import pytest
from kind_bench import Kind, Tree

from orlop.api.context import User
from orlop.auth.interface import Attributes, Decision
from orlop.kinds.go_url import URLError, parse

GROUP = "admissionregistration.k8s.io"
RULE = {"apiGroups": ["g"], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["things"]}
WEBHOOK = {"name": "a.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
           "clientConfig": {"url": "https://x"}}
MATCH = {"resourceRules": [RULE]}


def hook(**members: Any) -> Tree:
    return {name: value for name, value in {**WEBHOOK, **members}.items() if value is not None}


def refused(*hooks: Tree) -> list[str]:
    return Kind("validatingwebhookconfigurations", GROUP).refused(webhooks=list(hooks))


@pytest.mark.parametrize(("member", "value", "wrong"), [
    ("name", "", "name: Required value"),
    ("name", "a.b", 'name: Invalid value: "a.b": should be a domain with at least three segments separated by dots'),
    ("sideEffects", None, "sideEffects: Required value: must specify one of None, NoneOnDryRun"),
    ("sideEffects", "Some", 'sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"'),
    ("timeoutSeconds", 31, "timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds"),
    ("failurePolicy", "Maybe", 'failurePolicy: Unsupported value: "Maybe": supported values: "Fail", "Ignore"'),
    ("matchPolicy", "No", 'matchPolicy: Unsupported value: "No": supported values: "Equivalent", "Exact"'),
    ("admissionReviewVersions", [], "admissionReviewVersions: Required value: must specify one of v1, v1beta1"),
    ("admissionReviewVersions", ["v9"],
     'admissionReviewVersions: Invalid value: ["v9"]: must include at least one of v1, v1beta1'),
    ("admissionReviewVersions", ["v1", "v1"], 'admissionReviewVersions[1]: Invalid value: "v1": duplicate version'),
    ("clientConfig", {}, "clientConfig: Required value: exactly one of url or service is required"),
    ("clientConfig", {"url": "http://u@x"}, "clientConfig.url: Invalid value: \"http\": 'https' is the only allowed "
     "URL scheme; desired format: https://host[/path]|clientConfig.url: Invalid value: \"u\": user information is not "
     "permitted in the URL"),
    ("clientConfig", {"url": "https:///a?b#c"}, 'clientConfig.url: Invalid value: "": host must be specified; desired '
     'format: https://host[/path]|clientConfig.url: Invalid value: "c": fragments are not permitted in the URL|'
     'clientConfig.url: Invalid value: "b": query parameters are not permitted in the URL'),
    ("clientConfig", {"service": {"name": "s"}}, "clientConfig.service.name: Required value"),
    ("clientConfig", {"service": {"name": "s", "namespace": "n", "path": "/a//b"}},
     'clientConfig.service.path: Invalid value: "/a//b": segment[1] may not be empty'),
])
def test_what_a_webhook_must_say(member: str, value: Any, wrong: str) -> None:
    """Each member with upstream's words. (A service's missing namespace is reported as its name: so is upstream.)"""
    assert refused(hook(**{member: value})) == [f"webhooks[0].{text}" for text in wrong.split("|")]


def test_names_of_webhooks_are_unique() -> None:
    """In one configuration."""
    assert refused(hook(), hook()) == ['webhooks[1].name: Duplicate value: "a.example.com"']


@pytest.mark.parametrize(("resources", "wrong"), [
    (["*/*", "pods"], [": Invalid value: [\"*/*\",\"pods\"]: if '*/*' is present, must not specify other resources"]),
    (["*", "pods"], [": Invalid value: [\"*\",\"pods\"]: if '*' is present, must not specify other resources without "
                     "subresources"]),
    (["pods", "*"], []),
    (["pods/*", "pods/log"], ["[1]: Invalid value: \"pods/log\": if 'pods/*' is present, must not specify pods/log"]),
    (["*/log", "pods/log"], ["[1]: Invalid value: \"pods/log\": if '*/log' is present, must not specify pods/log"]),
    ([], [": Required value"]),
])
def test_wildcards_stand_alone(resources: list[str], wrong: list[str]) -> None:
    """As far as upstream looks."""
    found = refused(hook(rules=[{**RULE, "resources": resources}]))
    assert found == [f"webhooks[0].rules[0].resources{text}" for text in wrong]


def test_updates_may_leave_what_was_wrong() -> None:
    """Side effects, versions and selectors that were stored before the rules; but nothing new."""
    kind = Kind("mutatingwebhookconfigurations", GROUP)
    old = kind.create(webhooks=[hook()])
    assert old["webhooks"][0]["reinvocationPolicy"] == "Never"
    old["webhooks"][0] |= {"sideEffects": "Some", "admissionReviewVersions": ["v9"]}
    old["webhooks"][0]["objectSelector"] = {"matchExpressions": [{"key": "a", "operator": "In", "values": ["-"]}]}
    assert kind.refused_update(old, {"metadata": {"labels": {"a": "b"}}}) == []
    worse = [{**old["webhooks"][0], "sideEffects": "Odd"}]
    assert [text.partition(":")[0] for text in kind.refused_update(old, {"webhooks": worse})] == [
        "webhooks[0].sideEffects"]


@pytest.mark.parametrize(("text", "why"), [
    ("https://a b", 'parse "https://a b": invalid character " " in host name'),
    ("https://a:x", 'parse "https://a:x": invalid port ":x" after host'),
    (":x", 'parse ":x": missing protocol scheme'),
    ("a:b:c/", ""),
    ("1:b", 'parse "1:b": first path segment in URL cannot contain colon'),
    ("https://a/%zz", 'parse "https://a/%zz": invalid URL escape "%zz"'),
    ("https://[::1", "parse \"https://[::1\": missing ']' in host"),
    ("https://a\n", 'parse "https://a\\n": net/url: invalid control character in URL'),
])
def test_urls_as_go_reads_them(text: str, why: str) -> None:
    """With Go's complaints."""
    try:
        parse(text)
    except URLError as error:
        assert str(error) == why
    else:
        assert not why


def policy(**spec: Any) -> list[str]:
    whole = {"matchConstraints": MATCH, "validations": [{"expression": "true"}], **spec}
    return Kind("validatingadmissionpolicies", GROUP).refused(spec=whole)


@pytest.mark.parametrize(("spec", "wrong"), [
    ({}, []),
    ({"validations": []}, ["validations: Required value: validations or auditAnnotations must contain at least one "
                           "item",
                           "auditAnnotations: Required value: validations or auditAnnotations must contain at least "
                           "one item"]),
    ({"matchConstraints": None}, ["matchConstraints: Required value"]),
    ({"matchConstraints": {}}, ["matchConstraints.resourceRules: Required value"]),
    ({"failurePolicy": "x"}, ['failurePolicy: Unsupported value: "x": supported values: "Fail", "Ignore"']),
    ({"validations": [{"expression": " "}]},
     ["validations[0].expression: Required value: expression is not specified"]),
    ({"validations": [{"expression": "true", "message": "a\nb"}]},
     ['validations[0].message: Invalid value: "a\\nb": must not contain line breaks']),
    ({"validations": [{"expression": "true", "messageExpression": " "}]},
     ['validations[0].messageExpression: Invalid value: " ": must be non-empty if specified']),
    ({"variables": [{"name": "in", "expression": "1"}]},
     ['variables[0].name: Invalid value: "in": must be a valid CEL identifier']),
    ({"matchConditions": [{"name": "a", "expression": "true"}, {"name": "a", "expression": ""}]},
     ["matchConditions[1].expression: Required value", 'matchConditions[1].name: Duplicate value: "a"']),
    ({"paramKind": {"apiVersion": "a/b/c", "kind": "No_"}},
     ['paramKind.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c', "paramKind.kind: "]),
])
def test_what_a_policy_must_say(spec: Tree, wrong: list[str]) -> None:
    """Beyond its expressions."""
    found = policy(**spec)
    assert len(found) == len(wrong)
    for text, start in zip(found, wrong, strict=True):
        assert text.startswith(f"spec.{start}")


def test_a_mutating_policy_deletes_nothing() -> None:
    """Its operations are those that bring an object."""
    rules = {"resourceRules": [{**RULE, "operations": ["DELETE"]}]}
    mutation = {"patchType": "JSONPatch", "applyConfiguration": {"expression": "Object{}"}}
    found = Kind("mutatingadmissionpolicies", GROUP).refused(
        spec={"matchConstraints": rules, "mutations": [mutation], "reinvocationPolicy": "Never"})
    assert found == [
        'spec.matchConstraints.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", '
        '"CONNECT", "CREATE", "UPDATE"',
        "spec.mutations[0].jsonPatch: Required value: must be specified when patchType is JSONPatch",
        'spec.mutations[0].applyConfiguration: Invalid value: "{applyConfiguration}": must not be specified when '
        "patchType is JSONPatch"]


@pytest.mark.parametrize(("spec", "wrong"), [
    ({"validationActions": []}, ["validationActions: Required value: at least one validation action is required"]),
    ({"policyName": ""}, ["policyName: Required value"]),
    ({"paramRef": {}}, ["paramRef: Required value: one of name or selector must be specified",
                        "paramRef.parameterNotFoundAction: Required value"]),
    ({"paramRef": {"name": "a", "selector": {}, "parameterNotFoundAction": "Shrug"}},
     ["paramRef.name: Forbidden: name and selector are mutually exclusive",
      "paramRef.selector: Forbidden: name and selector are mutually exclusive",
      'paramRef.parameterNotFoundAction: Unsupported value: "Shrug": supported values: "Deny", "Allow"']),
])
def test_what_a_binding_must_say(spec: Tree, wrong: list[str]) -> None:
    """A policy, an action, and where parameters come from."""
    whole = {"policyName": "p", "validationActions": ["Deny"], **spec}
    found = Kind("validatingadmissionpolicybindings", GROUP).refused(spec=whole)
    assert found == [f"spec.{text}" for text in wrong]


class NoRights:
    def __init__(self) -> None:
        self.asked: list[Attributes] = []

    def authorize(self, attributes: Attributes) -> Decision:
        self.asked.append(attributes)
        return Decision(False)


def test_parameters_must_be_readable() -> None:
    """By whoever makes the policy, unless that is an administrator; and asked again only when they change."""
    rights = NoRights()
    spec = {"matchConstraints": MATCH, "validations": [{"expression": "true"}],
            "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}}
    kind = Kind("validatingadmissionpolicies", GROUP, User("eve", ("staff",)), authorizer=rights)
    assert kind.refused(spec=spec) == [
        'spec.paramKind: Forbidden: user &{eve  [staff] map[]} must have "get" permission on all objects of the '
        "referenced paramKind (kind=ConfigMap, apiVersion=v1)"]
    assert [(one.verb, one.resource, one.name) for one in rights.asked] == [("get", "configmaps", "*")]
    root = Kind("validatingadmissionpolicies", GROUP, User("root", ("system:masters",)), authorizer=rights)
    stored = root.create(spec=spec)
    assert kind.refused_update(stored, {"metadata": {"labels": {"a": "b"}}}) == []


def test_a_status_of_a_policy() -> None:
    """Its conditions are of the standard form; its metadata stays."""
    kind = Kind("validatingadmissionpolicies", GROUP)
    old = kind.create(spec={"matchConstraints": MATCH, "validations": [{"expression": "true"}]})
    wrong = {"conditions": [{"type": "A", "status": "Yes", "reason": "R", "message": "",
                             "lastTransitionTime": "2026-01-01T00:00:00Z"}],
             "typeChecking": {"expressionWarnings": [{"fieldRef": "", "warning": "w"}]}}
    assert [text.partition(":")[0] for text in kind.refused_update(old, {"status": wrong}, "status")] == [
        "status.typeChecking.expressionWarnings[0].fieldRef", "status.conditions[0].status"]
    kept = kind.update(old, {"status": {}, "metadata": {"labels": {"a": "b"}}}, "status")
    assert "labels" not in kept["metadata"]


def test_reserved_names_are_warned_of() -> None:
    """The suffix is for configurations from files."""
    kind = Kind("validatingwebhookconfigurations", GROUP)
    kind.create({"metadata": {"name": "a.static.k8s.io"}})
    assert len(kind.warnings) == 1


@pytest.mark.parametrize(("spec", "wrong"), [
    ({"validations": [{"expression": "1 + 1"}]},
     'validations[0].expression: Invalid value: "1 + 1": must evaluate to bool but got int'),
    ({"validations": [{"expression": "params.x"}]},
     "validations[0].expression: Invalid value: \"params.x\": compilation failed: ERROR: <input>:1:1: undeclared "
     "reference to 'params' (in container '')\n | params.x\n | ^"),
    ({"validations": [{"expression": "params.x"}], "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}},
     'validations[0].expression: Invalid value: "params.x": must evaluate to bool but got dyn'),
    ({"validations": [{"expression": "request.dryRun",
                       "messageExpression": "authorizer.path('/').check('get')"}]},
     "validations[0].messageExpression: Invalid value: \"authorizer.path('/').check('get')\": compilation failed: "
     "ERROR: <input>:1:1: undeclared reference to 'authorizer' (in container '')\n | "
     "authorizer.path('/').check('get')\n | ^"),
    ({"validations": [{"expression": "variables.a == 1"}], "variables": [{"name": "a", "expression": "'x'"}]},
     "validations[0].expression: Invalid value: \"variables.a == 1\": compilation failed: ERROR: <input>:1:13: found "
     "no matching overload for '_==_' applied to '(string, int)'\n | variables.a == 1\n | ............^"),
    ({"validations": [{"expression": "variables.a"}]},
     "validations[0].expression: Invalid value: \"variables.a\": compilation failed: ERROR: <input>:1:1: undeclared "
     "reference to 'variables' (in container '')\n | variables.a\n | ^"),
    ({"auditAnnotations": [{"key": "k", "valueExpression": " 1"}]},
     'auditAnnotations[0].valueExpression: Invalid value: " 1": must evaluate to one of [string null_type] '
     "but got int"),
    ({"matchConditions": [{"name": "m", "expression": "namespaceObject.metadata.nope == ''"}]},
     "matchConditions[0].expression: Invalid value: \"namespaceObject.metadata.nope == ''\": compilation failed: "
     "ERROR: <input>:1:25: undefined field 'nope'\n | namespaceObject.metadata.nope == ''\n | "
     "........................^"),
])
def test_expressions_are_compiled(spec: Tree, wrong: str) -> None:
    """Each against what it may speak of, and to what is wanted of it."""
    assert policy(**spec) == [f"spec.{wrong}"]


@pytest.mark.parametrize(("mutation", "wrong"), [
    ({"applyConfiguration": {"expression": "Object{spec: Object.spec{a: [1], b: object.x}}"}}, ""),
    ({"applyConfiguration": {"expression": "'text'"}}, "must evaluate to Object but got string"),
    ({"jsonPatch": {"expression": "[JSONPatch{op: 'add', path: '/' + jsonpatch.escapeKey('a/b'), value: 1}]"}}, ""),
    ({"jsonPatch": {"expression": "[1]"}}, "must evaluate to list(JSONPatch) but got list(int)"),
])
def test_mutations_make_objects_or_patches(mutation: Tree, wrong: str) -> None:
    """Objects of any fields; patches of the four that they have."""
    kind = "JSONPatch" if "jsonPatch" in mutation else "ApplyConfiguration"
    found = Kind("mutatingadmissionpolicies", GROUP).refused(spec={
        "matchConstraints": MATCH, "reinvocationPolicy": "Never", "mutations": [{"patchType": kind, **mutation}]})
    assert [text.rpartition(": ")[2] for text in found] == ([wrong] if wrong else [])
