"""Field selectors of the built-in kinds: labels, values and refusals as a kube-apiserver 1.36 has them."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.kinds.selectors import UnsupportedField, field_selectors

Tree = dict[str, Any]

EVENT = {"involvedObject": {"kind": "Pod", "name": "p"}, "reason": "Pulled", "type": "Normal",
         "source": {"component": "kubelet"}, "reportingComponent": "c/d"}
NEW_EVENT = {"regarding": {"kind": "Pod", "name": "p"}, "reason": "Pulled", "type": "Normal",
             "deprecatedSource": {"component": "kubelet"}, "reportingController": "c/d"}


@pytest.mark.parametrize(("resource", "tree", "values"), [
    (("", "v1", "nodes"), {}, {"spec.unschedulable": "false"}),
    (("", "v1", "nodes"), {"spec": {"unschedulable": True}}, {"spec.unschedulable": "true"}),
    (("", "v1", "namespaces"), {"status": {"phase": "Active"}}, {"status.phase": "Active"}),
    (("", "v1", "secrets"), {"type": "Opaque"}, {"type": "Opaque"}),
    (("", "v1", "services"), {"spec": {"clusterIP": "None", "type": "ClusterIP"}},
     {"spec.clusterIP": "None", "spec.type": "ClusterIP"}),
    (("", "v1", "replicationcontrollers"), {"status": {"replicas": 3}}, {"status.replicas": "3"}),
    (("", "v1", "replicationcontrollers"), {}, {"status.replicas": "0"}),
    (("batch", "v1", "jobs"), {"status": {"succeeded": 2}}, {"status.successful": "2"}),
    (("certificates.k8s.io", "v1", "certificatesigningrequests"), {"spec": {"signerName": "e/s"}},
     {"spec.signerName": "e/s"}),
    (("resource.k8s.io", "v1", "resourceslices"), {"spec": {"driver": "d"}},
     {"spec.nodeName": "", "spec.driver": "d"}),
    (("", "v1", "configmaps"), {"data": {"a": "1"}}, {}),
])
def test_values(resource: tuple[str, str, str], tree: Tree, values: dict[str, str]) -> None:
    """Values are strings; absent ones are empty, zero or false."""
    assert field_selectors(*resource).values(tree) == values


def test_pod_values() -> None:
    """A pod selects by placement and state; of its addresses only the first counts."""
    values = field_selectors("", "v1", "pods").values
    assert values({})["spec.hostNetwork"] == "false"
    spec = {"nodeName": "n", "restartPolicy": "Always", "schedulerName": "s", "serviceAccountName": "a",
            "hostNetwork": True}
    status = {"phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]}
    assert values({"spec": spec, "status": status}) == {
        "spec.nodeName": "n", "spec.restartPolicy": "Always", "spec.schedulerName": "s",
        "spec.serviceAccountName": "a", "spec.hostNetwork": "true", "status.phase": "Running",
        "status.podIP": "10.0.0.1", "status.podIPs": "", "status.nominatedNodeName": "",
    }


@pytest.mark.parametrize("event", [EVENT, NEW_EVENT])
@pytest.mark.parametrize("group", ["", "events.k8s.io"])
def test_event_values(group: str, event: Tree) -> None:
    """An event has the same values, by the same names, in both versions."""
    values = field_selectors(group, "v1", "events").values(event)
    assert values["involvedObject.kind"] == "Pod" and values["involvedObject.uid"] == ""
    assert (values["source"], values["reportingComponent"]) == ("kubelet", "c/d")


def test_event_source_falls_back_to_reporter() -> None:
    """Events without a source are found by who reported them."""
    assert field_selectors("", "v1", "events").values({"reportingComponent": "c"})["source"] == "c"


@pytest.mark.parametrize(("resource", "label", "canonical"), [
    (("", "v1", "pods"), "spec.nodeName", "spec.nodeName"),
    (("", "v1", "pods"), "spec.host", "spec.nodeName"),
    (("events.k8s.io", "v1", "events"), "regarding.name", "involvedObject.name"),
    (("events.k8s.io", "v1", "events"), "reportingController", "reportingComponent"),
    (("apps", "v1", "deployments"), "metadata.namespace", "metadata.namespace"),
])
def test_canonical(resource: tuple[str, str, str], label: str, canonical: str) -> None:
    """Labels of old clients and of other versions lead to the name that values have."""
    assert field_selectors(*resource).canonical(label) == canonical
    assert field_selectors(*resource).convert(label, "v") == (canonical, "v")


@pytest.mark.parametrize(("resource", "label", "message"), [
    (("", "v1", "configmaps"), "data.a",
     '"data.a" is not a known field selector: only "metadata.name", "metadata.namespace"'),
    (("", "v1", "nodes"), "metadata.namespace", "field label not supported: metadata.namespace"),
    (("events.k8s.io", "v1", "events"), "involvedObject.name",
     "field label not supported: involvedObject.name"),
    (("batch", "v1", "jobs"), 'a"b', 'field label "a\\"b" not supported for Job'),
    (("resource.k8s.io", "v1", "resourceslices"), "metadata.namespace",
     "field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: metadata.namespace"),
])
def test_unsupported(resource: tuple[str, str, str], label: str, message: str) -> None:
    """Every kind refuses other labels in its own wording."""
    with pytest.raises(UnsupportedField) as refusal:
        field_selectors(*resource).canonical(label)
    assert str(refusal.value) == message


@pytest.mark.parametrize("resource",
                         [("", "v1", "pods"), ("events.k8s.io", "v1", "events"), ("batch", "v1", "jobs")])
def test_every_label_has_a_value(resource: tuple[str, str, str]) -> None:
    """What a client may ask for, an object answers."""
    selectors = field_selectors(*resource)
    names = {selectors.canonical(label) for label in selectors.supported} - {"metadata.name",
                                                                             "metadata.namespace"}
    assert names <= selectors.values({}).keys()
