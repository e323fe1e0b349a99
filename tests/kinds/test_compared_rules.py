"""Rules in which a comparison with kube-apiserver, field by field, once found us different: one row each."""

from __future__ import annotations

from typing import Any

import pytest
from kind_bench import Kind, Tree

STORAGE, NETWORK, BATCH = "storage.k8s.io", "networking.k8s.io", "batch"
POD = {"containers": [{"name": "c", "image": "i"}]}
APP: Tree = {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}, "spec": POD}}
ENDING = {"containers": POD["containers"], "restartPolicy": "Never"}
JOB: Tree = {"template": {"spec": ENDING}}
INLINE: Tree = {"accessModes": ["ReadWriteOnce"], "csi": {"driver": "d.example.com", "volumeHandle": "h"}}
TOLERATION: Tree = {"key": "k", "operator": "Exists"}
CONDITION: Tree = {"type": "Foo", "status": "True", "reason": "R", "lastTransitionTime": "2024-01-01T00:00:00Z"}
MISMATCH = "`selector` does not match template `labels`"
FIXED = "field is immutable"


def attached(source: Tree) -> Tree:
    return {"spec": {"attacher": "a.example.com", "nodeName": "n", "source": source}}


def policy(peer: Tree) -> Tree:
    return {"spec": {"podSelector": {}, "ingress": [{"from": [{"ipBlock": peer}]}]}}


CREATES: list[tuple[tuple[str, str], Tree, list[str]]] = [
    (("statefulsets", "apps"), {"spec": {"template": APP["template"]}},
     ["spec.selector: Required value", f'spec.template.metadata.labels: Invalid value: {{"a":"b"}}: {MISMATCH}']),
    (("controllerrevisions", "apps"), {"data": [1]}, ["data: Required value: data must be a valid JSON object"]),
    (("jobs", BATCH), {"spec": {**JOB, "completionMode": ""}},
     ['spec.completionMode: Unsupported value: "": supported values: "NonIndexed", "Indexed"']),
    (("jobs", BATCH), {"spec": {**JOB, "podReplacementPolicy": ""}},
     ['spec.podReplacementPolicy: Unsupported value: "": supported values: "Failed", "TerminatingOrFailed"']),
    (("ingresses", NETWORK), {"spec": {"defaultBackend": {"resource": {}}}},
     ["spec.defaultBackend.resource.kind: Required value", "spec.defaultBackend.resource.name: Required value"]),
    (("endpointslices", "discovery.k8s.io"), {"addressType": "IPv4", "endpoints": [{}], "ports": [{"protocol": ""}]},
     ['ports[0].protocol: Unsupported value: "": supported values: "SCTP", "TCP", "UDP"',
      "endpoints[0].addresses: Required value: must contain at least 1 address"]),
    (("endpointslices", "discovery.k8s.io"), {"addressType": "IP", "endpoints": []},
     ['addressType: Unsupported value: "IP": supported values: "FQDN", "IPv4", "IPv6"']),
    (("storageclasses", STORAGE), {"provisioner": "Bad x"},
     ['provisioner: Invalid value: "bad x": name part must consist of alphanumeric characters, \'-\', \'_\' or \'.\', '
      "and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used "
      "for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"]),
    (("storageclasses", STORAGE), {"provisioner": "p", "volumeBindingMode": ""},
     ['volumeBindingMode: Unsupported value: "": supported values: "Immediate", "WaitForFirstConsumer"']),
    (("storageclasses", STORAGE), {"provisioner": "p", "allowedTopologies": [{"matchLabelExpressions": [
        {"key": "z", "values": ["a", "a"]}, {"key": "z", "values": ["b"]}]}, {}]},
     ['allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: "a"',
      'allowedTopologies[0].matchLabelExpressions[1].key: Duplicate value: "z"',
      'allowedTopologies[1].matchLabelExpressions: Duplicate value: ""',
      'allowedTopologies[1].matchLabelExpressions: Duplicate value: ""']),
    (("csidrivers", STORAGE), {"spec": {"volumeLifecycleModes": ["x"], "nodeAllocatableUpdatePeriodSeconds": 1,
                                        "serviceAccountTokenInSecrets": True}},
     ['spec.volumeLifecycleModes: Unsupported value: "x": supported values: "Persistent", "Ephemeral"',
      "spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 1: must be greater than or equal to 10 seconds",
      "spec.serviceAccountTokenInSecrets: Invalid value: true: serviceAccountTokenInSecrets is set but no "
      "tokenRequests are specified"]),
    (("csidrivers", STORAGE), {"spec": {"tokenRequests": [{"audience": "a"}, {"audience": "a"}]}},
     ['spec.tokenRequests[1].audience: Duplicate value: "a"']),
    (("csinodes", STORAGE), {"spec": {"drivers": [{"name": "d", "nodeID": "n" * 257}]}},
     [f'spec.drivers[0].nodeID: Invalid value: "{"n" * 257}": must be 256 characters or less']),
    (("volumeattachments", STORAGE), attached({"inlineVolumeSpec": {**INLINE, "capacity": {"storage": "1"},
                                                                    "storageClassName": "c"}}),
     [f"spec.source.inlineVolumeSpec.{name}: Forbidden: may not be specified in the context of inline volumes"
      for name in ("capacity", "storageClassName")]),
    (("runtimeclasses", "node.k8s.io"), {"handler": "h", "scheduling": {"tolerations": [TOLERATION, TOLERATION]}},
     ['scheduling.tolerations[1]: Duplicate value: {"Key":"k","Operator":"Exists","Value":"","Effect":"",'
      '"TolerationSeconds":null}']),
    (("priorityclasses", "scheduling.k8s.io"), {"preemptionPolicy": ""}, ["preemptionPolicy: Required value"]),
    (("poddisruptionbudgets", "policy"), {"metadata": {"name": "Any name"}, "spec": {
        "minAvailable": 1, "maxUnavailable": 1, "selector": {"matchLabels": {"b": "c", "a": "b"}}}},
     ['spec: Invalid value: {"MinAvailable":1,"Selector":{"matchLabels":{"a":"b","b":"c"}},"MaxUnavailable":1,'
      '"UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set']),
]  # fmt: skip

