"""LimitRanger: defaults and bounds of a namespace."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from admission_requests import CLAIMS, CONFIG_MAPS, PODS, pod, refusal, request
from orlop.admission.interface import CREATE, UPDATE
from orlop.admission.limit_ranger import LimitRanger
from orlop.api.tree import Tree


def plugin(*items: Tree) -> LimitRanger:
    return LimitRanger(lambda namespace: [{"spec": {"limits": list(items)}}] if namespace == "ns" else [])


def container(name: str = "c", requests: Any = None, limits: Any = None, **more: Any) -> Tree:
    resources = {key: value for key, value in (("requests", requests), ("limits", limits)) if value}
    return {"name": name, "resources": resources, **more}


def item(kind: str = "Container", **bounds: Any) -> Tree:
    return {"type": kind, **bounds}


DEFAULTS = item(default={"cpu": "2", "memory": "1Gi"}, defaultRequest={"cpu": "1"})


def test_defaults() -> None:
    """Containers get what they lack, and the pod a note of it; the trees that came stay as they were."""
    full = container("full", {"cpu": "1"}, {"cpu": "1", "memory": "1"})
    spec: Tree = {"containers": [container("a"), container("b", {"cpu": "100m"}, {"cpu": "1"}), full],
                  "initContainers": [{"name": "i"}]}
    obj, before = pod(spec, annotations={"mine": "x"}), copy.deepcopy(spec)
    containers, annotations = spec["containers"], obj["metadata"]["annotations"]
    plugin(DEFAULTS).admit(request(obj))
    assert [one["resources"] for one in obj["spec"]["containers"]] == [
        {"requests": {"cpu": "1"}, "limits": {"cpu": "2", "memory": "1Gi"}},
        {"requests": {"cpu": "100m"}, "limits": {"cpu": "1", "memory": "1Gi"}},
        {"requests": {"cpu": "1"}, "limits": {"cpu": "1", "memory": "1"}},
    ]
    assert obj["metadata"]["annotations"] == {"mine": "x", "kubernetes.io/limit-ranger": (
        "LimitRanger plugin set: cpu request for container a; cpu, memory limit for container a; memory limit for "
        "container b; cpu request for init container i; cpu, memory limit for init container i")}
    assert containers == before["containers"] and annotations == {"mine": "x"}


def test_no_defaults_no_note() -> None:
    """Bounds alone change nothing, and other kinds of limits have no defaults."""
    obj = pod({"containers": [container()]})
    plugin(item(max={"cpu": "1"}), item("Pod", default={"cpu": "1"})).admit(request(obj))
    assert obj == pod({"containers": [container()]})


@pytest.mark.parametrize(("bounds", "requests", "limits", "why"), [
    ({"min": {"cpu": "50m"}}, None, None, "minimum cpu usage per Container is 50m.  No request is specified"),
    ({"min": {"cpu": "50m"}}, {"cpu": "10m"}, None, "minimum cpu usage per Container is 50m, but request is 10m"),
    ({"min": {"cpu": "50m"}}, {"cpu": "1"}, {"cpu": "1m"}, "minimum cpu usage per Container is 50m, but limit is 1m"),
    ({"min": {"cpu": "50m"}}, {"cpu": "50m"}, None, ""),
    ({"max": {"cpu": "2"}}, {"cpu": "1"}, None, "maximum cpu usage per Container is 2.  No limit is specified"),
    ({"max": {"cpu": "2"}}, None, {"cpu": "2001m"}, "maximum cpu usage per Container is 2, but limit is 2001m"),
    ({"max": {"cpu": "2"}}, {"cpu": "3"}, {"cpu": "1"}, "maximum cpu usage per Container is 2, but request is 3"),
    ({"max": {"cpu": "2"}}, None, {"cpu": "2"}, ""),
    ({"maxLimitRequestRatio": {"cpu": "4"}}, None, {"cpu": "1"},
     "cpu max limit to request ratio per Container is 4, but no request is specified or request is 0"),
    ({"maxLimitRequestRatio": {"cpu": "4"}}, {"cpu": "1"}, {"cpu": "0"},
     "cpu max limit to request ratio per Container is 4, but no limit is specified or limit is 0"),
    ({"maxLimitRequestRatio": {"cpu": "1500m"}}, {"cpu": "3"}, {"cpu": "5"},
     "cpu max limit to request ratio per Container is 1500m, but provided ratio is 1.666667"),
    ({"maxLimitRequestRatio": {"cpu": "4"}}, {"cpu": "1"}, {"cpu": "4"}, ""),
    ({"max": {"memory": "10E"}}, None, {"memory": "9E"}, ""),
    ({"min": {"cpu": "1"}, "max": {"cpu": "2"}}, {"cpu": "500m"}, {"cpu": "3"},
     "[minimum cpu usage per Container is 1, but request is 500m, maximum cpu usage per Container is 2, but limit is "
     "3]"),
])
def test_bounds_of_containers(bounds: Tree, requests: Any, limits: Any, why: str) -> None:
    """Every container and init container is held against them; what is said twice is said once."""
    for member in ("containers", "initContainers"):
        spec = {member: [container("a", requests, limits), container("b", requests, limits)]}
        assert refusal(plugin(item(**bounds)).validate, request(pod(spec))) == why


@pytest.mark.parametrize(("spec", "limit"), [
    ({"containers": [container(limits={"cpu": "1500m"}), container(limits={"cpu": "1500m"})]}, "3"),
    ({"containers": [container(limits={"cpu": "1"})], "initContainers": [container(limits={"cpu": "4"})]}, "4"),
    ({"containers": [container(limits={"cpu": "1"})],
      "initContainers": [container(limits={"cpu": "1"}, restartPolicy="Always"), container(limits={"cpu": "2"})]}, "3"),
    ({"containers": [container(limits={"cpu": "1"})], "resources": {"limits": {"cpu": "5"}}}, "5"),
])
def test_bounds_of_pods(spec: Tree, limit: str) -> None:
    """Containers and sidecars together, beside them the largest init container; what the pod says itself goes
    first."""
    judge = plugin(item("Pod", max={"cpu": "2500m"})).validate
    assert refusal(judge, request(pod(spec))) == f"maximum cpu usage per Pod is 2500m, but limit is {limit}"
    assert refusal(plugin(item("Pod", max={"cpu": limit})).validate, request(pod(spec))) == ""


@pytest.mark.parametrize(("size", "why"), [
    ("1Gi", "minimum storage usage per PersistentVolumeClaim is 2Gi, but request is 1Gi"),
    ("20Gi", "maximum storage usage per PersistentVolumeClaim is 10Gi, but request is 20Gi"),
    ("2Gi", ""), ("10Gi", ""),
])
def test_bounds_of_claims(size: str, why: str) -> None:
    """Their request counts, also when it is changed; bounds of containers do not."""
    claim = {"metadata": {"name": "x"}, "spec": {"resources": {"requests": {"storage": size}}}}
    items = item("PersistentVolumeClaim", min={"storage": "2Gi"}, max={"storage": "10Gi"}), item(max={"cpu": "1"})
    olds: list[Tree | None] = [None, {"metadata": {}}]
    for old in olds:
        attributes = request(claim, old, CLAIMS)
        plugin(*items).admit(attributes)
        assert refusal(plugin(*items).validate, attributes) == why


def test_what_is_being_deleted_is_left_alone() -> None:
    """Its last updates are not held up."""
    old = pod(deletionTimestamp="2026-01-01T00:00:00Z")
    obj = pod({"containers": [container()]})
    attributes = request(obj, old, subresource="resize")
    plugin(DEFAULTS, item(max={"cpu": "1"})).admit(attributes)
    assert refusal(plugin(item(max={"cpu": "1"})).validate, attributes) == ""
    assert obj == pod({"containers": [container()]})


def test_whom_it_concerns() -> None:
    """New and resized pods, new and changed claims."""
    asked = [(PODS, "", CREATE), (PODS, "resize", UPDATE), (CLAIMS, "", CREATE), (CLAIMS, "", UPDATE)]
    others = [(PODS, "", UPDATE), (PODS, "status", UPDATE), (CLAIMS, "status", UPDATE), (CONFIG_MAPS, "", CREATE)]
    assert all(plugin().handles(*one) for one in asked)
    assert not any(plugin().handles(*one) for one in others)
