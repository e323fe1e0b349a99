"""RuntimeClass: what a class demands of the pods that name it."""

from __future__ import annotations

import copy

import pytest

from admission_requests import PODS, pod, refusal, request
from orlop.admission.interface import CREATE, UPDATE
from orlop.admission.runtime_class import RuntimeClass
from orlop.api.tree import Tree

BEAR = {"key": "rt", "operator": "Exists"}
CLASSES: dict[str, Tree] = {
    "full": {"overhead": {"podFixed": {"cpu": "250m", "memory": "64Mi"}},
             "scheduling": {"nodeSelector": {"rt": "gv"}, "tolerations": [BEAR]}},
    "bare": {},
    "empty": {"overhead": {}, "scheduling": {}},
}
PLUGIN = RuntimeClass(lambda: CLASSES)
MISMATCH = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
UNFOUNDED = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"


def test_a_pod_takes_it_all_on() -> None:
    """Overhead, selector and tolerations, beside what it has; the class stays as it is."""
    before = copy.deepcopy(CLASSES)
    obj = pod({"runtimeClassName": "full", "nodeSelector": {"x": "y"}, "tolerations": [{"key": "own"}],
               "overhead": {"cpu": "0.25", "memory": "65536Ki"}})
    assert refusal(PLUGIN.admit, request(obj)) == refusal(PLUGIN.validate, request(obj)) == ""
    assert obj["spec"] == {"runtimeClassName": "full", "nodeSelector": {"x": "y", "rt": "gv"},
                           "overhead": {"cpu": "250m", "memory": "64Mi"}, "tolerations": [{"key": "own"}, BEAR]}
    obj["spec"]["overhead"]["cpu"] = obj["spec"]["tolerations"][1]["key"] = "changed"
    assert before == CLASSES


@pytest.mark.parametrize("spec", [{}, {"runtimeClassName": "bare"}, {"runtimeClassName": "empty"}])
def test_nothing_demanded(spec: Tree) -> None:
    """A class without demands, or none, leaves a pod as it is."""
    obj = pod(dict(spec))
    assert refusal(PLUGIN.admit, request(obj)) == refusal(PLUGIN.validate, request(obj)) == ""
    assert obj["spec"] == spec


@pytest.mark.parametrize(("spec", "why"), [
    ({"runtimeClassName": "nope"}, 'pod rejected: RuntimeClass "nope" not found'),
    ({"runtimeClassName": ""}, "resource name may not be empty"),
    ({"runtimeClassName": "full", "overhead": {"cpu": "1"}}, MISMATCH),
    ({"runtimeClassName": "full", "nodeSelector": {"rt": "other"}},
     "conflict: runtimeClass.scheduling.nodeSelector[rt] = gv; pod.spec.nodeSelector[rt] = other"),
])
def test_refused(spec: Tree, why: str) -> None:
    """Classes that are not there and pods that contradict theirs; such a pod is not changed."""
    obj = pod(copy.deepcopy(spec))
    assert refusal(PLUGIN.admit, request(obj)) == why
    assert obj["spec"] == spec


@pytest.mark.parametrize(("spec", "why"), [
    ({"overhead": {"cpu": "1"}}, UNFOUNDED),
    ({"overhead": {}}, UNFOUNDED),
    ({"runtimeClassName": "bare", "overhead": {"cpu": "1"}}, UNFOUNDED),
    ({"runtimeClassName": "full"}, MISMATCH),
])
def test_overhead_has_to_come_from_a_class(spec: Tree, why: str) -> None:
    """What other plugins did in between does not slip through."""
    assert refusal(PLUGIN.validate, request(pod(spec))) == why


def test_whom_it_concerns() -> None:
    """New pods."""
    assert PLUGIN.handles(PODS, "", CREATE)
    assert not PLUGIN.handles(PODS, "", UPDATE) and not PLUGIN.handles(PODS, "binding", CREATE)
