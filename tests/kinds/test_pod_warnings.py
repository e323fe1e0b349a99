"""What the server remarks about a pod that it takes."""

from __future__ import annotations

from typing import Any

import pytest
from kind_bench import Kind, Tree

from orlop.api.field import Path
from orlop.kinds.pod_rules.warnings import template_remarks

CONTAINER = {"name": "c", "image": "i:1"}


def remarks(metadata: Tree | None = None, **members: Any) -> list[str]:
    pods = Kind("pods")
    pods.create(metadata=metadata or {}, spec={"containers": [CONTAINER], "serviceAccountName": "a", **members})
    return pods.warnings


def test_an_ordinary_pod_earns_no_remark() -> None:
    """Nearly all pods."""
    assert remarks() == []


@pytest.mark.parametrize(("members", "text"), [
    ({"nodeSelector": {"beta.kubernetes.io/os": "linux"}},
     'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead'),
    ({"volumes": [{"name": "v", "gitRepo": {"repository": "r"}}]},
     "spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+"),
    ({"volumes": [{"name": "v", "storageos": {"volumeName": "v"}}]},
     "spec.volumes[0].storageOS: deprecated in v1.22, non-functional in v1.25+"),
    ({"volumes": [{"name": "v", "configMap": {"name": "c", "items": [
        {"key": "a", "path": "p"}, {"key": "b", "path": "p/q"}]}}]},
     'volume "v" (ConfigMap "c"): overlapping paths: "p/q" with "p"'),
    ({"hostAliases": [{"ip": "1.2.3.4"}, {"ip": "1.2.3.4"}]}, 'spec.hostAliases[1].ip: duplicate ip "1.2.3.4"'),
    ({"imagePullSecrets": [{"name": ""}]}, 'spec.imagePullSecrets[0].name: invalid empty name ""'),
    ({"containers": [{**CONTAINER, "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}]},
     'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped when using apply'),
    ({"containers": [{**CONTAINER, "resources": {"requests": {"memory": "100m"}}}]},
     'spec.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer'),
    ({"containers": [{**CONTAINER, "ports": [{"containerPort": 80}, {"containerPort": 80, "name": "b"}]}]},
     "spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]"),
    ({"containers": [{**CONTAINER, "ports": [{"containerPort": 80, "hostIP": "1.2.3.4"}]}]},
     "spec.containers[0].ports[0]: hostIP set without hostPort: {Name: HostPort:0 ContainerPort:80 Protocol:TCP "
     "HostIP:1.2.3.4}"),
    ({"topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "k", "whenUnsatisfiable": "DoNotSchedule"}]},
     "spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod"),
    ({"dnsConfig": {"nameservers": ["2001:DB8::1"]}},
     'spec.dnsConfig.nameservers[0]: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical format '
     '("2001:db8::1")'),
])
def test_remarks_about_specs(members: Tree, text: str) -> None:
    """One oddity at a time."""
    assert remarks(**members) == [text]


def test_a_variable_may_build_upon_its_former_value() -> None:
    """That hides nothing."""
    env = [{"name": "A", "value": "1"}, {"name": "A", "value": "$(A)2"}]
    assert remarks(containers=[{**CONTAINER, "env": env}]) == []


def test_names_that_are_no_host_names() -> None:
    """Pods take any subdomain."""
    [text] = remarks({"name": "a.b"})
    assert text == ("metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS "
                    "label is recommended: [must not contain dots]")


def test_annotations_of_profiles() -> None:
    """An AppArmor annotation of a pod becomes a field; of a template it is only remarked upon."""
    key = "container.apparmor.security.beta.kubernetes.io/c"
    text = f'metadata.annotations[{key}]: deprecated since v1.30; use the "appArmorProfile" field instead'
    pods = Kind("pods")
    made = pods.create(metadata={"annotations": {key: "runtime/default"}},
                       spec={"containers": [CONTAINER], "serviceAccountName": "a"})
    assert pods.warnings == [text]
    assert made["spec"]["containers"][0]["securityContext"] == {"appArmorProfile": {"type": "RuntimeDefault"}}
    template = {"metadata": {"annotations": {key: "runtime/default"}}, "spec": {"containers": [CONTAINER]}}
    assert template_remarks(Path("spec.template"), template) == [f"spec.template.{text}"]
