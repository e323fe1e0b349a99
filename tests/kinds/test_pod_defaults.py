"""What a pod gets that does not say it."""

from __future__ import annotations

from typing import Any

import pytest
from kind_bench import Kind, Tree

from orlop.kinds.image_names import pull_policy, tag

CONTAINER = {"name": "c", "image": "nginx:1.25"}


def spec_of(**members: Any) -> Tree:
    made: Tree = Kind("pods").create(spec={"containers": [CONTAINER], **members})["spec"]
    return made


def container_of(**members: Any) -> Tree:
    made: Tree = spec_of(containers=[{**CONTAINER, **members}])["containers"][0]
    return made


def test_a_small_pod_becomes_a_complete_one() -> None:
    """Every default of spec and container at once."""
    assert spec_of() == {
        "containers": [{**CONTAINER, "resources": {}, "terminationMessagePath": "/dev/termination-log",
                        "terminationMessagePolicy": "File", "imagePullPolicy": "IfNotPresent"}],
        "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
        "securityContext": {}, "schedulerName": "default-scheduler", "enableServiceLinks": True}


@pytest.mark.parametrize(("image", "policy"), [
    ("nginx", "Always"), ("nginx:latest", "Always"), ("nginx:1.25", "IfNotPresent"),
    ("localhost:5000/team/app", "Always"), ("localhost:5000/team/app:v1", "IfNotPresent"),
    ("app@sha256:" + "0" * 64, "IfNotPresent"), ("Not An Image", "IfNotPresent"),
])
def test_images_are_pulled_always_when_their_tag_can_move(image: str, policy: str) -> None:
    """No tag means latest; a digest or a broken name means neither."""
    assert pull_policy(image) == policy


def test_a_bare_hash_is_no_image_name() -> None:
    """Sixty-four hex digits would be an image's id."""
    assert tag("0" * 64) == "" and tag("registry.example.com/a/b") == "latest"


def test_what_is_limited_is_requested() -> None:
    """Requests come from limits, one resource at a time, rounded up to thousandths."""
    resources = container_of(resources={"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "100.5m"}})
    assert resources["resources"] == {"limits": {"cpu": "1", "memory": "1Gi"},
                                      "requests": {"cpu": "101m", "memory": "1Gi"}}


def test_probes_are_completed() -> None:
    """Numbers, path and scheme."""
    probe = container_of(readinessProbe={"httpGet": {"port": 80}})["readinessProbe"]
    assert probe == {"httpGet": {"path": "/", "port": 80, "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10,
                     "successThreshold": 1, "failureThreshold": 3}
    assert container_of(livenessProbe={"grpc": {"port": 1}})["livenessProbe"]["grpc"] == {"port": 1, "service": ""}


def test_ports_on_the_hosts_network_are_host_ports() -> None:
    """And every port speaks TCP unless it says otherwise."""
    made = spec_of(hostNetwork=True, containers=[{**CONTAINER, "ports": [{"containerPort": 80}]}])
    assert made["containers"][0]["ports"] == [{"hostPort": 80, "containerPort": 80, "protocol": "TCP"}]


def test_both_names_of_the_service_account_agree() -> None:
    """The older name is kept as a twin."""
    assert spec_of(serviceAccount="a")["serviceAccountName"] == "a"
    assert spec_of(serviceAccountName="b", serviceAccount="a")["serviceAccount"] == "b"


def test_volumes_are_completed() -> None:
    """Modes, references, tokens; a volume without a source is an empty directory."""
    listed = [
        {"name": "a"}, {"name": "b", "secret": {"secretName": "s"}}, {"name": "c", "hostPath": {"path": "/x"}},
        {"name": "d", "projected": {"sources": [
            {"downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}}]}}]
    made = {volume.pop("name"): volume for volume in spec_of(volumes=listed)["volumes"]}
    assert made["a"] == {"emptyDir": {}}
    assert made["b"] == {"secret": {"secretName": "s", "defaultMode": 420}}
    assert made["c"] == {"hostPath": {"path": "/x", "type": ""}}
    [part] = made["d"]["projected"]["sources"]
    assert part["downwardAPI"]["items"][0]["fieldRef"] == {"apiVersion": "v1", "fieldPath": "metadata.labels"}


def test_pod_level_requests_come_from_containers() -> None:
    """Where the pod is limited as a whole and its containers ask for something."""
    made = spec_of(resources={"limits": {"cpu": "2", "memory": "1Gi"}},
                   containers=[{**CONTAINER, "resources": {"requests": {"cpu": "500m"}}}])
    assert made["resources"]["requests"] == {"cpu": "500m", "memory": "1Gi"}


@pytest.mark.parametrize(("resources", "quality"), [
    ({}, "BestEffort"),
    ({"requests": {"cpu": "1"}}, "Burstable"),
    ({"limits": {"cpu": "1"}}, "Burstable"),
    ({"limits": {"cpu": "1", "memory": "1Gi"}}, "Guaranteed"),
    ({"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "500m"}}, "Burstable"),
])
def test_the_quality_of_service_follows_from_resources(resources: Tree, quality: str) -> None:
    """And a new pod's status says nothing else."""
    spec = {"containers": [{**CONTAINER, "resources": resources}]}
    made = Kind("pods").create(spec=spec, status={"phase": "Running"})
    assert made["status"] == {"phase": "Pending", "qosClass": quality}
