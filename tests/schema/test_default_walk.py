"""The walk that sets defaults: who is called, in what order, and what is left alone."""

from __future__ import annotations

from typing import Any

from random_objects import TYPES

from orlop.api.gvk import GroupVersionKind

POD = TYPES.kind(GroupVersionKind("", "v1", "Pod"))
CORE = "io.k8s.api.core.v1."


def pod() -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "spec": {
        "initContainers": [{"name": "i"}],
        "containers": [{"name": "a", "ports": [{"containerPort": 1}]}, {"name": "b"}],
        "volumes": None}}


def test_every_object_of_a_named_type_is_visited_parents_first() -> None:
    """Containers of both lists in the order of the type's fields, ports after their container."""
    seen: list[str] = []
    walk = POD.compile_defaults({
        CORE + "Pod": lambda tree: seen.append("pod"),
        CORE + "Container": lambda tree: seen.append(tree["name"]),
        CORE + "ContainerPort": lambda tree: seen.append("port"),
    })
    walk(pod())
    assert seen == ["pod", "i", "a", "port", "b"]


def test_a_parent_s_default_is_visited_too() -> None:
    """What a defaulter adds is walked over after it."""
    walk = POD.compile_defaults({
        CORE + "PodSpec": lambda spec: spec.setdefault("securityContext", {}),
        CORE + "PodSecurityContext": lambda context: context.update(seen=True),
    })
    tree = pod()
    walk(tree)
    assert tree["spec"]["securityContext"] == {"seen": True}


def test_without_matching_types_nothing_happens() -> None:
    """A walk for types that the kind does not hold leaves any tree alone, whatever is in it."""
    walk = POD.compile_defaults({"io.k8s.api.apps.v1.Deployment": lambda tree: tree.clear()})
    tree: dict[str, Any] = {"spec": 5}
    walk(tree)
    assert tree == {"spec": 5}


def test_values_of_maps_are_visited() -> None:
    """Objects under the keys of a map count as any other."""
    seen: list[Any] = []
    schema = TYPES.kind(GroupVersionKind("resource.k8s.io", "v1", "ResourceSlice"))
    walk = schema.compile_defaults({"io.k8s.api.resource.v1.DeviceAttribute": seen.append})
    walk({"spec": {"devices": [{"attributes": {"a": {"int": 1}, "b": {"bool": True}}}]}})
    assert seen == [{"int": 1}, {"bool": True}]
