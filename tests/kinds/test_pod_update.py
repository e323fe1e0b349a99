"""What may change about a pod, through each of its rooms."""

from __future__ import annotations

from typing import Any

import pytest
from kind_bench import Kind, Tree, copied

CONTAINER = {"name": "c", "image": "i:1", "resources": {"requests": {"cpu": "100m"}, "limits": {"cpu": "200m"}}}
UPDATABLE = ("spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
             "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
             "existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously "
             "negative)\n")


@pytest.fixture
def pods() -> Kind:
    return Kind("pods")


def stored(pods: Kind, **members: Any) -> Tree:
    return pods.create(spec={"containers": [CONTAINER], "serviceAccountName": "default", **members})


def with_spec(old: Tree, **members: Any) -> Tree:
    return {"spec": {**old["spec"], **members}}


def with_container(old: Tree, **members: Any) -> Tree:
    return with_spec(old, containers=[{**old["spec"]["containers"][0], **members}])


def test_images_deadlines_and_tolerations_change(pods: Kind) -> None:
    """Each moves the generation."""
    old = stored(pods, activeDeadlineSeconds=100)
    for change in (with_container(old, image="i:2"), with_spec(old, activeDeadlineSeconds=50),
                   with_spec(old, tolerations=[{"key": "k", "operator": "Exists"}])):
        assert pods.update(old, change)["metadata"]["generation"] == 2
    assert pods.update(old, {"metadata": {"labels": {"a": "b"}}})["metadata"]["generation"] == 1


def test_other_changes_are_shown(pods: Kind) -> None:
    """As a diff of Go's form of the whole spec, with its line numbers."""
    old = stored(pods)
    [text] = pods.refused_update(old, with_container(old, command=["x"]))
    assert text == UPDATABLE + (
        '@@ -5,7 +5,9 @@\n   {\n    "Name": "c",\n    "Image": "i:1",\n-   "Command": null,\n+   "Command": [\n'
        '+    "x"\n+   ],\n    "Args": null,\n    "WorkingDir": "",\n    "Ports": null,\n')
    [text] = pods.refused_update(old, with_spec(old, nodeName="n"))
    assert '@@ -46,7 +46,7 @@' in text and '- "NodeName": "",\n+ "NodeName": "n",\n' in text


def test_an_empty_list_equals_none(pods: Kind) -> None:
    """As it does upstream: neither a change nor a new generation."""
    old = stored(pods)
    assert pods.update(old, with_container(old, env=[]))["metadata"]["generation"] == 1


@pytest.mark.parametrize(("before", "after", "wrong"), [
    ({}, {"containers": [CONTAINER, {"name": "d", "image": "i"}]},
     "spec.containers: Forbidden: pod updates may not add or remove containers"),
    ({"activeDeadlineSeconds": 5}, {"activeDeadlineSeconds": 6},
     "spec.activeDeadlineSeconds: Invalid value: 6: must be less than or equal to previous value"),
    ({"activeDeadlineSeconds": 5}, {"activeDeadlineSeconds": None},
     "spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value"),
    ({"tolerations": [{"key": "a", "operator": "Exists"}]}, {"tolerations": []},
     "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"),
    ({}, {"schedulingGates": [{"name": "g"}]},
     "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'g'"),
    ({"schedulingGates": [{"name": "g"}], "nodeSelector": {"a": "b"}}, {"nodeSelector": {"a": "c"}},
     'spec.nodeSelector: Invalid value: {"a":"c"}: only additions to spec.nodeSelector are allowed (no mutations or '
     "deletions)"),
])
def test_refused_changes(pods: Kind, before: Tree, after: Tree, wrong: str) -> None:
    """With a text of their own."""
    old = stored(pods, **before)
    assert wrong in pods.refused_update(old, with_spec(old, **after))


def test_a_gated_pod_may_be_told_more_about_nodes(pods: Kind) -> None:
    """Selectors grow, node affinity appears; without a gate neither."""
    wish = {"nodeSelector": {"a": "b"}, "affinity": {"nodeAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchExpressions": [{"key": "k", "operator": "Exists"}]}]}}}}
    gated = stored(pods, schedulingGates=[{"name": "g"}])
    assert gated["status"]["conditions"][0]["reason"] == "SchedulingGated"
    assert pods.refused_update(gated, with_spec(gated, **wish)) == []
    free = stored(pods)
    assert pods.refused_update(free, with_spec(free, **wish))[0].startswith(UPDATABLE)


def test_mirror_annotations_are_fixed(pods: Kind) -> None:
    """And say so once more than they should, as upstream does."""
    old = stored(pods)
    change = {"metadata": {"annotations": {"kubernetes.io/config.mirror": "x"}}}
    needs_node = ('metadata.annotations[kubernetes.io/config.mirror]: Invalid value: "x": must set spec.nodeName if '
                  "mirror pod annotation is set")
    may_not = "metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not add mirror pod annotation"
    assert pods.refused_update(old, change) == [needs_node, may_not, needs_node]


