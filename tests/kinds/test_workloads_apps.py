"""Deployments, ReplicaSets, StatefulSets, DaemonSets and their data-only relatives."""

from __future__ import annotations

from typing import Any

import pytest
from kind_bench import Kind, Tree

from orlop.registry.strategy import ORPHAN

SELECTOR = {"matchLabels": {"app": "x"}}
POD = {"containers": [{"name": "c", "image": "i"}]}
TEMPLATE = {"metadata": {"labels": {"app": "x"}}, "spec": POD}
SPEC = {"selector": SELECTOR, "template": TEMPLATE}
MISMATCH = "`selector` does not match template `labels`"
WORKLOADS = ("daemonsets", "deployments", "replicasets", "statefulsets")


def apps(plural: str) -> Kind:
    return Kind(plural, "apps")


def changed(tree: Tree, **members: Any) -> Tree:
    return {"spec": {**tree["spec"], **members}}


@pytest.mark.parametrize(("plural", "wrong"), [
    ("deployments", ["spec.selector: Required value",
                     f"spec.template.metadata.labels: Invalid value: null: {MISMATCH}",
                     "spec.template.spec.containers: Required value"]),
    ("daemonsets", [f"spec.template.metadata.labels: Invalid value: null: {MISMATCH}",
                    "spec.template.spec.containers: Required value"]),
])
def test_an_empty_spec(plural: str, wrong: list[str]) -> None:
    """Lacks a selector, labels and containers."""
    assert apps(plural).refused(spec={}) == wrong


@pytest.mark.parametrize(("plural", "name"), [
    ("daemonsets", "daemonset"), ("deployments", "deployment"), ("replicasets", "deployment"),
    ("statefulsets", "statefulset"),
])
def test_an_empty_selector(plural: str, name: str) -> None:
    """Is named after the kind, but for ReplicaSets."""
    assert apps(plural).refused(spec={**SPEC, "selector": {}}) == [
        f"spec.selector: Invalid value: {{}}: empty selector is invalid for {name}"]


@pytest.mark.parametrize(("plural", "name"), [
    ("daemonsets", "DaemonSet"), ("deployments", "ReplicaSet"), ("replicasets", "ReplicaSet"),
    ("statefulsets", "StatefulSet"),
])
def test_pods_run_for_ever(plural: str, name: str) -> None:
    """They are always restarted and have no deadline."""
    template = {**TEMPLATE, "spec": {**POD, "restartPolicy": "Never", "activeDeadlineSeconds": 5}}
    assert apps(plural).refused(spec={**SPEC, "template": template}) == [
        'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
        f"spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in {name} is not Supported"]