UPDATES: list[tuple[tuple[str, str], Tree, Tree, list[str]]] = [
    (("replicasets", "apps"), {"spec": APP}, {"spec": {**APP, "replicas": -1}},
     ["spec.replicas: Invalid value: -1: must be greater than or equal to 0"]),
    (("daemonsets", "apps"), {"spec": APP}, {"spec": {**APP, "selector": {"matchLabels": {"a": "c"}}}},
     [f'spec.selector: Invalid value: {{"matchLabels":{{"a":"c"}}}}: {FIXED}',
      f'spec.template.metadata.labels: Invalid value: {{"a":"b"}}: {MISMATCH}']),
    (("runtimeclasses", "node.k8s.io"), {"handler": "h"}, {"handler": ""},
     ["handler: Required value", f'handler: Invalid value: "": {FIXED}']),
    (("csistoragecapacities", STORAGE), {"storageClassName": "c", "nodeTopology": {"matchLabels": {"z": "a"}}},
     {"nodeTopology": {"matchLabels": {"z": "a", "b": "c"}}},
     [f'nodeTopology: Invalid value: {{"matchLabels":{{"b":"c","z":"a"}}}}: {FIXED}']),
    (("volumeattributesclasses", STORAGE), {"driverName": "d", "parameters": {"a": "b"}}, {"driverName": ""},
     ["driverName: Forbidden: updates to driverName are forbidden.", "driverName: Required value"]),
    (("endpointslices", "discovery.k8s.io"), {"addressType": "IPv4", "endpoints": [{"addresses": ["1.2.3.4"]}]},
     {"addressType": "IPv6"}, [f'addressType: Invalid value: "IPv6": {FIXED}']),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "tree", "wrong"), CREATES)
def test_creates(kind: tuple[str, str], tree: Tree, wrong: list[str]) -> None:
    """Refused with kube-apiserver's words, in its order."""
    assert Kind(*kind).refused(tree) == wrong


@pytest.mark.parametrize(("kind", "first", "then", "wrong"), UPDATES)
def test_updates(kind: tuple[str, str], first: Tree, then: Tree, wrong: list[str]) -> None:
    """Likewise, for an object that is there already."""
    bench = Kind(*kind)
    assert bench.refused_update(bench.create(first), then) == wrong


