"""What a pod as a whole has of each resource."""

from __future__ import annotations

from typing import Any

from orlop.node.pod_resources import pod_resources


def container(requests: dict[str, str], limits: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    return {"name": "c", "resources": {"requests": requests, "limits": limits or {}}, **more}


def of(*containers: dict[str, Any], running: bool = True, **spec: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return pod_resources({"spec": {"containers": list(containers), **spec}}, running)


def test_a_pod_that_asks_for_nothing() -> None:
    assert of({"name": "c", "resources": {}}) == ({}, {})


def test_containers_are_added_up() -> None:
    """A limit of the pod is there only when all its containers have one; before it runs, it is the sum."""
    pair = (container({"cpu": "100m", "memory": "64Mi"}, {"memory": "1Gi", "cpu": "1"}),
            container({"cpu": "1900m", "example.com/x": "1"}, {"memory": "1Gi", "example.com/x": "1"}))
    requests = {"cpu": "2", "memory": "64Mi"}
    assert of(*pair) == ({"limits": {"memory": "2Gi"}, "requests": requests}, {**requests, "example.com/x": "1"})
    resources, _ = of(*pair, running=False)
    assert resources["limits"] == {"memory": "2Gi", "cpu": "1", "example.com/x": "1"}


def test_init_containers_count_while_they_run() -> None:
    """With the sidecars that were started before them."""
    inits = [container({"cpu": "3"}), container({"cpu": "1"}, restartPolicy="Always"), container({"cpu": "4"})]
    assert of(container({"cpu": "2"}), initContainers=inits)[1] == {"cpu": "5"}
    assert of(container({"cpu": "5"}), initContainers=inits)[1] == {"cpu": "6"}


def test_what_is_said_of_the_pod_goes_before() -> None:
    """The overhead of its runtime class comes on top."""
    resources, allocated = of(container({"cpu": "2"}), resources={"requests": {"cpu": "3"}}, overhead={"cpu": "250m"})
    assert allocated == {"cpu": "3250m"} and resources["requests"] == {"cpu": "3250m"}
