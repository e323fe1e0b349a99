"""Definitions of well-known projects: cert-manager, Argo CD and Workflows, the Prometheus operator, Gateway API,
Crossplane, Cluster API, KEDA and Knative, in the groups and with the names they have.

The shapes (fields, types, limits, patterns, defaults, list types, versions, columns, subresources) are those that the
projects publish, without a word of their documentation; in the file each shape that occurs more than once stands once,
as a part with a number. The rules are written for these tests and say what the projects' own rules are about.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent.parent / "data" / "crds"
Tree = dict[str, Any]
Rules = dict[tuple[str, ...], list[Tree]]
"""Rules by the place of the schema: names of members, "*" for the items of a list."""


def rule(expression: str, message: str, **more: str) -> Tree:
    return {"rule": expression, "message": message, **more}


_PATH_MATCH = [
    rule("self.type in ['Exact', 'PathPrefix'] ? self.value.startsWith('/') : true", "paths begin with a slash"),
    rule("self.type in ['Exact', 'PathPrefix'] ? !self.value.contains('//') && !self.value.contains('/./') && "
         "!self.value.contains('/../') : true", "paths are clean", reason="FieldValueForbidden"),
    rule("self.type == 'Exact' ? self.value.matches('^[-A-Za-z0-9/._~!$&*+,;=:@%()]+$') : true", "odd characters"),
]
_ROUTE_RULE = [
    rule("!has(self.filters) || self.filters.filter(f, f.type == 'RequestRedirect').size() <= 1", "one redirect"),
    rule("!(has(self.backendRefs) && self.backendRefs.size() > 0 && has(self.filters) && "
         "self.filters.exists(f, f.type == 'RequestRedirect'))", "who redirects has no backends",
         fieldPath=".backendRefs"),
]
_FILTER = [
    rule("(self.type == 'RequestRedirect') == has(self.requestRedirect)", "a redirect, exactly where it says so"),
    rule("(self.type == 'URLRewrite') == has(self.urlRewrite)", "a rewrite, exactly where it says so"),
]
_LISTENERS = [
    rule("self.all(l, l.protocol in ['HTTP', 'TCP', 'UDP'] ? !has(l.tls) : true)", "no certificates without TLS"),
    rule("self.all(l, l.protocol in ['TCP', 'UDP'] ? !has(l.hostname) || l.hostname == '' : true)", "no names there"),
    rule("self.all(l1, self.exists_one(l2, l1.name == l2.name))", "names of listeners differ", reason=(
        "FieldValueDuplicate")),
]
_REFERENCE = [rule("(size(self.group) == 0 && self.kind == 'Service') ? has(self.port) : true", "services need a port")]
RULES: dict[str, Rules] = {
    "gateways.gateway.networking.k8s.io": {("spec", "listeners"): _LISTENERS},
    "httproutes.gateway.networking.k8s.io": {
        ("spec", "rules", "*"): _ROUTE_RULE, ("spec", "rules", "*", "filters", "*"): _FILTER,
        ("spec", "rules", "*", "matches", "*", "path"): _PATH_MATCH,
        ("spec", "rules", "*", "backendRefs", "*"): _REFERENCE},
    "grpcroutes.gateway.networking.k8s.io": {
        ("spec", "rules", "*", "matches", "*", "method"): [
            rule("has(self.type) ? has(self.service) || has(self.method) : true", "a service or a method")],
        ("spec", "rules", "*", "backendRefs", "*"): _REFERENCE},
    "clusters.cluster.x-k8s.io": {("spec",): [
        rule("!has(oldSelf.topology) || has(self.topology)", "a topology stays"),
        rule("!has(self.paused) || type(self.paused) == bool", "yes or no")]},
    "compositeresourcedefinitions.apiextensions.crossplane.io": {
        ("spec", "group"): [rule("self == oldSelf", "the group stays")],
        ("spec", "names"): [rule("self.plural == self.plural.lowerAscii()", "plurals are small"),
                            rule("oldSelf.kind == self.kind", "the kind stays", messageExpression=(
                                "'from ' + oldSelf.kind + ' to ' + self.kind"))]},
    "machines.cluster.x-k8s.io": {("spec",): [
        rule("self.clusterName == oldSelf.clusterName", "machines do not move", fieldPath=".clusterName")]},
    "certificates.cert-manager.io": {("spec",): [
        rule("!has(self.duration) || !has(self.renewBefore) || size(self.duration) > 0", "some time"),
        rule("has(self.dnsNames) ? self.dnsNames.all(n, !n.startsWith('.')) : true", "no leading dots")]},
    "scaledobjects.keda.sh": {("spec",): [
        rule("!has(self.minReplicaCount) || !has(self.maxReplicaCount) || self.minReplicaCount <= "
             "self.maxReplicaCount", "least above most")]},
}


@cache
def definitions() -> dict[str, Tree]:
    """By name. Shared: who changes one copies it."""
    read = json.loads((DATA / "projects.json").read_text())
    parts: dict[str, Any] = {}
    for name in sorted(read["parts"], key=lambda text: int(text[1:])):  # parts are made of smaller ones
        parts[name] = _whole(read["parts"][name], parts)
    return {name: _definition(name, _whole(spec, parts)) for name, spec in read["definitions"].items()}


def _whole(value: Any, parts: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {name: _whole(inner, parts) for name, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner, parts) for inner in value]
    return parts[value] if isinstance(value, str) and value in parts else value


def _definition(name: str, spec: Tree) -> Tree:
    for version in spec["versions"]:
        for place, rules in RULES.get(name, {}).items():
            schema = version["schema"]["openAPIV3Schema"] = _ruled(version["schema"]["openAPIV3Schema"], place, rules)
            assert schema
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {
        "name": name, "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"}}, "spec": spec}


def _ruled(schema: Tree, place: tuple[str, ...], rules: list[Tree]) -> Tree:
    """A copy of the schema with rules at a place, unchanged where there is no such place."""
    if not place:
        return {**schema, "x-kubernetes-validations": rules}
    first, rest = place[0], place[1:]
    if first == "*":
        return {**schema, "items": _ruled(schema["items"], rest, rules)}
    members = schema.get("properties", {})
    if first not in members:
        return schema
    return {**schema, "properties": {**members, first: _ruled(members[first], rest, rules)}}