@pytest.mark.parametrize(("members", "wrong"), [
    ({"replicas": -1, "minReadySeconds": -1, "revisionHistoryLimit": -1, "progressDeadlineSeconds": 0}, [
        "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        "spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0",
        "spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0"]),
    ({"minReadySeconds": 600},
     ["spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds"]),
    ({"strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}},
     ["spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'"]),
    ({"strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "0%"}}},
     ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0']),
    ({"strategy": {"rollingUpdate": {"maxUnavailable": "200%"}}},
     ['spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "200%": must not be greater than 100%']),
    ({"strategy": {"type": "Blue"}}, [
        'spec.strategy: Unsupported value: {"Type":"Blue","RollingUpdate":null}: '
        'supported values: "Recreate", "RollingUpdate"']),
    ({"selector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}, [
        "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or "
        "'NotIn'",
        'spec.selector: Invalid value: {"matchExpressions":[{"key":"a","operator":"In"}]}: invalid label selector']),
])
def test_deployment_rules(members: Tree, wrong: list[str]) -> None:
    """Counts and strategies."""
    assert apps("deployments").refused(spec={**SPEC, **members}) == wrong


@pytest.mark.parametrize(("rolling", "wrong"), [
    ({"maxUnavailable": 1, "maxSurge": 1},
     ["spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero"]),
    ({"maxUnavailable": 0},
     ["spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"]),
])
def test_a_daemon_set_moves_one_way(rolling: Tree, wrong: list[str]) -> None:
    """Either more pods for a while, or fewer."""
    assert apps("daemonsets").refused(spec={**SPEC, "updateStrategy": {"rollingUpdate": rolling}}) == wrong


@pytest.mark.parametrize(("members", "wrong"), [
    ({"podManagementPolicy": "Z"},
     ["spec.podManagementPolicy: Invalid value: \"Z\": must be 'OrderedReady' or 'Parallel'"]),
    ({"updateStrategy": {"type": "OnDelete", "rollingUpdate": {"partition": 1}}}, [
        'spec.updateStrategy.rollingUpdate: Invalid value: {"Partition":1,"MaxUnavailable":null}: '
        "only allowed for updateStrategy 'RollingUpdate'"]),
    ({"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Burn"}}, [
        'spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: "Burn": '
        'supported values: "Retain", "Delete"']),
    ({"ordinals": {"start": -1}}, ["spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0"]),
])
def test_stateful_set_rules(members: Tree, wrong: list[str]) -> None:
    """Policies and ordinals."""
    assert apps("statefulsets").refused(spec={**SPEC, **members}) == wrong


def test_claims_of_a_stateful_set_are_volumes() -> None:
    """Containers mount them by name."""
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
                                                    "resources": {"requests": {"storage": "1Gi"}}}}
    container = {"name": "c", "image": "i", "volumeMounts": [{"name": "data", "mountPath": "/d"}]}
    spec = {**SPEC, "template": {**TEMPLATE, "spec": {"containers": [container]}}, "volumeClaimTemplates": [claim]}
    made = apps("statefulsets").create(spec=spec)["spec"]
    assert made["volumeClaimTemplates"][0]["kind"] == "PersistentVolumeClaim"
    assert "volumes" not in made["template"]["spec"]


