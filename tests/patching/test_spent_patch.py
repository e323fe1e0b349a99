"""What messages show of a strategic patch that was applied."""

from __future__ import annotations

import pytest

from orlop.patching import strategic
from orlop.patching.spent_patch import spent

DOCUMENT = {
    "metadata": {"name": "d", "labels": {"a": "1"}, "finalizers": ["a"]},
    "spec": {
        "strategy": {"type": "x"},
        "template": {"spec": {"containers": [{"name": "a", "env": [{"name": "X"}]}, {"name": "b"}]}},
    },
}


def pod(**members):
    return {"spec": {"template": {"spec": members}}}


CASES = [
    ({"spec": {"replicas": "x"}}, {"spec": {"replicas": "x"}}),
    ({"metadata": {"labels": {"a": None}}}, {"metadata": {"labels": {"a": None}}}),
    ({"metadata": {"annotations": {"a": None, "b": "1"}}}, {"metadata": {"annotations": {"b": "1"}}}),
    ({"metadata": {"labels": {"$patch": "replace", "b": "1"}}}, {"metadata": {"labels": {"b": "1"}}}),
    ({"metadata": {"labels": {"$patch": "delete"}}}, {"metadata": {"labels": {"$patch": "delete"}}}),
    ({"spec": {"strategy": {"$retainKeys": ["type"], "type": "y"}}}, {"spec": {"strategy": {"type": "y"}}}),
    (
        {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "$setElementOrder/finalizers": []}},
        {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}},
    ),
    (
        pod(**{"$setElementOrder/containers": [{"name": "a"}], "containers": [{"name": "a", "image": "i"}]}),
        pod(),
    ),
    (
        pod(containers=[{"name": "a", "image": None, "$setElementOrder/env": [{"name": "X"}]}]),
        pod(containers=[{"name": "a", "image": None}]),
    ),
    (
        pod(containers=[{"name": "n", "$setElementOrder/env": []}, {"name": "b", "$patch": "delete"}]),
        pod(containers=[{"name": "n", "$setElementOrder/env": []}, {"name": "b", "$patch": "delete"}]),
    ),
    (
        pod(volumes=[{"name": "v", "emptyDir": None}, {"name": "w", "$patch": "delete"}]),
        pod(volumes=[{"name": "v"}, {"name": "w", "$patch": "delete"}]),
    ),
    (
        pod(volumes=[{"name": "v", "configMap": {"$patch": "delete"}}]),
        pod(volumes=[{"name": "v"}]),
    ),
    (
        {"data": {"list": [{"$patch": "delete"}, {"a": None}]}},
        {"data": {"list": [{}]}},
    ),
]


@pytest.mark.parametrize(("patch", "left"), CASES)
def test_what_is_left(deployment, patch, left):
    """Directives that were carried out and nulls that met nothing are gone, as upstream's merge leaves it."""
    strategic.apply(DOCUMENT, patch, deployment)
    assert spent(DOCUMENT, patch, deployment) == left
