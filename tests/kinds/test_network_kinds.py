"""Ingresses, their classes, and network policies."""

from __future__ import annotations

import pytest
from kind_bench import Kind, Tree

GROUP = "networking.k8s.io"
BACKEND = {"service": {"name": "s", "port": {"number": 80}}}


def ingress(path: Tree) -> list[str]:
    rules = [{"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": BACKEND, **path}]}}]
    return Kind("ingresses", GROUP).refused(spec={"rules": rules})


@pytest.mark.parametrize(("path", "wrong"), [
    ({}, []),
    ({"pathType": None}, ["pathType: Required value: pathType must be specified"]),
    ({"path": "x"}, ['path: Invalid value: "x": must be an absolute path']),
    ({"path": "", "pathType": "ImplementationSpecific"}, []),
    ({"path": "/a//b/.."}, ['path: Invalid value: "/a//b/..": must not contain \'//\'',
                            'path: Invalid value: "/a//b/..": cannot end with \'/..\'']),
    ({"backend": {}}, ['backend: Invalid value: "": resource or service backend is required']),
    ({"backend": {"service": {"name": "s", "port": {}}}},
     ["backend: Required value: port name or number is required"]),
    ({"backend": {"resource": {"kind": "K", "name": "n"}, **BACKEND}},
     ['backend: Invalid value: "": cannot set both resource and service backends']),
])
def test_paths_of_an_ingress(path: Tree, wrong: list[str]) -> None:
    """A path, how to read it, and what stands behind it."""
    assert ingress(path) == [f"spec.rules[0].http.paths[0].{text}" for text in wrong]


def test_hosts_are_names() -> None:
    """With a wildcard in front at most, and no addresses."""
    def hosts(*names: str) -> list[str]:
        rules = [{"host": name} for name in names]
        return [text.partition(":")[0] for text in Kind("ingresses", GROUP).refused(spec={"rules": rules})]

    assert hosts("*.example.com", "example.com") == []
    assert hosts("1.2.3.4", "a.*.b") == ["spec.rules[0].host", "spec.rules[1].host"]


def test_an_ingress_leads_somewhere() -> None:
    """By rules or by a default."""
    kind = Kind("ingresses", GROUP)
    assert kind.refused(spec={}) == [
        "spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"]
    assert kind.create(spec={"defaultBackend": BACKEND})["metadata"]["generation"] == 1


def test_the_old_annotation() -> None:
    """Warned of alone, compared with the class when both are there."""
    kind = Kind("ingresses", GROUP)
    metadata = {"annotations": {"kubernetes.io/ingress.class": "a"}}
    kind.create(metadata=metadata, spec={"defaultBackend": BACKEND})
    assert kind.warnings == [
        "annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead"]
    assert kind.refused(metadata=metadata, spec={"defaultBackend": BACKEND, "ingressClassName": "b"}) == [
        'annotations.kubernetes.io/ingress.class: Invalid value: "a": must match `ingressClassName` when both are '
        "specified"]


def test_ingress_classes() -> None:
    """A controller that stays, parameters with a scope that fits."""
    kind = Kind("ingressclasses", GROUP)
    old = kind.create(spec={"controller": "example.com/c", "parameters": {"kind": "K", "name": "n"}})
    assert old["spec"]["parameters"]["scope"] == "Cluster"
    assert kind.refused_update(old, {"spec": {"controller": "example.com/d"}}) == [
        'spec.controller: Invalid value: "example.com/d": field is immutable']
    parameters = {"kind": "K", "name": "n", "scope": "Namespace"}
    assert kind.refused(spec={"controller": "example.com/c", "parameters": parameters}) == [
        "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"]


@pytest.mark.parametrize(("spec", "types"), [
    ({"podSelector": {}}, ["Ingress"]),
    ({"podSelector": {}, "egress": [{}]}, ["Ingress", "Egress"]),
    ({"podSelector": {}, "policyTypes": ["Egress"]}, ["Egress"]),
])
def test_policy_types(spec: Tree, types: list[str]) -> None:
    """Incoming traffic always, outgoing if the policy speaks of it."""
    assert Kind("networkpolicies", GROUP).create(spec=spec)["spec"]["policyTypes"] == types


@pytest.mark.parametrize(("rule", "wrong"), [
    ({"ports": [{"endPort": 5}]},
     ["ports[0].endPort: Invalid value: 5: may not be specified when `port` is not specified"]),
    ({"ports": [{"port": 8, "endPort": 5}]},
     ["ports[0].endPort: Invalid value: 8: must be greater than or equal to `port`"]),
    ({"from": [{}]}, ["from[0]: Required value: must specify a peer"]),
    ({"from": [{"podSelector": {}, "ipBlock": {"cidr": "10.0.0.0/8"}}]},
     ["from[0]: Forbidden: may not specify both ipBlock and another peer"]),
    ({"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}}]},
     ['from[0].ipBlock.except[0]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`']),
])
def test_rules_of_a_policy(rule: Tree, wrong: list[str]) -> None:
    """Ports and peers, at the start and later."""
    kind = Kind("networkpolicies", GROUP)
    expected = [f"spec.ingress[0].{text}" for text in wrong]
    assert kind.refused(spec={"podSelector": {}, "ingress": [rule]}) == expected
    old = kind.create(spec={"podSelector": {}})
    assert kind.refused_update(old, {"spec": {"podSelector": {}, "ingress": [rule]}}) == expected
