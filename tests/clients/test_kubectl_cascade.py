"""kubectl delete with each way to cascade, on Deployment, ReplicaSet and Pod made by hand; nothing but the garbage
collector acts on them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubectl_command import Kubectl

pytestmark = pytest.mark.xdist_group("kubectl")

TEMPLATE: dict[str, Any] = {"metadata": {"labels": {"app": "web"}},
                            "spec": {"containers": [{"name": "web", "image": "registry.example/web:1"}]}}  # fmt: skip
SPEC = {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE}
TIMEOUT = "--timeout=30s"


class Chain:
    """A Deployment that owns a ReplicaSet that owns Pods, in a namespace of its own."""

    def __init__(self, kubectl: Kubectl, namespace: str) -> None:
        self._kubectl, self._namespace = kubectl, namespace
        top = self.make("apps/v1", "Deployment", "web", SPEC)
        middle = self.make("apps/v1", "ReplicaSet", "web-1", SPEC, top)
        for name in ("web-1-a", "web-1-b"):
            self.make("v1", "Pod", name, TEMPLATE["spec"], middle)

    def run(self, *arguments: str, **more: Any) -> str:
        return self._kubectl("-n", self._namespace, *arguments, **more).out

    def make(self, version: str, kind: str, name: str, spec: Any, owner: Any = None) -> Any:
        metadata: dict[str, Any] = {"name": name, "labels": {"app": "web"}}
        if owner is not None:
            metadata["ownerReferences"] = [{
                "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
                "uid": owner["metadata"]["uid"], "controller": True, "blockOwnerDeletion": True}]  # fmt: skip
        body = {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}
        return json.loads(self.run("create", "-f", "-", "-o", "json", stdin=json.dumps(body)))

    def left(self) -> list[str]:
        return sorted(self.run("get", "deployments,replicasets,pods", "-o", "name").split())

    def owners(self, name: str) -> str:
        return self.run("get", name, "-o", "jsonpath={.metadata.ownerReferences[*].name}")


def test_foreground(kubectl: Kubectl, namespace: str) -> None:
    """kubectl returns when the owner is gone, and that is when everything under it is."""
    chain = Chain(kubectl, namespace)
    assert "deleted" in chain.run("delete", "deployment", "web", "--cascade=foreground", TIMEOUT)
    assert chain.left() == []


def test_foreground_waits_for_what_is_held(kubectl: Kubectl, namespace: str) -> None:
    """A pod with a finalizer holds the whole chain; without it the chain goes."""
    chain = Chain(kubectl, namespace)
    chain.run("patch", "pod", "web-1-a", "--type=merge", "-p", '{"metadata":{"finalizers":["example.com/wait"]}}')
    chain.run("delete", "deployment", "web", "--cascade=foreground", "--wait=false")
    chain.run("wait", "pod/web-1-b", "--for=delete", TIMEOUT)
    assert chain.left() == ["deployment.apps/web", "pod/web-1-a", "replicaset.apps/web-1"]
    assert chain.run("get", "deployment", "web", "-o", "jsonpath={.metadata.finalizers}") == '["foregroundDeletion"]'
    chain.run("patch", "pod", "web-1-a", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    chain.run("wait", "deployment/web", "--for=delete", TIMEOUT)
    assert chain.left() == []


def test_background(kubectl: Kubectl, namespace: str) -> None:
    """The owner goes at once, the others after it."""
    chain = Chain(kubectl, namespace)
    chain.run("delete", "deployment", "web", "--cascade=background")
    for name in ("replicaset/web-1", "pod/web-1-a", "pod/web-1-b"):
        chain.run("wait", name, "--for=delete", TIMEOUT)
    assert chain.left() == []


def test_orphan(kubectl: Kubectl, namespace: str) -> None:
    """The owner alone goes; what it owned is nobody's, and what that owns stays."""
    chain = Chain(kubectl, namespace)
    chain.run("delete", "deployment", "web", "--cascade=orphan", TIMEOUT)
    assert chain.left() == ["pod/web-1-a", "pod/web-1-b", "replicaset.apps/web-1"]
    assert chain.owners("replicaset/web-1") == "" and chain.owners("pod/web-1-a") == "web-1"
    chain.run("delete", "replicaset", "web-1", "--cascade=orphan", TIMEOUT)
    assert chain.left() == ["pod/web-1-a", "pod/web-1-b"] and chain.owners("pod/web-1-b") == ""