def test_ephemeral_containers_are_added_for_good(pods: Kind) -> None:
    """Through their room only, which leaves everything else as it is."""
    room, old = "ephemeralcontainers", stored(pods)
    added = pods.update(old, {"spec": {**old["spec"], "nodeName": "ignored", "ephemeralContainers": [
        {"name": "e", "image": "x", "targetContainerName": "c"}]}, "metadata": {"labels": {"a": "b"}}}, room)
    assert added["metadata"]["generation"] == 2 and "labels" not in added["metadata"]
    assert "nodeName" not in added["spec"]
    place = "spec.ephemeralContainers: Forbidden: existing ephemeral containers \"e\" may not be "
    assert pods.refused_update(added, with_spec(added, ephemeralContainers=[]), room) == [f"{place}removed\n"]
    other = [{**added["spec"]["ephemeralContainers"][0], "image": "y"}]
    [text] = pods.refused_update(added, with_spec(added, ephemeralContainers=other), room)
    assert text.startswith(f'{place}changed\n@@ -1,6 +1,6 @@\n {{\n  "Name": "e",\n- "Image": "x",\n+ "Image": "y",\n')
    with_ports = [{"name": "f", "image": "x", "ports": [{"containerPort": 1}]}]
    assert pods.refused_update(old, with_spec(old, ephemeralContainers=with_ports), room) == [
        "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container"]


def test_a_resize_changes_cpu_and_memory_only(pods: Kind) -> None:
    """Of containers that stay what they are."""
    old = stored(pods)
    more = pods.update(old, with_container(old, image="ignored", resources={
        "requests": {"cpu": "150m"}, "limits": {"cpu": "200m"}}), "resize")
    assert more["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "150m"}
    assert more["spec"]["containers"][0]["image"] == "i:1" and more["metadata"]["generation"] == 2


@pytest.mark.parametrize(("resources", "wrong"), [
    ({"requests": {"cpu": "100m"}},
     "spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed"),
    ({"requests": {"cpu": "100m", "ephemeral-storage": "1Gi"}, "limits": {"cpu": "200m"}},
     "spec: Forbidden: only cpu and memory resources are mutable"),
    ({"requests": {"cpu": "200m", "memory": "1Gi"}, "limits": {"cpu": "200m", "memory": "1Gi"}},
     'spec: Invalid value: "Burstable": Pod QOS Class may not change as a result of resizing'),
])
def test_refused_resizes(pods: Kind, resources: Tree, wrong: str) -> None:
    """What is asked for may not vanish, nor change in kind."""
    old = stored(pods)
    assert wrong in pods.refused_update(old, with_container(old, resources=resources), "resize")


def test_a_kubelet_writes_the_status(pods: Kind) -> None:
    """But neither the spec nor the owners, and it cannot take the class of service away."""
    old = stored(pods)
    old["metadata"]["ownerReferences"] = [{"apiVersion": "v1", "kind": "K", "name": "o", "uid": "u"}]
    old["status"]["observedGeneration"] = 3
    made = pods.update(old, {**with_spec(old, nodeName="n"), "status": {"phase": "Running"},
                             "metadata": {"ownerReferences": [], "labels": {"a": "b"}}}, "status")
    assert "nodeName" not in made["spec"] and made["metadata"]["labels"] == {"a": "b"}
    assert made["metadata"]["ownerReferences"] == old["metadata"]["ownerReferences"]
    assert made["status"] == {"phase": "Running", "qosClass": "Burstable", "observedGeneration": 3}


@pytest.mark.parametrize(("status", "wrong"), [
    ({"qosClass": "Guaranteed"}, ['status.qosClass: Invalid value: "Guaranteed": field is immutable']),
    ({"podIPs": [{"ip": "1.2.3.4"}, {"ip": "1.2.3.5"}]},
     ['status.podIPs: Invalid value: [{"IP":"1.2.3.4"},{"IP":"1.2.3.5"}]: may specify no more than one IP for each IP '
      "family"]),
    ({"podIPs": [{"ip": "x"}]},
     ['status.podIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']),
    ({"hostIP": "1.2.3.4", "hostIPs": [{"ip": "1.2.3.5"}]},
     ['status.hostIPs[0].ip: Invalid value: "1.2.3.5": must be equal to `hostIP`']),
    ({"conditions": [{"type": "", "status": "True", "observedGeneration": -1}]},
     ["status.conditions[0].observedGeneration: Invalid value: -1: must be a non-negative integer",
      'status.conditions[0].Type: Invalid value: "": name part must be non-empty',
      "status.conditions[0].Type: Invalid value: \"\": name part must consist of alphanumeric characters, '-', '_' or "
      "'.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex "
      "used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"]),
])
def test_refused_statuses(pods: Kind, status: Tree, wrong: list[str]) -> None:
    """Addresses, classes and conditions."""
    old = stored(pods)
    assert pods.refused_update(old, {"status": {"phase": "Running", **status}}, "status") == wrong


def test_an_ended_container_stays_ended(pods: Kind) -> None:
    """Unless its policy or one of its rules restarts it."""
    def states(*parts: Tree) -> list[Tree]:
        return [{"name": "c", "image": "i", "imageID": "", "ready": False, "restartCount": 0, "state": part}
                for part in parts]

    ended, running = states({"terminated": {"exitCode": 1}}, {"running": {}})
    for policy, wrong in (("Never", ["status.containerStatuses[0].state: Forbidden: may not be transitioned to "
                                     "non-terminated state"]), ("OnFailure", []), ("Always", [])):
        old = stored(pods, restartPolicy=policy)
        old["status"]["containerStatuses"] = [copied(ended)]
        change = {"status": {**old["status"], "containerStatuses": [running]}}
        assert pods.refused_update(old, change, "status") == wrong