def test_a_gated_member_goes() -> None:
    """maxUnavailable of StatefulSets has its gate off."""
    strategy = {"rollingUpdate": {"maxUnavailable": 2, "partition": 1}}
    made = apps("statefulsets").create(spec={**SPEC, "updateStrategy": strategy})
    assert made["spec"]["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}


@pytest.mark.parametrize("plural", WORKLOADS)
def test_generations(plural: str) -> None:
    """One at first, one more for every change of the spec; a status is not taken."""
    kind = apps(plural)
    made = kind.create(metadata={"name": "w", "generation": 7}, spec=SPEC)
    assert made["metadata"]["generation"] == 1
    same = kind.update(made, {"metadata": {**made["metadata"], "labels": {"l": "1"}}})
    assert same["metadata"]["generation"] == 1
    assert kind.update(made, changed(made, minReadySeconds=3))["metadata"]["generation"] == 2


def test_annotations_of_deployments_count() -> None:
    """They are copied to the ReplicaSets; those of others do not count."""
    for plural, generation in (("deployments", 2), ("replicasets", 1)):
        kind = apps(plural)
        made = kind.create(spec=SPEC)
        noted = kind.update(made, {"metadata": {**made["metadata"], "annotations": {"a": "b"}}})
        assert noted["metadata"]["generation"] == generation


def test_an_empty_list_is_no_change() -> None:
    """What means the same to upstream moves no generation."""
    kind = apps("deployments")
    made = kind.create(spec=SPEC)
    container = {**made["spec"]["template"]["spec"]["containers"][0], "args": []}
    template = {**made["spec"]["template"], "spec": {**made["spec"]["template"]["spec"], "containers": [container]}}
    assert kind.update(made, changed(made, template=template))["metadata"]["generation"] == 1


@pytest.mark.parametrize("plural", ["daemonsets", "deployments", "replicasets"])
def test_the_selector_stays(plural: str) -> None:
    """Whatever the template says."""
    kind, other = apps(plural), {"matchLabels": {"app": "y"}}
    made = kind.create(spec=SPEC)
    template = {"metadata": {"labels": {"app": "y"}}, "spec": made["spec"]["template"]["spec"]}
    assert kind.refused_update(made, changed(made, selector=other, template=template)) == [
        'spec.selector: Invalid value: {"matchLabels":{"app":"y"}}: field is immutable']


def test_most_of_a_stateful_set_stays() -> None:
    """All that is not listed in the message."""
    kind = apps("statefulsets")
    made = kind.create(spec=SPEC)
    assert kind.refused_update(made, changed(made, serviceName="other")) == [
        "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
        "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are "
        "forbidden"]
    assert kind.update(made, changed(made, replicas=3, revisionHistoryLimit=1))["metadata"]["generation"] == 2


def test_template_generation_of_daemon_sets() -> None:
    """Counted in an annotation by the server alone."""
    kind, note = apps("daemonsets"), "deprecated.daemonset.template.generation"
    made = kind.create(spec=SPEC)
    assert made["metadata"]["annotations"] == {note: "1"}
    template = {**made["spec"]["template"], "metadata": {"labels": {"app": "x", "v": "2"}}}
    assert kind.update(made, changed(made, template=template))["metadata"]["annotations"] == {note: "2"}
    meddled = {"metadata": {**made["metadata"], "annotations": {note: "9"}}}
    assert kind.update(made, meddled)["metadata"]["annotations"] == {note: "1"}


@pytest.mark.parametrize(("plural", "status", "wrong"), [
    ("deployments", {"replicas": 1, "readyReplicas": 4}, [
        "status.readyReplicas: Invalid value: 4: cannot be greater than status.replicas"]),
    ("deployments", {"readyReplicas": -4}, [
        "status.readyReplicas: Invalid value: -4: must be greater than or equal to 0",
        "status.availableReplicas: Invalid value: 0: cannot be greater than readyReplicas"]),
    ("replicasets", {"fullyLabeledReplicas": 1}, [
        "status.fullyLabeledReplicas: Invalid value: 1: cannot be greater than status.replicas"]),
    ("daemonsets", {"numberReady": -1}, [
        "status.numberReady: Invalid value: -1: must be greater than or equal to 0"]),
])
def test_status_rules(plural: str, status: Tree, wrong: list[str]) -> None:
    """Counters are parts of each other."""
    kind = apps(plural)
    made = kind.create(spec=SPEC)
    assert kind.refused_update(made, {"status": status}, "status") == wrong


def test_collisions_only_grow() -> None:
    """The count never goes back."""
    kind = apps("deployments")
    counted = kind.update(kind.create(spec=SPEC), {"status": {"collisionCount": 2}}, "status")
    assert kind.refused_update(counted, {"status": {}}, "status") == [
        "status.collisionCount: Invalid value: 0: cannot be decremented"]


def test_labels_sent_to_a_status() -> None:
    """Stay away from Deployments and reach others."""
    for plural, labels in (("deployments", None), ("replicasets", {"l": "1"})):
        kind = apps(plural)
        made = kind.create(spec=SPEC)
        told = kind.update(made, {"metadata": {**made["metadata"], "labels": {"l": "1"}}}, "status")
        assert told["metadata"].get("labels") == labels


def test_replication_controllers() -> None:
    """Take selector and labels from the template, and orphan their pods."""
    kind = Kind("replicationcontrollers")
    made = kind.create(spec={"template": TEMPLATE})
    assert made["spec"]["selector"] == made["metadata"]["labels"] == {"app": "x"} and made["spec"]["replicas"] == 1
    assert kind.strategy().garbage_collection == ORPHAN
    assert kind.refused(spec={}) == ["spec.selector: Required value", "spec.template: Required value"]


def test_revisions_keep_their_data() -> None:
    """The number may change."""
    kind = apps("controllerrevisions")
    made = kind.create(data={"a": 1}, revision=1)
    assert kind.refused_update(made, {"data": {"a": 2}}) == ['data: Invalid value: {"a":2}: field is immutable']
    assert kind.update(made, {"revision": 2})["revision"] == 2
    assert kind.refused(revision=-1) == [
        "revision: Invalid value: -1: must be greater than or equal to 0", "data: Required value: data is mandatory"]
    assert kind.refused(data="text") == ["data: Required value: data must be a valid JSON object"]