@pytest.mark.parametrize(("kind", "first", "status", "wrong"), [
    (("poddisruptionbudgets", "policy"), {"spec": {}}, {"conditions": [CONDITION, {**CONDITION, "reason": ""}]},
     ['status.conditions[1].type: Duplicate value: "Foo"', "status.conditions[1].reason: Required value"]),
    (("volumeattachments", STORAGE), attached({"persistentVolumeName": "v"}), {"attachError": {"errorCode": -1}},
     ["status.attachError.errorCode: Invalid value: -1: must be between 0 and 2147483647, inclusive"]),
    (("jobs", BATCH), {"spec": JOB}, {"active": -1},
     ["status.active: Invalid value: -1: must be greater than or equal to 0"]),
])  # fmt: skip
def test_statuses(kind: tuple[str, str], first: Tree, status: Tree, wrong: list[str]) -> None:
    """Likewise, for a status."""
    bench = Kind(*kind)
    assert bench.refused_update(bench.create(first), {"status": status}, "status") == wrong


@pytest.mark.parametrize(("kind", "tree", "said"), [
    (("deployments", "apps"), {"metadata": {"name": "a.b"}, "spec": APP},
     ["metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is "
      "recommended: [must not contain dots]"]),
    (("statefulsets", "apps"), {"spec": {**APP, "revisionHistoryLimit": -1}},
     ["spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended"]),
    (("endpointslices", "discovery.k8s.io"), {"addressType": "FQDN", "endpoints": []},
     ["spec.addressType: FQDN endpoints are deprecated"]),
    (("networkpolicies", NETWORK), policy({"cidr": "2001:DB8::/64"}),
     ['spec.ingress[0].from[0].ipBlock.cidr: IPv6 CIDR value "2001:DB8::/64" should be in RFC 5952 canonical format '
      '("2001:db8::/64")']),
    (("csidrivers", STORAGE), {"spec": {"tokenRequests": [{"audience": "a"}]}},
     ["spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible "
      "logging of tokens in volume attributes"]),
])  # fmt: skip
def test_remarks(kind: tuple[str, str], tree: dict[str, Any], said: list[str]) -> None:
    """What is taken, with a warning."""
    bench = Kind(*kind)
    made = bench.create(tree)
    assert list(bench.strategy().warnings_on_create(bench.context(), made)) == said


def test_drivers_count_generations_from_the_first_change() -> None:
    """None at first; a field behind a closed gate goes."""
    bench = Kind("csidrivers", STORAGE)
    made = bench.create(spec={"preventPodSchedulingIfMissing": True})
    assert "generation" not in made["metadata"] and "preventPodSchedulingIfMissing" not in made["spec"]
    changed = bench.update(made, {"spec": {**made["spec"], "requiresRepublish": True}})
    assert changed["metadata"]["generation"] == 1


def test_a_job_without_labels_takes_those_of_its_pods() -> None:
    """Upstream does so when it reads the Job back."""
    made = Kind("jobs", BATCH).create(spec=JOB)
    assert made["metadata"]["labels"] == made["spec"]["template"]["metadata"]["labels"]


@pytest.mark.parametrize(("kind", "tree", "place"), [
    (("roles", "rbac.authorization.k8s.io"), {"rules": []}, ("rules",)),
    (("endpointslices", "discovery.k8s.io"), {"addressType": "IPv4", "endpoints": []}, ("endpoints",)),
    (("csinodes", STORAGE), {"spec": {"drivers": []}}, ("spec", "drivers")),
    (("limitranges", ""), {"spec": {"limits": []}}, ("spec", "limits")),
])  # fmt: skip
def test_empty_lists_are_stored_as_none(kind: tuple[str, str], tree: Tree, place: tuple[str, ...]) -> None:
    """Decoding keeps them, for the sake of who owns them, and the strategy lets them go, at first and later."""
    bench = Kind(*kind)

    def at(found: Any) -> Any:
        for name in place:
            found = found[name]
        return found

    assert at(bench.decoded(tree)) == []
    made = bench.create(tree)
    assert at(made) is None and at(bench.update(made, tree)) is None


@pytest.mark.parametrize("direction", ["scaleUp", "scaleDown"])
def test_no_policies_are_not_the_usual_ones(direction: str) -> None:
    """An empty list is refused; only none given gets the default."""
    target = {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"}
    spec = {"maxReplicas": 2, "scaleTargetRef": target, "behavior": {direction: {"policies": []}}}
    assert Kind("horizontalpodautoscalers", "autoscaling").refused(spec=spec) == [
        f"spec.behavior.{direction}.policies: Required value: must specify at least one Policy"]


def test_the_status_of_a_service_cidr_is_not_for_its_writers() -> None:
    """Neither at first nor later."""
    bench = Kind("servicecidrs", NETWORK)
    made = bench.create(spec={"cidrs": ["10.9.0.0/24"]}, status={"conditions": [CONDITION]})
    assert not made.get("status")
