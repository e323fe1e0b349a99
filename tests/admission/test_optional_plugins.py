"""Plugins that are off unless asked for, and the small ones about pods on nodes."""

from __future__ import annotations

from typing import Any

import pytest

from admission_requests import CONFIG_MAPS, PODS, pod, refusal, request
from orlop.admission.always import AlwaysAdmit, AlwaysDeny
from orlop.admission.always_pull_images import AlwaysPullImages
from orlop.admission.deny_external_ips import DenyServiceExternalIPs
from orlop.admission.extended_resource_toleration import ExtendedResourceToleration
from orlop.admission.interface import CONNECT, CREATE, DELETE, UPDATE
from orlop.admission.limit_anti_affinity_topology import LimitPodHardAntiAffinityTopology
from orlop.admission.namespace_existence import NamespaceAutoProvision, NamespaceExists
from orlop.admission.node_declared_features import NodeDeclaredFeatureValidator
from orlop.admission.owner_references import Owner, OwnerReferencesPermissionEnforcement, Right
from orlop.admission.pod_node_selector import PodNodeSelector
from orlop.admission.pod_resize import PodResizeValidator
from orlop.admission.pod_toleration_restriction import PodTolerationRestriction
from orlop.admission.pod_topology_labels import PodTopologyLabels
from orlop.api.context import User
from orlop.api.errors import already_exists, forbidden
from orlop.api.gvk import GroupResource, GroupVersionKind
from orlop.api.tree import Tree

NAMESPACES = GroupResource("", "namespaces")


def test_always() -> None:
    """One says nothing, the other no to everything."""
    operations = [(operation, sub) for operation in (CREATE, UPDATE, DELETE, CONNECT) for sub in ("", "x")]
    assert not any(AlwaysAdmit().handles(PODS, sub, operation) for operation, sub in operations)
    assert all(AlwaysDeny().handles(PODS, sub, operation) for operation, sub in operations)
    assert refusal(AlwaysDeny().admit, request(pod())) == "admission control is denying all modifications"


def test_images_are_always_pulled() -> None:
    """Those of containers and volumes; an update that brings no image is left alone."""
    plugin = AlwaysPullImages()
    spec = {"containers": [{"name": "c", "image": "i"}], "volumes": [{"name": "v", "image": {}}, {"name": "w"}]}
    made = pod(dict(spec))
    plugin.admit(request(made))
    assert made["spec"]["containers"][0]["imagePullPolicy"] == "Always"
    assert "imagePullPolicy" not in spec["containers"][0]
    assert [one.get("image") for one in made["spec"]["volumes"]] == [{"pullPolicy": "Always"}, None]
    assert refusal(plugin.validate, request(made)) == ""
    never = pod({"containers": [{"name": "c", "image": "i", "imagePullPolicy": "Never"}]})
    assert refusal(plugin.validate, request(never)) == (
        'spec.containers[0].imagePullPolicy: Unsupported value: "Never": supported values: "Always"')
    assert refusal(plugin.validate, request(never, pod(dict(spec)))) == ""


def test_hardware_is_tolerated() -> None:
    """By name, once; in the place of a toleration that says the same for a time."""
    limited = {"key": "example.com/gpu", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 5}
    requests = {"cpu": "1", "example.com/gpu": "1", "example.com/fpga": "1"}
    made = pod({"containers": [{"resources": {"requests": requests}}], "tolerations": [limited, {"key": "a"}]})
    ExtendedResourceToleration().admit(request(made))
    gpu, fpga = ({"key": name, "operator": "Exists", "effect": "NoSchedule"}
                 for name in ("example.com/gpu", "example.com/fpga"))
    assert made["spec"]["tolerations"] == [gpu, {"key": "a"}, fpga]


@pytest.mark.parametrize(("key", "why"), [
    ("kubernetes.io/hostname", ""),
    ("zone", "affinity.PodAntiAffinity.RequiredDuringScheduling has TopologyKey zone but only key "
             "kubernetes.io/hostname is allowed")])
def test_anti_affinity_stays_on_the_node(key: str, why: str) -> None:
    """Of what is required."""
    term = {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": key}]}
    assert refusal(LimitPodHardAntiAffinityTopology().validate,
                   request(pod({"affinity": {"podAntiAffinity": term}}))) == why


def test_external_addresses() -> None:
    """None beyond those that were there."""
    plugin, old = DenyServiceExternalIPs(), pod({"externalIPs": ["1.1.1.1", "2.2.2.2"]})
    assert refusal(plugin.validate, request(pod({"externalIPs": ["2.2.2.2"]}), old)) == ""
    assert refusal(plugin.validate, request(pod({"externalIPs": ["3.3.3.3"]}), old)) == (
        "Use of external IPs is denied by admission control")
    assert refusal(plugin.validate, request(pod())) == ""


def test_namespaces_come_by_themselves() -> None:
    """Once, also when two ask; somebody's refusal is passed on."""
    made: list[str] = []

    async def make(name: str) -> None:
        made.append(name)
        if len(made) == 2:
            raise already_exists(NAMESPACES, name)
        if len(made) == 3:
            raise forbidden(NAMESPACES, name, "no")

    plugin = NamespaceAutoProvision(lambda name: False, make)
    assert [refusal(plugin.admit, request(pod())) for _ in range(3)] == ["", "", 'namespaces "ns" is forbidden: no']
    assert made == ["ns"] * 3
    assert refusal(NamespaceAutoProvision(lambda name: True, make).admit, request(pod())) == "" and len(made) == 3


def test_namespaces_must_exist() -> None:
    """Also for updates and deletions."""
    assert refusal(NamespaceExists(lambda name: False).validate, request(pod())) == 'namespaces "ns" not found'
    assert refusal(NamespaceExists(lambda name: True).validate, request(pod())) == ""


def test_zone_and_region_of_the_node() -> None:
    """For bindings and for pods that name their node; other labels stay."""
    zone, region = "topology.kubernetes.io/zone", "topology.kubernetes.io/region"
    plugin = PodTopologyLabels(lambda node: {zone: "z", region: "r", "a": "b"} if node == "n" else None)
    made = pod({"nodeName": "n"}, labels={zone: "mine", "c": "d"})
    plugin.admit(request(made))
    assert made["metadata"]["labels"] == {zone: "z", region: "r", "c": "d"}
    binding: Tree = {"target": {"kind": "Node", "name": "n"}}
    plugin.admit(request(binding, subresource="binding"))
    assert binding["metadata"]["labels"] == {zone: "z", region: "r"}
    elsewhere = pod({"nodeName": "gone"})
    plugin.admit(request(elsewhere))
    assert "labels" not in elsewhere["metadata"]


def resized(cpu: str, **metadata: Any) -> Tree:
    return pod({"nodeName": "n", "containers": [{"resources": {"requests": {"cpu": cpu, "memory": "1Gi"}}}]},
               generation=int(cpu), **metadata)


@pytest.mark.parametrize(("node", "why"), [
    ({"metadata": {}, "status": {"allocatable": {"cpu": "4", "memory": "2Gi"}}}, ""),
    ({"metadata": {}, "status": {"allocatable": {"cpu": "1500m"}}},
     "node didn't have enough allocatable resources: cpu, requested: 2000, allocatable: 1500; memory, requested: "
     "1073741824, allocatable: 0"),
    ({"metadata": {"labels": {"kubernetes.io/os": "windows"}}},
     'pod resize is only supported on linux nodes, node "n" is "windows"'),
    (None, 'node "n" not found'),
])
def test_resizes_fit_the_node(node: Tree | None, why: str) -> None:
    """And happen on Linux."""
    plugin = PodResizeValidator(lambda name: node)
    assert refusal(plugin.validate, request(resized("2"), resized("1"), subresource="resize")) == why
    assert refusal(plugin.validate, request(resized("1"), resized("1"), subresource="resize")) == ""


def test_features_of_the_kubelet() -> None:
    """What an update needs must be declared."""
    init = [{"name": "i", "resources": {"requests": {"cpu": "1"}}}]
    new = pod({"nodeName": "n", "resources": {"requests": {"cpu": "2"}}, "initContainers": init}, generation=2)
    old = pod({"nodeName": "n", "initContainers": [{"name": "i"}]}, generation=1)

    def judged(*declared: str) -> str:
        node = {"status": {"declaredFeatures": list(declared)}}
        return refusal(NodeDeclaredFeatureValidator(lambda name: node).validate, request(new, old))

    whole, starting = "InPlacePodLevelResourcesVerticalScaling", "InPlacePodVerticalScalingInitContainers"
    assert judged(whole, starting) == ""
    assert judged() == f'pod update requires features {whole}, {starting} which are not available on node "n"'


OWNER = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "u", "blockOwnerDeletion": True}


def owned(*references: Tree) -> Tree:
    return {"metadata": {"name": "x", "ownerReferences": list(references)}}


def test_owners_take_rights() -> None:
    """To delete what gets an owner later; to finalize the owner that it is to hold back."""
    asked: list[Right] = []

    def ask(user: User, right: Right) -> tuple[bool, str]:
        asked.append(right)
        return right.verb == "delete" and user.name == "adam", "no"

    def resolve(kind: GroupVersionKind) -> Owner | None:
        return Owner("replicasets", True) if kind.kind == "ReplicaSet" else None

    plugin = OwnerReferencesPermissionEnforcement(ask, resolve)
    free = {**OWNER, "blockOwnerDeletion": False}
    assert refusal(plugin.validate, request(owned(free), resource=CONFIG_MAPS)) == "" and not asked
    assert refusal(plugin.validate, request(owned(OWNER), owned(OWNER), CONFIG_MAPS)) == ""
    assert refusal(plugin.validate, request(owned(free), owned(), CONFIG_MAPS)) == (
        "cannot set an ownerRef on a resource you can't delete: no, <nil>")
    assert refusal(plugin.validate, request(owned(OWNER), owned(free), CONFIG_MAPS, user="adam")) == (
        "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: no, "
        "<nil>")
    assert asked[-1] == ("update", "apps", "v1", "replicasets", "finalizers", "ns", "r")
    unknown = {**OWNER, "kind": "Odd"}
    assert "cannot find RESTMapping for APIVersion apps/v1 Kind Odd" in refusal(
        plugin.validate, request(owned(unknown), resource=CONFIG_MAPS))
    assert not plugin.handles(PODS, "status", UPDATE)


def test_nodes_of_a_namespace() -> None:
    """Its annotation is added to what a pod selects, and must not contradict it."""
    def plugin(text: str) -> PodNodeSelector:
        return PodNodeSelector(lambda name: {"scheduler.alpha.kubernetes.io/node-selector": text})

    made = pod({"nodeSelector": {"c": "d"}})
    assert refusal(plugin("a=b, c=d").admit, request(made)) == ""
    assert made["spec"]["nodeSelector"] == {"a": "b", "c": "d"}
    assert refusal(plugin("c=other").validate, request(made)) == (
        "pod node label selector conflicts with its namespace node label selector")
    assert refusal(plugin("a==b").admit, request(made)) == "invalid selector: [a  b]"


def test_tolerations_of_a_namespace() -> None:
    """Given by one annotation, allowed by another; pods that ask for something bear memory pressure."""
    given: dict[str, str] = {"scheduler.alpha.kubernetes.io/defaultTolerations": '[{"key":"a","operator":"Exists"}]'}
    plugin = PodTolerationRestriction(lambda name: given)
    made = pod({"containers": [{"resources": {"requests": {"cpu": "1"}}}]})
    assert refusal(plugin.admit, request(made)) == ""
    assert [one["key"] for one in made["spec"]["tolerations"]] == ["a", "node.kubernetes.io/memory-pressure"]
    given["scheduler.alpha.kubernetes.io/tolerationsWhitelist"] = '[{"key":"b","operator":"Exists"}]'
    assert refusal(plugin.validate, request(made)) == (
        "pod tolerations (possibly merged with namespace default tolerations) conflict with its namespace whitelist")
    assert refusal(plugin.validate, request(pod())) == ""
